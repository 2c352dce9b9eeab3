// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "screen.h"

#include <curses.h>
#include <langinfo.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <wchar.h>

#include "format.h"
#include "pen.h"
#include "text.h"

#define WAIT_MS	250	/* at most that long until a signal is noticed */

enum { PAIR_GOOD = 1, PAIR_WARN, PAIR_BAD, PAIR_HEAD };

static attr_t styles[DM_NR_STYLES];

/* What the keys have set. */
static int first_socket;
static bool help;
static bool paused;

/* A pen that stops at the bottom, so that the key line stays in sight. */
struct screen_pen {
	struct dm_pen pen;
	int bottom;
};

/* How many bytes of text fit in so many columns. */
static size_t fitting(const char *text, int room)
{
	mbstate_t state = {};
	const char *at = text;
	wchar_t wide;
	size_t len;

	while (*at) {
		len = mbrtowc(&wide, at, MB_CUR_MAX, &state);
		if (len == (size_t)-1 || len == (size_t)-2)
			break;
		room -= wcwidth(wide);
		if (room < 0)
			break;
		at += len;
	}
	return at - text;
}

/* Cuts at the edge, and leaves the last column free: filling it wraps the line. */
static void screen_put(struct dm_pen *pen, enum dm_style style, const char *text)
{
	if (getcury(stdscr) >= ((struct screen_pen *)pen)->bottom)
		return;
	attrset(styles[style]);
	addnstr(text, fitting(text, COLS - 1 - getcurx(stdscr)));
	attrset(A_NORMAL);
}

static void screen_newline(struct dm_pen *pen)
{
	int row = getcury(stdscr);

	if (row >= ((struct screen_pen *)pen)->bottom)
		return;
	clrtoeol();
	move(row + 1, 0);
}

static void screen_styles(void)
{
	bool colors = has_colors() && start_color() == OK;

	if (colors) {
		use_default_colors();
		init_pair(PAIR_GOOD, COLOR_GREEN, -1);
		init_pair(PAIR_WARN, COLOR_YELLOW, -1);
		init_pair(PAIR_BAD, COLOR_RED, -1);
		init_pair(PAIR_HEAD, COLOR_CYAN, -1);
	}
	styles[DM_PLAIN] = A_NORMAL;
	styles[DM_DIM] = A_DIM;
	styles[DM_STRONG] = A_BOLD;
	styles[DM_HEAD] = A_BOLD | (colors ? COLOR_PAIR(PAIR_HEAD) : A_UNDERLINE);
	styles[DM_GOOD] = colors ? COLOR_PAIR(PAIR_GOOD) : A_NORMAL;
	styles[DM_WARN] = A_BOLD | (colors ? COLOR_PAIR(PAIR_WARN) : A_NORMAL);
	styles[DM_BAD] = A_BOLD | (colors ? COLOR_PAIR(PAIR_BAD) : A_REVERSE);
}

int screen_open(void)
{
	if (!newterm(NULL, stdout, stdin))
		return -1;
	cbreak();
	noecho();
	nonl();
	curs_set(0);
	keypad(stdscr, true);
	screen_styles();
	return 0;
}

void screen_close(void)
{
	endwin();
}

/* Parts of the screen, from top to bottom */

static void draw_title(const struct options *opts)
{
	time_t now = time(NULL);
	struct utsname uts;
	char clock[16];

	uname(&uts);
	strftime(clock, sizeof(clock), "%H:%M:%S", localtime(&now));
	attrset(A_REVERSE | A_BOLD);
	mvhline(0, 0, ' ', COLS);
	mvprintw(0, 1, "devmemtop %s", clock);
	attrset(A_REVERSE);
	if (COLS >= 64)
		printw("   Linux %.32s, by snapshots every %gs%s", uts.release,
		       opts->delay_ms / 1000.0, paused ? ", PAUSED" : "");
	attrset(A_NORMAL);
	move(1, 0);
}

static void draw_help(struct dm_pen *pen)
{
	static const char * const lines[] = {
		"q       quit",
		"s S     sort sockets by the next, the previous key",
		"space   pause, go on",
		"+ -     more, fewer frames a second",
		"j k     scroll the sockets (also the arrow keys)",
		"?       this, and back",
		"",
		"FREE    niovs that the binding can give out",
		"CACHED  niovs at rest in page pools (sampled)",
		"HELD    niovs behind tokens that applications have not given back",
		"UNREAD  (column) niovs in sockets' queues; bytes that were not read",
		"OTHER   niovs posted to the NIC, or that nobody accounts for",
		"FAILS/S allocations that found no niov: each drops a packet, now or soon",
		"OLDEST  the oldest token was held for at least that long",
		"SUSPECT its old tokens become more and never fewer",
		"UNREAD  (mark) data waits, and the socket was not read for seconds",
	};
	size_t i;

	for (i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		dm_put(pen, DM_PLAIN, "  %s", lines[i]);
		dm_newline(pen);
	}
}

static void draw_tables(const struct dm_model *model, struct screen_pen *screen)
{
	struct dm_pen *pen = &screen->pen;
	int rows;

	if (model->nr_bindings) {
		dm_newline(pen);
		dm_text_bindings(model, pen);
	}
	if (!model->nr_sockets)
		return;
	dm_newline(pen);
	rows = screen->bottom - getcury(stdscr) - 1;
	if (first_socket > (int)model->nr_sockets - 1)
		first_socket = model->nr_sockets - 1;
	if (rows > 0)
		dm_text_sockets(model, pen, first_socket, rows);
}

static void draw_keys(const struct options *opts)
{
	attrset(A_REVERSE);
	mvhline(LINES - 1, 0, ' ', COLS);
	mvaddnstr(LINES - 1, 1, "q quit  ? help  s sort: ", COLS - 2);
	if (COLS > 40)
		printw("%s  space %s", dm_sort_name(opts->sort), paused ? "go on" : "pause");
	attrset(A_NORMAL);
}

void screen_draw(struct dm_model *model, struct options *opts)
{
	struct screen_pen screen = {
		.pen = {
			.put = screen_put,
			.newline = screen_newline,
			.width = COLS - 1,
			.utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8"),
		},
		.bottom = LINES - 1,
	};

	erase();
	dm_model_sort(model, opts->sort);
	draw_title(opts);
	if (help) {
		draw_help(&screen.pen);
	} else {
		dm_text_situation(model, &screen.pen, opts->leak_after_ms);
		dm_text_lost(model, &screen.pen);
		draw_tables(model, &screen);
	}
	draw_keys(opts);
	refresh();
}

/* Keys */

static void change_delay(struct options *opts, bool faster)
{
	if (faster && opts->delay_ms > 100)
		opts->delay_ms /= 2;
	else if (!faster && opts->delay_ms < 60000)
		opts->delay_ms *= 2;
}

/* Returns whether to go on. */
static bool take_key(int key, struct options *opts)
{
	switch (key) {
	case 'q':
	case 'Q':
		return false;
	case '?':
	case 'h':
		help = !help;
		return true;
	case 's':
		opts->sort = (opts->sort + 1) % DM_NR_SORTS;
		return true;
	case 'S':
		opts->sort = (opts->sort + DM_NR_SORTS - 1) % DM_NR_SORTS;
		return true;
	case ' ':
		paused = !paused;
		return true;
	case '+':
	case '-':
		change_delay(opts, key == '+');
		return true;
	case 'j':
	case KEY_DOWN:
		first_socket++;
		return true;
	case 'k':
	case KEY_UP:
		first_socket -= first_socket > 0;
		return true;
	default:
		return true;	/* KEY_RESIZE, too: drawing again is all it takes */
	}
}

static long long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/* Takes all of its time without a key: at the end of input, getch() would not. */
static int next_key(int ms)
{
	long long end = now_ms() + ms, left;
	int key;

	timeout(ms);
	key = getch();
	left = end - now_ms();
	if (key == ERR && left > 0)
		poll(NULL, 0, left);
	return key;
}

enum screen_event screen_wait(struct dm_model *model, struct options *opts,
			      const volatile sig_atomic_t *stopped)
{
	long long start = now_ms(), left;
	int key;

	while (!*stopped) {
		left = paused ? WAIT_MS : start + opts->delay_ms - now_ms();
		if (left <= 0)
			return SCREEN_TIMEOUT;
		key = next_key(left < WAIT_MS ? left : WAIT_MS);
		if (key == ERR)
			continue;
		if (!take_key(key, opts))
			return SCREEN_QUIT;
		screen_draw(model, opts);
	}
	return SCREEN_QUIT;
}

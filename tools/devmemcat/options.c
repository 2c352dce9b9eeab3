// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <argp.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "options.h"
#include "units.h"

const char *argp_program_version = "devmemcat 0.1";
error_t argp_err_exit_status = DM_EXIT_USAGE;

static const char doc[] =
	"Receives TCP into, or sends it from, device memory (devmem TCP).\v"
	"SIZE, LEN and BYTES take K, M and G (powers of 1024); TIME takes us, "
	"ms, s, m and \"inf\", seconds if bare.\n\n"
	"The NIC's configuration is put back when devmemcat ends, however it "
	"ends.\n\n"
	"Exit status: 0 ok, 1 failure, 2 usage, 4 kernel support or capability "
	"missing, 5 out of memory.";

static const char args_doc[] = "-l [PORT]\nHOST [PORT]";

enum key {
	KEY_HUGE = 0x100, KEY_RX_PAGE_SIZE, KEY_NUM_QUEUES, KEY_NO_SETUP,
	KEY_VERIFY, KEY_EXPECT, KEY_PATTERN, KEY_SEED, KEY_CHUNK, KEY_RATE,
	KEY_LINGER, KEY_HOLD, KEY_LEAK, KEY_LEAK_COUNT, KEY_RETURN_BATCH,
	KEY_NO_RETURN, KEY_NO_READ, KEY_BAD_TOKENS, KEY_PLAIN_RECV,
	KEY_RST_AFTER, KEY_INTERVAL, KEY_JSON, KEY_TOKEN_LOG,
};

static const struct argp_option argp_options[] = {
	{ "listen", 'l', NULL, 0, "Receive: listen on PORT (default 5201)", 1 },
	{ "interface", 'i', "DEV", 0, "The NIC; needed to receive, unless "
	  "--address tells", 1 },
	{ "ipv4", '4', NULL, 0, "IPv4 only", 1 },
	{ "ipv6", '6', NULL, 0, "IPv6 only", 1 },
	{ "connections", 'c', "N", 0, "Serve, or open, N connections at once "
	  "(default 1)", 1 },

	{ NULL, 0, NULL, 0, "Device memory:", 2 },
	{ "size", 's', "SIZE", 0, "Size of the dma-buf (default 32M)", 2 },
	{ "huge-pages", KEY_HUGE, "SIZE", OPTION_ARG_OPTIONAL, "Make it of "
	  "huge pages of SIZE (default 2M)", 2 },
	{ "rx-page-size", KEY_RX_PAGE_SIZE, "SIZE", 0, "Size of the pieces "
	  "the NIC fills (needs Linux 7.3; above 4K implies --huge-pages)", 2 },
	{ "queues", 'q', "LIST", 0, "Bind these RX queues: 2,3 or 2-5", 2 },
	{ "num-queues", KEY_NUM_QUEUES, "N", 0, "Bind N free RX queues, the "
	  "last ones (default 1)", 2 },
	{ "no-setup", KEY_NO_SETUP, NULL, 0, "Leave data split, RSS and flow "
	  "rules alone; needs --queues", 2 },

	{ NULL, 0, NULL, 0, "Receiving (-l):", 3 },
	{ "address", 'a', "ADDR", 0, "Listen on this local address only", 3 },
	{ "keep-open", 'k', NULL, 0, "Go on after the last connection", 3 },
	{ "output", 'o', "FILE", 0, "Write the data to FILE (%n: the number "
	  "of the connection; default stdout)", 3 },
	{ "discard", 'd', NULL, 0, "Write the data nowhere", 3 },
	{ "verify", KEY_VERIFY, NULL, 0, "Check the data against the sender's "
	  "--pattern, write it nowhere", 3 },
	{ "expect", KEY_EXPECT, "BYTES", 0, "Fail if a connection brings more "
	  "or less", 3 },

	{ NULL, 0, NULL, 0, "Sending:", 4 },
	{ "dmabuf", 'D', NULL, 0, "Send from a dma-buf (bind-tx, Linux 6.16)",
	  4 },
	{ "file", 'f', "FILE", 0, "Send FILE instead of stdin", 4 },
	{ "pattern", KEY_PATTERN, "LEN", 0, "Send LEN bytes of a pattern "
	  "(\"inf\": until interrupted)", 4 },
	{ "chunk", KEY_CHUNK, "SIZE", 0, "Bytes in one send call (default 64K)",
	  4 },
	{ "rate", KEY_RATE, "BYTES", 0, "Send at most BYTES a second", 4 },
	{ "linger", KEY_LINGER, "TIME", 0, "Keep the connections open for TIME "
	  "after the last byte", 4 },

	{ NULL, 0, NULL, 0, "Misbehaving (for tests and demonstrations):", 5 },
	{ "hold", KEY_HOLD, "TIME", 0, "Return each token TIME after it came",
	  5 },
	{ "leak", KEY_LEAK, "PERCENT", 0, "Never return PERCENT of the tokens",
	  5 },
	{ "leak-count", KEY_LEAK_COUNT, "N", 0, "Never return the first N "
	  "tokens", 5 },
	{ "no-return", KEY_NO_RETURN, NULL, 0, "Never return a token", 5 },
	{ "return-batch", KEY_RETURN_BATCH, "N", 0, "Return tokens only when N "
	  "have gathered", 5 },
	{ "bad-tokens", KEY_BAD_TOKENS, NULL, 0, "Return tokens twice, and some "
	  "that were never issued", 5 },
	{ "no-read", KEY_NO_READ, NULL, 0, "Accept connections, read nothing",
	  5 },
	{ "plain-recv", KEY_PLAIN_RECV, NULL, 0, "Receive without "
	  "MSG_SOCK_DEVMEM", 5 },
	{ "rst-after", KEY_RST_AFTER, "BYTES", 0, "Reset each connection after "
	  "BYTES", 5 },

	{ NULL, 0, NULL, 0, "Telling:", 6 },
	{ "interval", KEY_INTERVAL, "TIME", 0, "A line of progress each TIME "
	  "(default 1s, 0: none)", 6 },
	{ "json", KEY_JSON, "FILE", OPTION_ARG_OPTIONAL, "Write the summary as "
	  "JSON (default: to stdout)", 6 },
	{ "token-log", KEY_TOKEN_LOG, "FILE", 0, "Log each token; a summary on "
	  "SIGUSR1", 6 },
	{ "seed", KEY_SEED, "N", 0, "Which pattern (default 0)", 6 },
	{ "quiet", 'Q', NULL, 0, "Say nothing but errors", 6 },
	{ "verbose", 'v', NULL, 0, "Tell each step", 6 },
	{ 0 }
};

/* What the command line said beside the options themselves. */
struct parse {
	struct options	*opt;
	const char	*args[3];
	unsigned int	nargs;
	bool		output_given;
	bool		discard;
	bool		sender_only;
	bool		receiver_only;
	const char	*sender_option;		/* for the complaint */
	const char	*receiver_option;
};

__attribute__((noreturn, format(printf, 1, 2)))
static void usage(const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	exit(fail(DM_EXIT_USAGE, "%s (see devmemcat --help)", text));
}

static uint64_t parse_count(const char *name, const char *arg, uint64_t min,
			    uint64_t max)
{
	unsigned long long n;
	char *end;

	errno = 0;
	n = strtoull(arg, &end, 0);
	if (errno || end == arg || *end || *arg == '-' || n < min || n > max)
		usage("%s: '%s' is not a number from %llu to %llu", name, arg,
		      (unsigned long long)min, (unsigned long long)max);
	return n;
}

static uint64_t parse_size_arg(const char *name, const char *arg, uint64_t min,
			       uint64_t max)
{
	char low[32], high[32];
	uint64_t size;

	if (units_parse_size(arg, &size) || size < min || size > max)
		usage("%s: '%s' is not a size from %s to %s", name, arg,
		      units_format_size(min, low, sizeof(low)),
		      units_format_size(max, high, sizeof(high)));
	return size;
}

static uint64_t parse_time_arg(const char *name, const char *arg)
{
	uint64_t ns;

	if (!strcmp(arg, "inf"))
		return OPTIONS_FOREVER;
	if (units_parse_time(arg, &ns))
		usage("%s: '%s' is not a time such as 500ms, 10s or inf", name,
		      arg);
	return ns;
}

static double parse_percent(const char *arg)
{
	double percent;
	char *end;

	percent = strtod(arg, &end);
	if (end != arg && *end == '%')
		end++;
	if (end == arg || *end || !(percent >= 0 && percent <= 100))
		usage("--leak: '%s' is not a percentage from 0 to 100", arg);
	return percent;
}

static void add_queue(struct options *opt, uint32_t queue)
{
	unsigned int i;

	for (i = 0; i < opt->nqueues; i++)
		if (opt->queue[i] == queue)
			usage("--queues: queue %u is listed twice", queue);
	if (opt->nqueues == OPTIONS_MAX_QUEUES)
		usage("--queues: more than %d queues", OPTIONS_MAX_QUEUES);
	opt->queue[opt->nqueues++] = queue;
}

static void parse_queues(struct options *opt, const char *arg)
{
	const char *p = arg;

	do {
		unsigned long first, last;
		char *end;

		first = strtoul(p, &end, 10);
		last = first;
		if (end == p || *p == '-' || *p == '+')
			goto bad;
		if (*end == '-') {
			p = end + 1;
			last = strtoul(p, &end, 10);
			if (end == p || last < first)
				goto bad;
		}
		if (last > UINT16_MAX || (*end && *end != ','))
			goto bad;
		for (; first <= last; first++)
			add_queue(opt, first);
		p = *end ? end + 1 : end;
		if (*end && !*p)
			goto bad;
	} while (*p);
	return;

bad:
	usage("--queues: '%s' is not a list such as 2,3 or 4-7", arg);
}

static bool is_power_of_2(uint64_t n)
{
	return n && !(n & (n - 1));
}

static void parse_device_memory(struct options *opt, int key, char *arg)
{
	switch (key) {
	case 's':
		opt->size = parse_size_arg("--size", arg, 4096, 1ULL << 40);
		break;
	case KEY_HUGE:
		opt->huge_page = arg ? parse_size_arg("--huge-pages", arg,
						      64 << 10, 16ULL << 30)
				     : 2 << 20;
		if (!is_power_of_2(opt->huge_page))
			usage("--huge-pages: %s is not a power of 2", arg);
		break;
	case KEY_RX_PAGE_SIZE:
		opt->rx_page_size = parse_size_arg("--rx-page-size", arg, 1,
						   1U << 31);
		if (!is_power_of_2(opt->rx_page_size))
			usage("--rx-page-size: %s is not a power of 2", arg);
		break;
	case 'q':
		parse_queues(opt, arg);
		break;
	case KEY_NUM_QUEUES:
		opt->want_queues = parse_count("--num-queues", arg, 1,
					       OPTIONS_MAX_QUEUES);
		break;
	case KEY_NO_SETUP:
		opt->setup = false;
		break;
	}
}

static void parse_receiving(struct parse *parse, int key, char *arg)
{
	struct options *opt = parse->opt;

	switch (key) {
	case 'a':
		opt->address = arg;
		break;
	case 'k':
		opt->keep = true;
		break;
	case 'o':
		opt->output = arg;
		parse->output_given = true;
		break;
	case 'd':
		parse->discard = true;
		break;
	case KEY_VERIFY:
		opt->verify = true;
		break;
	case KEY_EXPECT:
		opt->expect = parse_size_arg("--expect", arg, 0, INT64_MAX);
		break;
	}
}

static void parse_sending(struct parse *parse, int key, char *arg)
{
	struct options *opt = parse->opt;

	switch (key) {
	case 'D':
		opt->dmabuf = true;
		break;
	case 'f':
		opt->input = arg;
		break;
	case KEY_PATTERN:
		opt->pattern = true;
		opt->length = strcmp(arg, "inf") ?
			      parse_size_arg("--pattern", arg, 0, INT64_MAX) :
			      OPTIONS_FOREVER;
		break;
	case KEY_CHUNK:
		opt->chunk = parse_size_arg("--chunk", arg, 1, 16 << 20);
		break;
	case KEY_RATE:
		opt->rate = parse_size_arg("--rate", arg, 1, INT64_MAX);
		break;
	case KEY_LINGER:
		opt->linger = parse_time_arg("--linger", arg);
		break;
	}
}

static void parse_misbehaving(struct options *opt, int key, char *arg)
{
	switch (key) {
	case KEY_HOLD:
		opt->hold = parse_time_arg("--hold", arg);
		break;
	case KEY_LEAK:
		opt->leak_percent = parse_percent(arg);
		break;
	case KEY_LEAK_COUNT:
		opt->leak_count = parse_count("--leak-count", arg, 0,
					      UINT32_MAX);
		break;
	case KEY_NO_RETURN:
		opt->no_return = true;
		break;
	case KEY_RETURN_BATCH:
		opt->return_batch = parse_count("--return-batch", arg, 1,
						UINT32_MAX);
		break;
	case KEY_BAD_TOKENS:
		opt->bad_tokens = true;
		break;
	case KEY_NO_READ:
		opt->no_read = true;
		break;
	case KEY_PLAIN_RECV:
		opt->plain_recv = true;
		break;
	case KEY_RST_AFTER:
		opt->rst_after = parse_size_arg("--rst-after", arg, 1,
						INT64_MAX);
		break;
	}
}

static void parse_telling(struct options *opt, int key, char *arg)
{
	switch (key) {
	case KEY_INTERVAL:
		opt->interval = parse_time_arg("--interval", arg);
		if (opt->interval == OPTIONS_FOREVER)
			opt->interval = 0;
		break;
	case KEY_JSON:
		opt->json = true;
		opt->json_file = arg;
		break;
	case KEY_TOKEN_LOG:
		opt->token_log = arg;
		break;
	case KEY_SEED:
		opt->seed = parse_count("--seed", arg, 0, UINT64_MAX);
		break;
	case 'Q':
		report_set_verbosity(VERBOSITY_QUIET);
		opt->interval = 0;
		break;
	case 'v':
		report_set_verbosity(VERBOSITY_VERBOSE);
		break;
	}
}

/* Remembers options that make sense on one side only. */
static void note_side(struct parse *parse, int key)
{
	const struct argp_option *o;

	for (o = argp_options; o->name || o->doc; o++) {
		bool receiver, sender;

		if (o->key != key || !o->name)
			continue;
		receiver = o->group == 3 || o->group == 5 ||
			   key == KEY_TOKEN_LOG || key == 'q' ||
			   key == KEY_NUM_QUEUES || key == KEY_RX_PAGE_SIZE ||
			   key == KEY_NO_SETUP;
		sender = o->group == 4;
		if (receiver && key != KEY_RST_AFTER)
			parse->receiver_option = o->name;
		if (sender)
			parse->sender_option = o->name;
	}
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct parse *parse = state->input;
	struct options *opt = parse->opt;

	note_side(parse, key);
	switch (key) {
	case 'l':
		opt->listen = true;
		return 0;
	case 'i':
		opt->ifname = arg;
		return 0;
	case '4':
		opt->family = AF_INET;
		return 0;
	case '6':
		opt->family = AF_INET6;
		return 0;
	case 'c':
		opt->connections = parse_count("--connections", arg, 1, 10000);
		return 0;
	case 's': case 'q': case KEY_HUGE: case KEY_RX_PAGE_SIZE:
	case KEY_NUM_QUEUES: case KEY_NO_SETUP:
		parse_device_memory(opt, key, arg);
		return 0;
	case 'a': case 'k': case 'o': case 'd': case KEY_VERIFY:
	case KEY_EXPECT:
		parse_receiving(parse, key, arg);
		return 0;
	case 'D': case 'f': case KEY_PATTERN: case KEY_CHUNK: case KEY_RATE:
	case KEY_LINGER:
		parse_sending(parse, key, arg);
		return 0;
	case KEY_HOLD: case KEY_LEAK: case KEY_LEAK_COUNT: case KEY_NO_RETURN:
	case KEY_RETURN_BATCH: case KEY_BAD_TOKENS: case KEY_NO_READ:
	case KEY_PLAIN_RECV: case KEY_RST_AFTER:
		parse_misbehaving(opt, key, arg);
		return 0;
	case KEY_INTERVAL: case KEY_JSON: case KEY_TOKEN_LOG: case KEY_SEED:
	case 'Q': case 'v':
		parse_telling(opt, key, arg);
		return 0;
	case ARGP_KEY_ARG:
		if (parse->nargs < 3)
			parse->args[parse->nargs] = arg;
		parse->nargs++;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static void check_receiver(struct parse *parse)
{
	struct options *opt = parse->opt;

	if (parse->nargs > 1)
		usage("-l takes a port and nothing else, not '%s'",
		      parse->args[1]);
	if (parse->nargs == 1)
		opt->port = parse_count("PORT", parse->args[0], 1, UINT16_MAX);
	if (parse->sender_option)
		usage("--%s is for the sender", parse->sender_option);
	if (!opt->ifname && !opt->address)
		usage("which NIC? give --interface");
	if (opt->nqueues && opt->want_queues)
		usage("--queues and --num-queues exclude each other");
	if (!opt->setup && !opt->nqueues)
		usage("--no-setup needs --queues");
	if (opt->verify && parse->output_given)
		usage("--verify and --output exclude each other");
	if (parse->discard && parse->output_given)
		usage("--discard and --output exclude each other");
	if (opt->verify || parse->discard)
		opt->output = NULL;
	if (opt->json && !opt->json_file && opt->output &&
	    !strcmp(opt->output, "-"))
		usage("--json and the data would both go to stdout: give --json=FILE or -o");
	if (opt->rx_page_size > 4096 && !opt->huge_page)
		opt->huge_page = 2 << 20;
	if (!opt->nqueues && !opt->want_queues)
		opt->want_queues = 1;
}

static void check_sender(struct parse *parse)
{
	struct options *opt = parse->opt;

	if (!parse->nargs)
		usage("give a HOST to send to, or -l to receive");
	if (parse->nargs > 2)
		usage("HOST and PORT are enough, what is '%s'?", parse->args[2]);
	opt->host = parse->args[0];
	if (parse->nargs == 2)
		opt->port = parse_count("PORT", parse->args[1], 1, UINT16_MAX);
	if (parse->receiver_option)
		usage("--%s is for the receiver (-l)", parse->receiver_option);
	if (opt->pattern && opt->input)
		usage("--pattern and --file exclude each other");
	if (opt->connections > 1 && !opt->pattern && !opt->input)
		usage("several connections cannot share stdin: give --file or --pattern");
	if (opt->dmabuf && opt->chunk * opt->connections > opt->size)
		usage("--size is too small for %u connections with chunks of %zu bytes",
		      opt->connections, opt->chunk);
}

static const struct argp argp = {
	.options	= argp_options,
	.parser		= parse_option,
	.args_doc	= args_doc,
	.doc		= doc,
};

void options_parse(struct options *opt, int argc, char **argv)
{
	struct parse parse = { .opt = opt };

	*opt = (struct options){
		.port		= OPTIONS_DEFAULT_PORT,
		.family		= AF_UNSPEC,
		.connections	= 1,
		.size		= 32 << 20,
		.setup		= true,
		.output		= "-",
		.expect		= -1,
		.chunk		= 64 << 10,
		.return_batch	= 1,
		.rst_after	= -1,
		.interval	= 1000000000,
	};
	argp_parse(&argp, argc, argv, 0, NULL, &parse);

	if (opt->listen)
		check_receiver(&parse);
	else
		check_sender(&parse);
}

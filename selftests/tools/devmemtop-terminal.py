#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""devmemtop on a terminal of several sizes: it draws, answers keys, follows a resize, and leaves the terminal as it was."""
import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time

import devmemctl_lib as t


class Terminal:
    """devmemtop on a pseudo terminal."""

    def __init__(self, rows, columns, *options, term="xterm"):
        self.pid, self.fd = pty.fork()
        if not self.pid:
            os.environ.update(TERM=term, LC_ALL="C.UTF-8")
            self.fd = 0
            self.resize(rows, columns)
            os.execvp("devmemtop", ["devmemtop", "--delay", "0.3", *options])
        self.seen = ""

    def resize(self, rows, columns):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self, seconds):
        """What is drawn within so many seconds, or until the terminal is closed at the other end."""
        text, deadline = "", time.monotonic() + seconds
        while time.monotonic() < deadline:
            if select.select([self.fd], [], [], 0.1)[0]:
                try:
                    text += os.read(self.fd, 65536).decode(errors="replace")
                except OSError:
                    break
        self.seen += text
        return text

    def shows(self, text, seconds=90):
        deadline = time.monotonic() + seconds
        while text not in self.seen and time.monotonic() < deadline:
            self.read(0.3)
        return text in self.seen

    def press(self, keys):
        self.seen = ""
        os.write(self.fd, keys.encode())

    def ended(self):
        """The exit status, or None if it goes on for long."""
        for _ in range(150):
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.read(30)
                os.close(self.fd)
                return os.waitstatus_to_exitcode(status)
            self.read(0.3)
            time.sleep(0.1)
        return None


def check_keys():
    terminal = Terminal(24, 100)
    t.ok("it draws a title", terminal.shows("devmemtop"), terminal.seen)
    t.ok("it says the situation", terminal.shows("No devmem bindings."), terminal.seen)
    t.ok("it tells the keys", terminal.shows("q quit"), terminal.seen)
    terminal.press("?")
    t.ok("? explains", terminal.shows("niovs behind tokens"), terminal.seen)
    terminal.press("?s")
    t.ok("s changes the order", terminal.shows("tokens"), terminal.seen)
    terminal.press(" ")
    t.ok("space pauses", terminal.shows("PAUSED"), terminal.seen)
    terminal.press(" ")
    t.ok("and again goes on", terminal.shows("pause"), terminal.seen)
    terminal.press("q")
    t.equal("q ends it", terminal.ended(), 0)
    t.ok("the terminal is put back", "\x1b[?1049l" in terminal.seen, terminal.seen)


def check_paused():
    terminal = Terminal(24, 100)
    terminal.shows("q quit")
    terminal.press(" ")
    terminal.shows("PAUSED")
    terminal.press("\x03")
    t.equal("Ctrl-C ends it while it pauses, too", terminal.ended(), 0)


def check_sizes():
    terminal = Terminal(40, 132)
    terminal.shows("q quit")
    for rows, columns in ((10, 40), (3, 12), (1, 1), (50, 200)):
        terminal.seen = ""
        terminal.resize(rows, columns)
        terminal.read(1)
    t.ok("it survives being resized, down to a single cell", terminal.shows("sort: pinned"), terminal.seen)
    os.kill(terminal.pid, signal.SIGTERM)
    t.equal("a signal ends it in order", terminal.ended(), 0)


def check_dumb():
    terminal = Terminal(24, 80, term="no-such-terminal")
    t.equal("a terminal it does not know: exit 1", terminal.ended(), 1)
    t.ok("and one line", "this terminal cannot show it" in terminal.seen and terminal.seen.strip().count("\n") == 0, terminal.seen)


def main():
    check_keys()
    check_paused()
    check_sizes()
    check_dumb()
    t.end()


main()

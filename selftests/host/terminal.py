#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""`make vm` without CMD, as a user at a terminal has it: type, size, resizing, Ctrl-C and the exit status go through."""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
count = failed = 0
seen = ""


def result(ok, text):
    global count, failed
    count += 1
    failed += not ok
    print(f"{'ok' if ok else 'not ok'} {count} - {text}", flush=True)
    if not ok:
        print("# screen: " + repr(seen[-600:]))


def wait_for(pattern, seconds=180):
    """Reads the screen until it shows pattern; forgets what came before it."""
    global seen
    deadline = time.monotonic() + seconds
    while not (match := re.search(pattern, seen)):
        if time.monotonic() > deadline or not select.select([master], [], [], 1)[0] and time.monotonic() > deadline:
            return False
        try:
            if select.select([master], [], [], 0.5)[0]:
                seen += os.read(master, 4096).decode(errors="replace")
        except OSError:
            return False
    seen = seen[match.end():]
    return True


def resize(rows, columns):
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    os.kill(child, signal.SIGWINCH)


def send(text):
    os.write(master, text.encode())


child, master = pty.fork()
if not child:
    os.environ["TERM"] = "xterm-256color"
    time.sleep(0.2)
    os.execv(TREE + "/selftests/vm/boot", ["boot", "debian-7.3"])

fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 101, 0, 0))
result(wait_for(r"# $", 600), "a shell prompt appears")
send("stty size; echo type=$TERM.\n")
result(wait_for(r"33 101\r"), "the guest's terminal has this one's size")
result(wait_for(r"type=xterm-256color\."), "and its type")
wait_for(r"# $")
resize(41, 120)
send("until [ \"$(stty size)\" = '41 120' ]; do sleep 0.2; done; echo resized=$?.\n")
result(wait_for(r"resized=0\."), "it follows a resize")
wait_for(r"# $")
send("echo begun; sleep 1000\n")
wait_for(r"begun\r")
send("\x03")
wait_for(r"# $")
send("echo interrupted=$?\n")
result(wait_for(r"interrupted=130\r"), "Ctrl-C interrupts in the guest, not here")
send("exit 3\n")
wait_for("(?!)", 20)
_, status = os.waitpid(child, 0)
result(os.waitstatus_to_exitcode(status) == 3, "the shell's exit status is the runner's")
print(f"1..{count}")
sys.exit(failed != 0)

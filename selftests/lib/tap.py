# SPDX-License-Identifier: GPL-2.0-only
"""TAP for the Python tests, and what of the bash libraries they need."""
import os
import re
import subprocess
import sys
import time

KERNEL = tuple(map(int, re.match(r"(\d+)\.(\d+)", os.uname().release).groups()))
TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
count = 0
failed = 0


def ok(text, condition, why=""):
    """One TAP line; why is shown when the condition does not hold."""
    global count, failed
    count += 1
    print(f"{'ok' if condition else 'not ok'} {count} - {text}", flush=True)
    if not condition:
        failed += 1
        for line in str(why).splitlines()[:40]:
            print("#", line, flush=True)
    return condition


def equal(text, got, wanted):
    return ok(text, got == wanted, f"got:    {got!r}\nwanted: {wanted!r}")


def skip(text, reason):
    global count
    count += 1
    print(f"ok {count} - {text} # SKIP {reason}", flush=True)


def end():
    print(f"1..{count}")
    sys.exit(1 if failed else 0)


def net(command):
    """Runs a function of selftests/lib/net.sh."""
    subprocess.run(["bash", "-c", f"cd {TREE} && . selftests/lib/tap.sh && . selftests/lib/net.sh && {command}"], check=True,
                   stdout=subprocess.DEVNULL)


def enter(netns):
    """This process, this thread of it, is in the named network namespace from now on."""
    with open(f"/run/netns/{netns}") as ns:
        os.setns(ns.fileno(), os.CLONE_NEWNET)


def reached():
    """Waits until each end reaches the other: see net.sh."""
    net("reached")


def wait_for(condition, seconds=30, step=0.2):
    """Polls until condition() holds. The bound is for a quiet machine; a busy one gets three times as long."""
    deadline = time.monotonic() + 3 * seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(step)
    return True


def at_rest(read, seconds=1):
    """What read() says once it has said the same for so many seconds; the last it said when it never does."""
    last, since = read(), time.monotonic()

    def same():
        nonlocal last, since
        now = read()
        if now != last:
            last, since = now, time.monotonic()
        return time.monotonic() - since >= seconds

    wait_for(same)
    return last

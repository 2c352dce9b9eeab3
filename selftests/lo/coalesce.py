#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Coalescing: packets and completions wait for company, and not for ever; threaded NAPI."""
import fcntl
import re
import struct
import subprocess
import termios
import time

from frames import Flow, Nic
import tap as t

SECOND = 1000000
FLOW = Flow("udp4", 10, 11)


def parameters(nic, *words):
    text = nic.ethtool(*words).stdout
    return [re.search(rf"^{name}:\s*(\S+)", text, re.M)[1] for name in ("rx-usecs", "rx-frames", "tx-usecs", "tx-frames")]


def waits(nic, start, observe):
    """Do the 3 packets that start() sends leave something behind that waits? Seen so only if less than the second has passed by
    then, and nobody else has sent anything: else it is tried again.
    """
    for _ in range(30):
        before, total = time.monotonic(), arrived(nic)
        start()
        seen = observe()
        if time.monotonic() - before < 1 and arrived(nic) - total <= 3:
            return seen
    return "the machine is too slow to tell"


def arrived(nic):
    return sum(nic.packets().values())


def outstanding(nic):
    """Bytes sent that have not been completed."""
    return struct.unpack("i", fcntl.ioctl(nic.wire, termios.TIOCOUTQ, bytes(4)))[0]


def check_parameters(nic):
    t.equal("at first nothing waits", parameters(nic, "-c", "dm0"), ["0", "1", "0", "1"])
    for words in (("rx-usecs", "0", "rx-frames", "0"), ("rx-usecs", "0", "rx-frames", "4"), ("tx-usecs", "0", "tx-frames", "4"),
                  ("rx-usecs", str(SECOND + 1)), ("tx-usecs", str(SECOND + 1)), ("adaptive-rx", "on")):
        t.ok(f"{' '.join(words)} is refused", nic.ethtool("-C", "dm0", *words).returncode)
    t.equal("nothing has changed", parameters(nic, "-c", "dm0"), ["0", "1", "0", "1"])
    nic.ethtool("-C", "dm0", "rx-usecs", "10", "rx-frames", "2", "tx-usecs", "30", "tx-frames", "0")
    t.equal("all queues are set", parameters(nic, "-Q", "dm0", "queue_mask", "0x4", "-c"), ["10", "2", "30", "0"])
    nic.ethtool("-Q", "dm0", "queue_mask", "0x4", "--coalesce", "rx-usecs", "77")
    t.equal("or one", parameters(nic, "-Q", "dm0", "queue_mask", "0x4", "-c"), ["77", "2", "30", "0"])
    t.equal("and not the others", parameters(nic, "-Q", "dm0", "queue_mask", "0x8", "-c"), ["10", "2", "30", "0"])
    t.ok("a queue that is not there is refused", nic.ethtool("-Q", "dm0", "queue_mask", "0x100", "-c").returncode)
    nic.ethtool("-C", "dm0", "rx-usecs", "0", "rx-frames", "1", "tx-usecs", "0", "tx-frames", "1")


def check_rx(nic):
    nic.set_rss(table=[0] * len(nic.rss()[1]))
    nic.rule("udp4 dst-port 11 action 3")
    nic.ethtool("-Q", "dm0", "queue_mask", "0x8", "--coalesce", "rx-usecs", str(SECOND), "rx-frames", "4")
    sent = nic.packets()[3]

    def settle():
        return t.wait_for(lambda: nic.packets()[3] == sent, step=0.02)

    def three():
        nonlocal sent
        settle()
        nic.send(FLOW, 3)
        sent += 3

    t.equal("3 of 4 packets wait", waits(nic, three, lambda: sent - nic.packets()[3]), 3)
    nic.send(FLOW, 1)
    sent += 1
    t.ok("with the 4th all have come", settle())
    nic.send(FLOW, 1)
    sent += 1
    t.ok("one alone does not wait for ever", settle())
    t.equal("other queues do not wait", nic.queue(Flow("udp4", 10, 12)), 0)
    nic.send(FLOW, 2)
    sent += 2
    nic.ethtool("-C", "dm0", "rx-usecs", "0", "rx-frames", "1")
    t.ok("what waits when it is switched off comes", settle())
    nic.no_rule()


def check_tx(nic):
    subprocess.run(("ethtool", "-C", "dm1", "tx-usecs", str(SECOND), "tx-frames", "4"), check=True)

    def settle():
        return t.wait_for(lambda: outstanding(nic) == 0, step=0.02)

    def three():
        settle()
        before = nic.packets()[0]
        nic.send(FLOW, 3)
        t.wait_for(lambda: nic.packets()[0] >= before + 3, step=0.005)

    t.ok("3 of 4 completions wait", waits(nic, three, lambda: outstanding(nic) > 0) is True)
    t.ok("not for ever", settle())
    for state in ("down", "up"):
        nic.send(FLOW, 1)
        nic.link(state)
    t.ok("also when the link goes meanwhile", settle())
    subprocess.run(("ethtool", "-C", "dm1", "tx-usecs", "0", "tx-frames", "1"), check=True)


def check_threaded(nic):
    def threaded(value):
        subprocess.run(("ip", "netns", "exec", "ns0", "sh", "-c", f"echo {value} >/sys/class/net/dm0/threaded"), check=True)

    threaded(1)
    t.ok("NAPI has threads", subprocess.run(("pgrep", "^napi/dm0"), stdout=subprocess.DEVNULL).returncode == 0)
    t.equal("which receive", nic.queue(FLOW), 0)
    nic.ethtool("-C", "dm0", "rx-usecs", "1000", "rx-frames", "0")
    t.equal("with coalescing, too", nic.queue(FLOW), 0)
    nic.ethtool("-L", "dm0", "combined", "2")
    t.equal("with other channels, too", nic.queue(FLOW), 0)
    threaded(0)
    t.equal("and without threads again", nic.queue(FLOW), 0)


def main():
    t.net("pair_up 4")
    try:
        nic = Nic()
        check_parameters(nic)
        check_rx(nic)
        check_tx(nic)
        check_threaded(nic)
    finally:
        t.net("pair_down")
    t.end()


main()

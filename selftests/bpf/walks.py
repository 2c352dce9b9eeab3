#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The walks go all the way: xarrays of several levels, a TCP hash table of a namespace's own, an out-of-order queue, many sockets."""
import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tools"))
import devmemctl_lib as t  # noqa: E402

SEGMENT = 1448


def own_hash_table(entries):
    """Namespaces made from now on get a TCP hash table of so many buckets; 0: they share the machine's."""
    with open("/proc/sys/net/ipv4/tcp_child_ehash_entries", "w") as sysctl:
        sysctl.write(str(entries))


def tokens_by_cookie():
    return {sock["cookie"]: (sock["tokens"], sock["niovs_held"]) for sock in t.devmemctl("sockets")["sockets"] if sock["tokens"]}


def check_deep():
    """8,000 tokens, one for each frame, need three levels of xarray, and chunks of bits to tell their niovs apart."""
    size = 8000 * SEGMENT
    t.net("in0 ethtool -K dm0 rx-gro-hw off")
    receiver = t.Receiver(5201, "--queues", "2", "--size", "48M", "--no-return")
    sender = t.Sender(5201, size)
    t.ok("deep: all of it arrives", t.wait_for(lambda: receiver.received() == size, 90), (receiver.received(), size))
    held = {cookie: (len(tokens), len({offset // 4096 for offset in tokens.values()})) for cookie, tokens in receiver.held().items()}
    t.ok("deep: that makes thousands of tokens", all(count >= 5000 for count, _ in held.values()), held)
    t.equal("deep: tokens and niovs are exact", tokens_by_cookie(), held)
    sender.stop()
    receiver.stop()
    t.net("in0 ethtool -K dm0 rx-gro-hw on")


def check_many():
    """Forty sockets on one binding, each with a few tokens."""
    receiver = t.Receiver(5202, "--queues", "3", "--size", "8M", "--connections", "40", "--leak", "40")
    sender = t.Sender(5202, 10 * SEGMENT, "--connections", "40")
    t.ok("many: all of it arrives", t.wait_for(lambda: receiver.received() == 400 * SEGMENT, 60), receiver.received())
    held = {cookie: (len(tokens), len({offset // 4096 for offset in tokens.values()})) for cookie, tokens in receiver.held().items()}
    t.equal("many: there are forty", len(held), 40)
    t.ok("many: most of them keep some", sum(count > 0 for count, _ in held.values()) > 20, held)
    t.equal("many: each is exact", tokens_by_cookie(), {cookie: counts for cookie, counts in held.items() if counts[0]})
    sender.stop()
    receiver.stop()


BURST = """
import socket, sys
s = socket.create_connection(("192.0.2.1", 5203))
s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
print("connected", flush=True)
sys.stdin.readline()
s.sendall(b"x" * 40 * 1448)
print("sent", flush=True)
sys.stdin.readline()
"""


def netem(verb, loss):
    return subprocess.run(["ip", "netns", "exec", "ns1", "tc", "qdisc", verb, "dev", "dm1", "root", "netem", "loss", loss],
                          capture_output=True).returncode == 0


def ss(number, *filters):
    return subprocess.run(["ip", "netns", "exec", f"ns{number}", "ss", "-tinH", *filters], capture_output=True, text=True,
                          check=True).stdout


def arrived():
    """What reached ns0, says ss: bytes in order at the receiver, and those behind a hole, which the sender knows from its SACKs."""
    in_order = int(ss(0, "state", "established", "sport = :5203").split()[0])
    sacked = re.search(r"sacked:(\d+)", ss(1, "dport = :5203"))
    return in_order, int(sacked.group(1)) * SEGMENT if sacked else 0


def make_hole():
    """A connection that loses some segments of its first flight, and all after it."""
    sender = subprocess.Popen(["ip", "netns", "exec", "ns1", "python3", "-c", BURST], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              text=True)
    sender.stdout.readline()
    netem("change", "40%")
    sender.stdin.write("\n")
    sender.stdin.flush()
    sender.stdout.readline()
    netem("change", "100%")
    return sender


def check_out_of_order():
    """With a hole in the stream, what came after it waits in the out-of-order queue, and pins niovs."""
    if not netem("add", "0%"):
        t.skip("out of order: data behind a hole is exact", "no netem")
        return
    for _ in range(10):
        receiver = t.Receiver(5203, "--queues", "4", "--size", "4M", "--no-read")
        sender = make_hole()
        # What is still under way, and what the peer has yet to say that it has, comes in the meantime.
        in_order, behind = t.at_rest(arrived, 2)
        unread = [sock["unread_bytes"] for sock in t.devmemctl("sockets")["sockets"] if sock["local_port"] == 5203]
        netem("change", "0%")
        sender.kill()
        sender.communicate()
        receiver.stop()
        if behind:
            t.equal("out of order: data behind a hole is exact", unread, [in_order + behind])
            return
    t.ok("out of order: a hole could be made", False)


def main():
    own_hash_table(512)
    try:
        t.net("pair_up 6")
    finally:
        own_hash_table(0)
    check_deep()
    check_many()
    check_out_of_order()
    t.ok("at the end nothing is left", t.wait_for(t.none_left), t.devmemctl("pools"))
    t.net("pair_down")
    t.end()


main()

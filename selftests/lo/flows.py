# SPDX-License-Identifier: GPL-2.0-only
"""Sends flows from ns1 and looks at which RX queue of dm0 they arrive.

  flows.py rss PROTO [FIELDS]      several flows, each at the queue that dm0's own key and table (ethtool -x) say;
                                   FIELDS: 4 (default) or 2, how many of addresses and ports are hashed
  flows.py queue PROTO SPORT DPORT QUEUE    one flow, at QUEUE; QUEUE -: dropped by a rule
  flows.py badsum                  a UDP datagram with a wrong checksum

PROTO: tcp4 tcp6 udp4 udp6. A flow is COUNT packets: what else the kernel sends meanwhile is less.
"""
import os
import random
import re
import socket
import struct
import subprocess
import sys
import time

from frames import ADDRESSES, COUNT, check_toeplitz, checksum, toeplitz


def ethtool(*words):
    return subprocess.run(("ip", "netns", "exec", "ns0", "ethtool") + words, check=True, capture_output=True,
                          text=True).stdout


def rss():
    text = ethtool("-x", "dm0")
    table = [int(n) for line in re.findall(r"^\s+\d+:((?:\s+\d+)+)$", text, re.M) for n in line.split()]
    key = re.search(r"RSS hash key:\n([0-9a-f:]+)", text)[1]
    return bytes.fromhex(key.replace(":", "")), table


def packets():
    """How many arrived at each queue; None: how many a rule dropped, which the first queue counts."""
    text = ethtool("-S", "dm0")
    found = re.findall(r"rx_queue_(\d+)_packets: (\d+)", text)
    return {int(queue): int(count) for queue, count in found} | {None: int(re.search(r"rx_queue_0_discarded: (\d+)", text)[1])}


def send_datagram(sock):
    """Nobody listens: instead of sending, the socket may report the answer to the packet before."""
    while True:
        try:
            return sock.send(b"x")
        except ConnectionRefusedError:
            pass


def send(proto, sport, dport):
    source, destination = ADDRESSES[proto[3]]
    family = socket.AF_INET6 if proto[3] == "6" else socket.AF_INET
    for _ in range(COUNT):
        with socket.socket(family, socket.SOCK_STREAM if proto[:3] == "tcp" else socket.SOCK_DGRAM) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((source, sport))
            sock.setblocking(False)
            sock.connect_ex((destination, dport))
            if proto[:3] == "udp":
                send_datagram(sock)


def arrived_at(proto, sport, dport):
    """The queue where the flow arrived; None: a rule dropped it."""
    before = packets()
    send(proto, sport, dport)
    deadline = time.monotonic() + 30
    while True:
        after = packets()
        queues = [queue for queue in after if after[queue] - before[queue] >= COUNT]
        if queues:
            return queues[0]
        if time.monotonic() > deadline:
            sys.exit(f"{proto} {sport} -> {dport} is nowhere: {before}, then {after}")


def cmd_rss(proto, fields="4"):
    check_toeplitz()
    key, table = rss()
    family = socket.AF_INET6 if proto[3] == "6" else socket.AF_INET
    tuple2 = b"".join(socket.inet_pton(family, address) for address in ADDRESSES[proto[3]])
    seen = set()
    for _ in range(4):
        sport, dport = random.randrange(20000, 30000), random.randrange(30000, 40000)
        data = tuple2 + (struct.pack(">HH", sport, dport) if fields == "4" else b"")
        want = table[toeplitz(key, data) % len(table)]
        got = arrived_at(proto, sport, dport)
        print(f"{proto} {sport} -> {dport}: queue {got}, expected {want}")
        if got != want:
            return 1
        seen.add(got)
    return 0


def cmd_queue(proto, sport, dport, queue):
    got = arrived_at(proto, int(sport), int(dport))
    print(f"{proto} {sport} -> {dport}: queue {got}, expected {queue}")
    return 0 if str(got) == queue or (got is None and queue == "-") else 1


def cmd_badsum():
    """An Ethernet frame made by hand: UDP whose checksum is one off."""
    macs = [mac("ns0", "dm0"), mac("ns1", "dm1")]
    payload = b"sixteen bytes ok"
    src, dst = (socket.inet_aton(address) for address in ADDRESSES["4"])
    udp = struct.pack(">HHHH", 4444, 4445, 8 + len(payload), 0) + payload
    pseudo = src + dst + struct.pack(">BBH", 0, 17, len(udp))
    good = checksum(pseudo + udp)
    udp = udp[:6] + struct.pack(">H", good ^ 1) + udp[8:]
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0) + src + dst
    ip = ip[:10] + struct.pack(">H", checksum(ip)) + ip[12:]
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sock:
        sock.bind(("dm1", 0))
        sock.send(b"".join(macs) + b"\x08\x00" + ip + udp)
    return 0


def mac(netns, dev):
    text = subprocess.run(("ip", "-n", netns, "link", "show", dev), check=True, capture_output=True, text=True).stdout
    return bytes.fromhex(re.search(r"link/ether (\S+)", text)[1].replace(":", ""))


def main():
    with open("/run/netns/ns1") as ns1:
        os.setns(ns1.fileno(), os.CLONE_NEWNET)
    command, *words = sys.argv[1:]
    sys.exit({"rss": cmd_rss, "queue": cmd_queue, "badsum": cmd_badsum}[command](*words))


main()

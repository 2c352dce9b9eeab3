#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""ntuple rules: every flow type and field, masks, order, places, and what is refused."""
import errno
import struct

from frames import FLOW_RSS, Flow, Nic, errno_of
import tap as t

QUEUES = 8
FLOW_EXT, FLOW_MAC_EXT = 0x80000000, 0x40000000
MAC, OTHER_MAC = b"\x02\x00\x00\x00\x00\x07", b"\x02\x00\x00\x00\x00\x08"

# A rule, flows it is for, flows it is not for.
RULES = [
    ("tcp4", [Flow("tcp4"), Flow("tcp4", vlan=3)],
     [Flow("udp4"), Flow("tcp6"), Flow("ip4"), Flow("tcp4", fragment=True)]),
    ("tcp4 src-ip 192.0.2.2 dst-ip 192.0.2.1 src-port 10 dst-port 11 tos 8",
     [Flow("tcp4", 10, 11, tos=8)],
     [Flow("tcp4", 9, 11, tos=8), Flow("tcp4", 10, 12, tos=8), Flow("tcp4", 10, 11, tos=9), Flow("udp4", 10, 11, tos=8),
      Flow("tcp4", 10, 11, tos=8, src="192.0.2.3"), Flow("tcp4", 10, 11, tos=8, dst="192.0.2.3")]),
    ("udp4 src-ip 192.0.2.0 m 0.0.0.3 dst-port 0x1200 m 0x00ff", [Flow("udp4", 1, 0x1234), Flow("udp4", 2, 0x12ff, src="192.0.2.3")],
     [Flow("udp4", 1, 0x1334), Flow("udp4", 1, 0x1234, src="192.0.2.4")]),
    ("udp4 tos 0x20 m 0x1f", [Flow("udp4", tos=0x20), Flow("udp4", tos=0x3f)], [Flow("udp4", tos=0x40), Flow("udp4")]),
    ("udp6 src-ip 2001:db8::2 dst-ip 2001:db8::1 src-port 10 dst-port 11 tclass 8", [Flow("udp6", 10, 11, tos=8)],
     [Flow("udp6", 9, 11, tos=8), Flow("udp6", 10, 11), Flow("udp4", 10, 11, tos=8), Flow("udp6", 10, 11, tos=8, src="2001:db8::3"),
      Flow("udp6", 10, 11, tos=8, dst="2001:db8::3")]),
    ("tcp6 src-ip 2001:db8:: m ::ffff src-port 0x100 m 0xff",
     [Flow("tcp6", 0x101), Flow("tcp6", 0x1ff, src="2001:db8::77"), Flow("tcp6", 0x101, options=bytes(6))],
     [Flow("tcp6", 0x201), Flow("tcp6", 0x101, src="2001:db8::1:2"), Flow("udp6", 0x101)]),
    ("sctp4 dst-port 11", [Flow("sctp4", 10, 11)], [Flow("sctp4", 10, 12), Flow("udp4", 10, 11), Flow("sctp6", 10, 11)]),
    ("sctp6 src-port 10", [Flow("sctp6", 10, 11)], [Flow("sctp6", 11, 11), Flow("tcp6", 10, 11)]),
    ("esp4 spi 0x000a000b", [Flow("esp4", 10, 11)], [Flow("esp4", 10, 12), Flow("udp4", 10, 11)]),
    ("esp6 spi 0x000a0000 m 0xffff", [Flow("esp6", 10, 11)], [Flow("esp6", 11, 11), Flow("esp4", 10, 11)]),
    ("ip4", [Flow("ip4"), Flow("tcp4"), Flow("udp4", fragment=True)], [Flow("ip6")]),
    ("ip4 src-ip 192.0.2.2 l4proto 253", [Flow("ip4")], [Flow("udp4"), Flow("ip4", src="192.0.2.3"), Flow("ip4", proto=254)]),
    ("ip4 l4proto 252 m 3 tos 4", [Flow("ip4", tos=4), Flow("ip4", proto=255, tos=4)], [Flow("ip4", proto=251, tos=4), Flow("ip4")]),
    ("ip4 l4data 0x41424344", [Flow("ip4", payload=b"ABCDEFGH"), Flow("udp4", 0x4142, 0x4344)],
     [Flow("ip4", payload=b"ABCEEFGH"), Flow("ip4", payload=b"AB"), Flow("udp4", 0x4142, 0x4344, fragment=True)]),
    ("ip6 dst-ip 2001:db8::1 l4proto 17 l4data 0x000a0000 m 0xffff tclass 0 m 0xfe",
     [Flow("udp6", 10, 11), Flow("udp6", 10, 99, options=bytes(6))],
     [Flow("udp6", 11, 11), Flow("tcp6", 10, 11), Flow("udp6", 10, 11, tos=1), Flow("udp6", 10, fragment=True)]),
    ("ether proto 0x0800 src 02:00:00:00:00:00 m fd:ff:ff:ff:ff:ff", [Flow("ip4"), Flow("tcp4", vlan=9)], [Flow("ip6")]),
    ("ether dst 02:00:00:00:00:07", [Flow("udp4", mac=MAC), Flow("tcp6", mac=MAC)], [Flow("udp4"), Flow("udp4", mac=OTHER_MAC)]),
    ("udp4 dst-port 11 dst-mac 02:00:00:00:00:07", [Flow("udp4", 10, 11, mac=MAC)], [Flow("udp4", 10, 11), Flow("udp4", 10, 12, mac=MAC)]),
    ("udp4 vlan 5", [Flow("udp4", vlan=5)], [Flow("udp4"), Flow("udp4", vlan=6), Flow("tcp4", vlan=5)]),
    ("udp6 vlan 0 m 0xf000", [Flow("udp6", vlan=0), Flow("udp6", vlan=0xe000)], [Flow("udp6"), Flow("udp6", vlan=1)]),
    ("tcp4 vlan-etype 0x88a8 vlan 7", [Flow("tcp4", vlan=7, etype=0x88a8)], [Flow("tcp4", vlan=7), Flow("tcp4")]),
]


def check_match(nic):
    nic.set_rss(table=[0] * len(nic.rss()[1]))
    for n, (rule, right, wrong) in enumerate(RULES):
        queue = 1 + n % (QUEUES - 1)
        location = nic.rule(f"{rule} action {queue}")
        t.equal(f"rule: {rule}", location, 0)
        t.equal("has what is for it", [nic.queue(flow) for flow in right], [queue] * len(right))
        t.equal("and nothing else", [nic.queue(flow) for flow in wrong], [0] * len(wrong))
        nic.no_rule(0)
    t.equal("without rules RSS decides", nic.queue(RULES[0][1][0]), 0)


def check_order(nic):
    flow = Flow("tcp4", 10, 11)
    for location, rule in ((200, "ip4"), (100, "tcp4 dst-port 11"), (150, "tcp4"), (50, "tcp4 dst-port 12")):
        t.equal(f"rule {location}", nic.rule(f"{rule} action {location // 50} loc {location}"), "added")
    t.equal("the lowest that matches wins", nic.queue(flow), 2)
    nic.no_rule(100)
    t.equal("then the next", nic.queue(flow), 3)
    t.equal("one replaced", nic.rule("tcp4 action -1 loc 150"), "added")
    t.equal("drops", nic.queue(flow), None)
    t.equal("nothing else", nic.queue(Flow("udp4", 10, 11)), 4)
    nic.no_rule(150)
    t.equal("and the last", nic.queue(flow), 4)
    nic.no_rule()


def check_places(nic):
    t.equal("the first free place is the kernel's choice", [nic.rule(f"tcp4 dst-port {n} action 1") for n in range(1, 4)], [0, 1, 2])
    t.equal("or that of a rule for the same packets", nic.rule("tcp4 dst-port 2 action 5"), 1)
    t.equal("which then has the new action", nic.queue(Flow("tcp4", 9, 2)), 5)
    nic.no_rule(1)
    t.equal("one that became free", nic.rule("udp4 action 1"), 1)
    nic.insert(2, location=0xfffffffe, cookie=1, value=struct.pack(">IIHH", 0, 0, 1, 0), mask=struct.pack(">IIHH", 0, 0, 0xffff, 0))
    nic.insert(2, location=0xfffffffd, cookie=1, value=struct.pack(">IIHH", 0, 0, 2, 0), mask=struct.pack(">IIHH", 0, 0, 0xffff, 0))
    t.equal("first, and last", nic.rules(), [0, 1, 2, 3, 255])
    for n in range(4, 255):
        nic.insert(1, location=n, cookie=n % QUEUES)
    t.equal("256 rules", len(nic.rules()), 256)
    t.ok("and no more", "No space left on device" in str(nic.rule("udp6 action 1")))
    t.equal("they go together", (nic.ethtool("-K", "dm0", "ntuple", "off").returncode, nic.rules()), (0, []))
    t.equal("and none comes without the feature", errno_of(nic.insert, 1), errno.EOPNOTSUPP)
    nic.ethtool("-K", "dm0", "ntuple", "on")


def check_refused(nic):
    tcp4, ip4, ether = 1, 13, 0x12
    version = struct.pack(">IIIBBB", 0, 0, 0, 0, 4, 0)
    for text, why, words in (
            ("queue 8 of 8", errno.EINVAL, {"kind": tcp4, "cookie": QUEUES}),
            ("a virtual function's queue", errno.EINVAL, {"kind": tcp4, "cookie": 1 << 32}),
            ("wake-on-lan", errno.EOPNOTSUPP, {"kind": tcp4, "cookie": 0xfffffffffffffffe}),
            ("location 256", errno.EINVAL, {"kind": tcp4, "location": 256}),
            ("an unknown special location", errno.EINVAL, {"kind": tcp4, "location": 0x80000000}),
            ("a context that is not there", errno.EINVAL, {"kind": tcp4 | FLOW_RSS, "context": 7}),
            ("a context out of range", errno.EINVAL, {"kind": tcp4 | FLOW_RSS, "context": 70000}),
            ("dropping into a context", errno.EINVAL, {"kind": tcp4 | FLOW_RSS, "cookie": 0xffffffffffffffff}),
            ("AH", errno.EOPNOTSUPP, {"kind": 9}),
            ("a type for hashing only", errno.EOPNOTSUPP, {"kind": 0x10}),
            ("flow type 0", errno.EOPNOTSUPP, {"kind": 0}),
            ("a type that is not there", errno.EOPNOTSUPP, {"kind": 0x1000}),
            ("an unknown flag", errno.EOPNOTSUPP, {"kind": tcp4 | 0x10000000}),
            ("IPv4 without its version", errno.EINVAL, {"kind": ip4}),
            ("IPv4 with another", errno.EINVAL, {"kind": ip4, "value": version[:13] + b"\6"}),
            ("a mask for the version", errno.EINVAL, {"kind": ip4, "value": version[:13] + b"\1", "mask": version}),
            ("user-defined data", errno.EOPNOTSUPP, {"kind": tcp4 | FLOW_EXT, "ext_mask": b"\0" * 12 + b"\1"}),
            ("two destinations", errno.EINVAL, {"kind": ether | FLOW_MAC_EXT, "ext_mask": b"\0" * 2 + b"\1" * 6})):
        t.equal(f"{text} is refused", errno_of(nic.insert, **words), why)
    t.equal("no rule has come of it", nic.rules(), [])
    nic.insert(tcp4, cookie=3, ext_mask=b"\1" * 20)
    t.equal("additional fields count only with their flag", nic.queue(Flow("tcp4")), 3)
    nic.no_rule(0)
    t.ok("a rule that is not there cannot go", nic.ethtool("-N", "dm0", "delete", "9").returncode)


def main():
    t.net(f"pair_up {QUEUES}")
    try:
        nic = Nic()
        check_match(nic)
        check_order(nic)
        check_places(nic)
        check_refused(nic)
    finally:
        t.net("pair_down")
    t.end()


main()

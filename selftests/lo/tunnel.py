#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""TSO and USO inside of tunnels: all headers of every frame, outer ones too, are what the stack would have made of them."""
import os
import subprocess

from wire import Wire, each, ethtool, ip, reach, stream, vlan_up
import tap as t

MODULES = ("vxlan", "ip_gre", "ip6_gre", "ipip", "sit", "ip6_tunnel", "fou")
OUTER = {"4": ("192.0.2.1", "192.0.2.2"), "6": ("2001:db8::1", "2001:db8::2"), "vlan": ("2001:db8:7::1", "2001:db8:7::2")}
INNER = {"4": "203.0.113.1", "6": "2001:db8:9::1"}
VXLAN = "vxlan id 7 dstport 4789"
# Outer addresses; type; the feature; headers of each frame up to the inner IP header; what is inside.
TUNNELS = (
    ("4", VXLAN + " noudpcsum", "tx-udp_tnl-segmentation", "eth ip4 udp0 vxlan eth", "46"),
    ("6", VXLAN + " udp6zerocsumtx udp6zerocsumrx", "tx-udp_tnl-segmentation", "eth ip6 udp0 vxlan eth", "64"),
    ("4", VXLAN + " udpcsum", "tx-udp_tnl-csum-segmentation", "eth ip4 udp vxlan eth", "64"),
    ("6", VXLAN, "tx-udp_tnl-csum-segmentation", "eth ip6 udp vxlan eth", "46"),
    ("4", "gre", "tx-gre-segmentation", "eth ip4 gre", "46"),
    ("4", "gre key 5 csum", "tx-gre-csum-segmentation", "eth ip4 gre+", "64"),
    ("4", "gretap csum", "tx-gre-csum-segmentation", "eth ip4 gre+ eth", "46"),
    ("6", "ip6gre", "tx-gre-segmentation", "eth ip6 options gre", "64"),
    ("6", "ip6gre csum encaplimit none", "tx-gre-csum-segmentation", "eth ip6 gre+", "46"),
    ("4", "ipip", "tx-ipxip4-segmentation", "eth ip4", "44"),
    ("4", "sit", "tx-ipxip4-segmentation", "eth ip4", "66"),
    ("6", "ip6tnl mode any", "tx-ipxip6-segmentation", "eth ip6 options", "46"),
    ("6", "ip6tnl mode any encaplimit none", "tx-ipxip6-segmentation", "eth ip6", "64"),
)


class Tunnel:
    """A tunnel of the type, tn0 in ns0 and tn1 in ns1, while in use; inside: for which versions of IP."""

    def __init__(self, outer, words, inside):
        self.outer, self.words, self.inside = OUTER[outer], words, inside

    def __enter__(self):
        for number in (0, 1):
            kind, *more = self.words.split()
            device = f"dm{number}.7" if self.outer == OUTER["vlan"] else f"dm{number}"
            ip(f"-n ns{number} link add tn{number} type {kind} local {self.outer[number]} remote {self.outer[1 - number]} "
               f"{'' if 'encap' in more else 'dev ' + device} {' '.join(more)}")
            ip(f"-n ns{number} link set tn{number} up")
            ip(f"-n ns{number} addr add 203.0.113.{number + 1}/24 dev tn{number}")
            ip(f"-n ns{number} addr add 2001:db8:9::{number + 1}/64 dev tn{number} nodad")
        reach(*(INNER[version] for version in sorted(set(self.inside))))

    def __exit__(self, *_):
        each("-n ns%N link del tn%N")


def check(wire, outer, words, feature, headers, inside):
    first, second = inside
    with Tunnel(outer, words, inside):
        text = f"{words} over IPv{outer}: "
        wire.check(text + f"UDP over IPv{first}", "udp", INNER[first], feature, f"{headers} ip{first} udp")
        wire.check(text + f"TCP over IPv{second}", "tcp", INNER[second], feature, f"{headers} ip{second} tcp")


def check_limits(wire):
    """What the stack has to cut: more headers than the engine parses, and a tunnel in a tunnel. The receiver of the latter alters frames
    where a packet socket sees it, so only the bytes are looked at.
    """
    feature, headers = "tx-udp_tnl-csum-segmentation", "eth ip6 udp vxlan eth ip6 options tcp"
    with Tunnel("6", VXLAN, "6"):
        wire.check("options inside", "tcp", INNER["6"], feature, headers, options=48)
        wire.check("more options than the engine parses", "tcp", INNER["6"], feature, headers, options=128, cuts=False)
    each("-n ns%N fou add port 5555 ipproto 4")
    with Tunnel("4", "ipip encap fou encap-sport 5556 encap-dport 5555", "4"):
        before = wire.sent["tx_tso_packets"]
        stream(INNER["4"], os.urandom(100000))
        t.equal("IPIP in UDP", wire.sent["tx_tso_packets"], before)


def main():
    subprocess.run(("modprobe", "-a", *MODULES), check=True)
    t.net("pair_up 4")
    try:
        ethtool(0, "-K", "dm0", "gro", "off", "rx-gro-hw", "off")
        wire = Wire()
        for tunnel in TUNNELS:
            check(wire, *tunnel)
        check_limits(wire)
        vlan_up()
        with Tunnel("vlan", VXLAN, "4"):
            wire.check_vlan("VXLAN", "udp", INNER["4"], "tx-udp_tnl-csum-segmentation", "eth ip6 udp vxlan eth ip4 udp")
        t.equal("no checksum was wrong", wire.arrived["rx_csum_bad"], 0)
        t.equal("nothing was dropped", wire.arrived["rx_drops"] + wire.sent["tx_drops"], 0)
    finally:
        t.net("pair_down")
        subprocess.run(("modprobe", "-r", *MODULES), check=False, stderr=subprocess.DEVNULL)
    t.end()


main()

#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""USO: datagrams that the NIC cuts, byte for byte the frames that the stack makes of them. And TSO past extension headers."""
from wire import Wire, each, ethtool, vlan_up
import tap as t

USO = "tx-udp-segmentation"


def uso_is(state):
    return f"\n{USO}: {state}" in ethtool(1, "-k", "dm1")


def check_datagrams(wire):
    wire.check("IPv4", "udp", "192.0.2.1", USO, "eth ip4 udp")
    wire.check("IPv6", "udp", "2001:db8::1", USO, "eth ip6 udp")
    wire.check("segments of an odd length", "udp", "192.0.2.1", USO, "eth ip4 udp", segment=333)
    wire.check("segments of one byte", "udp", "2001:db8::1", USO, "eth ip6 udp", segment=1)
    wire.check("segments as long as the MTU allows", "udp", "192.0.2.1", USO, "eth ip4 udp", segment=1472)
    wire.check("IPv4 options", "udp", "192.0.2.1", USO, "eth ip4 udp", options=40)
    each("-n ns%N link set dm%N mtu 9000")
    wire.check("MTU 9000", "udp", "2001:db8::1", USO, "eth ip6 udp", segment=8952)
    each("-n ns%N link set dm%N mtu 1500")
    ethtool(0, "-G", "dm0", "tcp-data-split", "on")
    wire.check("to a receiver that splits TCP", "udp", "192.0.2.1", USO, "eth ip4 udp")
    ethtool(0, "-G", "dm0", "tcp-data-split", "off")


def check_tcp(wire):
    tso = "tx-tcp6-segmentation"
    wire.check("TCP past destination options", "tcp", "2001:db8::1", tso, "eth ip6 options tcp", options=64)
    wire.check("past more than the engine parses: the stack cuts", "tcp", "2001:db8::1", tso, "eth ip6 options tcp", options=200,
               cuts=False)


def main():
    t.net("pair_up 4")
    try:
        t.ok("it is on", uso_is("on"))
        ethtool(0, "-K", "dm0", "gro", "off", "rx-gro-hw", "off")
        wire = Wire()
        check_datagrams(wire)
        vlan_up()
        wire.check_vlan("IPv4", "udp", "198.51.100.1", USO, "eth ip4 udp")
        check_tcp(wire)
        ethtool(1, "-K", "dm1", "tx", "off")
        t.ok("it goes with the checksum", uso_is("off"))
        ethtool(1, "-K", "dm1", "tx", "on")
        t.ok("and comes back with it", uso_is("on"))
        t.equal("no checksum was wrong", wire.arrived["rx_csum_bad"], 0)
    finally:
        t.net("pair_down")
    t.end()


main()

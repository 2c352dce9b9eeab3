# SPDX-License-Identifier: GPL-2.0-only
"""For tests of steering: frames made by hand, sent from dm1 in ns1, and dm0 in ns0 as ethtool's ioctls show it.

A second implementation of what the NIC does: where its hash of a packet leads is computed here from the packet alone.
"""
import ctypes
import fcntl
import os
import re
import socket
import struct
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import tap as t  # noqa: E402  (its place is known only now)

SIOCETHTOOL = 0x8946
ETHTOOL_GSTATS, ETHTOOL_GRXFH, ETHTOOL_SRXFH, ETHTOOL_SRXCLSRLINS, ETHTOOL_GRSSH, ETHTOOL_SRSSH = \
    0x1d, 0x29, 0x2a, 0x32, 0x46, 0x47
FLOW_RSS = 0x20000000
FLOWS = {"tcp4": 1, "udp4": 2, "sctp4": 3, "tcp6": 5, "udp6": 6, "ip4": 0x10, "ip6": 0x11}
FIELDS = {"s": 1 << 4, "d": 1 << 5, "f": 1 << 6, "n": 1 << 7, "l": 1 << 9}  # ethtool's letters
PROTOCOLS = {"tcp": 6, "udp": 17, "sctp": 132, "esp": 50, "ip": 253}  # 253: for experiments, nobody's
XFRM_NONE, XFRM_XOR, XFRM_OR_XOR, XFRM_NO_CHANGE = 0, 1, 2, 0xff
ALLOC = 0xffffffff
ADDRESSES = {"4": ("192.0.2.2", "192.0.2.1"), "6": ("2001:db8::2", "2001:db8::1")}
COUNT = 20  # frames of a flow: what else the kernel sends meanwhile is less


def toeplitz(key, data):
    key, bits, result = int.from_bytes(key, "big"), 8 * len(key), 0
    for i in range(8 * len(data)):
        if data[i // 8] >> (7 - i % 8) & 1:
            result ^= key >> (bits - 32 - i) & 0xffffffff
    return result


def check_toeplitz():
    """The published test vector."""
    key = bytes.fromhex("6d5a56da255b0ec24167253d43a38fb0d0ca2bcbae7b30b477cb2da38030f20c6a42b73bbeac01fa")
    data = socket.inet_aton("66.9.149.187") + socket.inet_aton("161.142.100.80") + struct.pack(">HH", 2794, 1766)
    assert toeplitz(key, data) == 0x51ccc178


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total ^ 0xffff


class Flow:
    """A packet: flow is tcp4, udp6, ip4…; the rest as a rule would say it."""

    def __init__(self, flow, sport=1000, dport=2000, src=None, dst=None, tos=0, label=0, vlan=None, etype=0x8100, proto=None,
                 payload=b"sixteen bytes ok", fragment=False, options=b"", mac=None):
        self.version = flow[-1]
        self.kind = flow[:-1]
        self.proto = proto if proto is not None else PROTOCOLS[self.kind]
        self.sport, self.dport, self.tos, self.label, self.vlan, self.etype = sport, dport, tos, label, vlan, etype
        self.src, self.dst = src or ADDRESSES[self.version][0], dst or ADDRESSES[self.version][1]
        self.payload, self.fragment, self.options, self.mac = payload, fragment, options, mac

    def reverse(self):
        back = Flow.__new__(Flow)
        back.__dict__.update(self.__dict__, src=self.dst, dst=self.src, sport=self.dport, dport=self.sport)
        return back

    def addresses(self):
        family = socket.AF_INET6 if self.version == "6" else socket.AF_INET
        return socket.inet_pton(family, self.src), socket.inet_pton(family, self.dst)

    def l4(self):
        if self.proto == 6:
            head = struct.pack(">HHIIBBHHH", self.sport, self.dport, 1, 0, 5 << 4, 0x02, 1024, 0, 0)
        elif self.proto == 17:
            head = struct.pack(">HHHH", self.sport, self.dport, 8 + len(self.payload), 0)
        elif self.proto in (50, 132):
            head = struct.pack(">HH", self.sport, self.dport)
        else:
            head = b""
        data = head + self.payload
        if self.proto in (6, 17):
            pseudo = b"".join(self.addresses()) + struct.pack(">IHBB", len(data), 0, 0, self.proto)
            at = 16 if self.proto == 6 else 6
            data = data[:at] + struct.pack(">H", checksum(pseudo + data)) + data[at + 2:]
        return data

    def ip(self):
        src, dst = self.addresses()
        data = self.l4()
        if self.version == "4":
            head = struct.pack(">BBHHHBBH", 0x45, self.tos, 20 + len(data), 1, 0x2000 if self.fragment else 0, 64, self.proto, 0)
            head += src + dst
            return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + data
        following = self.proto
        if self.fragment:
            data = struct.pack(">BBHI", self.proto, 0, 1, 7) + data
            following = 44
        if self.options:
            data = struct.pack(">BB", following, len(self.options) // 8) + self.options + data
            following = 60  # destination options
        return struct.pack(">IHBB", 6 << 28 | self.tos << 20 | self.label, len(data), following, 64) + src + dst + data

    def frame(self, macs):
        tag = b"" if self.vlan is None else struct.pack(">HH", self.etype, self.vlan)
        return (self.mac or macs[0]) + macs[1] + tag + (b"\x08\x00" if self.version == "4" else b"\x86\xdd") + self.ip()

    def hash(self, key, fields, xfrm=XFRM_NONE):
        """The fields keep their places whichever of them are hashed; the flow label's is after the longest of the others."""
        pairs = [self.addresses(), (struct.pack(">H", self.sport), struct.pack(">H", self.dport))]
        data = b""
        for (first, second), letters in zip(pairs, ("sd", "fn")):
            both = int.from_bytes(first, "big"), int.from_bytes(second, "big")
            if xfrm:
                both = (both[0] ^ both[1] if xfrm == XFRM_XOR else both[0] | both[1]), both[0] ^ both[1]
            for value, letter in zip(both, letters):
                data += (value if letter in fields else 0).to_bytes(len(first), "big")
        if "l" in fields:
            data = data.ljust(36, b"\0") + self.label.to_bytes(4, "big")
        return toeplitz(key, data)


class Nic:
    """dm0: its sockets are ns0's, this process is in ns1 from now on."""

    def __init__(self):
        check_toeplitz()
        self.macs = [self.mac("ns0", "dm0"), self.mac("ns1", "dm1")]
        t.enter("ns0")
        self.control = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        t.enter("ns1")
        self.wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        self.wire.bind(("dm1", 0))
        names = re.findall(r"^ +(\w+): ", self.ethtool("-S", "dm0").stdout, re.M)
        self.packets_at = {int(m[1]): i for i, name in enumerate(names) if (m := re.match(r"rx_queue_(\d+)_packets$", name))}
        self.discarded_at = names.index("rx_queue_0_discarded")
        self.stats = len(names)

    @staticmethod
    def mac(netns, dev):
        text = subprocess.run(("ip", "-n", netns, "link", "show", dev), check=True, capture_output=True, text=True).stdout
        return bytes.fromhex(re.search(r"link/ether (\S+)", text)[1].replace(":", ""))

    @staticmethod
    def ethtool(*words):
        return subprocess.run(("ip", "netns", "exec", "ns0", "ethtool") + words, capture_output=True, text=True)

    @staticmethod
    def link(state):
        """up: until packets get through."""
        subprocess.run(("ip", "-n", "ns0", "link", "set", "dm0", state), check=True)
        if state == "up":
            subprocess.run(("ip", "-n", "ns0", "addr", "replace", "2001:db8::1/64", "dev", "dm0", "nodad"), check=True)
            t.reached()

    def rule(self, words):
        """ethtool -N dm0 flow-type WORDS: the rule's location, or why not."""
        result = self.ethtool("-N", "dm0", "flow-type", *words.split())
        number = re.search(r"Added rule with ID (\d+)", result.stdout)
        return int(number[1]) if number else (result.stderr or "added").strip()

    def insert(self, kind, location=0, cookie=0, context=0, value=b"", mask=b"", ext=b"", ext_mask=b""):
        """The same by ioctl, for what ethtool does not say; values and masks as in struct ethtool_rx_flow_spec."""
        raw = struct.pack("=IIQ" "I52s20s52s20s4xQI4x" "II", ETHTOOL_SRXCLSRLINS, 0, 0,
                          kind, value, ext, mask, ext_mask, cookie, location, context, 0)
        self.ioctl(raw)

    def rules(self):
        return sorted(int(n) for n in re.findall(r"^Filter: (\d+)", self.ethtool("-n", "dm0").stdout, re.M))

    def no_rule(self, *locations):
        for location in locations or self.rules():
            self.ethtool("-N", "dm0", "delete", str(location))

    def ioctl(self, data):
        """The buffer as the kernel left it; OSError as it said."""
        buffer = ctypes.create_string_buffer(data, len(data))
        request = struct.pack("16sP8x", b"dm0", ctypes.addressof(buffer))
        fcntl.ioctl(self.control, SIOCETHTOOL, request)
        return buffer.raw

    def packets(self):
        """Of each queue; None: those that a rule dropped, which the first queue counts."""
        raw = self.ioctl(struct.pack("=II", ETHTOOL_GSTATS, self.stats) + bytes(8 * self.stats))
        places = {**self.packets_at, None: self.discarded_at}
        return {queue: struct.unpack_from("=Q", raw, 8 + 8 * at)[0] for queue, at in places.items()}

    def send(self, flow, count=COUNT):
        frame = flow.frame(self.macs)
        for _ in range(count):
            self.wire.send(frame)

    def queue(self, flow):
        """Where the flow arrives; None: a rule drops it."""
        before = self.packets()
        self.send(flow)

        def places():
            after = self.packets()
            return [queue for queue in after if after[queue] - before[queue] >= COUNT]
        return places()[0] if t.wait_for(places, step=0.02) else "nowhere"

    # --- RSS, by ioctl: what ethtool can say depends on its version ---

    def rss(self, context=0):
        """Key, table, hash function and input transformation."""
        head = struct.pack("=IIIIBBBBI", ETHTOOL_GRSSH, context, 0, 0, 0, 0, 0, 0, 0)
        _, _, table, key, *_ = struct.unpack("=IIIIBBBBI", self.ioctl(head))
        head = struct.pack("=IIIIBBBBI", ETHTOOL_GRSSH, context, table, key, 0, 0, 0, 0, 0)
        raw = self.ioctl(head + bytes(4 * table + key))
        hfunc, xfrm = raw[16], raw[17]
        return raw[24 + 4 * table:], list(struct.unpack_from(f"={table}I", raw, 24)), hfunc, xfrm

    def set_rss(self, context=0, table=None, key=b"", xfrm=XFRM_NO_CHANGE, hfunc=0, delete=False):
        """The context: that of ALLOC is the kernel's choice."""
        size = 0 if delete else len(table) if table else 0xffffffff
        data = struct.pack("=IIIIBBBBI", ETHTOOL_SRSSH, context, size, len(key), hfunc, xfrm, 0, 0, 0)
        data += struct.pack(f"={len(table or ())}I", *(table or ())) + key
        return struct.unpack_from("=I", self.ioctl(data), 4)[0]

    def fields(self, flow, letters=None, context=0):
        """What is hashed of a flow type, as ethtool's letters; sets it if letters are given."""
        data = sum(FIELDS[letter] for letter in letters or "")
        kind = FLOWS[flow] | (FLOW_RSS if context else 0)
        raw = struct.pack("=IIQ168xII", ETHTOOL_GRXFH if letters is None else ETHTOOL_SRXFH, kind, data, context, 0)
        data = struct.unpack_from("=Q", self.ioctl(raw), 8)[0]
        return "".join(letter for letter in FIELDS if FIELDS[letter] & data)


def errno_of(call, *args, **kwargs):
    """0, or the errno with which a call failed."""
    try:
        call(*args, **kwargs)
    except OSError as error:
        return error.errno
    return 0

# SPDX-License-Identifier: GPL-2.0-only
"""For tests of what dm1, in ns1, cuts: sends it, and looks at every frame of it on dm0, in ns0, where GRO has to be off.

With a feature on the NIC cuts, with it off the stack does, and either shows in dm1's counters. Of every frame lengths and checksums
must be right and nothing may follow, and what the frames carry is what was sent. Datagrams become the same frames, whoever has cut
them, but for identifications; these count up from frame to frame in each IPv4 header.
"""
import ctypes
import fcntl
import os
import re
import socket
import struct
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import tap as t  # noqa: E402  (its place is known only now)

UDP_SEGMENT, IPV6_DSTOPTS, SO_RCVBUFFORCE = 103, 59, 33
ETH_P_ALL, PACKET_OUTGOING = 3, 4
SIOCETHTOOL, ETHTOOL_GSTATS = 0x8946, 0x1d
SYN = 2
PORT, VXLAN_PORT = 7001, 4789
ETHERTYPES = {0x0800: "ip4", 0x86dd: "ip6", 0x6558: "eth"}
PROTOCOLS = {4: "ip4", 41: "ip6", 6: "tcp", 17: "udp", 47: "gre", 60: "options"}


def sums_up(*parts):
    """One's complement arithmetic is that modulo 65535; each part but the last has an even length."""
    data = b"".join(parts)
    return int.from_bytes(data + b"\0" * (len(data) % 2), "big") % 0xffff == 0


class Frame:
    """Headers in their order, udp0 for UDP that has no checksum, gre+ for GRE that has one; ids: offset and identification of each
    IPv4 header. ValueError: a byte is not right.
    """

    def __init__(self, data):
        self.data, self.headers, self.ids, self.pseudo = data, [], [], b""
        header, at = "eth", 0
        while header:
            header, at = getattr(self, header)(at)
        self.payload = data[at:]

    def need(self, what, right):
        if not right:
            raise ValueError(f"{' '.join(self.headers)}: {what}: {self.data[:200].hex()}")

    def eth(self, at):
        self.headers.append("eth")
        kind, = struct.unpack_from(">H", self.data, at + 12)
        return ETHERTYPES.get(kind), at + 14

    def ip4(self, at):
        self.headers.append("ip4")
        data, size = self.data, (self.data[at] & 15) * 4
        length, ident, fragment = struct.unpack_from(">HHH", data, at + 2)
        self.need("length", data[at] >> 4 == 4 and length == len(data) - at)
        self.need("fragment", not fragment & 0x3fff)
        self.need("header checksum", sums_up(data[at:at + size]))
        self.ids.append((at, ident))
        self.pseudo = data[at + 12:at + 20]
        return PROTOCOLS.get(data[at + 9]), at + size

    def ip6(self, at):
        self.headers.append("ip6")
        data = self.data
        length, = struct.unpack_from(">H", data, at + 4)
        self.need("length", data[at] >> 4 == 6 and length == len(data) - at - 40)
        self.pseudo = data[at + 8:at + 40]
        return PROTOCOLS.get(data[at + 6]), at + 40

    def options(self, at):
        self.headers.append("options")
        return PROTOCOLS.get(self.data[at]), at + 8 + 8 * self.data[at + 1]

    def sums_up_from(self, at, proto):
        return sums_up(self.pseudo, struct.pack(">IHH", len(self.data) - at, 0, proto), self.data[at:])

    def udp(self, at):
        _, self.port, length, check = struct.unpack_from(">HHHH", self.data, at)
        self.headers.append("udp" if check else "udp0")
        self.need("length", length == len(self.data) - at)
        self.need("checksum", not check or self.sums_up_from(at, 17))
        return ("vxlan" if self.port == VXLAN_PORT else None), at + 8

    def vxlan(self, at):
        self.headers.append("vxlan")
        return "eth", at + 8

    def gre(self, at):
        flags, proto = struct.unpack_from(">HH", self.data, at)
        self.headers.append("gre+" if flags & 0x8000 else "gre")
        size = 4 + 4 * sum(flags >> bit & 1 for bit in (15, 13, 12))
        if flags & 0x8000:
            self.need("checksum", sums_up(self.data[at:]))
            self.need("reserved bytes", self.data[at + 6:at + 8] == b"\0\0")
        return ETHERTYPES.get(proto), at + size

    def tcp(self, at):
        self.headers.append("tcp")
        self.sport, self.port, self.seq = struct.unpack_from(">HHI", self.data, at)
        self.flags = self.data[at + 13]
        self.need("checksum", self.sums_up_from(at, 6))
        return None, at + 4 * (self.data[at + 12] >> 4)

    def without_ids(self):
        """Neither the identifications nor the header checksums that depend on them."""
        data = bytearray(self.data)
        for at, _ in self.ids:
            data[at + 4:at + 6] = data[at + 10:at + 12] = b"\0\0"
        return bytes(data)


def ethtool(number, *words):
    t.enter(f"ns{number}")
    return subprocess.run(("ethtool", *words), check=True, stdout=subprocess.PIPE, text=True).stdout


def ip(words):
    subprocess.run(("ip", *words.split()), check=True)


def each(words):
    """ip for both ends: %N is 0, then 1, and %P that of the peer."""
    for number, peer in ("01", "10"):
        ip(words.replace("%N", number).replace("%P", peer))


def reach(*addresses):
    """Waits until ns1 reaches them: routes of IPv6 addresses come and go in a work item."""
    for address in addresses:
        t.net(f"wait_for 10 in1 ping -c1 -W1 {address}")


def vlan_up():
    """A VLAN on either end, 198.51.100.1 and .2, and 2001:db8:7::1 and ::2."""
    each("-n ns%N link add link dm%N name dm%N.7 type vlan id 7")
    each("-n ns%N link set dm%N.7 up")
    for number in (0, 1):
        ip(f"-n ns{number} addr add 198.51.100.{number + 1}/24 dev dm{number}.7")
        ip(f"-n ns{number} addr add 2001:db8:7::{number + 1}/64 dev dm{number}.7 nodad")
    reach("198.51.100.1", "2001:db8:7::1")


class Counters:
    """Of dmN, over all queues."""

    def __init__(self, number):
        self.device = f"dm{number}".encode()
        self.names = re.findall(r"^ +(\w+): ", ethtool(number, "-S", f"dm{number}"), re.M)
        self.control = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def __getitem__(self, name):
        """name: what follows the queue's number, as in rx_packets."""
        buffer = ctypes.create_string_buffer(struct.pack("=II", ETHTOOL_GSTATS, len(self.names)), 8 + 8 * len(self.names))
        fcntl.ioctl(self.control, SIOCETHTOOL, struct.pack("16sP8x", self.device, ctypes.addressof(buffer)))
        direction, what = name.split("_", 1)
        pattern = re.compile(rf"{direction}_queue_\d+_{what}$")
        values = struct.unpack_from(f"={len(self.names)}Q", buffer.raw, 8)
        return sum(value for name, value in zip(self.names, values) if pattern.match(name))


class Capture:
    """All that comes in by dm0."""

    def __enter__(self):
        t.enter("ns0")
        self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self.sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 26)
        self.sock.bind(("dm0", ETH_P_ALL))
        self.sock.settimeout(30)
        return self

    def __exit__(self, *_):
        self.sock.close()

    def frames(self, kind):
        """Those of this protocol for PORT, one by one; all others only have to be right."""
        while True:
            data, address = self.sock.recvfrom(1 << 17)
            if address[2] == PACKET_OUTGOING:
                continue
            frame = Frame(data)
            if getattr(frame, "port", 0) == PORT and frame.headers[-1].startswith(kind):
                yield frame


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def set_options(sock, size):
    """IP options of @size bytes, of a kind that receivers skip."""
    if size and sock.family == socket.AF_INET:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_OPTIONS, b"\1" * size)
    elif size:
        option = struct.pack("BB", 0x1e, size - 4) + bytes(size - 4)
        sock.setsockopt(socket.IPPROTO_IPV6, IPV6_DSTOPTS, struct.pack("BB", 0, size // 8 - 1) + option)


def datagram(size, segment, sender, receiver, capture):
    """Sends one that is to be cut; the frames it comes in."""
    data = bytes((i * i + i // 251) & 0xff for i in range(size))
    pieces = [data[at:at + segment] for at in range(0, size, segment)]
    sender.send(data)
    if [receiver.recv(1 << 16) for _ in pieces] != pieces:
        raise ValueError(f"a datagram of {size} bytes did not arrive as it was sent")
    frames = [frame for _, frame in zip(pieces, capture.frames("udp"))]
    if [frame.payload for frame in frames] != pieces:
        raise ValueError(f"a datagram of {size} bytes was not cut as it should be")
    for before, after in zip(frames, frames[1:]):
        if [(ident + 1) & 0xffff for _, ident in before.ids] != [ident for _, ident in after.ids]:
            raise ValueError(f"identifications {before.ids}, then {after.ids}")
    return frames


def stream(address, data, options=0):
    """Sends @data through a connection."""
    t.enter("ns0")
    with socket.socket(family(address), socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, PORT))
        listener.listen()
        t.enter("ns1")
        with socket.socket(family(address), socket.SOCK_STREAM) as sender:
            set_options(sender, options)
            sender.settimeout(30)
            sender.connect((address, PORT))
            with listener.accept()[0] as receiver:
                receiver.settimeout(30)
                thread = threading.Thread(target=lambda: (sender.sendall(data), sender.shutdown(socket.SHUT_WR)))
                thread.start()
                arrived = b"".join(iter(lambda: receiver.recv(1 << 16), b""))
                thread.join()
    if arrived != data:
        raise ValueError("the bytes that arrived are not those that were sent")


def connection(address, options):
    """The frames, with payload, that a stream comes in; some may come twice."""
    data, seen, frames, start, sport = os.urandom(100000), set(), [], None, None
    with Capture() as capture:
        stream(address, data, options)
        for frame in capture.frames("tcp"):
            if frame.flags & SYN:
                start, sport = frame.seq + 1, frame.sport
            elif frame.payload and frame.sport == sport:
                at = frame.seq - start & 0xffffffff
                frame.need("payload", frame.payload == data[at:at + len(frame.payload)])
                seen.update(range(at, at + len(frame.payload)))
                frames.append(frame)
            if len(seen) == len(data):
                return frames


class Wire:
    def __init__(self):
        self.sent, self.arrived = Counters(1), Counters(0)
        self.counted = ["packets", "bytes"]

    def difference(self):
        return [self.sent[f"tx_{what}"] - self.arrived[f"rx_{what}"] for what in self.counted]

    def lost(self):
        """What dm1 says it has sent, and dm0 has not got. TSO packets count with all headers of their frames, but those have no tag.

        The ends are not read at once: it is true when it stays, and no packet is under way.
        """
        now, before = self.difference(), None

        def settled():
            nonlocal now, before
            now, before = self.difference(), now
            return now == before and now[0] == 0

        if not t.wait_for(settled, step=0.1):
            raise ValueError(f"{self.counted} that were sent and are not received: {now}")
        return now

    def settings(self, feature, headers, packets, send):
        """Calls send(), for frames of @headers, with the feature on and off; @packets says how many the NIC has to cut, then."""
        frames, lost = {}, self.lost()
        for setting in ("off", "on"):
            ethtool(1, "-K", "dm1", feature, setting)
            before = self.sent["tx_tso_packets"]
            frames[setting] = send()
            cut = self.sent["tx_tso_packets"] - before
            if not packets(cut) if setting == "on" else cut:
                raise ValueError(f"{feature} {setting}: the NIC had {cut} packets to cut")
            for frame in frames[setting]:
                if " ".join(frame.headers) != headers:
                    raise ValueError(f"headers: {' '.join(frame.headers)}, expected: {headers}")
        now = self.lost()
        if now != lost:
            raise ValueError(f"{self.counted} that were sent and are not received: {lost} before, {now} now")
        return frames

    def udp(self, address, feature, headers, segment=1000, options=0, cuts=True):
        sizes = 5 * segment, 6 * segment + 1, 3 * segment + segment // 2, segment + 1
        with Capture() as capture, socket.socket(family(address), socket.SOCK_DGRAM) as receiver:
            receiver.settimeout(30)
            receiver.bind((address, PORT))
            t.enter("ns1")
            with socket.socket(family(address), socket.SOCK_DGRAM) as sender:
                set_options(sender, options)
                sender.bind(("", PORT - 1))
                sender.connect((address, PORT))
                sender.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, segment)
                frames = self.settings(feature, headers, lambda cut: cut == cuts * len(sizes), lambda: sum(
                    (datagram(size, segment, sender, receiver, capture) for size in sizes), []))
        for by_nic, by_stack in zip(frames["on"], frames["off"]):
            if by_nic.without_ids() != by_stack.without_ids():
                raise ValueError(f"by the NIC: {by_nic.data[:200].hex()}\nby the stack: {by_stack.data[:200].hex()}")

    def tcp(self, address, feature, headers, options=0, cuts=True):
        self.settings(feature, headers, lambda cut: bool(cut) == cuts, lambda: connection(address, options))

    def check_vlan(self, text, *words, **more):
        """The same in a VLAN, its tag put in and taken out by the NICs, or not."""
        self.counted = ["packets"]
        for put_in, taken_out in (("on", "on"), ("on", "off"), ("off", "on"), ("off", "off")):
            ethtool(1, "-K", "dm1", "tx-vlan-offload", put_in)
            ethtool(0, "-K", "dm0", "rx-vlan-offload", taken_out)
            self.check(f"{text} in a VLAN, its tag put in by the NIC: {put_in}, taken out: {taken_out}", *words, **more)
        self.counted = ["packets", "bytes"]

    def check(self, text, kind, *words, **more):
        """A TAP line: udp() or tcp() finds nothing wrong."""
        try:
            getattr(self, kind)(*words, **more)
            return t.ok(text, True)
        except (ValueError, OSError, subprocess.CalledProcessError) as error:
            return t.ok(text, False, f"{type(error).__name__}: {error}")

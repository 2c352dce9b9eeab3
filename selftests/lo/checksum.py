#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Checksums where no protocol has one. AF_XDP's metadata let a program ask for any; in copy mode it gets to the NIC unlooked at."""
import ctypes
import mmap
import os
import socket
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))

import tap as t  # noqa: E402  (its place is known only now)

AF_XDP, SOL_XDP, SOL_PACKET = 44, 283, 263
XDP_MMAP_OFFSETS, XDP_TX_RING, XDP_UMEM_REG, XDP_UMEM_FILL_RING, XDP_UMEM_COMPLETION_RING = 1, 3, 4, 5, 6
PGOFF_TX_RING = 0x80000000
UMEM_TX_METADATA_LEN, TX_METADATA, TXMD_CHECKSUM, COPY = 1 << 2, 1 << 1, 1 << 1, 1 << 1
PACKET_AUXDATA, AUXDATA_VLAN = 8, 1 << 4
ETH_P_ALL, ETYPE = 3, b"\x88\xb5"  # for experiments, nobody's
CHUNK, CHUNKS, METADATA, ROOM = 4096, 16, 24, 256
LIBC = ctypes.CDLL(None, use_errno=True)


class Sender:
    """An AF_XDP socket of dm1's queue 0. Each frame has a chunk of its own, as there are few."""

    def __init__(self):
        t.enter("ns1")
        self.sock = socket.socket(AF_XDP, socket.SOCK_RAW)
        self.umem = mmap.mmap(-1, CHUNK * CHUNKS)
        place = ctypes.addressof(ctypes.c_char.from_buffer(self.umem))
        self.sock.setsockopt(SOL_XDP, XDP_UMEM_REG, struct.pack("=QQIIII", place, CHUNK * CHUNKS, CHUNK, 0, UMEM_TX_METADATA_LEN, METADATA))
        for ring in XDP_UMEM_FILL_RING, XDP_UMEM_COMPLETION_RING, XDP_TX_RING:
            self.sock.setsockopt(SOL_XDP, ring, CHUNKS)
        offsets = struct.unpack("=16Q", self.sock.getsockopt(SOL_XDP, XDP_MMAP_OFFSETS, 128))
        self.producer, self.descs = offsets[4], offsets[6]
        self.ring = mmap.mmap(self.sock.fileno(), self.descs + 16 * CHUNKS, offset=PGOFF_TX_RING)
        self.sent = 0
        # Python knows no such addresses.
        address = struct.pack("=HHIII", AF_XDP, COPY, socket.if_nametoindex("dm1"), 0, 0)
        if LIBC.bind(self.sock.fileno(), address, len(address)):
            raise OSError(ctypes.get_errno(), "an AF_XDP socket is not bound")

    def send(self, frame, start, offset):
        at = self.sent * CHUNK + ROOM
        self.umem[at - METADATA:at] = struct.pack("=QHH12x", TXMD_CHECKSUM, start, offset)
        self.umem[at:at + len(frame)] = frame
        desc = self.descs + 16 * self.sent
        self.ring[desc:desc + 16] = struct.pack("=QII", at, len(frame), TX_METADATA)
        self.sent += 1
        self.ring[self.producer:self.producer + 4] = struct.pack("=I", self.sent)
        self.sock.send(b"", socket.MSG_DONTWAIT)


class Receiver:
    """What comes to dm0."""

    def __init__(self):
        t.enter("ns0")
        self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self.sock.bind(("dm0", ETH_P_ALL))
        self.sock.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        self.sock.settimeout(20)

    def receive(self):
        """The next frame of ours, and its tag."""
        while True:
            frame, ancillary, _, _ = self.sock.recvmsg(CHUNK, 256)
            if frame[12:14] != ETYPE:
                continue
            status, tci = struct.unpack_from("=I12xH", ancillary[0][2])
            return frame, tci if status & AUXDATA_VLAN else None


def summed(frame, start, offset):
    """The frame with the one's complement of what there is from start on, at offset behind it."""
    data = frame[start:] + b"\0" * ((len(frame) - start) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    at = start + offset
    return frame[:at] + struct.pack(">H", total ^ 0xffff or 0xffff) + frame[at + 2:]


def check(sender, receiver, tag, start, offset):
    addresses, payload = b"\x02\1\2\3\4\5\x02\6\7\x08\x09\x0a", bytes(range(200, 255))
    header = b"" if tag is None else struct.pack(">HH", 0x8100, tag)
    frame = addresses + header + ETYPE + payload
    sender.send(frame, start, offset)
    want = summed(frame, start, offset)
    if tag is not None:
        want = want[:12] + want[16:]
    t.equal(f"from {start} on, at {start + offset}{', tagged' if header else ''}", receiver.receive(), (want, tag))


def main():
    t.net("pair_up 1")
    receiver, sender = Receiver(), Sender()
    for start, offset in (0, 0), (3, 2), (14, 4), (18, 2), (21, 30):
        check(sender, receiver, None, start, offset)
    for start, offset in (0, 0), (1, 2), (3, 0), (14, 6), (16, 4), (18, 2), (21, 30):
        check(sender, receiver, 7, start, offset)
    sender.sock.close()
    t.net("pair_down")
    t.end()


if __name__ == "__main__":
    main()

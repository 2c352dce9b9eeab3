#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The least of a devmem TCP client, for tests that need to hold exactly what they say.

  dmabuf.py bind DEV QUEUES SIZE [--page-size N]       bind a udmabuf, print its id, unbind at the end of stdin
  dmabuf.py recv DEV QUEUES SIZE PORT [--page-size N] [--keep N]
      bind, accept one connection, and count what comes, what is all in host memory as linear; with --keep N, up to N tokens are not returned until a line
      comes on stdin, or for ever at its end. Prints `bytes B dmabuf D linear L tokens T sha256 H` at the end of the
      stream, and ends when nothing is kept.
  dmabuf.py send DEV SIZE ADDRESS PORT                 bind for transmission, send SIZE bytes from the dma-buf
  dmabuf.py pools                                      one line `ID IFINDEX INFLIGHT BINDING` per devmem page pool
  dmabuf.py qstats DEV                                 one line `rx|tx QUEUE PACKETS BYTES ALLOC_FAIL` per queue
  dmabuf.py lease DEV IFINDEX QUEUE NSID               lease a queue of a device in another namespace, print DEV's number for it
  dmabuf.py thresh DEV N                               hds-thresh, which ethtool before 6.15 does not know

The fields of the `netdev` family are written by hand: netlink is a few structs.
"""
import argparse
import ctypes
import fcntl
import hashlib
import mmap
import os
import select
import signal
import socket
import struct
import sys

UDMABUF_CREATE = 0x40187542
F_ADD_SEALS, F_SEAL_SHRINK = 1033, 2
MSG_SOCK_DEVMEM = 0x2000000
MSG_ZEROCOPY = 0x4000000
SO_ZEROCOPY = 60
SO_DEVMEM_LINEAR, SO_DEVMEM_DMABUF, SO_DEVMEM_DONTNEED = 78, 79, 80
NETDEV_CMD_PAGE_POOL_GET, NETDEV_CMD_QSTATS_GET, NETDEV_CMD_BIND_RX, NETDEV_CMD_BIND_TX, NETDEV_CMD_QUEUE_CREATE = \
    5, 12, 13, 15, 16
A_IFINDEX, A_QUEUES, A_FD, A_ID, A_PAGE_SIZE = 1, 2, 3, 4, 5
ETHTOOL_MSG_RINGS_SET, A_RINGS_HEADER, A_HEADER_DEV_NAME, A_RINGS_HDS_THRESH = 16, 1, 2, 17
NLM_F_REQUEST, NLM_F_ACK, NLM_F_DUMP = 1, 4, 0x300
NLMSG_ERROR, NLMSG_DONE = 2, 3


def attr(kind, data):
    return struct.pack("=HH", 4 + len(data), kind) + data + b"\0" * (-len(data) % 4)


def u32(kind, value):
    return attr(kind, struct.pack("=I", value))


def attrs(data):
    while len(data) >= 4:
        size, kind = struct.unpack_from("=HH", data)
        yield kind & 0x3fff, data[4:size]
        data = data[(size + 3) & ~3:]


class Genl:
    """One generic netlink socket; a binding lasts as long as it does."""

    def __init__(self, family):
        self.sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 16)
        self.sock.bind((0, 0))
        self.sock.setsockopt(270, 11, 1)  # NETLINK_EXT_ACK
        reply = self.call(0x10, 3, 1, attr(2, family.encode() + b"\0"))
        self.family = struct.unpack("=H", reply[1])[0]

    def call(self, family, cmd, version, payload, flags=NLM_F_ACK):
        """The attributes of the reply; of a dump, a list of those."""
        body = struct.pack("=BBH", cmd, version, 0) + payload
        self.sock.send(struct.pack("=IHHII", 16 + len(body), family, NLM_F_REQUEST | flags, 1, 0) + body)
        replies = []
        while True:
            data = self.sock.recv(1 << 20)
            while data:
                size, kind, flags_in = struct.unpack_from("=IHH", data)
                message, data = data[16:size], data[(size + 3) & ~3:]
                if kind == NLMSG_ERROR:
                    self.check(message, flags_in)
                if kind in (NLMSG_ERROR, NLMSG_DONE):
                    return replies if flags & NLM_F_DUMP else (replies or [{}])[0]
                replies.append(dict(attrs(message[4:])))

    @staticmethod
    def check(message, flags):
        error = -struct.unpack_from("=i", message)[0]
        if error:
            request = 16 if flags & 0x100 else struct.unpack_from("=I", message, 4)[0]
            text = dict(attrs(message[4 + request:])).get(1, b"\0").decode().rstrip("\0")
            raise OSError(error, ": ".join(filter(None, (os.strerror(error), text))))


class Dmabuf:
    """A udmabuf over a memfd."""

    def __init__(self, size, page_size):
        flags = 2  # MFD_ALLOW_SEALING
        if page_size > 4096:
            flags |= 4 | 21 << 26  # MFD_HUGETLB | MFD_HUGE_2MB
        self.memfd = os.memfd_create("dmabuf", flags)
        os.ftruncate(self.memfd, size)
        fcntl.fcntl(self.memfd, F_ADD_SEALS, F_SEAL_SHRINK)
        device = os.open("/dev/udmabuf", os.O_RDWR)
        self.fd = fcntl.ioctl(device, UDMABUF_CREATE, bytearray(struct.pack("=IIQQ", self.memfd, 1, 0, size)))
        os.close(device)
        self.map = mmap.mmap(self.memfd, size)


def bind_rx(dev, queues, dmabuf, page_size):
    nl = Genl("netdev")
    payload = u32(A_IFINDEX, socket.if_nametoindex(dev)) + u32(A_FD, dmabuf.fd)
    for queue in queues:
        payload += attr(A_QUEUES | 0x8000, u32(1, queue) + u32(3, 0))
    if page_size > 4096:
        payload += u32(A_PAGE_SIZE, page_size)
    nl.id = struct.unpack("=I", nl.call(nl.family, NETDEV_CMD_BIND_RX, 1, payload)[A_ID])[0]
    return nl


def dontneed(conn, tokens):
    for i in range(0, len(tokens), 128):
        some = tokens[i:i + 128]
        conn.setsockopt(socket.SOL_SOCKET, SO_DEVMEM_DONTNEED, b"".join(struct.pack("=II", t, 1) for t in some))


def receive(conn, dmabuf, keep):
    digest, total, in_dmabuf, linear, kept, tokens = hashlib.sha256(), 0, 0, 0, [], 0
    buf = bytearray(1 << 18)
    room = socket.CMSG_SPACE(24) * 400
    sources = [conn, sys.stdin] if keep else [conn]
    while sources:
        ready = select.select(sources, [], [])[0]
        if sys.stdin in ready:
            sources.remove(sys.stdin)
            if sys.stdin.readline():
                dontneed(conn, kept)
                keep, kept = 0, []
            else:
                signal.pause()
        if conn not in ready:
            continue
        n, ancillary, _, _ = conn.recvmsg_into([buf], room, MSG_SOCK_DEVMEM)
        if not n and not ancillary:
            sources.remove(conn)
            print(f"bytes {total} dmabuf {in_dmabuf} linear {linear} tokens {tokens} sha256 {digest.hexdigest()}",
                  flush=True)
            continue
        if not ancillary:
            total += n
            linear += n
            digest.update(buf[:n])
        back, copied = [], 0
        for _, kind, data in ancillary:
            offset, size, token = struct.unpack_from("=QII", data)
            total += size
            if kind == SO_DEVMEM_LINEAR:
                linear += size
                digest.update(buf[copied:copied + size])
                copied += size
                continue
            in_dmabuf += size
            tokens += 1
            digest.update(dmabuf.map[offset:offset + size])
            (kept if len(kept) < keep else back).append(token)
        dontneed(conn, back)


def cmd_bind(args):
    dmabuf = Dmabuf(args.size, args.page_size)
    nl = bind_rx(args.dev, args.queues, dmabuf, args.page_size)
    print(f"bound {nl.id}", flush=True)
    sys.stdin.read()


def cmd_recv(args):
    dmabuf = Dmabuf(args.size, args.page_size)
    nl = bind_rx(args.dev, args.queues, dmabuf, args.page_size)
    server = socket.create_server(("::", args.port), family=socket.AF_INET6, dualstack_ipv6=True)
    print(f"bound {nl.id}", flush=True)
    receive(server.accept()[0], dmabuf, args.keep)


def cmd_send(args):
    dmabuf = Dmabuf((args.size + 4095) & ~4095, 4096)
    block = os.urandom(1 << 16)
    for offset in range(0, args.size, len(block)):
        end = min(offset + len(block), args.size)
        dmabuf.map[offset:end] = block[:end - offset]
    nl = Genl("netdev")
    payload = u32(A_IFINDEX, socket.if_nametoindex(args.dev)) + u32(A_FD, dmabuf.fd)
    nl.id = struct.unpack("=I", nl.call(nl.family, NETDEV_CMD_BIND_TX, 1, payload)[A_ID])[0]

    conn = socket.create_connection((args.address, args.port))
    conn.setsockopt(socket.SOL_SOCKET, SO_ZEROCOPY, 1)
    conn.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, args.dev.encode())
    libc = ctypes.CDLL(None, use_errno=True)
    sent = 0
    while sent < args.size:
        sent += sendmsg(libc, conn.fileno(), sent, min(args.size - sent, 1 << 20), nl.id)
    conn.shutdown(socket.SHUT_WR)
    conn.recv(1)
    print(f"sent {sent} sha256 {hashlib.sha256(dmabuf.map[:args.size]).hexdigest()}", flush=True)


def number(reply, kind):
    return int.from_bytes(reply.get(kind, b""), "little")


def cmd_pools(_):
    nl = Genl("netdev")
    for pool in nl.call(nl.family, NETDEV_CMD_PAGE_POOL_GET, 1, b"", NLM_F_DUMP):
        if 7 in pool:
            print(*(number(pool, kind) for kind in (1, 2, 4, 7)))


def cmd_qstats(args):
    nl = Genl("netdev")
    payload = u32(1, socket.if_nametoindex(args.dev)) + attr(4, struct.pack("=Q", 1))
    for queue in nl.call(nl.family, NETDEV_CMD_QSTATS_GET, 1, payload, NLM_F_DUMP):
        first = 10 if number(queue, 2) else 8
        print("tx" if number(queue, 2) else "rx", *(number(queue, kind) for kind in (3, first, first + 1, 12)))


def cmd_lease(args):
    nl = Genl("netdev")
    lease = u32(1, args.ifindex) + attr(2 | 0x8000, u32(1, args.queue) + u32(3, 0)) + u32(3, args.nsid)
    payload = u32(2, socket.if_nametoindex(args.dev)) + u32(3, 0) + attr(8 | 0x8000, lease)
    print(number(nl.call(nl.family, NETDEV_CMD_QUEUE_CREATE, 1, payload), 1))


def cmd_thresh(args):
    nl = Genl("ethtool")
    header = attr(A_RINGS_HEADER | 0x8000, attr(A_HEADER_DEV_NAME, args.dev.encode() + b"\0"))
    nl.call(nl.family, ETHTOOL_MSG_RINGS_SET, 1, header + u32(A_RINGS_HDS_THRESH, args.size))


def sendmsg(libc, fd, offset, size, binding):
    """sendmsg() with an iovec whose base is an offset into the dma-buf, which no Python object can have."""
    iov = (ctypes.c_uint64 * 2)(offset, size)
    cmsg = ctypes.create_string_buffer(struct.pack("=QiiII", 20, socket.SOL_SOCKET, SO_DEVMEM_DMABUF, binding, 0), 24)
    msg = (ctypes.c_uint64 * 7)(0, 0, ctypes.addressof(iov), 1, ctypes.addressof(cmsg), 24, 0)
    sent = libc.sendmsg(fd, msg, MSG_ZEROCOPY)
    if sent < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return sent


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    for name, fn, words in (("bind", cmd_bind, ("queues", "size")), ("recv", cmd_recv, ("queues", "size", "port")),
                            ("send", cmd_send, ("size", "address", "port")), ("pools", cmd_pools, None),
                            ("qstats", cmd_qstats, ()), ("lease", cmd_lease, ("ifindex", "queue", "nsid")),
                            ("thresh", cmd_thresh, ("size",))):
        command = commands.add_parser(name)
        command.set_defaults(fn=fn, dev="-")
        if words is None:
            continue
        command.add_argument("dev")
        for word in words:
            command.add_argument(word, type={"queues": lambda text: [int(q) for q in text.split(",")],
                                             "address": str}.get(word, int))
        command.add_argument("--page-size", type=int, default=4096)
        command.add_argument("--keep", type=int, default=0)
    args = parser.parse_args()
    try:
        args.fn(args)
    except OSError as error:
        sys.exit(f"dmabuf.py: {args.dev}: {error.strerror}")


if __name__ == "__main__":
    main()

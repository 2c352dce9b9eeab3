#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""NAPI as applications see it: which one a queue has, deferred interrupts, busy polling, and suspended interrupts."""
import fcntl
import os
import select
import socket
import struct
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
sys.dont_write_bytecode = True

import tap as t  # noqa: E402  (its place is known only now)
from dmabuf import Genl, attr, u32  # noqa: E402

NETDEV_CMD_QUEUE_GET, NETDEV_CMD_NAPI_SET = 10, 14
A_QUEUE_ID, A_QUEUE_IFINDEX, A_QUEUE_TYPE, A_QUEUE_NAPI_ID = 1, 2, 3, 4
A_NAPI_ID, A_NAPI_DEFER, A_NAPI_FLUSH, A_NAPI_SUSPEND = 2, 5, 6, 7
SO_INCOMING_NAPI_ID = 56
EPIOCSPARAMS = 0x40088a01
NLM_F_ACK, NLM_F_DUMP = 4, 0x300
PORT = 9
DEFER = 5  # seconds: what is deferred, is so for longer than it takes to see that


class Queue1:
    """Queue 1 of dm0: its NAPI, a socket that receives through it, and one in ns1 that sends to that."""

    def __init__(self):
        t.enter("ns1")
        self.sender = socket.socket(type=socket.SOCK_DGRAM)
        self.sender.connect(("192.0.2.1", PORT))
        t.enter("ns0")
        subprocess.run(f"ethtool -N dm0 flow-type udp4 dst-port {PORT} action 1".split(), check=True, stdout=subprocess.DEVNULL)
        self.receiver = socket.socket(type=socket.SOCK_DGRAM)
        self.receiver.bind(("192.0.2.1", PORT))
        self.receiver.setblocking(False)
        self.netlink = Genl("netdev")
        self.count = 0

    def ids(self):
        """{(type, queue): NAPI}, type 0 for RX."""
        queues = self.netlink.call(self.netlink.family, NETDEV_CMD_QUEUE_GET, 1, u32(A_QUEUE_IFINDEX, socket.if_nametoindex("dm0")),
                                   NLM_F_ACK | NLM_F_DUMP)
        value = lambda data: struct.unpack("=I", data)[0]  # noqa: E731
        return {(value(q[A_QUEUE_TYPE]), value(q[A_QUEUE_ID])): value(q[A_QUEUE_NAPI_ID]) for q in queues if A_QUEUE_NAPI_ID in q}

    def set(self, defer, flush_ms, suspend_ms):
        self.netlink.call(self.netlink.family, NETDEV_CMD_NAPI_SET, 1,
                          u32(A_NAPI_ID, self.ids()[0, 1]) + u32(A_NAPI_DEFER, defer) +
                          attr(A_NAPI_FLUSH, struct.pack("=Q", flush_ms * 1000000)) +
                          attr(A_NAPI_SUSPEND, struct.pack("=Q", suspend_ms * 1000000)))

    def send(self, count=1):
        """The datagrams are numbered, so that none is taken for another."""
        for _ in range(count):
            self.count += 1
            self.sender.send(struct.pack("=I", self.count))

    def last(self):
        """The number of the last one that has arrived; 0: none has."""
        last = 0
        try:
            while True:
                last = struct.unpack("=I", self.receiver.recv(16))[0]
        except BlockingIOError:
            return last

    def arrives(self):
        return t.wait_for(lambda: self.last() == self.count, 60, 0.05)


def check_ids(q):
    ids = q.ids()
    t.equal("every queue has a NAPI", sorted(ids), [(kind, queue) for kind in (0, 1) for queue in (0, 1)])
    t.equal("queues of one number share it", [ids[0, 0], ids[0, 1]], [ids[1, 0], ids[1, 1]])
    t.ok("others do not", ids[0, 0] != ids[0, 1], ids)
    q.send()
    t.ok("a datagram to queue 1 arrives", q.arrives())
    t.equal("by its NAPI", q.receiver.getsockopt(socket.SOL_SOCKET, SO_INCOMING_NAPI_ID), ids[0, 1])


def sysfs(name, value):
    # What /sys shows of devices is of the namespace it was mounted in.
    subprocess.run(["ip", "netns", "exec", "ns0", "sh", "-c", f"echo {value} >/sys/class/net/dm0/{name}"], check=True)


def check_deferred(q):
    """The poll after a first datagram leaves the interrupt masked, until the timer polls in vain."""
    sysfs("napi_defer_hard_irqs", 1)
    sysfs("gro_flush_timeout", DEFER * 10**9)
    waited = None
    for _ in range(10):
        q.send()
        if not q.arrives():
            break
        # The poll that has brought it has to end: it would take the next one along.
        time.sleep(0.5)
        before = time.monotonic()
        q.send()
        time.sleep(0.5)
        waited = q.last() == 0
        if time.monotonic() - before < DEFER - 1:
            break
        q.arrives()
    t.ok("while interrupts are deferred, a datagram waits", waited)
    t.ok("not for ever", q.arrives())
    sysfs("napi_defer_hard_irqs", 0)
    sysfs("gro_flush_timeout", 0)
    # The timer that was started may have to run out.
    q.send()
    t.ok("and then no more", q.arrives())


class Poller:
    """An epoll instance that polls busily, and remembers which NAPI its socket receives by."""

    def __init__(self, q):
        self.q = q
        self.epoll = select.epoll()
        fcntl.ioctl(self.epoll, EPIOCSPARAMS, struct.pack("=IHBB", 1000000, 64, 1, 0))
        self.epoll.register(q.receiver, select.EPOLLIN | select.EPOLLET)

    def rounds(self, count):
        """While it polls, somebody else sends: the datagrams are received in epoll_wait(). True: all came."""
        for _ in range(count):
            self.q.count += 1
            pid = os.fork()
            if not pid:
                time.sleep(0.5)
                self.q.sender.send(struct.pack("=I", self.q.count))
                os._exit(0)
            came = self.epoll.poll(60)
            os.waitpid(pid, 0)
            if not came or not self.q.arrives():
                return False
        return True


def check_busy_poll(q):
    poller = Poller(q)
    t.ok("an application that polls busily receives", poller.rounds(3))
    poller.epoll.close()
    q.send()
    t.ok("and when it has ceased to, too", q.arrives())


def check_suspended(q):
    """As long as each epoll_wait() finds something, the NAPI belongs to the application."""
    q.set(100, 20, 100000)
    poller = Poller(q)
    t.ok("with suspension, too", poller.rounds(3))
    q.send(20)
    time.sleep(1)
    t.equal("while the application works, nothing arrives", q.last(), 0)
    t.ok("until it polls again", t.wait_for(lambda: poller.epoll.poll(1) and q.last() == q.count, 60, 0))

    q.set(100, 20, 1000)
    t.ok("with a shorter time for suspension", poller.rounds(3))
    q.send(20)
    t.ok("what arrives is not left lying when the application does not come back", q.arrives())
    poller.epoll.close()
    q.set(0, 0, 0)
    q.send()
    t.ok("without, interrupts are back", q.arrives())


def main():
    t.net("pair_up 2")
    try:
        q = Queue1()
        check_ids(q)
        check_deferred(q)
        check_busy_poll(q)
        if t.KERNEL >= (6, 13):
            check_suspended(q)
    finally:
        t.net("pair_down")
    t.end()


main()

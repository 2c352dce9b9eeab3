#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Hardware timestamps, and the clocks they are read from.

When the wire takes a packet is one moment of the machine's raw clock, which both ends translate to their own clock's time. So what
the sender's socket and the receiver's say of a packet, translated back, is the same to the nanosecond, and nothing here goes by how
long something takes.
"""
import ctypes
import errno
import fcntl
import os
import re
import select
import socket
import struct
import subprocess
import sys
import threading
import time

from dmabuf import Genl, attr, attrs

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import tap as t

SIOCSHWTSTAMP, SIOCGHWTSTAMP = 0x89b0, 0x89b1
TX_OFF, TX_ON, TX_ONESTEP_SYNC = 0, 1, 2
FILTER_NONE, FILTER_ALL, FILTER_SOME, FILTER_PTP_V2_EVENT = 0, 1, 2, 12
SO_TIMESTAMPING, MSG_ERRQUEUE = 37, 0x2000
TX_HARDWARE, TX_SOFTWARE, RX_HARDWARE, RX_SOFTWARE, SOFTWARE, RAW_HARDWARE = (1 << n for n in (0, 1, 2, 3, 4, 6))
OPT_ID, OPT_TSONLY, OPT_TX_SWHW = 1 << 7, 1 << 11, 1 << 14
PTP_SYS_OFFSET_PRECISE = 0xc0403d08
ADJ_FREQUENCY, ADJ_SETOFFSET, ADJ_NANO = 0x2, 0x100, 0x2000
ETHTOOL_MSG_TSCONFIG_GET, ETHTOOL_MSG_TSCONFIG_SET = 46, 47
A_TSCONFIG_HEADER, A_TSCONFIG_TX_TYPES, A_TSCONFIG_RX_FILTERS = 1, 3, 4
A_BITSET_NOMASK, A_BITSET_SIZE, A_BITSET_VALUE = 1, 2, 4
PORT = 7
XDP = os.path.join(t.TREE, "build/selftests/lo/xdp")
LIBC = ctypes.CDLL(None, use_errno=True)
HOST = os.open("/proc/self/ns/net", os.O_RDONLY)


def run(*words):
    return subprocess.run(words, capture_output=True, text=True)


def ip(*words):
    subprocess.run(("ip", *words), check=True)


def fails(wanted, do, *args):
    """Whether do(*args) fails with this errno."""
    try:
        do(*args)
    except OSError as error:
        return error.errno == wanted
    return False


def ns_of(timespec):
    return timespec[0] * 10 ** 9 + timespec[1]


class Clock:
    """A PTP clock, open."""

    def __init__(self, dev, netns):
        text = run("ip", "netns", "exec", netns, "ethtool", "-T", dev).stdout
        self.text = text
        self.index = int(re.search(r"(?:PTP Hardware Clock|provider index): (\d+)", text)[1])
        self.fd = os.open(f"/dev/ptp{self.index}", os.O_RDWR)
        self.id = ~self.fd << 3 | 3

    def pair(self):
        """What the clock and the machine's raw clock showed at one moment."""
        device = fcntl.ioctl(self.fd, PTP_SYS_OFFSET_PRECISE, bytes(64))
        return ns_of(struct.unpack_from("=qI", device)), ns_of(struct.unpack_from("=qI", device, 32))

    def raw(self, ns):
        """What the raw clock showed when the clock, which runs at its rate, showed ns."""
        device, raw = self.pair()
        return ns - device + raw

    def adjust(self, modes, value):
        timex = bytearray(208)
        struct.pack_into("=I", timex, 0, modes)
        if modes & ADJ_SETOFFSET:
            struct.pack_into("=qq", timex, 72, *divmod(value, 10 ** 9))
        else:
            struct.pack_into("=q", timex, 16, value)
        if LIBC.clock_adjtime(self.id, (ctypes.c_char * 208).from_buffer(timex)) < 0:
            raise OSError(ctypes.get_errno(), "clock_adjtime")

    def close(self):
        os.close(self.fd)


# --- The configuration

def config_ioctl(command, dev, netns, flags=0, tx=0, rx=0):
    """SIOC[GS]HWTSTAMP: (tx, rx) as it is then."""
    t.enter(netns)
    config = ctypes.create_string_buffer(struct.pack("=iii", flags, tx, rx), 12)
    request = struct.pack("16sP16x", dev.encode(), ctypes.addressof(config))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock.fileno(), command, request)
    return struct.unpack("=iii", config.raw)[1:]


def config(dev="dm0", netns="ns0"):
    return config_ioctl(SIOCGHWTSTAMP, dev, netns)


def set_config(tx, rx, dev="dm0", netns="ns0", flags=0):
    return config_ioctl(SIOCSHWTSTAMP, dev, netns, flags, tx, rx)


def netlink(command, payload=b""):
    """A request about dm0's configuration by netlink."""
    t.enter("ns0")
    nl = Genl("ethtool")
    header = attr(A_TSCONFIG_HEADER | 0x8000, attr(2, b"dm0\0") + attr(3, struct.pack("=I", 1)))
    return nl.call(nl.family, command, 1, header + payload)


def get_netlink():
    """The same as config(), as sets of bits."""
    reply = netlink(ETHTOOL_MSG_TSCONFIG_GET)
    return tuple(int.from_bytes(dict(attrs(reply[kind]))[A_BITSET_VALUE], "little")
                 for kind in (A_TSCONFIG_TX_TYPES, A_TSCONFIG_RX_FILTERS))


def bits(kind, value, size):
    return attr(kind | 0x8000, attr(A_BITSET_NOMASK, b"") + attr(A_BITSET_SIZE, struct.pack("=I", size)) +
                attr(A_BITSET_VALUE, struct.pack("=I", 1 << value)))


def set_netlink(tx, rx):
    netlink(ETHTOOL_MSG_TSCONFIG_SET, bits(A_TSCONFIG_TX_TYPES, tx, 4) + bits(A_TSCONFIG_RX_FILTERS, rx, 16))


def check_config():
    t.equal("nothing is stamped at first", config(), (TX_OFF, FILTER_NONE))
    t.equal("both are switched on", set_config(TX_ON, FILTER_ALL), (TX_ON, FILTER_ALL))
    t.equal("and are on", config(), (TX_ON, FILTER_ALL))
    for text, code, args in (("one-step stamps", errno.ERANGE, (TX_ONESTEP_SYNC, FILTER_ALL)),
                             ("some, whichever", errno.ERANGE, (TX_OFF, FILTER_SOME)),
                             ("no such mode", errno.ERANGE, (9, FILTER_NONE)),
                             ("no such filter", errno.ERANGE, (TX_OFF, 99))):
        t.ok(f"refused: {text}", fails(code, set_config, *args))
    t.ok("refused: a flag nobody knows", fails(errno.EINVAL, set_config, TX_OFF, FILTER_NONE, "dm0", "ns0", 1 << 7))
    t.equal("all is as it was", config(), (TX_ON, FILTER_ALL))
    t.equal("it is the one end's alone", config("dm1", "ns1"), (TX_OFF, FILTER_NONE))
    ip("-n", "ns0", "link", "set", "dm0", "down")
    t.equal("it survives down", config(), (TX_ON, FILTER_ALL))
    t.equal("and changes there", set_config(TX_OFF, FILTER_PTP_V2_EVENT), (TX_OFF, FILTER_ALL))
    ip("-n", "ns0", "link", "set", "dm0", "up")
    ip("-n", "ns0", "addr", "replace", "2001:db8::1/64", "dev", "dm0", "nodad")
    t.reached()
    t.equal("it survives up", config(), (TX_OFF, FILTER_ALL))
    if t.KERNEL >= (6, 14):
        t.equal("netlink says the same", get_netlink(), (1 << TX_OFF, 1 << FILTER_ALL))
        set_netlink(TX_ON, FILTER_NONE)
        t.equal("and sets it", config(), (TX_ON, FILTER_NONE))
        t.ok("refused: one-step stamps", fails(errno.ERANGE, set_netlink, TX_ONESTEP_SYNC, FILTER_NONE))


# --- The clock

def check_clocks(clocks):
    text = clocks[0].text
    for word in ("hardware-transmit", "software-transmit", "hardware-receive", "software-receive", "hardware-raw-clock"):
        t.ok(f"ethtool -T knows {word}", word in text, text)
    t.equal("modes and filters", re.findall(r"^\t(off|on|none|all)\b", text, re.M), ["off", "on", "none", "all"])
    t.ok("each end has a clock of its own", clocks[0].index != clocks[1].index)
    with open(f"/sys/class/ptp/ptp{clocks[0].index}/clock_name") as name:
        t.equal("which is named", name.read().strip(), "devmem_lo")
    now = time.time_ns()
    t.ok("it shows the time", abs(time.clock_gettime_ns(clocks[0].id) - now) < 600 * 10 ** 9)

    clock = clocks[0]
    offset = clock.raw(0)
    for delta in (10 ** 9, -7, 86400 * 10 ** 9):
        clock.adjust(ADJ_SETOFFSET | ADJ_NANO, delta)
        offset -= delta
        t.equal(f"put forward by {delta} ns", clock.raw(0), offset)
    before = clock.pair()[1]
    time.clock_settime_ns(clock.id, 1000)
    device, raw = clock.pair()
    t.ok("set to the beginning of time", 1000 <= device <= 1000 + raw - before, f"{device} {raw - before}")

    # In parts of a million, times 2^16.
    for ppm in (100000, -100000, 100):
        clock.adjust(ADJ_FREQUENCY, ppm << 16)
        first = clock.pair()
        time.sleep(0.05)
        last = clock.pair()
        wanted = (last[1] - first[1]) * (10 ** 6 + ppm) // 10 ** 6
        t.ok(f"{ppm} ppm faster", abs(last[0] - first[0] - wanted) <= 2, f"{first} {last}")
    t.ok("but not by more than a tenth", fails(errno.ERANGE, clock.adjust, ADJ_FREQUENCY, 100001 << 16))
    clock.adjust(ADJ_FREQUENCY, 0)


# --- Sockets

def open_socket(netns, family, flags, kind=socket.SOCK_DGRAM):
    t.enter(netns)
    sock = socket.socket(family, kind)
    sock.settimeout(20)
    sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPING, flags)
    return sock


def stamps(ancillary):
    """(software, hardware) of a message, each 0 if it is not there."""
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPING):
            times = struct.unpack("=6q", data)
            return ns_of(times[0:2]), ns_of(times[4:6])
    return 0, 0


def received(sock):
    return stamps(sock.recvmsg(1 << 20, 1024)[1])


def told(sock, milliseconds=0):
    """Whether there is something in the error queue, or soon will be."""
    poll = select.poll()
    poll.register(sock, 0)
    return bool(poll.poll(milliseconds))


def sent(sock):
    """Of the next packet whose stamp the error queue has, or gets."""
    if not told(sock, 20000):
        return None
    return stamps(sock.recvmsg(1 << 16, 1024, MSG_ERRQUEUE)[1])


class Datagrams:
    """From ns1 to ns0."""

    def __init__(self, family=socket.AF_INET, tx=TX_HARDWARE | RAW_HARDWARE | OPT_TSONLY, rx=RX_HARDWARE | RAW_HARDWARE):
        self.address = "192.0.2.1" if family == socket.AF_INET else "2001:db8::1"
        self.rx = open_socket("ns0", family, rx)
        self.rx.bind((self.address, PORT))
        self.tx = open_socket("ns1", family, tx)

    def pass_one(self):
        """The stamps of a datagram, received and sent; and the raw clock's times before and after."""
        before = time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)
        self.tx.sendto(b"what time is it?", (self.address, PORT))
        rx, tx = received(self.rx), sent(self.tx)
        return rx, tx, before, time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)

    def close(self):
        self.rx.close()
        self.tx.close()


def check_datagrams(clocks):
    set_config(TX_OFF, FILTER_ALL)
    set_config(TX_ON, FILTER_NONE, "dm1", "ns1")
    for family, name in ((socket.AF_INET, "IPv4"), (socket.AF_INET6, "IPv6")):
        pair = Datagrams(family)
        rx, tx, before, after = pair.pass_one()
        raw = clocks[1].raw(tx[1])
        t.ok(f"{name}: the sender learns when, by its clock", before <= raw <= after, f"{before} {raw} {after}")
        t.equal(f"{name}: the receiver, by its own", clocks[0].raw(rx[1]), raw)
        t.equal(f"{name}: no other stamps", (rx[0], tx[0], told(pair.tx)), (0, 0, False))
        pair.close()

    pair = Datagrams()
    clocks[0].adjust(ADJ_FREQUENCY, 50000 << 16)
    device, raw = clocks[0].pair()
    rx, tx, _, _ = pair.pass_one()
    wanted = device + (clocks[1].raw(tx[1]) - raw) * 105 // 100
    t.ok("a fast clock's stamps are of its time", abs(rx[1] - wanted) <= 2, f"{rx[1]} {wanted}")
    clocks[0].adjust(ADJ_FREQUENCY, 0)
    pair.close()

    pair = Datagrams(tx=TX_HARDWARE | RAW_HARDWARE)
    pair.tx.sendto(b"what time is it?", (pair.address, PORT))
    told(pair.tx, 20000)
    data = pair.tx.recvmsg(1 << 16, 1024, MSG_ERRQUEUE)[0]
    t.ok("the packet comes with its stamp", data.endswith(b"what time is it?"), data)
    pair.close()


def check_software():
    """A packet that the NIC stamps is not stamped by the stack, unless its sender wants both."""
    both = TX_HARDWARE | TX_SOFTWARE | RAW_HARDWARE | SOFTWARE | OPT_TSONLY
    pair = Datagrams(tx=both, rx=RX_HARDWARE | RX_SOFTWARE | RAW_HARDWARE | SOFTWARE)
    # The kernel begins to stamp what it receives in a work item, which the first packets may be too early for.
    t.wait_for(lambda: pair.pass_one()[0][0])
    rx, tx, _, _ = pair.pass_one()
    t.equal("sent: the NIC's alone", [bool(n) for n in tx] + [told(pair.tx)], [False, True, False])
    t.equal("received: both", [bool(n) for n in rx], [True, True])
    set_config(TX_OFF, FILTER_NONE, "dm1", "ns1")
    set_config(TX_OFF, FILTER_NONE)
    rx, tx, _, _ = pair.pass_one()
    t.equal("off: sent, the stack's alone", [bool(n) for n in tx] + [told(pair.tx)], [True, False, False])
    t.equal("off: received, the stack's alone", [bool(n) for n in rx], [True, False])
    set_config(TX_ON, FILTER_NONE, "dm1", "ns1")
    rx, tx, _, _ = pair.pass_one()
    t.equal("sent is on: the NIC's alone", [bool(n) for n in tx], [False, True])
    t.equal("received is off: the stack's alone", [bool(n) for n in rx], [True, False])
    pair.close()
    pair = Datagrams(tx=both | OPT_TX_SWHW, rx=0)
    pair.tx.sendto(b"what time is it?", (pair.address, PORT))
    got = sorted((bool(hard), bool(soft)) for soft, hard in (sent(pair.tx), sent(pair.tx)))
    t.equal("sent: both, for who asks for both", got, [(False, True), (True, False)])
    pair.close()


def merged():
    text = run("ip", "netns", "exec", "ns0", "ethtool", "-S", "dm0").stdout
    return sum(int(n) for n in re.findall(r"gro_wire_packets: (\d+)", text))


def check_stream(clocks):
    """What hardware GRO has merged has the time of its first frame."""
    set_config(TX_OFF, FILTER_ALL)
    listener = open_socket("ns0", socket.AF_INET, RX_HARDWARE | RAW_HARDWARE, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("192.0.2.1", PORT))
    listener.listen()
    sender = open_socket("ns1", socket.AF_INET, TX_HARDWARE | RAW_HARDWARE | OPT_TSONLY, socket.SOCK_STREAM)
    sender.connect(("192.0.2.1", PORT))
    receiver = listener.accept()[0]
    receiver.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPING, RX_HARDWARE | RAW_HARDWARE)
    sender.sendall(b"x")
    rx, tx = received(receiver), sent(sender)
    t.equal("TCP: both ends agree", clocks[0].raw(rx[1]), clocks[1].raw(tx[1]))

    before, frames = time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW), merged()
    left, times = 4 << 20, []
    thread = threading.Thread(target=sender.sendall, args=(bytes(left),))
    thread.start()
    while left:
        data, ancillary, _, _ = receiver.recvmsg(1 << 16, 1024)
        left -= len(data)
        times.append(stamps(ancillary)[1])
    thread.join()
    after = time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)
    times = [clocks[0].raw(n) for n in times]
    t.ok("TCP: all of a stream is stamped", before <= min(times) and max(times) <= after, f"{before} {times} {after}")
    t.ok("TCP: with packets of many frames", merged() - frames > 1000, merged() - frames)
    sender.close()
    receiver.close()
    listener.close()


def check_xdp():
    """A program's kfunc tells the same time."""
    pair = Datagrams()
    with subprocess.Popen(("ip", "netns", "exec", "ns0", XDP, "meta", "dm0"), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True) as program:
        if t.ok("a program that asks for the time", "attached" in program.stdout.readline()):
            rx = pair.pass_one()[0]
            seen = program.communicate()[0]
            t.ok("gets the packet's", f" time {rx[1]} " in seen, f"{rx[1]} {seen}")
    pair.close()


# --- Its end

class Reader(threading.Thread):
    """Waits for an event of a clock, which has none; is told when the clock goes."""

    def __init__(self, clock):
        super().__init__(daemon=True)
        self.clock = clock
        self.error = None
        self.start()
        t.wait_for(self.sleeps)

    def sleeps(self):
        with open(f"/proc/self/task/{self.native_id}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] == "S"

    def run(self):
        try:
            os.read(self.clock.fd, 4096)
        except OSError as error:
            self.error = error.errno


def check_gone(text, clock, reader):
    reader.join(60)
    t.equal(f"{text}: who waits for the clock is told", reader.error, errno.ENODEV)
    t.ok(f"{text}: nobody reads it any more", fails(errno.ENODEV, time.clock_gettime_ns, clock.id))
    t.ok(f"{text}: or adjusts it", fails(errno.ENODEV, clock.adjust, ADJ_FREQUENCY, 0))
    t.ok(f"{text}: nobody can open it", not os.path.exists(f"/dev/ptp{clock.index}"))
    clock.close()


def check_moved(clock):
    offset = clock.raw(0)
    set_config(TX_ON, FILTER_ALL)
    ip("netns", "add", "ns2")
    ip("-n", "ns0", "link", "set", "dm0", "netns", "ns2")
    moved = Clock("dm0", "ns2")
    t.equal("moved to another namespace: the same clock", (moved.index, moved.raw(0)), (clock.index, offset))
    t.equal("the same configuration", config("dm0", "ns2"), (TX_ON, FILTER_ALL))
    moved.close()
    ip("-n", "ns2", "link", "set", "dm0", "netns", "ns0")
    ip("netns", "del", "ns2")


def check_end(clocks):
    reader = Reader(clocks[0])
    with open(f"/sys/class/ptp/ptp{clocks[1].index}/n_vclocks", "w") as f:
        f.write("1")
    virtual = [name for name in os.listdir(f"/sys/class/ptp/ptp{clocks[1].index}") if re.match(r"ptp\d", name)]
    t.equal("a virtual clock over the peer's", len(virtual), 1)
    ip("-n", "ns0", "link", "del", "dm0")
    check_gone("device deleted", clocks[0], reader)
    t.ok("its peer's clock is gone, too", fails(errno.ENODEV, time.clock_gettime_ns, clocks[1].id))
    t.ok("and the one over that", not os.path.exists(f"/dev/{virtual[0]}"))
    clocks[1].close()

    os.setns(HOST)
    t.net("pair_down; pair_up 2")
    clock = Clock("dm0", "ns0")
    reader = Reader(clock)
    t.equal("rmmod with a clock open", run("rmmod", "devmem_lo").returncode, 0)
    t.ok("the module is gone", not os.path.exists("/sys/module/devmem_lo"))
    check_gone("rmmod", clock, reader)


def main():
    t.net("pair_up 4")
    try:
        clocks = Clock("dm0", "ns0"), Clock("dm1", "ns1")
        check_config()
        check_clocks(clocks)
        check_datagrams(clocks)
        check_software()
        check_stream(clocks)
        check_xdp()
        check_moved(clocks[0])
        check_end(clocks)
    finally:
        os.setns(HOST)
        t.net("pair_down")
    t.end()


main()

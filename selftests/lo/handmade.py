# SPDX-License-Identifier: GPL-2.0-only
"""Sends TCP frames made by hand from dm1, in ns1, and looks at what packets they become on dm0, in ns0.

A packet socket with vnet headers sees how the driver has merged; the stack's own GRO has to be off. Frames that are to arrive
together wait at a queue of their own, whose interrupt is raised when as many have come. Their destination is nobody, so that no
answer is sent, whose completion would be an interrupt as well.
"""
import os
import socket
import struct
import subprocess
import sys

FIN, PSH, ACK, CWR = 1, 8, 16, 128
SOL_PACKET, PACKET_VNET_HDR, SO_SNDBUFFORCE, SO_RCVBUFFORCE = 263, 15, 32, 33
NEEDS_CSUM, GSO_TCPV4, GSO_ECN = 1, 1, 0x80
SPORT, DPORT = 4000, 9
VNET = "=BBHHHH"
MSS = 500
IPIP = {"tunnel": True}
# What dm1 needs to have many frames on the wire at once, in their order.
LIMIT = "/sys/class/net/dm1/queues/tx-0/byte_queue_limits/limit_min"
ROOM = f"ethtool -L dm1 combined 1; ethtool -G dm1 tx 4096; echo 4000000 >{LIMIT}"
# How many packets grow at once in a queue, and some more connections.
CONTEXTS, FLOWS = 512, 560
SOURCE, DESTINATION = socket.inet_aton("192.0.2.2"), socket.inet_aton("192.0.2.77")
QUEUE = 3


def run(*argv):
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout


def ethtool(*words):
    return run("ip", "netns", "exec", "ns0", "ethtool", *words)


def wait_for_frames(count):
    ethtool("-C", "dm0", "rx-usecs", "1000000" if count > 1 else "0", "rx-frames", str(count))


def mac(number):
    words = run("ip", "-n", f"ns{number}", "-br", "link", "show", "dev", f"dm{number}").split()
    return bytes.fromhex(words[2].replace(":", ""))


def packet_socket(number):
    own = os.open("/proc/self/ns/net", os.O_RDONLY)
    with open(f"/run/netns/ns{number}") as other:
        os.setns(other.fileno(), os.CLONE_NEWNET)
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800 if number == 0 else 0))
    sock.bind((f"dm{number}", 0x0800 if number == 0 else 0))
    sock.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    for option in SO_SNDBUFFORCE, SO_RCVBUFFORCE:
        sock.setsockopt(socket.SOL_SOCKET, option, 16 << 20)
    os.setns(own, os.CLONE_NEWNET)
    os.close(own)
    return sock


def add(data, total=0):
    data += b"\0" * (len(data) % 2)
    total += sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total


class Wire:
    def __init__(self):
        self.sender, self.receiver = packet_socket(1), packet_socket(0)
        self.ethernet = mac(0) + mac(1) + b"\x08\x00"
        self.next_id = 1
        self.failed = 0

    def ip(self, protocol, payload, ip_id=None, bad=0):
        if ip_id is None:
            ip_id, self.next_id = self.next_id, self.next_id + 1
        header = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(payload), ip_id, 0x4000, 64, protocol, 0) + SOURCE + DESTINATION
        return header[:10] + struct.pack(">H", add(header) ^ 0xffff ^ bad) + header[12:] + payload

    def frame(self, seq, size, flags=ACK, ack=1, ip_id=None, bad=False, bad_ip=False, sport=SPORT, partial=False, tunnel=False):
        """An Ethernet frame; with @partial its TCP checksum is left to the NIC."""
        payload = bytes(i & 0xff for i in range(seq, seq + size))
        tcp = struct.pack(">HHIIBBHHH", sport, DPORT, seq, ack, 5 << 4, flags, 1000, 0, 0)
        pseudo = add(SOURCE + DESTINATION + struct.pack(">HH", 6, len(tcp) + size))
        check = pseudo if partial else add(tcp + payload, pseudo) ^ 0xffff
        tcp = tcp[:16] + struct.pack(">H", check ^ bad) + tcp[18:]
        packet = self.ip(6, tcp + payload, ip_id, bad_ip)
        return self.ethernet + (self.ip(4, packet, self.next_id) if tunnel else packet)

    def arrived(self, total):
        """Packets `(payload, gso_size, flags)` until @total bytes have come."""
        packets = []
        self.receiver.settimeout(30)
        while total > 0:
            data = self.receiver.recv(1 << 17)
            _, gso_type, _, gso_size, _, _ = struct.unpack_from(VNET, data)
            frame = data[10:]
            if frame[23] == 4:
                frame = frame[20:]
            if frame[23] != 6 or frame[36:38] != struct.pack(">H", DPORT):
                continue
            length = struct.unpack_from(">H", frame, 16)[0] - 40
            seq, = struct.unpack_from(">I", frame, 38)
            payload = frame[54:54 + length]
            if payload != bytes(i & 0xff for i in range(seq, seq + length)):
                raise ValueError("the payload is not what was sent")
            packets.append((length, gso_size if gso_type else 0, frame[47]))
            total -= length
        return packets

    def expect(self, text, send, total, want):
        send()
        got = self.arrived(total)
        if got == want:
            print(f"{text}: {got}")
        else:
            print(f"{text}: {got}, expected {want}")
            self.failed = 1

    def tso(self, text, size, flags, want, gso_type=GSO_TCPV4):
        def send():
            frame = self.frame(0, size, flags, partial=True)
            self.sender.send(struct.pack(VNET, NEEDS_CSUM, gso_type, 54, MSS, 34, 16) + frame)
        self.expect(text, send, size, want)

    def burst(self, text, specs, want):
        def send():
            frames = [bytes(10) + self.frame(*spec[:2], **(spec[2] if len(spec) > 2 else {})) for spec in specs]
            wait_for_frames(len(specs))
            for frame in frames:
                self.sender.send(frame)
        self.expect(text, send, sum(spec[1] for spec in specs), want)


def of(number, ip_id=0, **words):
    """Of connection @number."""
    return {"sport": SPORT + number, "ip_id": ip_id, **words}


def main():
    run("ip", "netns", "exec", "ns1", "sh", "-c", ROOM)
    ethtool("-X", "dm0", "equal", str(QUEUE))
    ethtool("-N", "dm0", "flow-type", "ip4", "dst-ip", socket.inet_ntoa(DESTINATION), "action", str(QUEUE), "loc", "0")
    wire = Wire()
    wire.tso("TSO", 1700, ACK, [(1700, MSS, ACK)])
    wire.tso("TSO with PSH", 1500, ACK | PSH, [(1500, MSS, ACK | PSH)])
    wire.tso("TSO with FIN", 1700, ACK | PSH | FIN, [(1700, MSS, ACK | PSH | FIN)])
    wire.tso("TSO with CWR", 1500, ACK | CWR, [(500, 0, ACK | CWR), (1000, MSS, ACK)], GSO_TCPV4 | GSO_ECN)

    single = (500, 0, ACK)
    wire.burst("in order", [(0, 500), (500, 500), (1000, 500)], [(1500, MSS, ACK)])
    wire.burst("a short one is the last", [(0, 500), (500, 400), (900, 500)], [(900, MSS, ACK), single])
    wire.burst("a long one begins anew", [(0, 500), (500, 600)], [single, (600, 0, ACK)])
    wire.burst("PSH is the end", [(0, 500), (500, 500, {"flags": ACK | PSH}), (1000, 500)], [(1000, MSS, ACK | PSH), single])
    wire.burst("a gap", [(0, 500), (1000, 500)], [single, single])
    wire.burst("another acknowledgement", [(0, 500), (500, 500, {"ack": 2})], [single, single])
    wire.burst("another identification", [(0, 500, of(0, 7)), (500, 500, of(0, 9))], [single, single])
    wire.burst("one identification, then the next", [(0, 500, of(0, 7)), (500, 500, of(0, 7)), (1000, 500, of(0, 8))],
               [(1000, MSS, ACK), single])
    wire.burst("two identifications, then the last", [(0, 500, of(0, 7)), (500, 500, of(0, 8)), (1000, 500, of(0, 8))],
               [(1000, MSS, ACK), single])
    wire.burst("another connection", [(0, 500), (500, 500, {"sport": SPORT + 1})], [single, single])
    wire.burst("CWR in between", [(0, 500), (500, 500, {"flags": ACK | CWR}), (1000, 500)], [single, (500, 0, ACK | CWR), single])
    wire.burst("a wrong checksum", [(0, 500), (500, 500, {"bad": True}), (1000, 500)], [single, single, single])
    wire.burst("a wrong checksum of IP", [(0, 500), (500, 500, {"bad_ip": True}), (1000, 500)], [single, single, single])
    wire.burst("short frames", [(0, 100), (100, 100), (200, 50)], [(250, 100, ACK)])
    wire.burst("in a tunnel", [(0, 500, IPIP), (500, 500, IPIP), (1000, 100, IPIP)], [(1100, MSS, ACK)])
    wire.burst("beside a tunnel", [(0, 500), (500, 500, IPIP)], [single, single])

    wire.burst("two connections", [(0, 500, of(0)), (0, 500, of(1)), (500, 500, of(0, 1)), (500, 500, of(1, 1))],
               [(1000, MSS, ACK)] * 2)
    wire.burst("the first to be complete goes first", [(0, 500, of(0)), (0, 400, of(1)), (400, 300, of(1, 1, flags=ACK | PSH))],
               [(700, 400, ACK | PSH), single])
    wire.burst("a connection stays in order", [(0, 400, of(0)), (0, 300, of(1)), (1000, 200, of(0))],
               [(400, 0, ACK), (300, 0, ACK), (200, 0, ACK)])
    # The oldest make room for the last ones, and those that nothing follows end last.
    later = range(FLOWS - 400, FLOWS)
    wire.burst("many connections",
               [(0, 100, of(n)) for n in range(FLOWS)] + [(100, 50, of(n, 1, flags=ACK | PSH)) for n in later],
               [(100, 0, ACK)] * (FLOWS - CONTEXTS) + [(150, 100, ACK | PSH)] * len(later) +
               [(100, 0, ACK)] * (CONTEXTS - len(later)))
    wait_for_frames(1)
    ethtool("-N", "dm0", "delete", "0")
    ethtool("-X", "dm0", "default")
    run("ip", "netns", "exec", "ns1", "ethtool", "-L", "dm1", "combined", "4")
    return wire.failed


if __name__ == "__main__":
    sys.exit(main())

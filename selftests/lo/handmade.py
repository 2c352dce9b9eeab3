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
SOL_PACKET, PACKET_VNET_HDR = 263, 15
NEEDS_CSUM, GSO_TCPV4, GSO_ECN = 1, 1, 0x80
SPORT, DPORT = 4000, 9
VNET = "=BBHHHH"
MSS = 500
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

    def frame(self, seq, size, flags=ACK, ack=1, ip_id=None, bad=False, sport=SPORT, partial=False):
        """An Ethernet frame; with @partial its TCP checksum is left to the NIC."""
        payload = bytes(i & 0xff for i in range(seq, seq + size))
        tcp = struct.pack(">HHIIBBHHH", sport, DPORT, seq, ack, 5 << 4, flags, 1000, 0, 0)
        pseudo = add(SOURCE + DESTINATION + struct.pack(">HH", 6, len(tcp) + size))
        check = pseudo if partial else add(tcp + payload, pseudo) ^ 0xffff
        tcp = tcp[:16] + struct.pack(">H", check ^ bad) + tcp[18:]
        if ip_id is None:
            ip_id, self.next_id = self.next_id, self.next_id + 1
        ip = struct.pack(">BBHHHBBH", 0x45, 0, 40 + size, ip_id, 0x4000, 64, 6, 0) + SOURCE + DESTINATION
        ip = ip[:10] + struct.pack(">H", add(ip) ^ 0xffff) + ip[12:]
        return self.ethernet + ip + tcp + payload

    def arrived(self, total):
        """Packets `(payload, gso_size, flags)` until @total bytes have come."""
        packets = []
        self.receiver.settimeout(30)
        while total > 0:
            data = self.receiver.recv(1 << 17)
            _, gso_type, _, gso_size, _, _ = struct.unpack_from(VNET, data)
            frame = data[10:]
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
        wait_for_frames(len(specs))

        def send():
            for frame in [self.frame(*spec[:2], **(spec[2] if len(spec) > 2 else {})) for spec in specs]:
                self.sender.send(bytes(10) + frame)
        self.expect(text, send, sum(spec[1] for spec in specs), want)


def main():
    ethtool("-X", "dm0", "equal", str(QUEUE))
    ethtool("-N", "dm0", "flow-type", "tcp4", "dst-port", str(DPORT), "action", str(QUEUE), "loc", "0")
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
    wire.burst("another identification", [(0, 500, {"ip_id": 7}), (500, 500, {"ip_id": 7})], [single, single])
    wire.burst("another connection", [(0, 500), (500, 500, {"sport": SPORT + 1})], [single, single])
    wire.burst("CWR in between", [(0, 500), (500, 500, {"flags": ACK | CWR}), (1000, 500)], [single, (500, 0, ACK | CWR), single])
    wire.burst("a wrong checksum", [(0, 500), (500, 500, {"bad": True}), (1000, 500)], [single, single, single])
    wait_for_frames(1)
    ethtool("-N", "dm0", "delete", "0")
    ethtool("-X", "dm0", "default")
    return wire.failed


if __name__ == "__main__":
    sys.exit(main())

# SPDX-License-Identifier: GPL-2.0-only
"""fault-lost.py SEED SEED: datagrams from ns1 to queue 3 of dm0, which drops a fifth of them, once with each seed: are the same ones lost?

Prints which were. Exit status: 0 the same, 1 others, 2 something else is wrong.
"""
import os
import socket
import subprocess
import sys

COUNT = 200
PORT = 5400


def run(*words):
    return subprocess.run(("ip", "netns", "exec", "ns0") + words, check=True, capture_output=True, text=True).stdout


def sock_in(netns, address):
    with open("/run/netns/" + netns) as ns:
        os.setns(ns.fileno(), os.CLONE_NEWNET)
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((address, PORT))
    return sock


def lost(server, client, seed):
    run("devmemctl", "fault", "dm0", "seed=" + seed, "drop=20%,queue=3")
    for i in range(COUNT):
        client.sendto(bytes([i]), ("192.0.2.1", PORT))
    run("devmemctl", "fault", "dm0", "drop=off")
    # Frames stay in order: behind this one, none comes.
    client.sendto(bytes([COUNT]), ("192.0.2.1", PORT))
    seen = set()
    while COUNT not in seen:
        seen.add(server.recv(1)[0])
    return [i for i in range(COUNT) if i not in seen]


def main():
    run("ethtool", "-X", "dm0", "equal", "2")
    run("ethtool", "-N", "dm0", "flow-type", "udp4", "dst-port", str(PORT), "action", "3")
    server = sock_in("ns0", "192.0.2.1")
    server.settimeout(20)
    client = sock_in("ns1", "192.0.2.2")
    first, second = (lost(server, client, seed) for seed in sys.argv[1:3])
    print(*first)
    print(*second)
    if not 10 < len(first) < 90:
        return 2
    return 0 if first == second else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (OSError, subprocess.CalledProcessError) as error:
        print(error)
        sys.exit(2)

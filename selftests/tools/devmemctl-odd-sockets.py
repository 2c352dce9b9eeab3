#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Sockets that are easily missed: unread, closed with tokens out, never accepted, in a namespace without a name; and zombies."""
import os
import signal
import subprocess

import devmemctl_lib as t


def recv_q(port):
    """What ss says waits to be read, per connection: an oracle that is not ours."""
    result = subprocess.run(["ip", "netns", "exec", "ns0", "ss", "-tnH", f"sport = :{port}"], capture_output=True, text=True, check=True)
    return sorted(int(line.split()[1]) for line in result.stdout.splitlines())


def sockets(port):
    return [sock for sock in t.devmemctl("sockets")["sockets"] if sock["local_port"] == port]


def unread_by(port):
    return sorted(sock["unread_bytes"] for sock in sockets(port))


def check_unread():
    """As much as the window of a new connection lets in, so that no more can come once it is there."""
    receiver = t.Receiver(5201, "--queues", "2", "--size", "2M", "--no-read")
    sender = t.Sender(5201, 40000)
    t.ok("unread: data waits", t.wait_for(lambda: recv_q(5201) == [40000]), recv_q(5201))
    t.equal("unread: bytes are those ss counts", unread_by(5201), recv_q(5201))
    sock = sockets(5201)[0]
    t.equal("unread: without a token", (sock["tokens"], sock["niovs_held"]), (0, 0))
    t.ok("unread: niovs are pinned", sock["niovs_pinned"] >= sock["unread_bytes"] // 4096 and sock["unread_frags"] > 0, sock)
    binding = t.devmemctl("bindings")["bindings"][0]
    t.equal("unread: the binding counts them as queued", binding["niovs"]["queued"], sock["niovs_pinned"])
    sender.stop()
    receiver.stop()


RESET = """
import socket, struct, sys
s = socket.create_connection(("192.0.2.1", int(sys.argv[1])))
s.sendall(b"x" * 100000)
sys.stdin.readline()
s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
s.close()
"""


def check_closed():
    """A peer that resets leaves a socket in TCP_CLOSE: in no hash table, but with its tokens as long as its fd is open."""
    receiver = t.Receiver(5202, "--queues", "3", "--size", "2M", "--leak-count", "17")
    sender = subprocess.Popen(["ip", "netns", "exec", "ns1", "python3", "-c", RESET, "5202"], stdin=subprocess.PIPE, text=True)
    t.ok("closed: all tokens are out", t.wait_for(lambda: receiver.received() == 100000))
    receiver.process.send_signal(signal.SIGSTOP)
    sender.communicate("\n")
    t.ok("closed: the socket goes to CLOSE", t.wait_for(lambda: [s["state"] for s in sockets(5202)] == ["CLOSE"] or
                                                          any(s["state"] == "CLOSE" for s in t.devmemctl("sockets")["sockets"])),
         t.devmemctl("sockets"))
    socks = [sock for sock in t.devmemctl("sockets")["sockets"] if sock["state"] == "CLOSE"]
    t.equal("closed: its tokens are still counted", [(sock["tokens"], [h["pid"] for h in sock["holders"]]) for sock in socks],
            [(17, [receiver.pid])])
    receiver.stop()


def check_unaccepted():
    """A connection in the accept queue has no file, hence no process; its data pins niovs all the same."""
    receiver = t.Receiver(5203, "--queues", "4", "--size", "2M")
    receiver.process.send_signal(signal.SIGSTOP)
    sender = t.Sender(5203, 20000)
    t.ok("unaccepted: data waits", t.wait_for(lambda: unread_by(5203) == [20000]), sockets(5203))
    t.equal("unaccepted: no process, and said to be an orphan", [(s["holders"], s["orphan"]) for s in sockets(5203)], [([], True)])
    sender.stop()
    receiver.stop()


SPLIT = """
import socket, struct, sys
listener = socket.create_server(("192.0.2.1", 5205))
print("listening", flush=True)
conn = listener.accept()[0]
left, tokens, offsets = 9000, set(), set()
while left:
    data, cmsgs, flags, address = conn.recvmsg(100, 4096, 0x2000000)
    for level, kind, cmsg in cmsgs:
        offset, size, token, dmabuf, flags = struct.unpack("QIIII", cmsg)
        tokens.add(token)
        offsets.add(offset // 4096)
        left -= size
print(len(tokens), len(offsets), flush=True)
sys.stdin.readline()
"""


def check_split():
    """Read in small pieces, a niov is behind many tokens. And whoever holds it need not be who bound it."""
    binder = t.Receiver(5206, "--queues", "2", "--size", "2M")
    subprocess.run(["ip", "netns", "exec", "ns0", "ethtool", "-N", "dm0", "flow-type", "tcp4", "dst-port", "5205", "action", "2"],
                   check=True, stdout=subprocess.DEVNULL)
    reader = subprocess.Popen(["ip", "netns", "exec", "ns0", "python3", "-c", SPLIT], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              text=True)
    reader.stdout.readline()
    sender = t.Sender(5205, 9000)
    tokens, niovs = map(int, reader.stdout.readline().split())
    sock = sockets(5205)[0]
    t.ok("split: there are more tokens than niovs", tokens > niovs, (tokens, niovs))
    t.equal("split: tokens and niovs are counted apart", (sock["tokens"], sock["niovs_held"]), (tokens, niovs))
    binding = t.devmemctl("bindings")["bindings"][0]
    t.ok("split: the holder is no binder", [h["pid"] for h in sock["holders"]] == [reader.pid] and
         binder.pid in [b["pid"] for b in binding["binders"]] and reader.pid not in [b["pid"] for b in binding["binders"]], (sock, binding))
    sender.stop()
    binder.stop()
    check_zombie(binding["id"])
    reader.communicate("\n")


def check_zombie(number):
    """A binding outlives its netlink socket while another process holds tokens; it is shown with what keeps it."""
    def zombies():
        return [b for b in t.devmemctl("bindings")["bindings"] if b["state"] == "zombie"]

    t.ok("zombie: it is listed", t.wait_for(lambda: [b["id"] for b in zombies()] == [number]), t.devmemctl("bindings"))
    t.ok("zombie: it says how many niovs keep it and since when",
         all(b["niovs"]["inflight"] > 0 and b["detached_s"] is not None for b in zombies()), zombies())


def check_tx():
    """A TX binding is listed, bound by the sender; how many of its niovs are in flight cannot be known, and is not 0."""
    if tuple(map(int, os.uname().release.split(".")[:2])) < (6, 16):
        return
    receiver = t.Receiver(5207, "--queues", "2", "--size", "2M")
    sender = t.Sender(5207, 50000, "--dmabuf")

    def sending():
        return [b for b in t.devmemctl("bindings")["bindings"] if b["direction"] == "tx"]

    t.ok("tx: the binding is listed", t.wait_for(sending), t.devmemctl("bindings"))
    binding = sending()[0]
    t.equal("tx: device, queues, state", (binding["device"], binding["queues"], binding["state"]), ("dm1", [], "bound"))
    t.ok("tx: the sender is a binder", sender.process.pid in [b["pid"] for b in binding["binders"]], binding["binders"])
    t.equal("tx: what cannot be known is null", (binding["niovs"]["free"], binding["niovs"]["held"], binding["pressure"]), (None, None, None))
    t.equal("tx: but its size is", binding["niovs"]["total"] * binding["niov_size"], binding["size"])
    t.ok("tx: all arrives", t.wait_for(lambda: receiver.received() == 50000))
    sender.stop()
    receiver.stop()


def check_unnamed():
    """ip netns del takes the name; the processes inside keep the namespace. Killed with tokens out, the receiver leaves nothing."""
    receiver = t.Receiver(5204, "--queues", "5", "--size", "2M", "--leak-count", "5")
    sender = t.Sender(5204, 50000)
    t.ok("unnamed: tokens are out", t.wait_for(lambda: receiver.received() == 50000))
    subprocess.run(["ip", "netns", "del", "ns0"], check=True)
    t.equal("unnamed: its socket is found", [(s["tokens"], [h["pid"] for h in s["holders"]]) for s in sockets(5204)],
            [(5, [receiver.pid])])
    receiver.stop(signal.SIGKILL)
    sender.stop()


def main():
    t.net("pair_up 6")
    check_unread()
    check_closed()
    check_unaccepted()
    check_split()
    check_tx()
    check_unnamed()
    t.ok("at the end nothing is left", t.wait_for(t.none_left), t.devmemctl("pools"))
    t.net("pair_down")
    t.end()


main()

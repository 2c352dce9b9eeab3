#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""devmemctl against devmemcat's own log: K leaked tokens, K drawn anew in each run, over several leakers and two bindings."""
import json
import os
import random
import subprocess

import devmemctl_lib as t

NIOV = 4096


def receivers():
    """Two bindings: one with two leaking connections on two queues, one with a third."""
    first = t.Receiver(5201, "--queues", "2,3", "--size", "4M", "--connections", "2",
                       "--leak", str(random.randint(5, 20)))
    second = t.Receiver(5202, "--queues", "4", "--size", "2M", "--leak-count", str(random.randint(1, 60)))
    return first, second


def check_socket(sock, tokens, receiver):
    name = f"port {receiver.port}, cookie {sock['cookie']}"
    niovs = {offset // NIOV for offset in tokens.values()}
    t.equal(f"{name}: exactly the {len(tokens)} tokens that were kept", sock["tokens"], len(tokens))
    t.equal(f"{name}: on exactly {len(niovs)} niovs", sock["niovs_held"], len(niovs))
    t.equal(f"{name}: pinned bytes are niovs times their size", sock["pinned_bytes"], sock["niovs_pinned"] * NIOV)
    t.equal(f"{name}: nothing unread", (sock["unread_frags"], sock["unread_bytes"]), (0, 0))
    t.equal(f"{name}: the holder is the receiver", [h["pid"] for h in sock["holders"]], [receiver.pid])
    t.equal(f"{name}: its name", sock["holders"][0]["comm"], "devmemcat")
    with open(f"/proc/{receiver.pid}/cgroup") as cgroup:
        t.equal(f"{name}: its cgroup", sock["holders"][0]["cgroup"], cgroup.read().strip().split("::")[1])
    t.equal(f"{name}: its namespace", sock["netns"], os.stat(f"/proc/{receiver.pid}/ns/net").st_ino)
    t.equal(f"{name}: its ports and state", (sock["local_port"], sock["state"]), (receiver.port, "ESTAB"))
    t.equal(f"{name}: what cannot be known is null", sock["token_bytes"], None)


def check_binding(binding, receiver, held, queues, size):
    niovs = binding["niovs"]
    name = f"binding {binding['id']}"
    kept = {offset // NIOV for tokens in held.values() for offset in tokens.values()}
    t.equal(f"{name}: size, niov size, total", (binding["size"], binding["niov_size"], niovs["total"]), (size, NIOV, size // NIOV))
    t.equal(f"{name}: device, direction, queues, state", (binding["device"], binding["direction"], binding["queues"], binding["state"]),
            ("dm0", "rx", queues, "bound"))
    t.equal(f"{name}: dma-buf", binding["dmabuf_exporter"], "udmabuf")
    t.equal(f"{name}: held niovs", niovs["held"], len(kept))
    t.equal(f"{name}: the states add up to the total",
            sum(niovs[state] for state in ("free", "cached", "held", "queued", "other")), niovs["total"])
    t.equal(f"{name}: in flight is what is not free", niovs["inflight"], niovs["total"] - niovs["free"])
    t.ok(f"{name}: pressure", abs(binding["pressure"] - (1 - (niovs["free"] + niovs["cached"]) / niovs["total"])) < 1e-3, binding)
    t.ok(f"{name}: the receiver is a binder", receiver.pid in [b["pid"] for b in binding["binders"]], binding["binders"])


def bindings_at_rest():
    """Niovs move even when applications are at rest: from a CPU that is to free a packet to the pool, and from there to the binding."""
    t.net("stir_cpus")
    t.at_rest(lambda: t.devmemctl("bindings")["bindings"])
    return t.devmemctl("bindings")


def check_pools():
    """In one frame, as niovs move between pool and binding even when applications are at rest."""
    frame = json.loads(subprocess.run(["devmemtop", "--json", "--frames", "1"], capture_output=True, text=True, check=True).stdout)
    pools = frame["pools"]
    for binding in frame["bindings"]:
        mine = [pool for pool in pools if pool["binding"] == binding["id"]]
        t.equal(f"binding {binding['id']}: a pool for each queue", sorted(pool["queue"] for pool in mine), binding["queues"])
        t.equal(f"binding {binding['id']}: the pools' inflight adds up", sum(pool["inflight"] for pool in mine),
                binding["niovs"]["inflight"])


def main():
    t.equal("without bindings: an empty list", t.devmemctl("bindings")["bindings"], [])
    t.net("pair_up 6")
    first, second = receivers()
    sizes = [random.randint(400, 900) * 1024 for _ in range(2)]
    senders = [t.Sender(5201, sizes[0], "--connections", "2"), t.Sender(5202, sizes[1])]
    try:
        t.ok("the transfers end", t.wait_for(lambda: first.received() == 2 * sizes[0] and second.received() == sizes[1], 60),
             (first.received(), second.received(), sizes))
        socks = {sock["cookie"]: sock for sock in t.devmemctl("sockets")["sockets"]}
        snapshot = bindings_at_rest()
        bindings = {binding["queues"][0]: binding for binding in snapshot["bindings"]}
        held = first.held(), second.held()
        for receiver, tokens in zip((first, second), held):
            for cookie, kept in tokens.items():
                if t.ok(f"port {receiver.port}: cookie {cookie} is listed", cookie in socks, socks):
                    check_socket(socks[cookie], kept, receiver)
        t.equal("no other socket is listed", sorted(socks), sorted(cookie for tokens in held for cookie in tokens))
        t.ok("every connection leaked", all(kept for tokens in held for kept in tokens.values()), held)
        check_binding(bindings[2], first, held[0], [2, 3], 4 << 20)
        check_binding(bindings[4], second, held[1], [4], 2 << 20)
        check_pools()
        t.ok("nothing was lost", snapshot["complete"] and not any(snapshot["lost"].values()), snapshot["lost"])
    finally:
        for sender in senders:
            sender.stop()
        first.stop()
        second.stop()
    t.ok("when all is closed, nothing is listed", t.wait_for(t.none_left), t.devmemctl("pools"))
    t.net("pair_down")
    t.end()


main()

#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""leftovers.py SECONDS: waits until the kernel has no devmem binding and no page pool of one; else prints what is left, exits 1.
The bound is for a quiet machine; a busy one gets three times as long.

Two witnesses: page pools come over netlink through the kernel's own YNL library, in every network namespace that has a name;
bindings come from devmemctl. Softirqs of an idle CPU may sit on what they would free, so each CPU is given a packet to work on.
"""
import json
import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = subprocess.run([HERE + "/../vm/source"], capture_output=True, text=True, check=True).stdout.strip()
sys.dont_write_bytecode = True
sys.path.append(SOURCE + "/tools/net/ynl/pyynl")

from lib import YnlFamily  # noqa: E402  (its place is known only now)
import tap  # noqa: E402

NETNS = "/run/netns"


class Namespace:
    """A netdev netlink socket inside one network namespace."""

    def __init__(self, name):
        self.name = name
        home = os.open("/proc/self/ns/net", os.O_RDONLY)
        if name:
            there = os.open(os.path.join(NETNS, name), os.O_RDONLY)
            os.setns(there, os.CLONE_NEWNET)
            os.close(there)
        self.netdev = YnlFamily(SOURCE + "/Documentation/netlink/specs/netdev.yaml", schema="")
        os.setns(home, os.CLONE_NEWNET)
        os.close(home)

    def pools(self):
        """Page pools with a dma-buf, and those that were detached and still are there."""
        pools = self.netdev.dump("page-pool-get", {})
        return [f"{self.name or 'init'}: page pool {p}" for p in pools if "dmabuf" in p or "detach-time" in p]


def bindings():
    out = subprocess.run(["devmemctl", "bindings", "--json"], capture_output=True, text=True, check=True).stdout
    return [f"binding {b['id']}, {b['state']}: {b['niovs']}" for b in json.loads(out)["bindings"]]


def main():
    deadline = time.monotonic() + 3 * float(sys.argv[1])
    names = sorted(os.listdir(NETNS)) if os.path.isdir(NETNS) else []
    namespaces = [Namespace(name) for name in ["", *names]]
    while True:
        tap.net("stir_cpus")
        left = [line for ns in namespaces for line in ns.pools()] + bindings()
        if not left:
            return 0
        if time.monotonic() > deadline:
            print("\n".join(left))
            return 1
        time.sleep(0.3)


if __name__ == "__main__":
    sys.exit(main())

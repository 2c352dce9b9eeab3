#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""RSS with all that it offers, against a second implementation: hash fields, contexts, symmetry."""
import errno
import itertools
import os
import random

from frames import ALLOC, XFRM_NONE, XFRM_OR_XOR, XFRM_XOR, Flow, Nic, errno_of
import tap as t

QUEUES = 8
FLOWS = ("tcp4", "tcp6", "udp4", "udp6", "ip4", "ip6")


def some_flow(kind):
    """A flow with everything drawn anew."""
    four = kind.endswith("4")
    return Flow(kind, sport=random.randrange(1, 65536), dport=random.randrange(1, 65536),
                src=f"198.51.100.{random.randrange(1, 255)}" if four else f"2001:db8::{random.randrange(1, 65536):x}",
                label=0 if four else random.randrange(1 << 20))


def at_home(nic, flow, fields, context=0, offset=0):
    """Does the flow arrive where key and table of the context say? A text if not."""
    key, table, _, xfrm = nic.rss(context)
    wanted = table[flow.hash(key, fields, xfrm) % len(table)] + offset
    got = nic.queue(flow)
    return None if got == wanted else f"{flow.__dict__}: queue {got}, expected {wanted}"


def check_flows(text, nic, kind, fields, context=0, offset=0, **changes):
    wrong = []
    for _ in range(2):
        flow = some_flow(kind)
        flow.__dict__.update(changes)
        wrong += filter(None, [at_home(nic, flow, fields, context, offset)])
    t.ok(text, not wrong, "\n".join(wrong))


def has_label(nic):
    """Linux 6.17 knows the flow label as a hash field."""
    return errno_of(nic.fields, "udp6", "sdfnl") == 0


def check_fields(nic):
    for kind in FLOWS:
        letters = "sd" if kind.startswith("ip") else "sdfn"
        t.equal(f"{kind} hashes at first", nic.fields(kind), letters)
        for n in range(len(letters) + 1):
            for chosen in map("".join, itertools.combinations(letters, n)):
                nic.fields(kind, chosen)
                if nic.fields(kind) != chosen:
                    t.equal(f"{kind} hashes what was asked for", nic.fields(kind), chosen)
                check_flows(f"{kind} by '{chosen}'", nic, kind, chosen)
        nic.fields(kind, letters)
    check_flows("a fragment is hashed as IP", nic, "tcp4", "sd", fragment=True)
    check_flows("in IPv6, too", nic, "udp6", "sd", fragment=True)
    check_flows("SCTP, too", nic, "sctp4", "sd")
    check_flows("behind an extension header TCP is TCP", nic, "tcp6", "sdfn", options=bytes(6))
    for kind, letters in (("ip4", "sdf"), ("ip6", "n"), ("tcp4", "l")):
        t.equal(f"'{letters}' of {kind} is refused", errno_of(nic.fields, kind, letters), errno.EINVAL)
    t.equal("SCTP has no fields of its own", errno_of(nic.fields, "sctp4", "sd"), errno.EOPNOTSUPP)


def check_label(nic):
    if not has_label(nic):
        return t.skip("IPv6 flow labels", "this kernel cannot hash them")
    for kind in ("udp6", "tcp6", "ip6"):
        letters = "sd" if kind == "ip6" else "sdfn"
        for chosen in (letters + "l", "l"):
            nic.fields(kind, chosen)
            check_flows(f"{kind} by '{chosen}'", nic, kind, chosen)
        nic.fields(kind, letters)
        check_flows(f"{kind} without the label again", nic, kind, letters)
    return None


def refused(text, got, why):
    t.ok(text, why in str(got), f"got: {got}\nwanted: {why}")


def check_context(nic):
    """One context: its table, key and fields are its own."""
    key, table, hfunc, _ = nic.rss()
    context = nic.set_rss(ALLOC)
    t.equal("a new context is spread over all queues", nic.rss(context)[1], [n % QUEUES for n in range(len(table))])
    t.equal("with the main one's key and function", (nic.rss(context)[0], nic.rss(context)[2]), (key, hfunc))
    t.equal("a rule for it", nic.rule(f"udp4 dst-port 7000 context {context} loc 5"), "added")
    refused("is shown with it", nic.ethtool("-n", "dm0", "rule", "5").stdout.replace("ID: ", ""), f"RSS Context {context}")
    nic.set_rss(context, table=[2, 3] * (len(table) // 2), key=os.urandom(len(key)))
    check_flows("is where the context's key and table lead", nic, "udp4", "sdfn", context, dport=7000)
    nic.fields("udp4", "df", context)
    check_flows("by the context's fields", nic, "udp4", "df", context, dport=7000)
    t.equal("the main context's fields are its own", nic.fields("udp4"), "sdfn")
    check_flows("and other packets its own", nic, "udp4", "sdfn", dport=7001)
    refused("a rule that adds 5 is refused", nic.rule(f"udp4 dst-port 7000 context {context} action 5 loc 5"), "Invalid argument")
    t.equal("one that adds 4", nic.rule(f"udp4 dst-port 7000 context {context} action 4 loc 5"), "added")
    check_flows("leads 4 further", nic, "udp4", "df", context, offset=4, dport=7000)
    t.equal("a table that would lead too far with it is refused", errno_of(nic.set_rss, context, table=[4] * len(table)), errno.EINVAL)
    t.equal("the main table may", errno_of(nic.set_rss, 0, table=[4] * len(table)), 0)
    nic.ethtool("-X", "dm0", "default")
    refused("the context stays while a rule leads there", nic.ethtool("-X", "dm0", "context", str(context), "delete").stderr, "busy")
    nic.no_rule(5)
    t.equal("then it goes", errno_of(nic.set_rss, context, delete=True), 0)
    refused("and no rule can lead there", nic.rule(f"udp4 dst-port 7000 context {context}"), "Invalid argument")
    t.equal("nor does it have fields", errno_of(nic.fields, "udp4", "sd", context), errno.ENOENT)


def check_channels(nic):
    """Channels may not change so that a context, or a rule that adds to it, leads to none."""
    size = len(nic.rss()[1])
    context = nic.set_rss(ALLOC, table=[1] * size)

    def channels(n):
        return nic.ethtool("-L", "dm0", "combined", str(n)).returncode

    t.equal("queues no table leads to can go", channels(2), 0)
    t.ok("one that a context's leads to cannot", channels(1))
    t.equal("a rule that adds 4 to it, with 8 queues", (channels(8), nic.rule(f"tcp6 context {context} action 4 loc 0")), (0, "added"))
    t.ok("then queue 5 cannot go", channels(5))
    t.equal("queue 6 can", channels(6), 0)
    check_flows("and the context is as it was", nic, "tcp6", "sdfn", context, offset=4)
    nic.ethtool("-L", "dm0", "combined", "8")
    for state in ("down", "up"):
        nic.link(state)
    check_flows("also after the device was down", nic, "tcp6", "sdfn", context, offset=4)
    nic.no_rule(0)
    nic.set_rss(context, delete=True)


def check_many(nic):
    contexts = []
    while len(contexts) < 64 and not errno_of(lambda: contexts.append(nic.set_rss(ALLOC))):
        pass
    t.equal("63 contexts beside the main one", len(contexts), 63)
    for n in random.sample(contexts, 3):
        table = [n % QUEUES] * len(nic.rss()[1])
        nic.set_rss(n, table=table)
        location = nic.rule(f"udp6 dst-port {7000 + n} context {n}")
        t.equal(f"context {n} has its flow", nic.queue(Flow("udp6", dport=7000 + n)), n % QUEUES)
        nic.no_rule(location)
    for n in contexts:
        nic.set_rss(n, delete=True)


def check_symmetry(nic):
    """Both directions of a flow have one queue, and not all flows the same."""
    context = nic.set_rss(ALLOC)
    nic.rule(f"tcp6 dst-port 7000 context {context} loc 0")
    for xfrm, name in ((XFRM_XOR, "symmetric-xor"), (XFRM_OR_XOR, "symmetric-or-xor")):
        nic.set_rss(xfrm=xfrm)
        t.equal(f"{name} is set", nic.rss()[3], xfrm)
        for kind in FLOWS:
            letters = "sd" if kind.startswith("ip") else "sdfn"
            check_flows(f"{kind} with {name}", nic, kind, letters)
        flows = [some_flow("udp4") for _ in range(10)]
        queues = {flow: nic.queue(flow) for flow in flows}
        t.equal("the other direction is at the same queue", [nic.queue(flow.reverse()) for flow in flows], list(queues.values()))
        t.ok("of several queues", len(set(queues.values())) > 1, queues.values())
        check_flows("a context without it is not changed", nic, "tcp6", "sdfn", context, dport=7000)
        for letters in ("s", "sdf"):
            t.equal(f"fields '{letters}' are refused", errno_of(nic.fields, "tcp4", letters), errno.EINVAL)
        t.equal("fields 'fn' are not", errno_of(nic.fields, "tcp4", "fn"), 0)
        nic.fields("tcp4", "sdfn")
        new = nic.set_rss(ALLOC)
        t.equal("a new context inherits it", nic.rss(new)[3], xfrm)
        nic.set_rss(new, delete=True)
        nic.set_rss(xfrm=XFRM_NONE)
    nic.fields("udp4", "s")
    t.equal("it is refused with asymmetric fields", errno_of(nic.set_rss, xfrm=XFRM_XOR), errno.EINVAL)
    nic.fields("udp4", "sdfn")
    nic.set_rss(context, xfrm=XFRM_OR_XOR)
    check_flows("a context alone", nic, "tcp6", "sdfn", context, dport=7000)
    t.equal("has its own fields checked", errno_of(nic.fields, "tcp6", "d", context), errno.EINVAL)
    check_flows("the main one is not changed", nic, "tcp6", "sdfn")
    nic.no_rule(0)
    nic.set_rss(context, delete=True)


def main():
    t.net(f"pair_up {QUEUES}")
    try:
        nic = Nic()
        nic.set_rss(key=os.urandom(len(nic.rss()[0])))
        check_fields(nic)
        check_label(nic)
        check_context(nic)
        check_channels(nic)
        check_many(nic)
        check_symmetry(nic)
    finally:
        t.net("pair_down")
    t.end()


main()

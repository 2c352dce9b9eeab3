#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Each bpftrace script attaches on this kernel, and under traffic prints what it promises."""
import os
import re
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tools"))
import devmemctl_lib as t  # noqa: E402

# What a script must print while one receiver leaks and another's pool runs dry.
EXPECTED = {
    "tokens.bt": r"@returned\[devmemcat, \d+\]: [1-9]",
    "issued.bt": r"@issued\[devmemcat, \d+\]: [1-9]",
    "allocfail.bt": r"@failed\[\d+\]: [1-9]",
    "recvsize.bt": r"@bytes\[devmemcat\]:",
}


def received_more(receiver):
    """More bytes than one recvmsg() brings."""
    before = receiver.received()
    return t.wait_for(lambda: receiver.received() > before + (1 << 20), 60)


def check(script, pattern, leaky):
    path = os.path.join(t.TREE, "tools", "bpftrace", script)
    output = f"/tmp/{script}.out"
    with open(output, "w") as out:
        tracer = subprocess.Popen(["bpftrace", path], stdout=out, stderr=out)
    text = lambda: open(output).read()  # noqa: E731
    attached = t.wait_for(lambda: "Ctrl-C" in text() or tracer.poll() is not None, 90)
    t.ok(f"{script}: attaches", attached and tracer.poll() is None, text())
    # Of the one whose pool is dry only a newcomer is sure to send soon: the old sender's tries are ever farther apart.
    newcomer = t.Sender(5202, "inf", "--rate", "1M")
    if script != "recvsize.bt":
        t.wait_for(lambda: re.search(pattern, text()), 60)
    else:
        t.ok(f"{script}: there is traffic", received_more(leaky))
    newcomer.stop()
    tracer.send_signal(signal.SIGINT)
    try:
        tracer.wait(90)
    except subprocess.TimeoutExpired:
        tracer.kill()
    t.ok(f"{script}: sees the traffic", re.search(pattern, text()), text())


def main():
    t.net("pair_up 6")
    receivers = [t.Receiver(5201, "--queues", "2", "--size", "32M", "--leak", "1"), t.Receiver(5202, "--queues", "3", "--size", "1M", "--no-return")]
    senders = [t.Sender(port, "inf", "--rate", "1M") for port in (5201, 5202)]
    for script in sorted(os.listdir(os.path.join(t.TREE, "tools", "bpftrace"))):
        if t.ok(f"{script}: is known here", script in EXPECTED):
            check(script, EXPECTED[script], receivers[0])
    for process in senders + receivers:
        process.stop()
    t.ok("at the end nothing is left", t.wait_for(t.none_left), t.devmemctl("pools"))
    t.net("pair_down")
    t.end()


main()

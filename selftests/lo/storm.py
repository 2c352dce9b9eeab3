#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""A storm: random changes of configuration under traffic with bindings, for 10 s, with LONG for 5 min.

SEED repeats the changes of a run, whose seed is printed; what they meet is up to the scheduler. Half of the storm has faults in it.
Afterwards the pair carries a verified transfer again, and nothing is left of any binding. The guest's log is the other witness.
"""
import collections
import os
import random
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TREE = os.path.dirname(os.path.dirname(HERE))
QUEUES = 8
PORTS = (5201, 5202)
RATE = "1M"  # of each sender: enough to be there at any moment, and to leave the changes their turn on an emulated CPU
SEED = int(os.environ.get("SEED") or random.SystemRandom().randrange(1 << 32))
SECONDS = 300 if os.environ.get("LONG") else 10
CHANGES_MIN = 10  # in each half, however busy the machine is
WORD_SECONDS = 60  # what a command may take on a busy machine; one that hangs ends the storm

rng = random.Random(SEED)
tap = 0
failed = 0


def ok(text, condition, why=""):
    global tap, failed
    tap += 1
    failed += not condition
    print(f"{'ok' if condition else 'not ok'} {tap} - {text}", flush=True)
    if not condition:
        print("".join(f"# {line}\n" for line in str(why).splitlines()[:60]), end="", flush=True)
    return condition


def net(command):
    """A function of selftests/lib/net.sh."""
    return subprocess.run(["bash", "-c", f". {TREE}/selftests/lib/tap.sh && . {TREE}/selftests/lib/net.sh && {command}"],
                          capture_output=True, text=True, check=False)


def inside(n, *words, seconds=WORD_SECONDS):
    """A command in nsN; its exit status. That it hangs is for the caller to see: -1."""
    try:
        return subprocess.run(("ip", "netns", "exec", f"ns{n}") + words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              timeout=seconds, check=False).returncode
    except subprocess.TimeoutExpired:
        return -1


class Traffic:
    """Receivers into device memory, senders that come back for as long as there is one, and ordinary traffic both ways."""

    def __init__(self):
        self.receivers = {}
        self.others = []

    def start(self, n, *words):
        return subprocess.Popen(("ip", "netns", "exec", f"ns{n}") + words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL, start_new_session=True)

    def begin(self):
        for port in PORTS:
            self.bind(port)
            self.others.append(self.start(1, "bash", "-c", f"while :; do devmemcat 192.0.2.1 {port} --pattern inf --interval 0 "
                                          f"--rate {RATE}; sleep 0.2; done"))
        for n, address in (1, "192.0.2.1"), (0, "2001:db8::2"):
            self.others.append(self.start(1 - n, "socat", "-u", "TCP6-LISTEN:7000,ipv6only=0,reuseaddr,fork", "OPEN:/dev/null"))
            self.others.append(self.start(n, "bash", "-c", f"while :; do devmemcat {address} 7000 --pattern inf --interval 0 "
                                          f"--rate {RATE}; sleep 0.2; done"))

    def bind(self, port):
        """A receiver of this port; if there is one, it ends, in order or not."""
        old = self.receivers.pop(port, None)
        if old:
            self.stop(old, rng.choice((signal.SIGTERM, signal.SIGKILL)))
        self.receivers[port] = self.start(0, "devmemcat", "-l", str(port), "-i", "dm0", "--discard", "-k", "--size", "4M",
                                          "--interval", "0", "--num-queues", str(rng.randrange(1, 3)),
                                          *rng.choice(((), ("--hold", "20ms"), ("--leak", "1"))))
        return 0

    @staticmethod
    def stop(proc, number):
        try:
            os.killpg(proc.pid, number)
        except ProcessLookupError:
            pass
        try:
            proc.wait(WORD_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(proc.pid, signal.SIGKILL)
            proc.wait()

    def end(self):
        for proc in self.others:
            self.stop(proc, signal.SIGKILL)
        for proc in self.receivers.values():
            self.stop(proc, signal.SIGTERM)


traffic = Traffic()


def ethtool(n, *words):
    return inside(n, "ethtool", words[0], f"dm{n}", *map(str, words[1:]))


def link(n, *words):
    status = inside(n, "ip", "link", "set", f"dm{n}", *map(str, words))
    if words[0] == "up":
        inside(n, "ip", "addr", "replace", f"2001:db8::{n + 1}/64", "dev", f"dm{n}", "nodad")
    return status


def down_up(n):
    return link(n, "down") or link(n, "up")


def rule(n):
    proto = rng.choice(("tcp4", "tcp6", "udp4", "udp6"))
    return ethtool(n, "-N", "flow-type", proto, "dst-port", rng.randrange(6000, 6010), "action", rng.randrange(-1, QUEUES),
                   "loc", rng.randrange(20))


def restart(_):
    """A queue's restart: a binding that comes and goes."""
    return inside(0, "python3", HERE + "/dmabuf.py", "bind", "dm0", str(rng.randrange(QUEUES)), "65536")


FAULTS = ("drop=1%", "delay=2%", "reorder=2%", "duplicate=2%", "corrupt=1%", "checksum=1%", "split_late=1%", "split_early=1%",
          "skb=1%", "niov=2%", "unreachable=1%", "source=1%", "stall=10%", "ring=20%", "pool=20%", "probe=20%", "channels=20%",
          "flap=ms=50", "clear")


def fault(n):
    return inside(n, "devmemctl", "fault", f"dm{n}", rng.choice(FAULTS))


def feature(n):
    return ethtool(n, "-K", rng.choice(("tso", "gro", "rx", "tx", "rxhash", "sg")), rng.choice(("on", "off")))


CHANGES = {
    "channels": lambda n: ethtool(n, "-L", "combined", rng.randrange(1, QUEUES + 1)),
    "rx ring": lambda n: ethtool(n, "-G", "rx", 1 << rng.randrange(3, 10)),
    "tx ring": lambda n: ethtool(n, "-G", "tx", rng.choice((64, 128, 512, 1000))),
    "split": lambda n: ethtool(n, "-G", "tcp-data-split", rng.choice(("on", "off"))),
    "table": lambda n: ethtool(n, "-X", "equal", rng.randrange(1, QUEUES + 1)),
    "default table": lambda n: ethtool(n, "-X", "default"),
    "rule": rule,
    "no rule": lambda n: ethtool(n, "-N", "delete", rng.randrange(20)),
    "hash": lambda n: ethtool(n, "-N", "rx-flow-hash", rng.choice(("tcp4", "udp4", "tcp6")), rng.choice(("sd", "sdfn"))),
    "feature": feature,
    "statistics": lambda n: ethtool(n, "-S"),
    "mtu": lambda n: link(n, "mtu", rng.choice((1280, 1500, 4000, 9000))),
    "down and up": down_up,
    "a restart": restart,
    "a receiver": lambda _: traffic.bind(rng.choice(PORTS)),
    "fault": fault,
}


def storm(names, seconds):
    """Changes at either end until the time is up: how often each was made, how often it was not refused, and what hung."""
    made, done, hung = collections.Counter(), collections.Counter(), []
    deadline = time.monotonic() + seconds
    while (time.monotonic() < deadline or made.total() < CHANGES_MIN) and not hung:
        name, n = rng.choice(names), rng.randrange(2)
        status = CHANGES[name](n)
        made[name] += 1
        done[name] += status == 0
        if status == -1:
            hung.append(f"{name} at dm{n}")
    return made, done, hung


def calm():
    """The weather, not the damage: what is sent and received now has to get through with whatever was configured."""
    for n in range(2):
        inside(n, "devmemctl", "fault", f"dm{n}", "clear")
        link(n, "up")
        link(n, "mtu", 1500)


def tidy():
    """The configuration, as an administrator would put it right. ntuple takes the rules along."""
    for n in range(2):
        inside(n, "sysctl", "-qw", "net.ipv4.tcp_syn_retries=6")
        ethtool(n, "-K", "ntuple", "off")
        ethtool(n, "-K", "ntuple", "on", "sg", "on", "tx", "on", "rx", "on", "tso", "on", "gro", "on", "rxhash", "on")
        ethtool(n, "-L", "combined", QUEUES)
        ethtool(n, "-X", "default")


def reaches():
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        if inside(0, "ping", "-c1", "-W1", "192.0.2.2") == 0:
            return True
    return False


def verified():
    with subprocess.Popen(("ip", "netns", "exec", "ns0", "devmemcat", "-l", "5301", "-i", "dm0", "--verify", "--expect", "1M",
                           "--interval", "0"), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as rx:
        line = rx.stderr.readline()
        if "listening on" in line:
            inside(1, "devmemcat", "192.0.2.1", "5301", "--pattern", "1M", "--interval", "0", seconds=60)
        else:
            rx.kill()
        rest = rx.stderr.read()
    return rx.returncode == 0, line + rest


def show_locks():
    """Contention of this driver's locks, where the kernel keeps count."""
    try:
        with open("/proc/lock_stat") as f:
            lines = f.readlines()
    except OSError:
        return
    for line in lines[:4] + [line for line in lines if "dlo_" in line or "wire" in line]:
        print("# " + line.rstrip())


def main():
    os.environ["PATH"] = f"{TREE}/build:" + os.environ["PATH"]
    print(f"# seed {SEED}, {SECONDS} s, {os.cpu_count()} CPUs", flush=True)
    up = net(f"pair_up {QUEUES}")
    if not ok("a pair", up.returncode == 0, up.stdout + up.stderr):
        sys.exit(1)
    # Sockets that were closed while nothing got through keep their data until TCP gives up.
    for n in range(2):
        inside(n, "sysctl", "-qw", "net.ipv4.tcp_orphan_retries=1", "net.ipv4.tcp_syn_retries=1")
    traffic.begin()
    for text, names in (("without faults", [name for name in CHANGES if name != "fault"]), ("with faults", list(CHANGES))):
        made, done, hung = storm(names, SECONDS / 2)
        print(f"# {text}: {made.total()} changes, {done.total()} of them made:", ", ".join(
            f"{name} {done[name]}/{made[name]}" for name in sorted(made)), flush=True)
        ok(f"{text}: no change hangs", not hung, "\n".join(hung))
    calm()
    ok("traffic flows again", reaches(), net("in0 ip -s link; in0 ethtool -l dm0").stdout)
    traffic.end()
    tidy()
    good, why = verified()
    ok("every byte arrives in device memory", good, why)
    left = subprocess.run([TREE + "/selftests/lib/leftovers.py", "30"], capture_output=True, text=True, check=False)
    ok("nothing is left of any binding", left.returncode == 0, left.stdout + left.stderr)
    show_locks()
    net("pair_down")
    print(f"1..{tap}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: GPL-2.0-only
"""What the tests of devmemctl and devmemtop share: TAP, the network, devmemcat at both ends, and its token log as the oracle."""
import collections
import json
import os
import re
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from tap import TREE, at_rest, end, equal, net, ok, skip, wait_for  # noqa: E402


def none_left():
    """No binding and no page pool, bound or zombie."""
    net("stir_cpus")
    return not devmemctl("bindings")["bindings"] and not devmemctl("pools")["pools"]


def devmemctl(command):
    """The parsed output of devmemctl COMMAND --json."""
    result = subprocess.run(["devmemctl", command, "--json"], capture_output=True, text=True, check=True)
    return json.loads(result.stdout)


class Receiver:
    """devmemcat -l in ns0, with a token log."""

    def __init__(self, port, *options):
        self.port = port
        self.dir = tempfile.mkdtemp()
        self.output = open(os.path.join(self.dir, "output"), "w+")
        self.tokens = os.path.join(self.dir, "tokens")
        self.process = subprocess.Popen(["ip", "netns", "exec", "ns0", "devmemcat", "-l", str(port), "-i", "dm0", "--keep-open",
                                         "--discard", "--interval", "0", "--token-log", self.tokens, *options],
                                        stdin=subprocess.DEVNULL, stdout=self.output, stderr=self.output)
        self.pid = self.process.pid
        if not wait_for(self.listening, 20):
            sys.exit(f"Bail out! no receiver on port {port}: {self.text()}")

    def text(self):
        with open(self.output.name) as output:
            return output.read()

    def listening(self):
        return "listening" in self.text()

    def log(self):
        """The log up to now: devmemcat writes it out on SIGUSR1, a line "total" last; what comes after that may lack its end."""
        before = len(self.totals()[1])
        self.process.send_signal(signal.SIGUSR1)
        if not wait_for(lambda: len(self.totals()[1]) > before, 30):
            sys.exit("Bail out! devmemcat does not write its token log")
        text, ends = self.totals()
        return text[:ends[-1]]

    def totals(self):
        """The file, and where each line "total" in it ends."""
        if not os.path.exists(self.tokens):
            return "", []
        with open(self.tokens) as tokens:
            text = tokens.read()
        return text, [match.end() for match in re.finditer(r"^total .*\n", text, re.M)]

    def held(self):
        """By cookie: the tokens held and their offsets in the dma-buf, reckoned from each issue and return."""
        cookies = {}
        conns = collections.defaultdict(dict)
        for line in self.log().splitlines():
            fields = dict(re.findall(r"(\w+)=(\S+)", line))
            conn = fields.get("conn")
            if line.startswith("open "):
                cookies[conn] = int(fields["cookie"])
            elif line.startswith("issue "):
                conns[conn][int(fields["token"])] = int(fields["offset"])
            elif line.startswith("return "):
                for token in range(int(fields["start"]), int(fields["start"]) + int(fields["count"])):
                    conns[conn].pop(token, None)
        return {cookies[conn]: conns[conn] for conn in cookies}

    def received(self):
        """Bytes behind every token ever issued."""
        return sum(int(size) for size in re.findall(r"^issue .* size=(\d+)", self.log(), re.M))

    def stop(self, how=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(how)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class Sender:
    """devmemcat in ns1; keeps its connections open until it is stopped."""

    def __init__(self, port, size, *options, host="192.0.2.1"):
        self.process = subprocess.Popen(["ip", "netns", "exec", "ns1", "devmemcat", host, str(port), "--pattern", str(size),
                                         "--linger", "inf", "--interval", "0", "--quiet", *options],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def stop(self):
        self.process.kill()
        self.process.wait()

#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""devmemtop names the process that leaks and the one that does not read, and neither the good nor the slow one."""
import json
import random
import subprocess

import devmemctl_lib as t

ROLES = {
    "good": [],
    "slow": ["--hold", "1s"],
    "leaky": ["--leak", "5"],
    "unread": ["--no-read"],
}


class Watch:
    """devmemtop --json, a frame at a time."""

    def __init__(self):
        self.process = subprocess.Popen(["devmemtop", "--json", "--delay", "0.5", "--leak-after", "5"], stdout=subprocess.PIPE,
                                        text=True)

    def frame(self):
        return json.loads(self.process.stdout.readline())

    def stop(self):
        self.process.terminate()
        self.process.communicate()
        return self.process.returncode


def judged(frame, verdict):
    return {holder["pid"] for sock in frame["sockets"] if sock["verdict"] == verdict for holder in sock["holders"]}


def main():
    t.net("pair_up 8")
    receivers, senders = {}, []
    ports = random.sample(range(5201, 5300), len(ROLES))
    for queue, (role, port) in enumerate(random.sample(list(zip(ROLES, ports)), len(ROLES)), 4):
        receivers[role] = t.Receiver(port, "--queues", str(queue), "--size", "8M", *ROLES[role])
        senders.append(t.Sender(port, "inf", "--rate", "1M"))
    pids = {role: receiver.pid for role, receiver in receivers.items()}
    watch = Watch()
    suspects, unread, frames, slow = set(), set(), 0, 0
    try:
        while frames < 240 and not (frames > 24 and suspects and unread and slow > 50):
            frame = watch.frame()
            frames += 1
            suspects |= judged(frame, "suspect")
            unread |= judged(frame, "unread")
            slow = max([slow] + [s["tokens"] for s in frame["sockets"] if pids["slow"] in [h["pid"] for h in s["holders"]]])
        t.equal("the leaker is named, and only it", suspects, {pids["leaky"]})
        t.ok("the one that does not read is named", pids["unread"] in unread, (unread, pids))
        t.ok("those that read are not", not unread & {pids["good"], pids["slow"]}, (unread, pids))
        t.ok("the slow one holds tokens meanwhile, so it could have been mistaken", slow > 50, slow)
        leaky = [s for s in frame["sockets"] if pids["leaky"] in [h["pid"] for h in s["holders"]]][0]
        t.ok("the leaker's old tokens are counted", 0 < leaky["old_tokens"] <= leaky["tokens"], leaky)
        t.ok("and their age is given", leaky["oldest_token_s"] >= 5, leaky)
        text = subprocess.run(["devmemtop", "--batch", "--frames", "2", "--delay", "0.2"], capture_output=True, text=True,
                              check=True).stdout
        t.equal("as text: two frames", text.count("devmemtop frame "), 2)
        t.ok("as text: a sentence first", "4 bindings, " in text and "pinning" in text, text)
        t.equal("stopped by a signal, it ends well", watch.stop(), 0)
    finally:
        for sender in senders:
            sender.stop()
        for receiver in receivers.values():
            receiver.stop()
    t.net("pair_down")
    t.end()


main()

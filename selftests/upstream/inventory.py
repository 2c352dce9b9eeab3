# SPDX-License-Identifier: GPL-2.0-only
"""Reads `tests`, which lists the kernel's own selftests for NICs: which are run, and which of their cases may be skipped, and why."""
import fnmatch
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
DRIVERS_NET = "tools/testing/selftests/drivers/net"


class Test:
    """One test: its path below drivers/net, how it is run, and what of it may be skipped."""

    def __init__(self, name, words):
        self.name = name
        self.why_not = self.coalesced = None
        self.limit = 0
        self.quick = self.both_here = self.paced = self.pinned = self.packed = False
        self.exceptions = []
        if words.startswith("- "):
            self.why_not = words[2:]
            return
        limit, *flags = words.split()
        self.limit = int(limit)
        self.coalesced = next((flag.partition("=")[2] for flag in flags if flag.startswith("coalesced=")), None)
        self.quick, self.both_here = "quick" in flags, "pair" in flags
        self.paced, self.pinned, self.packed = "paced" in flags, "pinned" in flags, "packed" in flags

    def listed(self, case, result, said):
        """The reason that allows this result; None when none does."""
        for kind, pattern, text, reason in self.exceptions:
            if kind == result and fnmatch.fnmatchcase(case, pattern) and re.search(text, said):
                return reason
        return None


def read():
    tests = []
    with open(os.path.join(HERE, "tests")) as f:
        for line in f:
            line = line.rstrip("\n")
            if not line or line.startswith("#"):
                continue
            if line.startswith("\t"):
                what, reason = line.strip().split(": ", 1)
                kind, pattern, *text = what.split(None, 2)
                tests[-1].exceptions.append((kind, pattern, text[0] if text else "", reason))
            else:
                tests.append(Test(*re.split(r"\s+", line, maxsplit=1)))
    return tests


def find(name):
    for test in read():
        if test.name == name and not test.why_not:
            return test
    sys.exit(f"{name} is not among the tests that are run: see selftests/upstream/tests")


def select(names):
    """The tests that are run: all, the named, or those marked quick."""
    if names in ([], ["all"]):
        return [test for test in read() if not test.why_not]
    if names == ["quick"]:
        return [test for test in read() if test.quick]
    return [find(name) for name in names]

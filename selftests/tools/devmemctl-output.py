#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The forms of output: JSON that parses, a line for each frame, text without escapes in pipes, tables that fit a terminal."""
import json
import os
import pty
import subprocess

import devmemctl_lib as t


def run(*argv):
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


def on_terminal(columns, *argv):
    """What argv prints on a terminal of so many columns."""
    pid, fd = pty.fork()
    if not pid:
        os.environ.update(TERM="xterm", LC_ALL="C.UTF-8")
        os.execvp("sh", ["sh", "-c", f"stty cols {columns} && exec " + " ".join(argv)])
    text = b""
    while True:
        try:
            chunk = os.read(fd, 65536)
        except OSError:
            break
        if not chunk:
            break
        text += chunk
    os.waitpid(pid, 0)
    os.close(fd)
    return text.decode()


def check_json():
    for command in ("bindings", "pools", "sockets"):
        text = run("devmemctl", command, "--json")
        t.equal(f"{command} --json: a single line", text.count("\n"), 1)
        frame = json.loads(text)
        t.ok(f"{command} --json: an object with a list of {command}", isinstance(frame[command], list), frame)
        t.equal(f"{command} --json: the first frame has no interval", (frame["frame"], frame["interval_s"]), (1, None))
    lines = run("devmemtop", "--json", "-n", "3", "-d", "0.1").splitlines()
    frames = [json.loads(line) for line in lines]
    t.equal("devmemtop --json: a line for each frame", [frame["frame"] for frame in frames], [1, 2, 3])
    t.ok("devmemtop --json: everything in each", all({"bindings", "pools", "sockets", "lost", "complete"} <= set(f) for f in frames),
         frames[0])


def check_text():
    for command in ("bindings", "pools", "sockets"):
        text = run("devmemctl", command)
        t.ok(f"{command}: a table without escapes", "\x1b" not in text and len(text.splitlines()) >= 1, text)
    text = run("devmemtop", "-n", "2", "-d", "0.1")
    t.ok("devmemtop into a pipe: frames as text", text.count("devmemtop frame ") == 2 and "\x1b" not in text, text)
    receiver = t.Receiver(5201, "--queues", "2", "--size", "1M", "--leak-count", "3")
    sender = t.Sender(5201, 50000)
    t.ok("a socket holds tokens", t.wait_for(lambda: receiver.received() == 50000))
    for columns in (40, 80, 200):
        for command in ("bindings", "sockets"):
            text = on_terminal(columns, "devmemctl", command)
            plain = [line.split("\x1b[0m") for line in text.splitlines()]
            widest = max(len("".join(part.split("m", 1)[-1] if "\x1b[" in part and part.startswith("\x1b") else
                                     part.replace("\x1b[2m", "").replace("\x1b[1m", "").replace("\x1b[32m", "")
                                     for part in line)) for line in plain)
            t.ok(f"{command} on {columns} columns: no line is longer", widest <= columns, text)
    sender.stop()
    receiver.stop()


def main():
    t.net("pair_up")
    check_json()
    check_text()
    t.net("pair_down")
    t.end()


main()

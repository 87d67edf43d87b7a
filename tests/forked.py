"""Runs the command `traits` in forks of one interpreter, which has imported its libraries and nothing of ours."""

from __future__ import annotations

import atexit
import json
import os
import socket
import subprocess
import sys
import tempfile
from functools import lru_cache
from pathlib import Path

LIBRARIES = ("asyncio", "click", "griffe", "msgspec", "rich.console", "rich.table", "sqlalchemy.orm", "tomllib")
"""Django is missing: `traits verify` asks whether the program has imported it."""

TEMPLATE = f"""
import gc, json, os, socket, sys
import {", ".join(LIBRARIES)}

def next_request(channel):
    while True:
        request, files, _, _ = socket.recv_fds(channel, 1 << 20, 2)
        if not request:
            os._exit(0)
        child = os.fork()
        if child == 0:
            channel.close()
            return json.loads(request), files
        for file in files:
            os.close(file)
        channel.send(str(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])).encode())

gc.freeze()
request, files = next_request(socket.socket(fileno=int(sys.argv[1])))
for number, file in enumerate(files, start=1):
    os.dup2(file, number)
    os.close(file)
os.chdir(request["cwd"])
os.environ.clear()
os.environ.update(request["env"])
sys.path[:0] = filter(None, request["env"].get("PYTHONPATH", "").split(os.pathsep))
sys.argv[1:] = request["arguments"]
from traits_cli import launch
launch()
"""
"""Each fork leaves the loop and ends as any process does: with its exit functions, its traceback, its exit code."""


def can_fork(env: dict[str, str] | None) -> bool:
    """Whether a fork is as good as a new process: no variable differs that Python reads at its start."""
    read_at_start = {name for name in env or () if name.startswith(("PYTHON", "LANG", "LC_"))}
    return hasattr(os, "fork") and read_at_start <= {"PYTHONPATH"}


@lru_cache(maxsize=1)
def _channel() -> socket.socket:
    """Start the template, which ends with this process."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    command = [sys.executable, "-P", "-c", TEMPLATE, str(theirs.fileno())]
    with theirs:
        template = subprocess.Popen(command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
    atexit.register(template.wait)
    atexit.register(ours.close)
    return ours


def run_forked(arguments: tuple[str, ...], cwd: Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run the command in a fork.

    Args:
        arguments: What follows `traits`.
        cwd: The working directory.
        env: All environment variables.
    """
    request = json.dumps({"arguments": arguments, "cwd": str(cwd), "env": env}).encode()
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        channel = _channel()
        socket.send_fds(channel, [request], [output.fileno(), errors.fileno()])
        code = int(channel.recv(64))
        output.seek(0)
        errors.seek(0)
        return subprocess.CompletedProcess(list(arguments), code, output.read().decode(), errors.read().decode())

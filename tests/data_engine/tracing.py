"""Which files and sockets a command touches, from its system calls."""

import functools
import os
import pathlib
import re
import shutil
import subprocess

from places import ROOT

_CALL = re.compile(r"^(?:\d+ +)?(?P<call>\w+)\((?P<arguments>.*)$")
_PATH = re.compile(
    r'(?:(?P<folder>AT_FDCWD|\d+)(?:<(?P<at>[^>]*)>)?, )?"(?P<name>(?:[^"\\]|\\.)*)"'
)


@functools.cache
def can_trace() -> bool:
    if shutil.which("strace") is None:
        return False
    return subprocess.run(["strace", "-qq", "-o", os.devnull, "true"], check=False).returncode == 0


def traced(
    command: list[str], *, cwd: pathlib.Path, log: pathlib.Path, tmp: pathlib.Path
) -> list[tuple[str, str]] | None:
    """Runs a command with its children; every system call that names a path or a socket.

    Returns:
        Name of the call and absolute path (empty for sockets), `failed` before the name of a call
        that found nothing; None where tracing is impossible.
    """
    here = str(ROOT)
    environment = os.environ | {"PYTHONPATH": here, "TMPDIR": str(tmp)}
    words = ["strace", "-f", "-qq", "-y", "-s", "4096", "--seccomp-bpf"]
    words += ["-e", "trace=%file,%network", "-e", "signal=none", "-o", str(log)]
    if not can_trace():
        words = []
    subprocess.run([*words, *command], cwd=cwd, env=environment, check=True, capture_output=True)
    if not words:
        return None
    return [touch for line in log.read_text(errors="replace").splitlines()
            for touch in _touches(line, str(cwd))]  # fmt: skip


def _touches(line: str, cwd: str) -> list[tuple[str, str]]:
    call = _CALL.match(line)
    if call is None:  # The second half of a call that another interrupted.
        return []
    places = [
        os.path.normpath(os.path.join(match["at"] or cwd, match["name"]))
        for match in _PATH.finditer(call["arguments"])
    ]
    if call["call"] in ("execve", "connect", "bind"):
        places = places[:1]
    failed = "failed " if re.search(r"\) += -1 E", line) else ""
    return [(failed + call["call"], place) for place in places or [""]]

"""Limits that a child process sets on itself before it opens foreign files.

Standard library alone: render processes run under interpreters that have little else.
"""

import ctypes
import os
import resource
import signal
import sys

_PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int) -> None:
    """A killed parent must not leave a child behind that waits for it or still writes.

    Args:
        parent: Process id of the parent, as the parent says.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # It was gone before the line above
        os.kill(os.getpid(), signal.SIGKILL)


def restrict(*, memory_bytes: int, file_bytes: int) -> None:
    """Caps address space and the size of files that are written, for good; leaves no core dump."""
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_AS, memory_bytes)
    _lower(resource.RLIMIT_FSIZE, file_bytes)


def allow_cpu(seconds: float) -> None:
    """Gives the next task its own processor time; using it up ends the process (SIGXCPU)."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime + seconds) + 1
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (_stricter(soft, hard), hard))


def _lower(which: int, wanted: int) -> None:
    value = _stricter(wanted, resource.getrlimit(which)[1])
    resource.setrlimit(which, (value, value))


def _stricter(wanted: int, hard: int) -> int:
    """A stricter limit that the process was born with stays in force."""
    return wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)

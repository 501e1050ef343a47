"""Who holds a lease: naming this process, and telling whether another still lives."""

import os
import pathlib
import socket


def this_process() -> str:
    """Names this process as an owner: host, process id and the moment it started."""
    return f"{socket.gethostname()}/{os.getpid()}/{_start_tick(os.getpid())}"


def is_dead(owner: str) -> bool:
    """Whether the owner was a process of this host that has ended; False when unsure."""
    host, _, rest = owner.rpartition("/")[0].partition("/")
    tick = owner.rpartition("/")[2]
    if host != socket.gethostname() or not rest.isdigit() or not tick.isdigit():
        return False
    return _start_tick(int(rest)) != int(tick)


def _start_tick(pid: int) -> int:
    """When a process started, in clock ticks since boot; 0 if it is gone (or not on Linux).

    The number tells a process from a later one that got the same id.
    """
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0
    fields = stat.rpartition(")")[2].split()  # The name in brackets may hold spaces.
    return 0 if fields[0] == "Z" else int(fields[19])

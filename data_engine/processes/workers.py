"""How many child processes a command may start."""

import os

from data_engine.errors import UserError


def usable_cores() -> int:
    """Cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def checked_workers(workers: int) -> int:
    """The number of child processes asked for."""
    if workers < 1:
        raise UserError(f"--workers {workers}: at least 1 is needed")
    return workers

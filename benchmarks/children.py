"""Commands of the project run as processes of their own, and what they cost."""

import resource
import subprocess
import sys


def cpu_seconds(module: str, *words: object) -> float:
    """Runs `python -m module words`, quietly but for errors; CPU seconds of it and its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", module, *map(str, words)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

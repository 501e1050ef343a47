"""Runs one command of the demo, shows it, and records its time and peak memory.

scripts/stage.py STAGES.jsonl NAME -- COMMAND...
"""

import json
import os
import shlex
import subprocess
import sys
import time


def main(argv: list[str]) -> int:
    record_path, name, separator, *command = argv
    if separator != "--" or not command:
        sys.exit(__doc__)
    shown = shlex.join([os.path.basename(command[0]), *command[1:]])
    print(f"\n$ {shown}", flush=True)
    start = time.monotonic()
    child = subprocess.Popen(command)
    _, status, usage = os.wait4(child.pid, 0)
    code = os.waitstatus_to_exitcode(status)
    record = {
        "stage": name,
        "command": shown,
        "seconds": round(time.monotonic() - start, 2),
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 2),
        "peak_rss_bytes": usage.ru_maxrss * 1024,  # of the largest process among the descendants
        "exit_code": code,
    }
    with open(record_path, "a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

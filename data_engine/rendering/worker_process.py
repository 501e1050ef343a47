"""The inside of a render process: its limits, its log, and one relic per line of its input.

Both engines run in it, possibly under an interpreter that has little but NumPy, so it imports
nothing but the standard library, `data_engine.errors` and `data_engine.processes.limits`. The first
line on stdin is the setup (settings, limits, poses), every further line is one relic; answers leave
as one JSON line each:

    {"event": "ready", "renderer": "blender 4.4.0"}      {"event": "fatal", "error": ...}
    {"event": "view", "uid": ..., "index": 0}
    {"event": "failed", "uid": ..., "reason": "bad_glb", "error": ...}
    {"event": "done", "uid": ..., "bounds": [[x, y, z], [x, y, z]]}

Blender and its importer print to stdout, so the answers use a private copy of that descriptor and
everything else goes to the log of the relic at hand.
"""

import json
import os
import sys
from collections.abc import Callable

from data_engine.errors import Refusal
from data_engine.processes.limits import allow_cpu, die_with_parent, restrict

Answer = Callable[[dict], None]
Render = Callable[[dict, Answer], None]

MAX_FILE_BYTES = 2 << 30
"""Largest file a worker may write; a 4096 px view takes 0.3 GiB."""
_NETWORK_EVENTS = ("socket.connect", "socket.bind", "socket.sendto", "socket.getaddrinfo")


def serve(prepare: Callable[[dict], tuple[str, Render]]) -> None:
    """Serves the relics on stdin until it closes.

    Args:
        prepare: From the setup to the renderer's name and the function that renders one relic;
            raises SystemExit with one line when this machine cannot render at all.
    """
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(message: dict) -> None:
        answers.write(json.dumps(message) + "\n")
        answers.flush()

    setup = json.loads(sys.stdin.readline())
    die_with_parent(setup["parent"])
    restrict(memory_bytes=setup["memory_bytes"], file_bytes=MAX_FILE_BYTES)
    sys.addaudithook(_refuse_network)
    try:
        renderer, render = prepare(setup)
    except SystemExit as error:
        answer({"event": "fatal", "error": str(error)})
        return
    answer({"event": "ready", "renderer": renderer})
    for line in sys.stdin:
        job = json.loads(line)
        _send_output_to(job["log"])
        allow_cpu(setup["cpu_s"])
        fault = _fault(render, job, answer)
        if fault is not None:
            answer({"event": "failed", "uid": job["uid"], "reason": fault[0], "error": fault[1]})


def _fault(render: Render, job: dict, answer: Answer) -> tuple[str, str] | None:
    """Whatever one file provokes must not take the next one along."""
    try:
        render(job, answer)
    except Refusal as refusal:
        return refusal.reason, refusal.sentence
    except MemoryError:
        return "bomb", "rendering it needs more memory than --memory-gib allows"
    except Exception as error:
        words = " ".join(str(error).split())[:500]
        return "crash", f"the renderer refuses it: {words or type(error).__name__}"
    return None


def _refuse_network(event: str, arguments: tuple) -> None:
    """Keeps Python code off the network also where the kernel grants no empty namespace."""
    if event in _NETWORK_EVENTS:
        raise PermissionError(f"a render process has no network ({event})")


def _send_output_to(log: str) -> None:
    """Appends stdout and stderr, also those of native code, to a file."""
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    sys.stdout.flush()
    for stream in (1, 2):
        os.dup2(descriptor, stream)
    os.close(descriptor)

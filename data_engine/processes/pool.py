"""A pool of child processes with limits, for work on files that may be hostile.

A child that dies, hangs or grows too large becomes the verdict on the file it had, and the pool
goes on with a fresh child. Tasks and answers are lines of JSON, so a child that was taken over can
send words back and nothing else.
"""

import contextlib
import dataclasses
import errno
import importlib
import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from data_engine.errors import Refusal
from data_engine.processes.limits import allow_cpu, die_with_parent, restrict

Task = dict[str, Any]
Answer = dict[str, Any]

LOOK_AHEAD = 4
"""Tasks drawn per worker while the answer that is due first is still being worked on."""
DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG)
"""What a full or locked disk answers to a write."""
_MAX_ANSWER_BYTES = 1 << 20
_SETTINGS = "DATA_ENGINE_CHILD"


@dataclasses.dataclass(frozen=True, kw_only=True)
class ChildLimits:
    """Limits of one child process for one file."""

    seconds: float = 120.0
    """Wall-clock seconds, and CPU seconds, for one file."""
    memory_gib: float = 4.0
    """Address space of a child, GiB."""
    file_gib: float = 2.0
    """Largest file a child may write, GiB."""


class ChildPool:
    """Runs one function over many tasks in limited child processes; use it inside `with`."""

    def __init__(self, function: str, *, workers: int, limits: ChildLimits):
        """Starts no process yet.

        Args:
            function: `module:name` of a function from task to answer, both JSON objects.
            workers: Children at a time.
            limits: For each child and each task.
        """
        self._function, self._limits = function, limits
        self._idle: list[_Child] = []
        self._busy: dict[int, _Child] = {}
        self._workers = max(1, workers)
        self._selector = selectors.DefaultSelector()

    def __enter__(self) -> "ChildPool":
        return self

    def __exit__(self, *exception: object) -> None:
        for child in [*self._idle, *self._busy.values()]:
            child.kill()
        self._selector.close()

    def run(self, tasks: Iterable[Task]) -> Iterator[tuple[Task, Answer | Refusal]]:
        """Yields each task with its answer, or with the refusal that stands for it.

        Tasks are drawn one by one as children fall free; answers come in the order of tasks.
        """
        waiting, drawn, due, exhausted = iter(tasks), 0, 0, False
        done: dict[int, tuple[Task, Answer | Refusal]] = {}
        while True:
            ahead = LOOK_AHEAD * self._workers - len(done)
            while not exhausted and len(self._busy) < min(self._workers, ahead):
                if (task := next(waiting, None)) is None:
                    exhausted = True
                else:
                    self._start(task, drawn)
                    drawn += 1
            if not self._busy:
                return
            for child in self._ready():
                done[child.number] = (child.task, self._collect(child))
            while due in done:
                yield done.pop(due)
                due += 1

    def _collect(self, child: "_Child") -> Answer | Refusal:
        self._selector.unregister(child.output)
        del self._busy[child.output]
        outcome = child.outcome()
        if child.alive:
            self._idle.append(child)
        return outcome

    def _start(self, task: Task, number: int) -> None:
        child = self._idle.pop() if self._idle else _Child(self._function, self._limits)
        self._selector.register(child.output, selectors.EVENT_READ)
        self._busy[child.output] = child
        child.begin(task, number)

    def _ready(self) -> list["_Child"]:
        """Waits until a child has answered, died or run out of time."""
        while True:
            left = min(child.deadline for child in self._busy.values()) - time.monotonic()
            readable = [key.fd for key, _ in self._selector.select(max(0.0, left))]
            ready = [self._busy[fd] for fd in readable if self._busy[fd].read()]
            late = [child for child in self._busy.values() if child.is_late()]
            if ready or late:
                return list(dict.fromkeys([*ready, *late]))


class _Child:
    """The parent's end of one child process."""

    def __init__(self, function: str, limits: ChildLimits):
        self._limits = limits
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `kill`
        settings = {
            "function": function,
            "limits": dataclasses.asdict(limits),
            "parent": os.getpid(),
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "data_engine.processes.pool"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=_child_environment() | {_SETTINGS: json.dumps(settings)},
            start_new_session=True,  # Ctrl-C reaches the parent alone, which ends its children.
        )
        self.output = self._process.stdout.fileno()
        self.task: Task = {}
        self.number = 0
        self.deadline = 0.0
        self._line, self._ended = b"", False

    def begin(self, task: Task, number: int) -> None:
        self.task, self.number, self._line = task, number, b""
        self.deadline = time.monotonic() + self._limits.seconds
        with contextlib.suppress(BrokenPipeError):  # Then `read` sees the end of its output.
            self._process.stdin.write(json.dumps(task).encode() + b"\n")
            self._process.stdin.flush()

    def read(self) -> bool:
        """Takes what the child wrote; True once there is an answer or there will be none."""
        piece = os.read(self.output, 1 << 16)
        self._line += piece
        self._ended = not piece or len(self._line) > _MAX_ANSWER_BYTES
        return self._ended or self._line.endswith(b"\n")

    @property
    def alive(self) -> bool:
        return not self._ended

    def is_late(self) -> bool:
        return time.monotonic() >= self.deadline

    def outcome(self) -> Answer | Refusal:
        if self._line.endswith(b"\n") and self.alive:
            return _decoded(self._line)
        late = self.alive
        status, last_words = self._end(), self._last_words()
        self._ended = True
        self._close()
        seconds = f"{self._limits.seconds:g} s"
        if late or status == -signal.SIGXCPU:
            return Refusal("timeout", f"it needs more than {seconds}; raise --seconds")
        cause = signal.Signals(-status).name if status < 0 else f"exit status {status}"
        return Refusal("crash", f"reading it ended the process: {cause}{last_words}")

    def _last_words(self) -> str:
        self._errors.seek(0)
        lines = self._errors.read(1 << 16).decode(errors="replace").strip().splitlines()
        return f" ({lines[-1][:200]})" if lines else ""

    def kill(self) -> None:
        """Ends the child, whatever it does."""
        if not self._errors.closed:
            self._end()
            self._close()

    def _end(self) -> int:
        """The exit status of a child that ends by itself now, else it is killed."""
        if not self.alive:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=1.0)
        self._process.kill()
        return self._process.wait()

    def _close(self) -> None:
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            with contextlib.suppress(OSError):  # Its last task may still be in the buffer.
                stream.close()


def _decoded(line: bytes) -> Answer | Refusal:
    answer = json.loads(line)
    if "refusal" in answer:
        return Refusal(*answer["refusal"])
    if "disk" in answer:
        raise OSError(*answer["disk"])
    return answer["answer"]


def _child_environment() -> dict[str, str]:
    kept = {
        name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ
    }
    # One thread each: the pool is the parallelism, and BLAS threads reserve address space.
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return kept | threads | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def _serve(function: Callable[[Task], Answer], limits: ChildLimits) -> None:
    """The child's end: one line in, one line out, until the parent closes the pipe."""
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # What a library prints must not reach the answers.
    for line in sys.stdin.buffer:
        allow_cpu(limits.seconds)
        answers.write(json.dumps(_answer(function, json.loads(line))).encode() + b"\n")


def _answer(function: Callable[[Task], Answer], task: Task) -> dict[str, Any]:
    try:
        return {"answer": function(task)}
    except Refusal as refusal:
        return {"refusal": [refusal.reason, refusal.sentence]}
    except MemoryError:
        return {"refusal": ["bomb", "it needs more memory than --memory-gib allows"]}
    except OSError as error:
        if error.errno in DISK_ERRORS:  # Not the fault of the file: this ends the run.
            return {"disk": [error.errno, error.strerror, error.filename or task.get("target")]}
        return {"refusal": ["gone", f"it cannot be read: {error.strerror or error}"]}
    except Exception as error:
        words = " ".join(str(error).split())[:300]
        return {"refusal": ["crash", f"the reader failed: {type(error).__name__}: {words}"]}


def _main() -> None:
    settings = json.loads(os.environ[_SETTINGS])
    module, _, name = settings["function"].partition(":")
    function = getattr(importlib.import_module(module), name)
    limits = ChildLimits(**settings["limits"])
    die_with_parent(settings["parent"])
    gib = 1 << 30
    restrict(memory_bytes=int(limits.memory_gib * gib), file_bytes=int(limits.file_gib * gib))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # Writing too much is then an OSError.
    _serve(function, limits)


if __name__ == "__main__":
    _main()

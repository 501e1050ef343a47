"""One render process seen from outside: started with limits, fed relics, restarted when it dies.

What a relic does to its process becomes a `Refusal` where it is certain: it ran out of time, or out
of memory, or the renderer answered with a reason. A death without words may be the machine's fault
or the relic's; `RelicFailedError` leaves that to the caller, who tries once more.
"""

import contextlib
import dataclasses
import functools
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable

from data_engine.errors import Refusal, UserError
from data_engine.rendering.pose_set import PoseSet
from data_engine.rendering.settings import RenderSettings

WORKERS = {
    engine: pathlib.Path(__file__).with_name(f"{engine}_worker.py")
    for engine in ("blender", "raycast")
}
"""Scripts that run in the process, by engine."""
OUT_OF_MEMORY = re.compile(rb"bad_alloc|Malloc returns null|MemoryError|[Oo]ut of memory")
"""What a process that ran against its memory limit may leave in its log."""
START_TIMEOUT_S = 180.0
"""Importing Blender from a cold disk on a busy machine; normally one to three seconds."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class RenderLimits:
    """Limits of one render process, and the interpreter that runs Blender."""

    threads: int = 2
    """Threads per process."""
    timeout_s: float = 300.0
    """Wall-clock limit for one relic, in seconds; processor time may be `threads` times as much."""
    memory_gib: float = 8.0
    """Address space of one process, in GiB."""
    relics_per_child: int = 20
    """Relics one process renders before a fresh one takes over; Blender grows with each."""
    blender_python: str = ""
    """Python interpreter that can `import bpy`; empty: the one that runs this command."""

    def __post_init__(self):
        for name in ("threads", "timeout_s", "memory_gib", "relics_per_child"):
            if getattr(self, name) <= 0:
                raise UserError(f"{name} = {getattr(self, name)} must be positive")


class RelicFailedError(Exception):
    """The process died over this relic and did not say why; a fresh one may fare better."""


class RenderChild:
    """A running worker. Use `render` for one relic at a time, `close` at the end."""

    def __init__(self, settings: RenderSettings, poses: PoseSet, limits: RenderLimits):
        """Starts the process and waits until the renderer is ready.

        Raises:
            UserError: It cannot start, for example because bpy is missing, with the remedy.
        """
        self._limits = limits
        self._home = tempfile.TemporaryDirectory(prefix="data-engine-render-")
        blender = settings.engine == "blender"
        python = (limits.blender_python if blender else "") or sys.executable
        self._log = pathlib.Path(self._home.name) / "start.log"
        self._log_start = 0
        self._process = self._start(python, WORKERS[settings.engine])
        self.served = 0
        try:
            with self._deadline(START_TIMEOUT_S):
                self._send(_setup(settings, poses, limits))
                answer = self._receive()
        except (RelicFailedError, Refusal) as error:
            last_words = self._log.read_text("utf-8", "replace").strip().rpartition("\n")[2]
            self.kill()
            remedy = (
                "name an interpreter that has numpy and bpy with --blender-python, or raise "
                "--memory-gib"
            )
            raise UserError(
                f"the {settings.engine} engine did not start under {python}: {last_words or error}"
                + (f"; {remedy}" if blender else "")
            ) from error
        if answer["event"] == "fatal":
            self.kill()
            raise UserError(answer["error"])
        self.renderer: str = answer["renderer"]

    def _start(self, python: str, worker: pathlib.Path) -> subprocess.Popen:
        with self._log.open("wb") as log:  # Later each relic's own log takes over
            try:
                return subprocess.Popen(
                    [*_without_network(), python, "-I", str(worker)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    env=_clean_environment(self._home.name),
                    cwd=self._home.name,
                    start_new_session=True,  # Ctrl-C is the parent's business
                )
            except OSError as error:
                self._home.cleanup()
                raise UserError(
                    f"cannot start {python}: {error.strerror}; see --blender-python"
                ) from error

    @property
    def pid(self) -> int:
        """Process id of the worker."""
        return self._process.pid

    @property
    def worn(self) -> bool:
        """Dead, or due for replacement."""
        return self._process.poll() is not None or self.served >= self._limits.relics_per_child

    def render(self, job: dict, on_view: Callable[[int], None]) -> list:
        """Renders one relic; calls `on_view(index)` as soon as a view's file is complete.

        Returns:
            The corners of the relic's bounding box in the world, as Blender sees it.

        Raises:
            Refusal: The renderer refused the file, or it took too much time or memory.
            RelicFailedError: The process died for a reason it did not give.
        """
        self.served += 1
        self._log = pathlib.Path(job["log"])
        self._log_start = self._log.stat().st_size if self._log.exists() else 0
        with self._deadline(self._limits.timeout_s):
            self._send(job)
            while (answer := self._receive())["event"] == "view":
                on_view(answer["index"])
        if answer["event"] == "failed":
            raise Refusal(answer["reason"], answer["error"])
        return answer["bounds"]

    def close(self) -> None:
        """Lets the worker leave; kills it if it does not."""
        try:
            self._process.stdin.close()
            self._process.wait(timeout=5)
        except (BrokenPipeError, subprocess.TimeoutExpired):
            pass
        self.kill()

    def kill(self) -> None:
        """Ends the worker at once."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):  # A last job may still be in the buffer
                stream.close()
        self._home.cleanup()

    def _send(self, message: dict) -> None:
        try:
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            self._process.stdin.flush()
        except (BrokenPipeError, ValueError) as error:
            raise self._obituary() from error

    def _receive(self) -> dict:
        line = self._process.stdout.readline()
        if not line.endswith(b"\n"):
            raise self._obituary()
        return json.loads(line)

    def _deadline(self, seconds: float) -> "_Deadline":
        self._expiry = _Deadline(seconds, self._process)
        return self._expiry

    def _obituary(self) -> Refusal | RelicFailedError:
        """Why the process is gone."""
        code = self._process.wait()
        if self._expiry.expired:
            return Refusal(
                "timeout", f"no result after {self._expiry.seconds:g} s; raise --timeout-s"
            )
        if code == -signal.SIGXCPU:
            return Refusal("timeout", "it used up its processor time; raise --timeout-s")
        name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        if OUT_OF_MEMORY.search(self._words()):
            limit = f"{self._limits.memory_gib:g} GiB"
            return Refusal("bomb", f"it needs more than {limit} ({name}); raise --memory-gib")
        # Native code that is refused memory often dies of it without a word.
        limit = f"memory limit {self._limits.memory_gib:g} GiB"
        return RelicFailedError(f"the render process died ({name}; {limit})")

    def _words(self) -> bytes:
        """The end of what the process wrote about the relic at hand."""
        if not self._log.is_file():
            return b""
        with self._log.open("rb") as log:
            log.seek(max(self._log_start, log.seek(0, os.SEEK_END) - 65536))
            return log.read()


class _Deadline:
    """Kills a process unless the block ends in time."""

    def __init__(self, seconds: float, process: subprocess.Popen):
        self.seconds, self.expired = seconds, False
        self._process = process
        self._timer = threading.Timer(seconds, self._expire)
        self._timer.daemon = True

    def _expire(self) -> None:
        self.expired = True
        self._process.kill()

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *exception: object) -> None:
        self._timer.cancel()


def _setup(settings: RenderSettings, poses: PoseSet, limits: RenderLimits) -> dict:
    return {
        "parent": os.getpid(),
        "settings": dataclasses.asdict(settings),
        "lighting": settings.lights(),
        "pixel_from_cam": poses.pixel_from_cam.tolist(),
        "world_from_cam": poses.world_from_cam.tolist(),
        "cam_from_world": poses.cam_from_world().tolist(),
        "threads": limits.threads,
        "cpu_s": limits.timeout_s * limits.threads,
        "memory_bytes": int(limits.memory_gib * 2**30),
    }


def _clean_environment(home: str) -> dict[str, str]:
    """Nothing of the user's settings, keys or start-up files reaches the process."""
    kept = ("PATH", "LD_LIBRARY_PATH", "SYSTEMROOT")
    inherited = {name: os.environ[name] for name in kept if name in os.environ}
    return {**inherited, "HOME": home, "TMPDIR": home, "LANG": "C.UTF-8"}


@functools.cache
def _without_network() -> tuple[str, ...]:
    """A prefix that takes the network away, where the kernel lets an ordinary user do so."""
    prefix = ("unshare", "--map-root-user", "--net")
    try:
        allowed = subprocess.run([*prefix, "true"], capture_output=True, check=False, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return prefix if allowed.returncode == 0 else ()

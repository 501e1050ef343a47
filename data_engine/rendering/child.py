"""One Blender process seen from outside: started with limits, fed relics, buried when it dies."""

import dataclasses
import functools
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable

from data_engine.errors import UserError
from data_engine.rendering.poses import PoseSet
from data_engine.rendering.settings import LIGHTING, RenderSettings

WORKER = pathlib.Path(__file__).with_name("blender_worker.py")
START_TIMEOUT_S = 180.0
"""Importing Blender from a cold disk on a busy machine; normally one to three seconds."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class BlenderLimits:
    """What one Blender process may use, and which interpreter runs it."""

    threads: int = 2
    """Threads per Blender process."""
    timeout_s: float = 300.0
    """Wall-clock limit for one relic, in seconds."""
    memory_gib: float = 8.0
    """Address space of one Blender process, in GiB."""
    relics_per_child: int = 20
    """Relics one process renders before a fresh one takes over; Blender grows with each."""
    blender_python: str = ""
    """Python interpreter that can `import bpy`; empty: the one that runs this command."""

    def __post_init__(self):
        for name in ("threads", "timeout_s", "memory_gib", "relics_per_child"):
            if getattr(self, name) <= 0:
                raise UserError(f"{name} = {getattr(self, name)} must be positive")


class RelicFailedError(Exception):
    """The child could not render this relic; the next one deserves another try."""


class BlenderChild:
    """A running worker. Use `render` for one relic at a time, `close` at the end."""

    def __init__(self, settings: RenderSettings, poses: PoseSet, limits: BlenderLimits):
        """Starts the process and waits until Blender is imported.

        Raises:
            UserError: Blender cannot be imported, with the remedy.
        """
        self._limits = limits
        self._home = tempfile.TemporaryDirectory(prefix="data-engine-blender-")
        python = limits.blender_python or sys.executable
        self._start_log = pathlib.Path(self._home.name) / "start.log"
        self._process = self._start(python)
        self.served = 0
        try:
            with self._deadline(START_TIMEOUT_S):
                self._send(_setup(settings, poses, limits))
                answer = self._receive()
        except RelicFailedError as error:
            last_words = self._start_log.read_text("utf-8", "replace").strip().rpartition("\n")[2]
            self.kill()
            raise UserError(
                f"Blender did not start under {python}: {last_words or error}; name an interpreter "
                "that has numpy and bpy with --blender-python"
            ) from error
        if answer["event"] == "fatal":
            self.kill()
            raise UserError(answer["error"])

    def _start(self, python: str) -> subprocess.Popen:
        with self._start_log.open("wb") as log:  # Later each relic's own log takes over
            try:
                return subprocess.Popen(
                    [*_without_network(), python, "-I", str(WORKER)],
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
            RelicFailedError: Blender refused the file, died, or ran out of time.
        """
        self.served += 1
        with self._deadline(self._limits.timeout_s):
            self._send(job)
            while (answer := self._receive())["event"] == "view":
                on_view(answer["index"])
        if answer["event"] == "failed":
            raise RelicFailedError(answer["error"])
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
        self._process.stdout.close()
        self._home.cleanup()

    def _send(self, message: dict) -> None:
        try:
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            self._process.stdin.flush()
        except (BrokenPipeError, ValueError) as error:
            raise RelicFailedError(self._obituary()) from error

    def _receive(self) -> dict:
        line = self._process.stdout.readline()
        if not line.endswith(b"\n"):
            raise RelicFailedError(self._obituary())
        return json.loads(line)

    def _deadline(self, seconds: float) -> "_Deadline":
        self._expiry = _Deadline(seconds, self._process)
        return self._expiry

    def _obituary(self) -> str:
        code = self._process.wait()
        if self._expiry.expired:
            return f"no result after {self._expiry.seconds:g} s (--timeout-s); Blender was stopped"
        if code == -signal.SIGXCPU:
            return "Blender used up its processor time"
        name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return f"Blender died ({name}); memory limit {self._limits.memory_gib:g} GiB"


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


def _setup(settings: RenderSettings, poses: PoseSet, limits: BlenderLimits) -> dict:
    budget = limits.timeout_s * limits.threads * limits.relics_per_child
    return {
        "settings": dataclasses.asdict(settings),
        "lighting": LIGHTING[settings.lighting],
        "pixel_from_cam": poses.pixel_from_cam.tolist(),
        "world_from_cam": poses.world_from_cam.tolist(),
        "threads": limits.threads,
        "cpu_s": int(budget + START_TIMEOUT_S),
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

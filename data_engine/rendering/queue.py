"""Renders every validated relic: leases from the catalog, engines in child processes.

A relic that the renderer refuses, or that takes too much time or memory, is left out of this render
with that reason: the same limits would end the same way. Other settings may suit it, so it stays in
the catalog as it is. A process that dies without saying why is given one more chance, with a fresh
process. `data-engine render --retry` tries all of them again.
"""

import concurrent.futures
import contextlib
import dataclasses
import json
import logging
import pathlib
import queue
import shutil
import threading

import numpy as np

from data_engine.catalog.catalog import Catalog, Relic
from data_engine.errors import Refusal, UserError
from data_engine.gltf.reader import load_geometry
from data_engine.rendering import pose_files, views
from data_engine.rendering.child import RelicFailedError, RenderChild, RenderLimits
from data_engine.rendering.framing import Framing, frame_relic
from data_engine.rendering.settings import RenderSettings
from data_engine.text.progress import progress
from data_engine.workspace import Workspace, write_atomically

STAGE = "render"
READY = ("validated", "classified", "reviewed", "captioned", "rendered", "sharded")
"""States to render from; the last two only when these settings have not been rendered yet."""
BOUNDS_TOLERANCE = 2e-3
"""World units by which Blender's bounding box may differ from ours (0.25 % of the longest side)."""
LEASE_SLACK_S = 120.0
RECORDED = ("render_id", "render_sha256", "normalize_scale", "normalize_center")
OUT = ("rejected", "left out")
"""Outcomes without views."""
ATTEMPTS = 2
"""Processes that may die over one relic before it is rejected."""

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one relic in this run."""

    uid: str
    what: str
    """rendered, kept (was complete), rejected, or left out: only of this render."""
    file: str = ""
    """Path it was ingested from."""
    detail: str = ""


class RenderQueue:
    """One run over the catalog with one set of settings."""

    def __init__(
        self, workspace: Workspace, settings: RenderSettings, limits: RenderLimits, *, workers: int
    ):
        """Prepares the run and writes settings.json and poses.json of this render.

        Args:
            workspace: Where catalog, relics and renders are.
            settings: What decides the pixels.
            limits: What a render process may use.
            workers: Number of render processes.
        """
        self._workspace, self._settings, self._limits = workspace, settings, limits
        self._workers = workers
        self._poses = settings.pose_set()
        self.render_id = settings.render_id()
        self._stop = threading.Event()
        self._outcomes: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
        self._children: set[RenderChild] = set()
        self._describe_render()

    def run(self) -> list[Outcome]:
        """Renders until nothing is left to claim.

        Raises:
            KeyboardInterrupt: Ctrl-C, after the relics at hand are finished; a second one stops
                the children at once and gives the relics back.
        """
        total = self._adopt_complete()
        results = []
        with concurrent.futures.ThreadPoolExecutor(self._workers) as pool:
            slots = [pool.submit(self._serve) for _ in range(min(self._workers, total))]
            with progress(total, stage=STAGE, unit="relic") as bar, self._stop_on_interrupt(slots):
                while not (all(slot.done() for slot in slots) and self._outcomes.empty()):
                    with contextlib.suppress(queue.Empty):
                        results.append(self._outcomes.get(timeout=0.1))
                        if results[-1].what in OUT:
                            bar.refused(results[-1].detail.partition(":")[0][:40])
                        bar.update()
        for slot in slots:
            slot.result()
        return results

    @contextlib.contextmanager
    def _stop_on_interrupt(self, slots):
        try:
            yield
        except KeyboardInterrupt:
            self._stop.set()
            _log.warning("finishing the relics at hand; Ctrl-C again stops at once")
            try:
                concurrent.futures.wait(slots)
            except KeyboardInterrupt:
                for child in list(self._children):
                    child.kill()
            raise

    def _describe_render(self) -> None:
        folder = self._workspace.renders / self.render_id
        folder.mkdir(parents=True, exist_ok=True)
        facts = json.dumps(self._settings.facts(), indent=1, sort_keys=True) + "\n"
        write_atomically(folder / "settings.json", facts.encode())
        pose_files.write_poses(folder / "poses.json", self._poses)

    def _adopt_complete(self) -> int:
        """Takes over what an earlier run with these settings finished; returns what is left.

        What the catalog calls rendered but is not on this disk (deleted, or imported as a record)
        is rendered.
        """
        left = 0
        with Catalog(self._workspace.catalog_path) as catalog:
            catalog.readmit(STAGE)
            for relic in catalog.relics(READY):
                if (meta := self._complete(relic)) is None:
                    catalog.reopen(relic.uid, STAGE, self.render_id)
                elif relic.render_id == self.render_id and relic.state in ("rendered", "sharded"):
                    self._look_again(catalog, relic)
                    continue
                else:
                    catalog.finish(relic.uid, STAGE, "rendered", **self._recorded(meta))
                    self._outcomes.put(Outcome(uid=relic.uid, what="kept"))
                left += 1
        return left

    def _look_again(self, catalog: Catalog, relic: Relic) -> None:
        """Hashes the views of a relic that was rendered before the catalog kept such hashes."""
        if not relic.appearance_hash and (meta := self._complete(relic)):
            looks = self._recorded(meta)["appearance_hash"]
            catalog.change(relic.uid, STAGE, "looked at", appearance_hash=looks)

    def _complete(self, relic: Relic) -> dict | None:
        """meta.json of a finished render of this very file."""
        meta = views.read_meta(self._workspace.render_dir(self.render_id, relic.uid))
        return meta if meta is not None and meta["glb_sha256"] == relic.glb_sha256 else None

    def _recorded(self, meta: dict) -> dict:
        """What the catalog keeps of meta.json, and how the finished views look."""
        folder = self._workspace.render_dir(self.render_id, meta["uid"])
        facts = {name: meta[name] for name in RECORDED}
        return facts | {"appearance_hash": views.appearance_of(folder, self._poses)}

    def _serve(self) -> None:
        """One slot: claims relics and renders them with a child of its own."""
        lease_s = ATTEMPTS * (self._limits.timeout_s + LEASE_SLACK_S)
        child = None
        try:
            with Catalog(self._workspace.catalog_path) as catalog:
                while not self._stop.is_set():
                    relic = catalog.claim(STAGE, READY, self.render_id, lease_s=lease_s)
                    if relic is None:
                        break
                    for attempt in range(ATTEMPTS):
                        child = self._fresh(child)
                        outcome = self._settle(catalog, relic, child, last=attempt == ATTEMPTS - 1)
                        if outcome is not None:
                            self._outcomes.put(outcome)
                            break
        except BaseException:
            self._stop.set()
            raise
        finally:
            if child is not None:
                self._retire(child)

    def _fresh(self, child: RenderChild | None) -> RenderChild:
        if child is not None and not child.worn:
            return child
        if child is not None:
            self._retire(child)
        child = RenderChild(self._settings, self._poses, self._limits)
        self._children.add(child)
        return child

    def _retire(self, child: RenderChild) -> None:
        self._children.discard(child)
        child.close()

    def _settle(
        self, catalog: Catalog, relic: Relic, child: RenderChild, *, last: bool
    ) -> Outcome | None:
        """Renders one relic and records what became of it; None when it deserves another try."""
        try:
            meta = self._render(relic, child)
        except Refusal as error:
            verdict = error
        except RelicFailedError as error:
            _log.info("%s: %s", relic.uid, error)
            verdict = Refusal("crash", f"{error}, and so did a second one") if last else None
        except OSError as error:
            raise UserError(
                f"cannot write the views of {relic.uid}: {error.strerror or error}; "
                "free some space on the disk or repair it, and run the command again"
            ) from error
        else:
            catalog.finish(relic.uid, STAGE, "rendered", **self._recorded(meta))
            return Outcome(uid=relic.uid, what="rendered")
        self._check_disk()
        if verdict is None:
            return None
        # Only a file that is gone is so under every setting.
        gone = verdict.reason == "gone"
        end, what = (catalog.reject, "rejected") if gone else (catalog.leave_out, "left out")
        end(relic.uid, STAGE, verdict.reason, verdict.sentence)
        return Outcome(uid=relic.uid, what=what, file=relic.source_file, detail=str(verdict))

    def _check_disk(self) -> None:
        """A full disk makes Blender fail on every relic; that is not the relics' fault."""
        self._workspace.check_space()

    def _render(self, relic: Relic, child: RenderChild) -> dict:
        """Everything goes into a temporary sibling that is renamed when it is complete."""
        folder = self._workspace.render_dir(self.render_id, relic.uid)
        partial = folder.with_name(f".{relic.uid}.part")
        shutil.rmtree(partial, ignore_errors=True)
        raw, depth_m = partial / "raw", self._settings.depth_m
        raw.mkdir(parents=True)
        try:
            framing, bounds = self._frame(relic)
            facts = []

            def convert(index: int) -> None:
                source = raw / f"{index}.exr"
                name = self._poses.names[index]
                facts.append(views.convert_view(source, partial, name, depth_m=depth_m))
                source.unlink()

            job = self._job(relic, framing, raw)
            check_bounds(np.array(child.render(job, convert)), bounds)
            views.check_views(facts, self._poses, headlight=self._settings.engine == "raycast")
            raw.rmdir()
            digest = views.check_files(partial, self._poses, depth_m=depth_m)
            views.write_meta(
                partial,
                self._poses,
                facts,
                **self._identity(relic, framing),
                renderer=child.renderer,
                render_sha256=digest,
            )
            (partial / views.DONE).touch()
            shutil.rmtree(folder, ignore_errors=True)
            partial.rename(folder)
            return views.read_meta(folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)

    def _frame(self, relic: Relic) -> tuple[Framing, np.ndarray]:
        """The framing and the bounding box [2, 3] that follows from it."""
        blob = self._workspace.blob_path(relic.glb_sha256)
        if not blob.is_file():
            raise Refusal("gone", f"{blob} is not there; put it back and run again with --retry")
        shown = load_geometry(blob).shown()
        framing = frame_relic(
            shown, up_axis=relic.up_axis, poses=self._poses, mode=self._settings.framing
        )
        world = framing.to_world(shown)
        return framing, np.stack([world.min(axis=0), world.max(axis=0)])

    def _job(self, relic: Relic, framing: Framing, raw: pathlib.Path) -> dict:
        log = self._workspace.log_path(STAGE, relic.uid)
        log.parent.mkdir(parents=True, exist_ok=True)
        return {
            "uid": relic.uid,
            "glb": str(self._workspace.blob_path(relic.glb_sha256)),
            "world_from_gltf": framing.world_from_gltf().tolist(),
            "out": str(raw),
            "log": str(log),
        }

    def _identity(self, relic: Relic, framing: Framing) -> dict:
        return {
            "uid": relic.uid,
            "render_id": self.render_id,
            "glb_sha256": relic.glb_sha256,
            "up_axis": framing.up_axis,
            "normalize_scale": framing.scale,
            "normalize_center": list(framing.centre),
        }


def check_bounds(seen: np.ndarray, expected: np.ndarray) -> None:
    """Raises unless the engine shows the geometry that was validated and framed.

    Samples and depth would otherwise describe two shapes. Blender is given a file of our own, so
    this is our fault and not the relic's.
    """
    difference = np.abs(seen - expected).max()
    if difference > BOUNDS_TOLERANCE:
        raise Refusal(
            "bad_mesh",
            f"the engine's bounding box differs by {difference:.3f} world units from the file's "
            "own geometry; please report it",
        )

"""Renders every validated relic: leases from the catalog, Blender in child processes."""

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

from data_engine.catalog import Catalog, Relic
from data_engine.errors import Refusal, UserError
from data_engine.gltf.reader import load_geometry
from data_engine.progress import progress
from data_engine.rendering import poses as pose_files
from data_engine.rendering import views
from data_engine.rendering.child import BlenderChild, BlenderLimits, RelicFailedError
from data_engine.rendering.framing import Framing, frame_relic
from data_engine.rendering.settings import RenderSettings
from data_engine.workspace import Workspace, write_atomically

STAGE = "render"
READY = ("validated", "classified", "reviewed", "captioned", "rendered", "sharded")
"""States to render from; the last two only when these settings have not been rendered yet."""
BOUNDS_TOLERANCE = 2e-3
"""World units by which Blender's bounding box may differ from ours (0.25 % of the longest side)."""
DISK_RESERVE_BYTES = 64 * 2**20
LEASE_SLACK_S = 120.0

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one relic in this run."""

    uid: str
    what: str
    """rendered, kept (was complete), rejected or failed."""
    detail: str = ""


class RenderQueue:
    """One run over the catalog with one set of settings."""

    def __init__(
        self, workspace: Workspace, settings: RenderSettings, limits: BlenderLimits, *, workers: int
    ):
        """Prepares the run and writes settings.json and poses.json of this render.

        Args:
            workspace: Where catalog, relics and renders are.
            settings: What decides the pixels.
            limits: What a Blender process may use.
            workers: Number of Blender processes.
        """
        self._workspace, self._settings, self._limits = workspace, settings, limits
        self._workers = workers
        self._poses = settings.pose_set()
        self.render_id = settings.render_id()
        self._stop = threading.Event()
        self._outcomes: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
        self._children: set[BlenderChild] = set()
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
                        if results[-1].what in ("failed", "rejected"):
                            bar.refused(results[-1].detail.partition(":")[0][:40])
                        bar.update(results[-1].what != "retry")
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
        facts = json.dumps(dataclasses.asdict(self._settings), indent=1, sort_keys=True) + "\n"
        write_atomically(folder / "settings.json", facts.encode())
        pose_files.write_poses(folder / "poses.json", self._poses)

    def _adopt_complete(self) -> int:
        """Takes over what an earlier run with these settings finished; returns what is left."""
        left = 0
        with Catalog(self._workspace.catalog_path) as catalog:
            for relic in catalog.relics(READY):
                if relic.render_id == self.render_id and relic.state in ("rendered", "sharded"):
                    continue
                if self._is_complete(relic):
                    catalog.finish(relic.uid, STAGE, "rendered", render_id=self.render_id)
                    self._outcomes.put(Outcome(uid=relic.uid, what="kept"))
                left += 1
        return left

    def _is_complete(self, relic: Relic) -> bool:
        meta = views.read_meta(self._workspace.render_dir(self.render_id, relic.uid))
        return meta is not None and meta["glb_sha256"] == relic.glb_sha256

    def _serve(self) -> None:
        """One slot: claims relics and renders them with a child of its own."""
        lease_s = self._limits.timeout_s + LEASE_SLACK_S
        child = None
        try:
            with Catalog(self._workspace.catalog_path) as catalog:
                while not self._stop.is_set():
                    relic = catalog.claim(STAGE, READY, self.render_id, lease_s=lease_s)
                    if relic is None:
                        break
                    child = self._fresh(child)
                    self._outcomes.put(self._settle(catalog, relic, child))
        except BaseException:
            self._stop.set()
            raise
        finally:
            if child is not None:
                self._retire(child)

    def _fresh(self, child: BlenderChild | None) -> BlenderChild:
        if child is not None and not child.worn:
            return child
        if child is not None:
            self._retire(child)
        child = BlenderChild(self._settings, self._poses, self._limits)
        self._children.add(child)
        return child

    def _retire(self, child: BlenderChild) -> None:
        self._children.discard(child)
        child.close()

    def _settle(self, catalog: Catalog, relic: Relic, child: BlenderChild) -> Outcome:
        """Renders one relic and records what became of it."""
        try:
            self._render(relic, child)
        except Refusal as error:
            catalog.reject(relic.uid, STAGE, error.reason, error.sentence)
            return Outcome(uid=relic.uid, what="rejected", detail=str(error))
        except RelicFailedError as error:
            self._check_disk()
            catalog.fail(relic.uid, STAGE, str(error))
            gone = catalog.get(relic.uid).state == "failed"
            return Outcome(uid=relic.uid, what="failed" if gone else "retry", detail=str(error))
        except OSError as error:
            raise UserError(
                f"cannot write the views of {relic.uid}: {error.strerror or error}; "
                "free the disk and run the command again"
            ) from error
        catalog.finish(relic.uid, STAGE, "rendered", render_id=self.render_id)
        return Outcome(uid=relic.uid, what="rendered")

    def _check_disk(self) -> None:
        """A full disk makes Blender fail on every relic; that is not the relics' fault."""
        if self._workspace.free_bytes() < DISK_RESERVE_BYTES:
            raise UserError(f"the disk of {self._workspace.root} is full; free some and run again")

    def _render(self, relic: Relic, child: BlenderChild) -> None:
        """Everything goes into a temporary sibling that is renamed when it is complete."""
        folder = self._workspace.render_dir(self.render_id, relic.uid)
        partial = folder.with_name(f".{relic.uid}.part")
        shutil.rmtree(partial, ignore_errors=True)
        raw = partial / "raw"
        raw.mkdir(parents=True)
        try:
            framing, bounds = self._frame(relic)
            facts = []

            def convert(index: int) -> None:
                source = raw / f"{index}.exr"
                facts.append(views.convert_view(source, partial, self._poses.names[index]))
                source.unlink()

            job = self._job(relic, framing, raw)
            check_bounds(np.array(child.render(job, convert)), bounds)
            views.check_views(facts)
            self._write_meta(partial, relic, framing, facts)
            raw.rmdir()
            (partial / views.DONE).touch()
            shutil.rmtree(folder, ignore_errors=True)
            partial.rename(folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)

    def _frame(self, relic: Relic) -> tuple[Framing, np.ndarray]:
        """The framing and the bounding box [2, 3] that follows from it."""
        mesh = load_geometry(self._workspace.blob_path(relic.glb_sha256))
        shown = mesh.vertices[np.unique(mesh.faces)]
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
            "world_from_import": framing.world_from_import().tolist(),
            "out": str(raw),
            "log": str(log),
        }

    def _write_meta(self, folder: pathlib.Path, relic: Relic, framing: Framing, facts) -> None:
        views.write_meta(
            folder,
            self._poses,
            facts,
            uid=relic.uid,
            render_id=self.render_id,
            glb_sha256=relic.glb_sha256,
            up_axis=framing.up_axis,
            normalize_scale=framing.scale,
            normalize_center=list(framing.center),
        )


def check_bounds(seen: np.ndarray, expected: np.ndarray) -> None:
    """Raises unless Blender shows the geometry that was validated and framed.

    A skinned or animated file may look different in Blender; its samples and its depth would then
    describe two shapes.
    """
    difference = np.abs(seen - expected).max()
    if difference > BOUNDS_TOLERANCE:
        raise Refusal(
            "bad_mesh",
            f"Blender's bounding box differs by {difference:.3f} world units from the file's own "
            "geometry (a skin or an animation?)",
        )

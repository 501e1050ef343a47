"""The stage that validates: verdicts are kept, and one bad file does not stop the others."""

import hashlib

import numpy as np
from gltf_documents import BINARY, changed, tetrahedron

from data_engine import validate
from data_engine.catalog.catalog import Catalog
from data_engine.gltf.pack import write_glb
from data_engine.processes.pool import ChildLimits, ChildPool
from data_engine.validate import validate_all
from data_engine.workspace import Workspace


def enter(workspace: Workspace, data: bytes, name: str) -> str:
    digest = workspace.store_blob(data)
    uid = f"{name}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    with Catalog(workspace.catalog_path) as catalog:
        record = {"uid": uid, "state": "fetched", "glb_sha256": digest, "source_file": name}
        return catalog.add(record)


def test_the_stage_validates_refuses_and_finds_repeats(tmp_path):
    workspace = Workspace(tmp_path / "ws")
    sound = enter(workspace, write_glb(tetrahedron(), BINARY), "a")
    twin = enter(workspace, write_glb(changed("nodes/0/scale", [2, 2, 2]), BINARY), "b")
    broken = enter(workspace, write_glb(changed("nodes/0", {}), BINARY), "c")
    report = validate_all(workspace, workers=2, limits=ChildLimits(seconds=60))
    assert report.duplicates == [(twin, sound)]
    assert [entry[:2] for entry in report.rejected] == [("c", "no_mesh")]
    with Catalog(workspace.catalog_path) as catalog:
        relic = catalog.get(sound)
        assert (relic.state, relic.vertices, relic.triangles) == ("validated", 4, 4)
        assert relic.watertight is True
        assert relic.bbox_max == (2.0, 3.0, 5.0)
        assert catalog.get(twin).dup_of == sound
        assert catalog.get(broken).reason == "no_mesh"
        before = [catalog.events(uid) for uid in (sound, twin, broken)]
    assert validate_all(workspace, workers=2, limits=ChildLimits()).validated == 0
    with Catalog(workspace.catalog_path) as catalog:
        assert [catalog.events(uid) for uid in (sound, twin, broken)] == before


MISBEHAVING = """
import os, time
from data_engine.validate import validate_blob

def work(task):
    if task["file"] == "crashes":
        os.abort()
    if task["file"] == "hangs":
        time.sleep(600)
    if task["file"] == "grows":
        bytearray(8 << 30)
    return validate_blob(task)
"""


def test_a_crash_a_hang_and_a_glutton_become_reasons_and_the_others_are_validated(
    tmp_path, monkeypatch
):
    (tmp_path / "misbehaving.py").write_text(MISBEHAVING)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(
        validate, "ChildPool", lambda _, **options: ChildPool("misbehaving:work", **options)
    )
    workspace = Workspace(tmp_path / "ws")
    for number, name in enumerate(("crashes", "first", "grows", "hangs", "last")):
        matrix = np.diag([1.0, 1.0 + number, 1.0, 1.0]).ravel().tolist()
        enter(workspace, write_glb(changed("nodes/0/matrix", matrix), BINARY), name)
    limits = ChildLimits(seconds=5.0, memory_gib=2.0)
    assert validate_all(workspace, workers=1, limits=limits).validated == 2
    with Catalog(workspace.catalog_path) as catalog:
        reasons = {relic.source_file: relic.reason for relic in catalog.relics("rejected")}
        assert reasons == {"crashes": "crash", "grows": "bomb", "hangs": "timeout"}
        assert {relic.source_file for relic in catalog.relics("validated")} == {"first", "last"}
        assert all(relic.detail for relic in catalog.relics("rejected"))

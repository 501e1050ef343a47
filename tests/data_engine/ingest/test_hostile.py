"""Every hostile file gets its answer, cheaply, and none of them makes us look elsewhere."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import zipfile

import numpy as np
import pytest
from gltf_documents import signed_volume
from hostile_files import write_hostile_files
from places import ROOT
from scans import SHARED, ingest, needs_shared, read_any, relics, wedge
from tracing import can_trace, traced

from data_engine.catalog.catalog import Catalog
from data_engine.identity.shape_facts import geometry_sha256
from data_engine.ingest.manifest import MAX_LINE, MAX_TEXT

HOSTILE = SHARED / "hostile"
CPU_S, PEAK_MB = 5.0, 500.0

EXPECTED = {
    "truncated-body.glb": ("bad_glb", "promises 884620 bytes, the file has 530772"),
    "truncated-header.glb": ("bad_glb", "ends after 10 bytes"),
    "zero-byte.glb": ("not_glb", "empty"),
    "absurd-buffer-length.glb": ("bad_glb", "promises 1125899906842624 bytes"),
    "absurd-chunk-length.glb": ("bad_glb", "promises 4294967295 bytes"),
    "index-out-of-range.glb": ("bad_glb", "an index is 999999; there are 8 vertices"),
    "external-uri.glb": ("external_uri", "etc/passwd"),
    "external-uri.gltf": ("external_uri", "etc/passwd"),
    "node-cycle.glb": ("bad_glb", "2 nodes are their own ancestors"),
    "deep-json.gltf": ("bad_glb", "nested 60001 deep"),
    "empty-mesh.obj": ("no_mesh", "holds no triangle"),
    "empty-mesh.ply": ("no_mesh", "holds no triangle"),
    "empty-scene.glb": ("no_mesh", "no node shows a triangle"),
    "points-only.ply": ("no_mesh", "holds no triangle"),
    "nan-vertices.glb": ("degenerate", "93 of 642 vertices are not finite"),
    "nan-vertices.obj": ("degenerate", "2 of 4 vertices are not finite"),
    "one-triangle.obj": ("taken", '"watertight": false'),
    "one-triangle.glb": ("taken", '"watertight": false'),
    "degenerate-faces.obj": ("degenerate", "no area"),
    "huge-scale-1e9.ply": ("taken", '"triangles": 5522'),
    "tiny-scale-1e-9.ply": ("taken", '"triangles": 5522'),
    "no-material.glb": ("taken", '"triangles": 5522'),
    "inside-out.glb": ("taken", '"triangles": 5522'),
    "many-components.glb": ("taken", '"triangles": 30000'),
    "off-centre.obj": ("taken", '"bbox_min": [-0.5, -0.5, -0.5]'),
    "picture-named.glb": ("not_glb", "a PNG picture"),
    "glb-named.obj": ("taken", '"triangles": 92'),
    "html-named.jpg": ("refused", "not a picture"),
    "jpeg-named.png": ("decoded", "no object found"),
    "duplicate-permuted.ply": ("taken", '"triangles": 31366'),
    "duplicate-bytes.glb": ("taken", '"triangles": 176'),
    "duplicate-moved.ply": ("taken", '"triangles": 31366'),
    "near-duplicate-lucy.glb": ("taken", '"triangles": 79976'),
    "valid-draco.glb": ("taken", '"triangles": 71078'),
    "valid-meshopt-webp.glb": ("taken", '"triangles": 3738'),
    "unknown-required-extension.glb": ("unsupported_extension", "VENDOR_never_heard_of"),
    "gltf-version-1.glb": ("bad_glb", "asset.version is '1.0'"),
    "zip-slip.zip": ("bad_archive", "'../escape-1.txt' leads out"),
    "zip-bomb-small.zip": ("bomb", "grows from 611504 bytes to 629145600"),
    "zip-many-entries.zip": ("bomb", "6000 entries"),
    "photo-bomb-30000px.png": ("refused", "too many pixels"),
    "photo-1px.png": ("refused", "too small"),
    "photo-truncated.jpg": ("refused", "damaged"),
    "photo-cmyk.jpg": ("decoded", "no object found"),
    "photo-16bit.png": ("decoded", "no object found"),
    "photo-all-transparent.png": ("decoded", "no object found"),
    "photo-blank.png": ("decoded", "no object found"),
    "photo-script.svg": ("refused", "not a picture"),
    "青花瓷 — vase №1 (ünïcode).glb": ("taken", '"triangles": 92'),
    "metadata-strings.json": ("text", "plain"),
}
"""File to its answer and to words that must be in the sentence. `taken` is for meshes, `decoded`
for a sound photograph in which no object is found; strings have a test of their own."""


def kinds() -> dict[str, str]:
    files = json.loads((HOSTILE / "manifest.json").read_text())["files"]
    return {entry["file"]: entry["kind"] for entry in files}


@needs_shared
def test_the_table_has_an_answer_for_every_hostile_file():
    assert EXPECTED.keys() == kinds().keys()


@pytest.fixture(scope="module")
def measured(tmp_path_factory) -> dict[str, dict]:
    """What a child of its own said about each file, and what that took."""
    folder = tmp_path_factory.mktemp("measured")
    tasks = [
        {"kind": kind, "path": str(HOSTILE / file), "target": str(folder / str(number))}
        for number, (file, kind) in enumerate(kinds().items())
        if kind != "text"
    ]
    script = pathlib.Path(__file__).with_name("measured.py")
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    answers = subprocess.run(
        [sys.executable, script],
        input="".join(json.dumps(task) + "\n" for task in tasks),
        env=os.environ | threads | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert len(answers) == len(tasks)
    return {
        pathlib.Path(task["path"]).name: json.loads(answer)
        for task, answer in zip(tasks, answers, strict=True)
    }


@needs_shared
@pytest.mark.parametrize("file", [file for file, answer in EXPECTED.items() if answer[0] != "text"])
def test_a_hostile_file_gets_its_answer_within_5_cpu_seconds_and_500_mb(measured, file):
    verdict, words = EXPECTED[file]
    said = measured[file]
    assert said["verdict"] == verdict, said
    assert words in said["words"]
    assert said["cpu_s"] < CPU_S
    assert said["peak_mb"] < PEAK_MB


@needs_shared
def test_hostile_strings_are_kept_as_plain_text(folder, workspace):
    strings = json.loads((HOSTILE / "metadata-strings.json").read_text())
    keys = {"name": "name", "description": "description"}
    entries = []
    for number, string in enumerate(strings):
        wedge(3.0 + number).export(folder / f"{number}.glb")
        key = keys.get(string["field"], string["field"])
        entries.append({"file": f"{number}.glb", key: string["value"]})
    (folder / "manifest.json").write_text(json.dumps({"objects": entries}))
    assert ingest(folder, workspace).added == len(strings)
    found = relics(workspace)
    for number, string in enumerate(strings):
        relic, value = found[f"{number}.glb"], string["value"]
        stored = {"name": relic.title, "description": relic.description}.get(string["field"])
        if stored is None:  # A field the catalog does not keep.
            assert str(value) not in vars(relic).values()
        elif len(value) <= MAX_LINE and value.isprintable() and value.strip():
            assert stored == value
        assert len(relic.title) <= MAX_LINE
        assert len(relic.description) <= MAX_TEXT
        assert relic.title.isprintable()
        assert relic.title.strip()
    with Catalog(workspace.catalog_path) as catalog:
        assert len(catalog.relics()) == len(strings)


@needs_shared
@pytest.mark.parametrize(
    ("copy_name", "original"),
    [
        ("duplicate-permuted.ply", "ggg-black-vase.ply"),
        ("duplicate-bytes.glb", "grave.glb"),
        ("no-material.glb", "os-goathead.obj"),
        ("inside-out.glb", "os-goathead.obj"),
        ("glb-named.obj", "mk-mortar.glb"),
        ("valid-draco.glb", "t3d-einstein.glb"),
        ("valid-meshopt-webp.glb", "ph-brass-pot-01.glb"),
    ],
)
def test_the_same_scan_in_other_bytes_has_the_same_geometry_hash(copy_name, original, tmp_path):
    one = geometry_sha256(read_any(f"hostile/{copy_name}", tmp_path))
    assert one == geometry_sha256(read_any(f"relics/{original}", tmp_path))


@needs_shared
def test_a_shape_far_from_the_origin_keeps_its_form(tmp_path):
    geometry = read_any("hostile/off-centre.obj", tmp_path)
    np.testing.assert_array_equal(np.ptp(geometry.vertices, axis=0), [1, 1, 1])
    assert signed_volume(geometry) == pytest.approx(1.0)


Touched = list[tuple[str, str]] | None


def travel(root: pathlib.Path) -> Touched:
    """Ingest and validate over `root/scans`; what was touched, None where it cannot be traced."""
    touched = []
    for name in ("cwd", "tmp"):
        (root / name).mkdir()
    for words in (["ingest", str(root / "scans")], ["validate"]):
        command = [sys.executable, "-m", "data_engine.cli", *words, "--workers", "1"]
        command += ["--workspace", str(root / "workspace")]
        touched.append(traced(command, cwd=root / "cwd", log=root / "trace", tmp=root / "tmp"))
    return None if None in touched else [*touched[0], *touched[1]]


@pytest.fixture(scope="module")
def journey(tmp_path_factory) -> tuple[pathlib.Path, dict[str, str], Touched]:
    """The way of hostile files, our own and the shared ones: where, expected reasons, touched."""
    root = tmp_path_factory.mktemp("journey")
    (root / "scans").mkdir()
    ours = write_hostile_files(root / "scans", canary=root / "canary")
    if HOSTILE.is_dir():
        for file in HOSTILE.iterdir():
            shutil.copy(file, root / "scans" / file.name)
    return root, ours, travel(root)


@pytest.fixture(scope="module")
def quiet_journey(tmp_path_factory) -> tuple[pathlib.Path, Touched]:
    """The same over sound files, to know what libraries open for themselves."""
    root = tmp_path_factory.mktemp("quiet")
    (root / "scans").mkdir()
    for kind in ("glb", "obj", "ply", "stl"):
        wedge().export(root / "scans" / f"wedge.{kind}")
    with zipfile.ZipFile(root / "scans" / "wedge.zip", "w") as archive:
        archive.writestr("wedge.glb", wedge(4).export(file_type="glb"))
    return root, travel(root)


def test_every_hostile_file_ends_in_the_catalog_with_its_reason(journey):
    root, ours, _ = journey
    with Catalog(root / "workspace" / "catalog.sqlite") as catalog:
        found = {relic.source_file: relic for relic in catalog.relics()}
    expected = dict(ours)
    if HOSTILE.is_dir():
        photos = {file for file, kind in kinds().items() if kind in ("photo", "text")}
        expected |= {f: answer[0] for f, answer in EXPECTED.items() if f not in photos}
    verdicts = {file: relic.reason or "taken" for file, relic in found.items()}
    assert verdicts == expected
    for relic in found.values():
        good = {"validated", "duplicate"} if not relic.reason else {"rejected"}
        assert relic.state in good, relic
        assert bool(relic.detail) == bool(relic.reason)


needs_strace = pytest.mark.skipif(
    not can_trace(), reason="needs strace, and the right to trace (apt-get install strace)"
)


def opened_outside(root: pathlib.Path, touched: list[tuple[str, str]]) -> set[str]:
    """Files that were opened and belong neither to the journey nor to Python and its libraries."""
    mine = [root / "scans", root / "workspace", root / "tmp", root / "cwd"]
    here = ROOT
    python = [sys.prefix, sys.base_prefix, sys.exec_prefix, here, *filter(None, sys.path)]
    system = ["/usr", "/lib", "/lib64", "/bin", "/proc", "/sys", "/dev", "/opt"]
    allowed = [os.path.realpath(path) for path in (*mine, *python, *system)]
    opened = {os.path.realpath(path) for call, path in touched if call.startswith("open")}
    assert any(path.endswith("catalog.sqlite") for path in opened)  # The trace is not blind,
    assert any("ply_body" in path for path in opened)  # nor is it in the children.
    return {
        path
        for path in opened
        if not any(path == root or path.startswith(f"{root}/") for root in allowed)
    }


@needs_strace
def test_no_file_outside_is_opened(journey, quiet_journey):
    root, _, touched = journey
    assert opened_outside(root, touched) <= opened_outside(*quiet_journey)


@needs_strace
def test_what_hostile_files_refer_to_is_never_even_looked_for(journey):
    root, _, touched = journey
    secrets = ("canary", "/etc/passwd", "/etc/hostname", "escape-")
    scans = str(root / "scans")
    looked = {
        (call, path)
        for call, path in touched
        if any(secret in path for secret in secrets) and os.path.dirname(path) != scans
    }
    assert looked == set()
    assert not list(pathlib.Path(tempfile.gettempdir()).glob("escape-*"))
    assert not list(root.rglob("escape-*"))


@needs_strace
def test_no_connection_is_made(journey):
    *_, touched = journey
    calls = {call.removeprefix("failed ") for call, _ in touched}
    assert calls.isdisjoint({"connect", "sendto", "sendmsg", "bind", "listen", "accept4"})

"""What a relic may do to the process that renders it: only that relic suffers."""

import dataclasses
import os
import pathlib
import re
import signal
import subprocess
import sys
import textwrap
import time
import uuid

import pytest
import trimesh

from data_engine.catalog.catalog import Catalog
from data_engine.catalog.reader import CatalogReader
from data_engine.rendering import child as children
from data_engine.rendering.child import RenderLimits
from data_engine.rendering.queue import RenderQueue
from data_engine.rendering.settings import RenderSettings
from data_engine.workspace import Workspace

SETTINGS = RenderSettings(engine="raycast", poses="sphere:2", size=16)
LIMITS = RenderLimits(timeout_s=30, memory_gib=2)
WORKER = """
import os, pathlib, socket, sys, time
sys.path.append({root!r})
from data_engine.rendering import raycast_worker, worker_process

def misbehave(what):
    if what == "abort":
        os.abort()
    if what == "once" and not os.path.exists(marker := {folder!r} + "/once"):
        pathlib.Path(marker).touch()
        os.abort()
    if what == "exit":
        os._exit(3)
    if what == "hang":
        time.sleep(600)
    if what == "spin":
        while True: pass
    if what == "grow":
        bytearray(8 << 30)
    if what == "native-grow":
        os.write(2, b"terminate called after throwing an instance of 'std::bad_alloc'")
        os.abort()
    if what == "connect":
        socket.create_connection(("127.0.0.1", {port}))
    if what == "home":
        names = ",".join(sorted(os.environ))
        raise RuntimeError("home is " + os.environ["HOME"] + " with " + names)

def prepare(setup):
    name, render = raycast_worker.prepare(setup)
    def misrender(job, answer):
        misbehave(pathlib.Path({folder!r}, job["uid"]).read_text())
        render(job, answer)
    return name, misrender

worker_process.serve(prepare)
"""


@pytest.fixture
def stage(tmp_path, monkeypatch):
    """Runs a queue over relics that each misbehave as their title says; returns them by title."""
    root = str(children.WORKERS["raycast"].parents[2])
    script = tmp_path / "worker.py"

    def run(*titles, limits=LIMITS, port=9, workers=1):
        values = {"root": root, "folder": str(tmp_path), "port": port}
        script.write_text(textwrap.dedent(WORKER).format(**values))
        monkeypatch.setitem(children.WORKERS, "raycast", script)
        workspace = Workspace(tmp_path / "workspace")
        with Catalog(workspace.catalog_path) as catalog:
            for number, title in enumerate(titles):
                uid = str(uuid.uuid5(uuid.NAMESPACE_URL, title))
                mesh = trimesh.creation.box((1, 2, 3 + number))
                digest = workspace.store_blob(mesh.export(file_type="glb"))
                catalog.add({"uid": uid, "title": title, "glb_sha256": digest})
                catalog.finish(uid, "validate", "validated")
                (tmp_path / uid).write_text(title)
        RenderQueue(workspace, SETTINGS, limits, workers=workers).run()
        assert not list(workspace.renders.rglob("*.part"))
        with CatalogReader(workspace.catalog_path) as catalog:
            why = {out.uid: (out.reason, out.detail) for out in catalog.left_out()}
            return {relic.title: with_reason(relic, *why.get(relic.uid, ("", "")))
                    for relic in catalog.relics()}  # fmt: skip

    return run


def with_reason(relic, reason, detail):
    """The relic, which stays where it was, with what left it out of this render."""
    return dataclasses.replace(relic, reason=reason, detail=detail)


@pytest.mark.parametrize(
    ("what", "reason", "words"),
    [
        ("abort", "crash", "SIGABRT"),
        ("exit", "crash", "exit code 3"),
        ("hang", "timeout", "no result after 2 s"),
        ("grow", "bomb", "more memory"),
        ("native-grow", "bomb", "more than 2 GiB .SIGABRT"),
    ],
)
def test_a_relic_that_ruins_its_process_is_left_out_with_that_reason_and_the_rest_is_rendered(
    stage, what, reason, words
):
    limits = RenderLimits(timeout_s=2, memory_gib=2)
    relics = stage("first", what, "last", limits=limits)
    assert {relics[title].state for title in ("first", "last")} == {"rendered"}
    assert (relics[what].state, relics[what].reason) == ("validated", reason)
    assert re.search(words, relics[what].detail)


def test_a_relic_that_uses_up_its_processor_time_is_told_apart_from_one_that_waits(
    stage, monkeypatch
):
    setup = children._setup
    monkeypatch.setattr(children, "_setup", lambda *a: {**setup(*a), "cpu_s": 0})  # Up to 1 s
    relics = stage("spin", "last")
    assert relics["spin"].reason == "timeout"
    assert "processor time" in relics["spin"].detail
    assert relics["last"].state == "rendered"


def test_a_process_that_dies_once_is_replaced_and_its_relic_rendered(stage):
    relics = stage("once")
    assert relics["once"].state == "rendered"


def test_a_render_process_reaches_no_server_and_sees_no_setting_of_the_user(stage, monkeypatch):
    monkeypatch.setenv("SECRET_TOKEN", "1234")
    relics = stage("connect", "home")
    assert relics["connect"].state == "validated"
    assert "no network" in relics["connect"].detail
    words = relics["home"].detail
    assert "SECRET_TOKEN" not in words
    assert os.path.expanduser("~") + " with" not in words
    home = re.search(r"home is (\S+) with", words)[1]
    assert not os.path.exists(home)  # It was the process's own, and is gone with it


def test_rendering_works_where_the_kernel_grants_no_empty_network(stage, tmp_path, monkeypatch):
    refusing = tmp_path / "bin" / "unshare"
    refusing.parent.mkdir()
    refusing.write_text("#!/bin/sh\necho 'unshare: Operation not permitted' >&2\nexit 1\n")
    refusing.chmod(0o755)
    monkeypatch.setenv("PATH", f"{refusing.parent}:{os.environ['PATH']}")
    children._without_network.cache_clear()
    try:
        relics = stage("plain", "connect")
        assert children._without_network() == ()
    finally:
        children._without_network.cache_clear()
    assert relics["plain"].state == "rendered"
    assert "no network" in relics["connect"].detail


def test_a_render_process_dies_with_its_parent(tmp_path):
    (tmp_path / "parent.py").write_text(
        "import time\n"
        "from data_engine.rendering.child import RenderChild, RenderLimits\n"
        "from data_engine.rendering.settings import RenderSettings\n"
        "settings = RenderSettings(engine='raycast', poses='sphere:2', size=16)\n"
        "child = RenderChild(settings, settings.pose_set(), RenderLimits())\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    parent = subprocess.Popen(
        [sys.executable, tmp_path / "parent.py"], stdout=subprocess.PIPE, env=environment
    )
    pid = int(parent.stdout.readline())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 10
    while is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not is_running(pid)


def is_running(pid):
    try:
        status = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] != "Z"  # A dead one may wait to be reaped

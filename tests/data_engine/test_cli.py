"""`data-engine` as a person meets it: exit codes, one clear line, and runs that can be stopped."""

import json
import logging
import os
import resource
import shutil
import signal
import subprocess
import sys
import time

import pytest
import trimesh

from data_engine.catalog.catalog import Catalog
from data_engine.cli import COMMANDS, GROUPS, main, settings_class
from data_engine.workspace import Workspace


@pytest.fixture
def scans(tmp_path):
    folder = tmp_path / "scans"
    folder.mkdir()
    for n in range(3):
        trimesh.creation.box((1, 2, 3 + n)).export(folder / f"box-{n}.glb")
    (folder / "bad.glb").write_bytes(b"nothing")
    return folder


@pytest.fixture
def workspace(scans, tmp_path, capsys):
    """A workspace with three boxes and one refusal, ingested."""
    assert main(["ingest", str(scans), "--workspace", str(tmp_path / "ws")]) == 0
    capsys.readouterr()
    return Workspace(tmp_path / "ws", create=False)


def test_a_mistake_that_the_library_finds_is_one_line_as_well(workspace, monkeypatch, capsys):
    from data_engine.commands import status
    from jaxrelic.errors import UserError

    def run(settings):
        raise UserError("a record holds no PNG; write the shards again")

    monkeypatch.setattr(status, "run", run)
    assert main(["status", "--workspace", str(workspace.root)]) == 2
    assert capsys.readouterr().err == (
        "data-engine: a record holds no PNG; write the shards again\n"
    )


def command(*words: str, wrap: tuple[str, ...] = ()) -> list[str]:
    return [*wrap, sys.executable, "-m", "data_engine.cli", *map(str, words)]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def run(*words: str, **options) -> subprocess.CompletedProcess:
    return subprocess.run(
        command(*words, wrap=options.pop("wrap", ())),
        capture_output=True,
        text=True,
        env=environment(),
        timeout=120,
        check=False,
        **options,
    )


def complaint(result: subprocess.CompletedProcess) -> str:
    """The one line a refused request prints."""
    assert result.returncode == 2, result
    lines = [line for line in result.stderr.splitlines() if line.startswith("data-engine: ")]
    assert len(lines) == 1, result.stderr
    assert "Traceback" not in result.stderr
    return lines[0]


def test_the_stages_run_in_order_and_status_tells_where_they_are(workspace, capsys):
    assert main(["validate", "--workspace", str(workspace.root)]) == 0
    assert "3 sound, 0 repeated, 0 rejected" in capsys.readouterr().out
    assert main(["status", "--workspace", str(workspace.root), "--json", "--rejected"]) == 0
    status = json.loads(capsys.readouterr().out)
    assert status["states"] == {"validated": 3, "rejected": 1}
    assert status["reasons"] == [{"stage": "ingest", "reason": "not_glb", "count": 1}]
    assert [entry["file"] for entry in status["rejected"]] == ["bad.glb"]
    assert main(["status", "--workspace", str(workspace.root), "--rejected"]) == 0
    table = capsys.readouterr().out
    assert "validated" in table
    assert "bad.glb: not_glb" in table


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name, capsys):
    assert main([name.replace("_", "-"), "--help"]) == 0
    words = " ".join(settings_class(name).__doc__.split()[:3])
    assert words in capsys.readouterr().out
    assert main(["--help"]) == 0
    assert words in capsys.readouterr().out


def test_help_lists_each_command_once_under_what_it_is_for(capsys):
    assert main(["--help"]) == 0
    heading, found = "", {}
    for line in capsys.readouterr().out.splitlines():
        if line.endswith(":"):
            heading = line.removesuffix(":")
        elif line.startswith("  ") and not line.startswith("   "):
            found.setdefault(heading, []).append(line.split()[0].replace("-", "_"))
    assert found == {group: list(names) for group, names in GROUPS.items()}


@pytest.mark.parametrize(
    "words",
    [
        ["frobnicate"],
        [],
        ["status"],
        ["status", "--workspace", "x", "--colour", "red"],
        ["ingest", "x", "--workspace", "y", "--up", "X"],
        ["ingest", "x", "--workspace", "y", "--workers", "many"],
    ],
)
def test_an_argument_it_cannot_read_exits_2(words, capsys):
    assert main(words) == 2
    capsys.readouterr()


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["ingest", "{tmp}/none", "--workspace", "{tmp}/new"], "none is not a folder"),
        (["ingest", "{tmp}/empty", "--workspace", "{tmp}/new"], "no mesh in"),
        (["ingest", "{tmp}/scans", "--workspace", "{tmp}/new", "--workers", "0"], "--workers 0"),
        (["ingest", "{tmp}/scans", "--workspace", "{tmp}/scans/bad.glb"], "is a file"),
        (["validate", "--workspace", "{tmp}/new"], "data-engine ingest"),
        (["status", "--workspace", "{tmp}/new"], "data-engine ingest"),
    ],
)
def test_a_request_that_cannot_be_met_is_one_line_and_leaves_nothing(
    tmp_path, scans, capsys, words, line
):
    (tmp_path / "empty").mkdir()
    assert main([word.format(tmp=tmp_path) for word in words]) == 2
    error = capsys.readouterr().err
    assert error.startswith("data-engine: ")
    assert error.count("\n") == 1
    assert line in error
    assert not (tmp_path / "new").exists()


def test_debug_shows_where_an_error_arose(tmp_path, capsys):
    assert main(["--debug", "status", "--workspace", str(tmp_path / "none")]) == 2
    assert "Traceback" in capsys.readouterr().err


def test_a_damaged_catalog_is_named(workspace, capsys):
    for path in workspace.root.glob("catalog.sqlite*"):
        path.unlink()
    workspace.catalog_path.write_bytes(b"not a database at all" * 100)
    assert main(["status", "--workspace", str(workspace.root)]) == 2
    assert "catalog.sqlite" in capsys.readouterr().err


def in_tmpfs(options: str) -> tuple[str, ...]:
    """Runs a command with a small or read-only disk mounted at $DISK, without privileges."""
    script = f'mount -t tmpfs -o {options} none "$DISK" && exec "$@"'
    return ("unshare", "-rm", "sh", "-c", script, "sh")


def can_mount() -> bool:
    if shutil.which("unshare") is None:
        return False
    probe = subprocess.run(
        ["unshare", "-rm", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, check=False
    )
    return probe.returncode == 0


@pytest.mark.skipif(not can_mount(), reason="needs user namespaces to mount a small disk")
@pytest.mark.parametrize(
    ("options", "words"), [("size=24k", "space"), ("size=300k", "space"), ("ro", "Read-only")]
)
def test_a_full_or_locked_disk_is_one_line_with_a_remedy(
    tmp_path, scans, monkeypatch, options, words
):
    big = trimesh.creation.icosphere(5)
    big.export(scans / "big.ply")
    big.export(scans / "big.glb")
    disk = tmp_path / "disk"
    disk.mkdir()
    monkeypatch.setenv("DISK", str(disk))
    line = complaint(run("ingest", scans, "--workspace", disk / "ws", wrap=in_tmpfs(options)))
    assert words in line
    assert "disk" in line or "space" in line


def test_a_limit_on_file_size_is_one_line_with_a_remedy(tmp_path, scans):
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))

    line = complaint(run("ingest", scans, "--workspace", tmp_path / "ws", preexec_fn=limit))
    assert "disk" in line or "file size" in line
    assert run("ingest", scans, "--workspace", tmp_path / "ws").returncode == 0


def hang(workspace: Workspace) -> tuple[str, bytes]:
    """Puts a pipe that nobody feeds where the blob of the last relic is; its reader waits."""
    with Catalog(workspace.catalog_path) as catalog:
        relic = catalog.relics("fetched")[-1]
    path = workspace.blob_path(relic.glb_sha256)
    data = path.read_bytes()
    path.unlink()
    os.mkfifo(path)
    return path, data


def wait_for(workspace: Workspace, **counts: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with Catalog(workspace.catalog_path) as catalog:
            if counts.items() <= catalog.counts().items():
                return
        time.sleep(0.05)
    raise AssertionError(f"the run never reached {counts}")


@pytest.mark.parametrize(
    ("sent", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)]
)
def test_a_stopped_run_keeps_what_it_did_and_the_same_command_continues(workspace, sent, code):
    path, data = hang(workspace)
    words = ("validate", "--workspace", str(workspace.root), "--workers", "1")
    process = subprocess.Popen(
        command(*words), env=environment(), stderr=subprocess.PIPE, text=True
    )
    wait_for(workspace, validated=2)
    process.send_signal(sent)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == code
    if sent == signal.SIGINT:
        assert "data-engine: stopped" in errors
    path.unlink()
    path.write_bytes(data)
    assert run(*words).returncode == 0
    with Catalog(workspace.catalog_path) as catalog:
        assert catalog.counts() == {"validated": 3, "rejected": 1}
        for relic in catalog.relics("validated"):
            finished = [event for event in catalog.events(relic.uid) if event.what == "finished"]
            assert len(finished) == 2  # Once by ingest, once by validate.


def test_a_hung_file_is_given_up_and_can_be_retried_with_more_time(workspace, capsys):
    path, data = hang(workspace)
    words = ["validate", "--workspace", str(workspace.root), "--seconds", "2"]
    assert main(words) == 0
    assert "timeout: it needs more than 2 s" in capsys.readouterr().out
    path.unlink()
    path.write_bytes(data)
    assert main(words) == 0
    assert "0 sound" in capsys.readouterr().out
    assert main([*words, "--retry"]) == 0
    assert "1 sound" in capsys.readouterr().out


def test_progress_is_one_line_when_nobody_watches(scans, tmp_path):
    result = run("ingest", scans, "--workspace", tmp_path / "ws")
    assert result.returncode == 0
    (line,) = result.stderr.splitlines()
    assert line.startswith("ingest: 4 files in ")


def test_a_warning_is_one_line_that_names_the_program(tmp_path, capsys):
    assert main(["status", "--workspace", str(tmp_path)]) == 2
    capsys.readouterr()
    logging.getLogger("data_engine.reports").warning("%d titles", 1)
    assert capsys.readouterr().err == "data-engine: 1 titles\n"

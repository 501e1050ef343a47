"""No stage begins on a disk that is nearly full."""

import pytest

from data_engine.catalog.catalog import Catalog
from data_engine.cli import main
from data_engine.errors import UserError
from data_engine.workspace import DISK_RESERVE_BYTES, Workspace


@pytest.fixture
def workspace(tmp_path):
    workspace = Workspace(tmp_path / "ws")
    with Catalog(workspace.catalog_path):
        pass
    return workspace


@pytest.mark.parametrize("stage", ["ingest", "validate", "render", "shards", "report", "release"])
def test_a_stage_says_what_is_free_and_what_is_needed(
    workspace, tmp_path, monkeypatch, capsys, stage
):
    (tmp_path / "scans").mkdir()
    (tmp_path / "scans" / "a.glb").write_bytes(b"glTF")
    monkeypatch.setattr(Workspace, "free_bytes", lambda _: 3_000_000)
    folder = [str(tmp_path / "scans")] if stage == "ingest" else []
    assert main([stage, *folder, "--workspace", str(workspace.root)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "3.0 MB free and 67.1 MB are needed; free some space" in line


def test_status_needs_no_space(workspace, monkeypatch, capsys):
    monkeypatch.setattr(Workspace, "free_bytes", lambda _: 0)
    assert main(["status", "--workspace", str(workspace.root)]) == 0
    assert "0 B free" in capsys.readouterr().out


def test_what_is_to_be_written_is_asked_for_beside_the_reserve(workspace, monkeypatch):
    monkeypatch.setattr(Workspace, "free_bytes", lambda _: DISK_RESERVE_BYTES + 10)
    workspace.check_writable(10)
    with pytest.raises(UserError, match="needed"):
        workspace.check_writable(11)


def test_a_folder_larger_than_the_disk_is_refused_before_anything_is_read(
    tmp_path, monkeypatch, capsys
):
    (tmp_path / "scans").mkdir()
    (tmp_path / "scans" / "a.glb").write_bytes(bytes(2_000_000))
    monkeypatch.setattr(Workspace, "free_bytes", lambda _: DISK_RESERVE_BYTES + 1_000_000)
    assert main(["ingest", str(tmp_path / "scans"), "--workspace", str(tmp_path / "ws")]) == 2
    assert "69.1 MB are needed" in capsys.readouterr().err

import os
import subprocess

from data_engine.workspace import Workspace, remove_leftovers, write_atomically


def test_writing_again_removes_what_a_killed_writer_left_and_nothing_else(tmp_path):
    dead = subprocess.Popen(["true"])
    dead.wait()
    path = tmp_path / "a.b[c].json"
    living, others = f".a.b[c].json.{os.getpid()}.y", {".a.b[c].json.old", ".b[c].json.1.z"}
    for name in (f".a.b[c].json.{dead.pid}.x", living, *others):
        (tmp_path / name).touch()
    write_atomically(path, b"whole")
    assert {entry.name for entry in tmp_path.iterdir()} == {path.name, living, *others}
    assert path.read_bytes() == b"whole"


def test_folders_of_dead_processes_go_and_those_of_living_ones_stay(tmp_path):
    dead = subprocess.Popen(["true"])
    dead.wait()
    kept = {f".a[b]-{os.getpid()}-x", ".a[b]-notes", f".ab-{dead.pid}"}
    for name in (f".a[b]-{dead.pid}", f".a[b]-{dead.pid}-x", f".a[b]-{dead.pid}.retired", *kept):
        (tmp_path / name).mkdir()
        (tmp_path / name / "half").touch()
    remove_leftovers(tmp_path, ".a[b]-")
    assert {entry.name for entry in tmp_path.iterdir()} == kept


def test_looking_whether_a_workspace_can_be_written_leaves_no_trace(tmp_path):
    workspace = Workspace(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    workspace.check_writable()
    assert sorted(tmp_path.rglob("*")) == before


def test_a_folder_that_was_deleted_by_hand_comes_back(tmp_path):
    workspace = Workspace(tmp_path)
    workspace.shards.rmdir()
    workspace.check_writable()
    assert workspace.shards.is_dir()

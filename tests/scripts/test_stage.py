import json
import subprocess
import sys

from places import ROOT

STAGE = ROOT / "scripts" / "stage.py"


def run_stage(record, *command):
    arguments = [sys.executable, str(STAGE), str(record), "name", "--", *command]
    return subprocess.run(arguments, capture_output=True, text=True, check=False)


def test_a_stage_records_its_command_and_the_memory_of_its_child(tmp_path):
    record = tmp_path / "stages.jsonl"
    result = run_stage(record, sys.executable, "-c", "x = bytearray(150_000_000)")
    line = json.loads(record.read_text())
    assert result.returncode == 0
    assert "$ " in result.stdout
    assert "bytearray" in result.stdout
    assert line["exit_code"] == 0
    assert 150_000_000 < line["peak_rss_bytes"] < 400_000_000


def test_a_failing_stage_keeps_its_exit_code_and_its_record(tmp_path):
    record = tmp_path / "stages.jsonl"
    assert run_stage(record, sys.executable, "-c", "raise SystemExit(2)").returncode == 2
    assert json.loads(record.read_text())["exit_code"] == 2


def test_a_stage_killed_by_a_signal_exits_like_a_shell_would(tmp_path):
    code = "import os, signal; os.kill(os.getpid(), signal.SIGTERM)"
    assert run_stage(tmp_path / "s.jsonl", sys.executable, "-c", code).returncode == 143

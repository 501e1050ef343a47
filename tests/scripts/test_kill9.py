import json
import subprocess
import sys

import pytest
from places import ROOT

pytest.importorskip("bpy", reason="bpy is not installed: pip install -e '.[engine]'")


@pytest.mark.blender
def test_a_run_killed_in_every_stage_ends_with_the_shards_of_an_undisturbed_one():
    words = ["--relics", "6", "--kills", "5", "--together"]
    result = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "kill9.py"), *words],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert result.stdout, result.stderr
    report = json.loads(result.stdout)
    assert report["files"] > 5
    assert report["hits"] >= 2, report
    assert report["identical"], report
    assert report["clean"], report

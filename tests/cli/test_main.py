import errno
import importlib
import os
import subprocess
import sys

import pytest

from jaxrelic.cli import main as cli
from jaxrelic.errors import UserError


@pytest.fixture(autouse=True)
def keep_the_environment(monkeypatch):
    """The command sets these for its own process; the tests have their own cache."""
    for name in ("DIR", "MIN_COMPILE_TIME_SECS", "MIN_ENTRY_SIZE_BYTES"):
        prefix = "JAX_" if name == "DIR" else "JAX_PERSISTENT_CACHE_"
        middle = "COMPILATION_CACHE_" if name == "DIR" else ""
        monkeypatch.setenv(f"{prefix}{middle}{name}", "unused")


def test_help_names_every_command_and_imports_no_jax(capsys):
    script = "import sys; from jaxrelic.cli.main import main; main(['--help']); print(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    for name in cli.COMMANDS:
        assert f"\n  {name} " in out.stdout
    assert not {"jax", "tyro", "numpy"} & set(out.stdout.split())


def test_example_commands_stand_on_lines_of_their_own_in_help(capsys):
    examples = 0
    for name in cli.COMMANDS:
        doc = importlib.import_module(f"jaxrelic.cli.{name}").__doc__
        with pytest.raises(SystemExit):
            cli.parse(name, ["--help"])
        lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
        for example in filter(
            lambda line: line.startswith("jaxrelic "), map(str.strip, doc.splitlines())
        ):
            assert example in lines
            examples += 1
    assert examples >= 2


def test_an_unknown_command_is_a_mistake(capsys):
    assert cli.main(["trian"]) == 2
    assert capsys.readouterr().err == (
        f"jaxrelic: no command 'trian'; choose one of {', '.join(cli.COMMANDS)}\n"
    )


def test_a_mistake_is_one_line_unless_debugging(capsys):
    assert cli.main(["train", "absent.py", "--workdir", "x"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("jaxrelic: no config file absent.py;")
    assert error.count("\n") == 1
    with pytest.raises(UserError, match=r"absent\.py"):
        cli.main(["train", "absent.py", "--workdir", "x", "--debug"])


def test_ctrl_c_anywhere_exits_130(monkeypatch):
    def interrupted(name, argv):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "parse", interrupted)
    assert cli.main(["train"]) == 130


def test_a_full_disk_is_one_line(monkeypatch, capsys):
    def full(name, argv):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "run/metrics.jsonl")

    monkeypatch.setattr(cli, "parse", full)
    assert cli.main(["train"]) == 2
    message = "jaxrelic: [Errno 28] No space left on device: 'run/metrics.jsonl'\n"
    assert capsys.readouterr().err == message

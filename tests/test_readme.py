"""The commands that the README, the tutorial and the demo show are commands that exist."""

import re
import shlex

import pytest
from places import ROOT

from data_engine import cli as data_engine
from jaxrelic.cli import main as jaxrelic


def shown(text):
    """Lines of shell that call one of our two programs, as lists of words."""
    text = re.sub(r"\\\n\s*", " ", text).replace("$COUNT", "3")
    for line in text.splitlines():
        if match := re.match(r"\s*(?:stage \w+ )?((?:data-engine|jaxrelic) [a-z].*)", line):
            yield shlex.split(match[1], comments=True)


def in_fences(text):
    return "\n".join(re.findall(r"```bash\n(.*?)```", text, re.DOTALL))


README = list(shown(in_fences((ROOT / "README.md").read_text())))
TUTORIAL = list(shown(in_fences((ROOT / "docs" / "tutorial.md").read_text("utf-8"))))
DEMO = list(shown((ROOT / "scripts" / "demo.sh").read_text()))


@pytest.fixture
def at_root(monkeypatch):
    monkeypatch.chdir(ROOT)


@pytest.mark.parametrize("words", README + TUTORIAL + DEMO, ids=" ".join)
def test_a_command_that_is_shown_is_understood(words, at_root):
    program, command, *arguments = words
    arguments = [word for word in arguments if "subject" not in word]  # A bash array.
    if program == "jaxrelic":
        assert jaxrelic.parse(command, arguments) is not None
    else:
        assert data_engine.parse([command, *arguments]) is not None


def test_readme_and_demo_show_the_whole_road():
    commands = {tuple(words[:2]) for words in README}
    assert {
        ("data-engine", stage) for stage in ("ingest", "validate", "render", "shards")
    } < commands
    assert commands >= {("jaxrelic", c) for c in ("train", "evaluate", "export", "reconstruct")}
    assert len(DEMO) == 12

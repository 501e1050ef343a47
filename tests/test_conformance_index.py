"""Every oracle of specification msrn H has a test that carries its name.

A test carries an oracle when its name or docstring mentions it (`..._scene_b1`, "Specification msrn
H-C6."); a file whose docstring does ("H-E1 to H-E4") speaks for its tests. F7 trains for minutes,
so a benchmark carries it.
"""

import ast
import pathlib
import re

import pytest
from places import TESTS

BENCHMARKS = TESTS.parent / "benchmarks"
COUNTS = {"A": 9, "B": 3, "C": 9, "E": 8, "F": 7}
"""Numbered oracles of each part; part D, the icosahedron, is one."""
ORACLES = ["D", *(f"{part}{i + 1}" for part, count in COUNTS.items() for i in range(count))]


def mentioned(text: str) -> set[str]:
    """Oracles named in a docstring, those within a range too."""
    found = set(re.findall(r"\b[A-F]\d\b|(?<=pecification msrn H-)D\b", text))
    for part, first, last in re.findall(r"\b([A-F])(\d) to (?:H-)?\1(\d)\b", text):
        found |= {f"{part}{i}" for i in range(int(first), int(last) + 1)}
    return found


def carried_by(source: str) -> set[str]:
    """Oracles that the tests in a file's text carry."""
    tree = ast.parse(source)
    found = mentioned(ast.get_docstring(tree) or "")
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            found |= mentioned(node.name.replace("_", " ").upper())
            found |= mentioned(ast.get_docstring(node) or "")
    return found


@pytest.fixture(scope="module")
def carried():
    files = [path for path in TESTS.rglob("test_*.py") if path != pathlib.Path(__file__)]
    files += BENCHMARKS.glob("*.py")
    return set().union(*(carried_by(path.read_text()) for path in files))


@pytest.mark.parametrize("oracle", ORACLES)
def test_a_test_carries_the_oracle(oracle, carried):
    assert oracle in carried, f"no test names specification msrn H-{oracle}"


def test_helpers_code_and_comments_do_not_count():
    source = '''
"""Distances (specification msrn H-E1 to H-E3)."""

def helper():
    """Specification msrn H-A1."""

def test_scene_b1():
    """Specification msrn H-C2 and H-C3."""
    E5 = "E4"  # F1

def test_base():
    """Specification msrn H-D."""
'''
    assert carried_by(source) == {"B1", "C2", "C3", "D", "E1", "E2", "E3"}

"""Every oracle of specification H has a test that carries its name.

A test carries an oracle when its name or docstring mentions it (`..._scene_b1`, "Specification H:
C6."). H-G has no numbers of its own: what it could compare are B1 and C9.
"""

import ast
import pathlib
import re

import pytest

TESTS = pathlib.Path(__file__).parent
COUNTS = {"A": 9, "B": 3, "C": 9, "E": 8, "F": 7}
"""Numbered oracles of each part; part D, the icosahedron, is one."""
ORACLES = ["D", *(f"{part}{i + 1}" for part, count in COUNTS.items() for i in range(count))]


def carried_by(source: str) -> set[str]:
    """Oracles that the tests in a file's text mention."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            docstring = ast.get_docstring(node) or ""
            found |= set(re.findall(r"\b[A-F]\d\b", node.name.replace("_", " ").upper()))
            found |= set(re.findall(r"\b[A-F]\d\b|(?<=Specification H: )D\b", docstring))
    return found


@pytest.fixture(scope="module")
def carried():
    return set().union(*(carried_by(path.read_text()) for path in TESTS.rglob("test_*.py")))


@pytest.mark.parametrize("oracle", ORACLES)
def test_a_test_carries_the_oracle(oracle, carried):
    assert oracle in carried, f"no test names {oracle} of specification H in its name or docstring"


def test_only_names_and_docstrings_of_tests_count():
    source = '''
def helper():
    """Specification H: A1."""

def test_scene_b1():
    """Specification H: C2 and C3."""
    E5 = "E4"

def test_base():
    """Specification H: D."""
'''
    assert carried_by(source) == {"B1", "C2", "C3", "D"}

"""Where tests find the repository and, beside it, the shared data of its developers."""

import pathlib

TESTS = pathlib.Path(__file__).resolve().parent
ROOT = TESTS.parent
GOLDENS = TESTS / "goldens"
SHARED = next(
    (path / "shared" for path in ROOT.parents if (path / "shared").is_dir()), ROOT.parent / "shared"
)
"""Beside the repository, or beside the folder of its worktrees."""
SHARED_DATA = SHARED / "data"
FIELD = SHARED / "field"
"""Inputs as people have them, with their right values."""

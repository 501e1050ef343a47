"""Where tests find the repository and, beside it, the shared data of its developers."""

import pathlib

TESTS = pathlib.Path(__file__).resolve().parent
ROOT = TESTS.parent
GOLDENS = TESTS / "goldens"
SHARED_DATA = ROOT.parent / "shared" / "data"
SHARED_FIELD = ROOT.parent / "shared" / "field"

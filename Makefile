# `make demo`, `make furniture` and `make test` set themselves up on a fresh machine; a second run starts in seconds.

RELICS ?=
PHOTO ?=
ONLY ?=

.PHONY: demo furniture test test-fast slow lint docs lock clean

demo:
	@scripts/setup.sh
	@RELICS='$(RELICS)' PHOTO='$(PHOTO)' scripts/demo.sh

# 820 models of a Debian package, downloaded, described and checked. ONLY='--category Kitchen' takes less.
furniture:
	@scripts/setup.sh
	@scripts/furniture.sh $(ONLY)

# Files go to the workers in the order of tests/conftest.py, the longest first.
PYTEST = .venv/bin/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

test:
	@scripts/setup.sh --browser
	@$(PYTEST)

# For work in between: no test of tests/slow.txt, no Blender and no browser.
test-fast:
	@scripts/setup.sh
	@$(PYTEST) -m "not slow and not blender and not browser"

slow:
	@scripts/setup.sh --browser
	@$(PYTEST) --durations=0 --durations-min=0.5 | .venv/bin/python scripts/slow_tests.py > tests/slow.txt.new
	@mv tests/slow.txt.new tests/slow.txt

lint:
	@scripts/setup.sh
	@.venv/bin/ruff format --check .
	@.venv/bin/ruff check .
	@.venv/bin/lint-imports
	@.venv/bin/shellcheck scripts/*.sh .ci/run

# Half a minute; the pages are in docs/_build/html. Warnings are errors.
docs:
	@scripts/setup.sh
	@rm -rf docs/_build docs/api/generated
	@JAX_PLATFORMS=cpu .venv/bin/python -m sphinx -W --keep-going -q -b html docs docs/_build/html
	@echo docs/_build/html/index.html

# One lock serves Python 3.11 and 3.13; it names no index.
lock:
	@.venv/bin/uv pip compile pyproject.toml --extra engine --extra beam --extra texture --extra dev --extra docs --universal \
	    --no-header --no-annotate --output-file requirements.lock

clean:
	rm -rf .venv .cache runs

# `make demo` and `make test` set themselves up on a fresh machine; a second run starts in seconds.

RELICS ?=
PHOTO ?=

.PHONY: demo test lint docs lock clean

demo:
	@scripts/setup.sh
	@RELICS='$(RELICS)' PHOTO='$(PHOTO)' scripts/demo.sh

# A process keeps all that it compiles mapped, three maps to a program, and Linux gives it 65530 of
# them, after which LLVM crashes. So the tests run in three rounds, each with workers of its own.
PYTEST = .venv/bin/python -m pytest --numprocesses 2 --dist loadfile
FIRST = tests/models tests/train
SECOND = tests/inference tests/cli tests/configs

test:
	@scripts/setup.sh --browser
	@$(PYTEST) $(FIRST)
	@$(PYTEST) $(SECOND)
	@$(PYTEST) $(addprefix --ignore=,$(FIRST) $(SECOND))

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
	@.venv/bin/uv pip compile pyproject.toml --extra engine --extra beam --extra segment --extra texture --extra dev --extra docs --universal \
	    --no-header --no-annotate --output-file requirements.lock

clean:
	rm -rf .venv .cache runs

# `make demo` and `make test` set themselves up on a fresh machine; a second run starts in seconds.

RELICS ?=
PHOTO ?=

.PHONY: demo test lint lock clean

demo:
	@scripts/setup.sh
	@RELICS='$(RELICS)' PHOTO='$(PHOTO)' scripts/demo.sh

PYTEST = .venv/bin/python -m pytest --numprocesses 2 --dist loadfile

test:
	@scripts/setup.sh --browser
	@$(PYTEST)

lint:
	@scripts/setup.sh
	@.venv/bin/ruff format --check .
	@.venv/bin/ruff check .
	@.venv/bin/lint-imports
	@.venv/bin/shellcheck scripts/*.sh .ci/run

# One lock serves Python 3.11 and 3.13; it names no index.
lock:
	@.venv/bin/uv pip compile pyproject.toml --extra engine --extra beam --extra segment --extra texture --extra dev --universal \
	    --no-header --no-annotate --output-file requirements.lock

clean:
	rm -rf .venv .cache runs

#!/usr/bin/env bash
# Prepares .venv from requirements.lock; a second run finds nothing to do. Usage: setup.sh [--browser]
set -euo pipefail
cd "$(dirname "$0")/.."

UV_VERSION=0.13.9
PYTHON=${PYTHON:-python3}

fail() { echo "setup: $*" >&2; exit 2; }

command -v "$PYTHON" >/dev/null || fail "no $PYTHON here; install Python 3.11 or set PYTHON=/path/to/python3.11"
version=$("$PYTHON" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
case $version in
    3.11 | 3.13) ;;
    *) fail "$PYTHON is $version, but Blender has wheels for 3.11 and 3.13 only; set PYTHON=python3.11" ;;
esac

scripts/system_packages.sh "$@"

stamp=.venv/.ready-$(cat requirements.lock pyproject.toml scripts/setup.sh | sha256sum | cut -c1-16)-$version
if [ ! -e "$stamp" ]; then
    echo "setup: installing into .venv (about 1.5 GB, once)" >&2
    rm -rf .venv
    "$PYTHON" -m venv .venv || { rm -rf .venv; fail "$PYTHON cannot make a virtual environment; apt-get install python3-venv"; }
    .venv/bin/python -m pip install --quiet "uv==$UV_VERSION"
    .venv/bin/uv pip install --quiet --python .venv/bin/python --requirement requirements.lock
    .venv/bin/uv pip install --quiet --python .venv/bin/python --no-deps --editable .
    touch "$stamp"
fi

# Optional: with a C++ compiler the rasterizer is several times faster on CPUs, and so are
# convolutions in bfloat16 on processors with matrix tiles.
native=.venv/.native-$(cat jaxrelic/native_library.py jaxrelic/rendering/native/*.{py,cc,h} jaxrelic/nn/native/*.{py,cc} | sha256sum | cut -c1-16)
[ -e "$native" ] && exit 0
if command -v "${CXX:-c++}" >/dev/null; then
    .venv/bin/python -m jaxrelic.rendering.native >/dev/null || true  # It has said why.
    .venv/bin/python -m jaxrelic.nn.native >/dev/null 2>&1 || true  # Few processors have tiles.
else
    echo "setup: no C++ compiler, using the pure JAX rasterizer" >&2
fi
touch "$native"

#!/usr/bin/env bash
# The furniture of a Debian package, from the download to validated relics of a catalog:
#   scripts/furniture.sh [--category Kitchen] [--limit 20]
# The arguments are those of furniture.py. Nothing is installed; all is below runs/furniture.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH=$PWD/.venv/bin:$PATH

package=sweethome3d-furniture
out=runs/furniture
mkdir -p "$out"
: >"$out/stages.jsonl"

fail() { echo "furniture: $*" >&2; exit 2; }
stage() { local name=$1; shift; python scripts/stage.py "$out/stages.jsonl" "$name" -- "$@"; }

if [ ! -e "$out/extracted" ]; then
    for tool in apt-get dpkg-deb; do
        command -v "$tool" >/dev/null || fail "no $tool here; the models come as a package of Debian or Ubuntu"
    done
    rm -rf "$out/package" && mkdir "$out/package"
    (cd "$out/package" && apt-get -o APT::Sandbox::User=root download "$package") ||
        fail "apt-get cannot download $package; run apt-get update first"
    dpkg-deb -x "$out/package/$package"_*.deb "$out/package/files"
    mv "$out/package/files" "$out/extracted"
fi
rm -rf "$out/models"
stage models python scripts/furniture.py "$out/extracted" -o "$out/models" "$@"
stage ingest data-engine ingest "$out/models" --workspace "$out/workspace"
stage validate data-engine validate --workspace "$out/workspace"
stage status data-engine status --workspace "$out/workspace" --rejected

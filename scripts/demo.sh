#!/usr/bin/env bash
# The main job, as the commands a user would type: relics -> dataset -> model -> mesh -> report.
#   RELICS=folder  use these scans in place of the procedural relics
#   PHOTO=file     reconstruct this photograph in place of a relic that was held out of training
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH=$PWD/.venv/bin:$PATH

RELICS=${RELICS:-}
PHOTO=${PHOTO:-}
COUNT=${COUNT:-96}
out=runs/demo
[ -z "$RELICS" ] || out=runs/demo-$(basename "$RELICS")
mkdir -p "$out"
[ -e "$out/report.html" ] && rm "$out/report.html"
: >"$out/stages.jsonl"

stage() { local name=$1; shift; python scripts/stage.py "$out/stages.jsonl" "$name" -- "$@"; }

subject=()
if [ -z "$RELICS" ]; then
    RELICS=$out/relics
    subject=(--category vessel)
    stage relics data-engine procedural --out "$RELICS" --count "$COUNT" --seed 0
fi
stage ingest data-engine ingest "$RELICS" --workspace "$out/workspace"
stage validate data-engine validate --workspace "$out/workspace"
stage render data-engine render --workspace "$out/workspace" --poses sphere:12 --size 64 --samples 8
stage shards data-engine shards --workspace "$out/workspace" --val-percent 5 --test-percent 15
stage status data-engine status --workspace "$out/workspace"
stage train jaxrelic train configs/msrn_demo.py --workdir "$out/train" --data.path "$out/workspace/shards"
stage evaluate jaxrelic evaluate "$out/train"
stage export jaxrelic export "$out/train" --out "$out/export"
if [ -z "$PHOTO" ]; then
    PHOTO=$out/photo.png
    stage photograph data-engine photograph --workspace "$out/workspace" --split test "${subject[@]}" \
        --out "$PHOTO"
fi
stage reconstruct jaxrelic reconstruct "$PHOTO" --model "$out/export" --out "$out/relic.glb" \
    --previews "$out/previews"
stage report jaxrelic report --workspace "$out/workspace" --run "$out/train" \
    --reconstruction "$out/previews" --stages "$out/stages.jsonl" --out "$out/report.html"
echo
echo "mesh:   $out/relic.glb"
echo "report: $out/report.html"

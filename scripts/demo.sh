#!/usr/bin/env bash
# The main job, as the commands a user would type: relics -> dataset -> model -> mesh -> report.
#   RELICS=folder  use these scans instead of the procedural relics
#   PHOTO=file     reconstruct this photograph instead of a relic that was held out of training
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH=$PWD/.venv/bin:$PATH

RELICS=${RELICS:-}
PHOTO=${PHOTO:-}
COUNT=${COUNT:-216}
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
    stage relics data-engine procedural "$RELICS" --count "$COUNT" --seed 0
fi
workspace=$out/workspace
stage ingest data-engine ingest "$RELICS" --workspace "$workspace"
stage validate data-engine validate --workspace "$workspace"
stage render data-engine render --workspace "$workspace" --poses sphere:12 --size 64 --samples 8 \
    --noise 0 --lighting key_fill
stage shards data-engine shards --workspace "$workspace" --val-percent 5 --test-percent 15
stage status data-engine status --workspace "$workspace" --rejected
stage train jaxrelic train configs/msrn_demo.py --workdir "$out/train" \
    --data.path "$workspace/shards"
stage evaluate jaxrelic evaluate "$out/train" --icosphere-level 3
stage export jaxrelic export "$out/train" -o "$out/export"
if [ -z "$PHOTO" ]; then
    PHOTO=$out/photo.png
    stage photograph data-engine photograph --workspace "$workspace" --split test "${subject[@]}" \
        -o "$PHOTO"
fi
stage reconstruct jaxrelic reconstruct "$PHOTO" --model "$out/export" --icosphere-level 4 \
    -o "$out/relic.glb" --previews "$out/previews"
stage report jaxrelic report --workspace "$workspace" --run "$out/train" \
    --reconstruction "$out/previews" --stages "$out/stages.jsonl" -o "$out/report.html"
echo
echo "mesh:   $out/relic.glb"
echo "report: $out/report.html"

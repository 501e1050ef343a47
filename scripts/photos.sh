#!/usr/bin/env bash
# Reconstructs every photograph of a folder with one model, and writes a page that shows them all.
#   scripts/photos.sh MODEL PHOTOS OUT
# MODEL is a run or an export. What OUT has already is kept, so an interrupted call goes on. A photograph
# that cannot be used is named and left out.
set -euo pipefail
if [ $# -ne 3 ]; then echo "usage: $0 MODEL PHOTOS OUT" >&2; exit 2; fi
model=$1 photos=$2 out=$3
shopt -s nullglob nocaseglob
found=("$photos"/*.{png,jpg,jpeg,webp,tif,tiff,bmp})
if [ ${#found[@]} -eq 0 ]; then echo "$0: no photographs in $photos" >&2; exit 2; fi
mkdir -p "$out"
report=()
for photo in "${found[@]}"; do
  name=$(basename "$photo"); name=${name%.*}
  # This page is the last that is written.
  if [ ! -e "$out/$name/reconstruction.json" ]; then
    jaxrelic reconstruct "$photo" --model "$model" -o "$out/$name.glb" --previews "$out/$name" || continue
  fi
  report+=(--reconstruction "$out/$name")
done
if [ ${#report[@]} -eq 0 ]; then echo "$0: none of ${#found[@]} photographs could be used" >&2; exit 2; fi
echo "$((${#report[@]} / 2)) of ${#found[@]} photographs"
jaxrelic report --title "Photographs" "${report[@]}" -o "$out/report.html"

#!/usr/bin/env bash
# Installs the system libraries that Blender needs, and with --browser what the tests need: Chromium
# for pages, a C++ compiler for the native rasterizer, strace to see which files are opened.
# Without root or sudo it says which apt-get command to run. Usage: system_packages.sh [--browser]
set -euo pipefail

# What the bpy wheel links against (found on a bare Debian 12, one missing library after another).
libraries=(
    libX11.so.6=libx11-6 libXrender.so.1=libxrender1 libXxf86vm.so.1=libxxf86vm1
    libXfixes.so.3=libxfixes3 libXi.so.6=libxi6 libxkbcommon.so.0=libxkbcommon0
    libgomp.so.1=libgomp1 libSM.so.6=libsm6 libGL.so.1=libgl1
)
known=$(PATH=$PATH:/sbin:/usr/sbin ldconfig -p)
missing=()
for pair in "${libraries[@]}"; do
    grep -qF "${pair%%=*}" <<<"$known" || missing+=("${pair#*=}")
done
"${PYTHON:-python3}" -c 'import ensurepip' 2>/dev/null || missing+=(python3-venv)
if [ "${1:-}" = --browser ]; then
    command -v chromium >/dev/null || missing+=(chromium)
    command -v chromedriver >/dev/null || missing+=(chromium-driver)
    command -v "${CXX:-c++}" >/dev/null || missing+=(g++)
    command -v strace >/dev/null || missing+=(strace)
fi
[ ${#missing[@]} -eq 0 ] && exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    if sudo -n true 2>/dev/null; then as_root=(sudo); else as_root=(none); fi
fi
if [ "${as_root[*]}" = none ] || ! command -v apt-get >/dev/null; then
    echo "setup: please run: sudo apt-get install ${missing[*]}" >&2
    exit 2
fi
echo "setup: apt-get install ${missing[*]}" >&2
"${as_root[@]}" apt-get update -qq
DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -qq --yes --no-install-recommends \
    "${missing[@]}" >/dev/null

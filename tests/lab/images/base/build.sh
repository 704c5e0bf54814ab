#!/bin/sh
# Builds the image $1: a minimal Debian trixie.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
debootstrap --variant=minbase trixie "$work/root" http://deb.debian.org/debian >"$work/log" 2>&1 || { tail -n 20 "$work/log" >&2; exit 1; }
rm -rf "$work"/root/var/cache/apt/archives/*.deb "$work"/root/var/lib/apt/lists/*
tar -C "$work/root" -c . | docker import --change 'CMD ["bash"]' - "$1"

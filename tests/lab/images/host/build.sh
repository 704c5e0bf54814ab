#!/bin/sh
# Builds the image $1 of a lab host: Debian trixie with systemd, SSH and a Docker engine of its own.
set -eu
docker build --quiet --build-arg "BASE=$LAB_BASE" --tag "$1" "$(dirname "$0")"

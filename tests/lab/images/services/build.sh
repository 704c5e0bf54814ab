#!/bin/sh
# Builds the image $1 with the lab's registry (Debian's docker-registry, port 5000) and web server of its package repository (port 80).
set -eu
docker build --quiet --build-arg "BASE=$LAB_PYTHON_BASE" --tag "$1" "$(dirname "$0")"

#!/bin/sh
# Builds the image $1 of a lab host whose package manager is dnf.
set -eu
docker build --quiet --build-arg "HOST=$LAB_HOST" --tag "$1" "$(dirname "$0")"

#!/bin/sh
# Builds the stand-in for Grafana as the image $1, laid out as the upstream image is: user 472, data in /var/lib/grafana, port 3000.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
docker build --quiet --build-arg "BASE=$LAB_PYTHON_BASE" --label "lab.version=$(cat "$here/version.txt")" --tag "$1" "$here"

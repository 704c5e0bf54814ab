#!/bin/sh
# Builds the image $1 with the real Python of Debian, which the upstream image has in another folder.
set -eu
version=$(docker run --rm "$LAB_PYTHON_BASE" python3 -c 'import platform; print(platform.python_version())')
echo "FROM $LAB_PYTHON_BASE" | docker build --quiet --label "lab.version=$version" --tag "$1" -

#!/bin/sh
# Builds the image $1 of a lab host whose Docker engine, Debian sid's, reads CDI specifications by itself.
set -eu
docker build --quiet --build-arg "BASE=$LAB_HOST" --tag "$1" "$(dirname "$0")"

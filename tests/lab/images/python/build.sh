#!/bin/sh
# Builds the image $1 that the lab's own servers run on: Python, Flask and waitress of Debian.
set -eu
docker build --quiet --tag "$1" - <<EOF
FROM $LAB_BASE
RUN apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends python3 python3-flask python3-waitress python3-requests && rm -rf /var/lib/apt/lists/* /var/cache/apt
EOF

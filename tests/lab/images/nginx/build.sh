#!/bin/sh
# Builds the image $1 with the real nginx of Debian.
set -eu
docker build --quiet --tag "$1" - <<DOCKERFILE
FROM $LAB_BASE
RUN apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends nginx-light && rm -rf /var/lib/apt/lists/* /var/cache/apt
CMD ["nginx", "-g", "daemon off;"]
DOCKERFILE
version=$(docker run --rm "$1" dpkg-query --show --showformat '${Version}' nginx | sed 's/[+-].*//')
echo "FROM $1" | docker build --quiet --label "lab.version=$version" --tag "$1" -

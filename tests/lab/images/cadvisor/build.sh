#!/bin/sh
# Builds the lab's cAdvisor as the image $1.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
(cd "$here" && CGO_ENABLED=0 GOFLAGS=-mod=readonly go build -trimpath -ldflags '-s -w' -o "$work/cadvisor" .)
cat >"$work/Dockerfile" <<'EOF'
FROM scratch
COPY cadvisor /usr/bin/cadvisor
EXPOSE 8080
ENTRYPOINT ["/usr/bin/cadvisor", "-logtostderr"]
EOF
docker build --quiet --label "lab.version=$(cat "$here/version.txt")" --tag "$1" "$work"

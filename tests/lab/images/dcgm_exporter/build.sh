#!/bin/sh
# Builds the stand-in for the DCGM exporter as the image $1.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
(cd "$here" && CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o "$work/dcgm-exporter" .)
cp "$here"/default-counters*.csv "$work"
cat >"$work/Dockerfile" <<'EOF'
FROM scratch
COPY dcgm-exporter /usr/bin/dcgm-exporter
COPY default-counters.csv default-counters-4.9.csv /etc/dcgm-exporter/
EXPOSE 9400
ENTRYPOINT ["/usr/bin/dcgm-exporter"]
EOF
docker build --quiet --label "lab.version=$(cat "$here/version.txt")" --tag "$1" "$work"

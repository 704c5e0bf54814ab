#!/bin/sh
# Builds the image $1 with the real Alertmanager and amtool from the Go module proxy, laid out as the upstream image is.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
version=$(cat "$here/version.txt")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
module=$(go mod download -json "github.com/prometheus/alertmanager@v$version" | sed -n 's/^[[:space:]]*"Dir": "\(.*\)",$/\1/p')
cp -R "$module" "$work/source"
chmod -R u+w "$work/source"
# The module has no web page, which is built by other tools, and its folder must hold a file.
mkdir -p "$work/source/ui/app/dist" "$work/data"
echo "The lab's Alertmanager has no web page." >"$work/source/ui/app/dist/index.html"
(cd "$work/source" && CGO_ENABLED=0 GOWORK=off GOFLAGS='-mod=readonly -buildvcs=false' \
    go build -trimpath -ldflags "-s -w -X github.com/prometheus/common/version.Version=$version" -o "$work/" ./cmd/alertmanager ./cmd/amtool)
# Time intervals name time zones, which the upstream image has in its file system.
cp "$(go env GOROOT)/lib/time/zoneinfo.zip" "$work/"
cat >"$work/Dockerfile" <<'EOT'
FROM scratch
COPY alertmanager amtool /bin/
COPY zoneinfo.zip /usr/share/zoneinfo.zip
COPY --chown=65534:65534 data /alertmanager
ENV PATH=/bin ZONEINFO=/usr/share/zoneinfo.zip
WORKDIR /alertmanager
USER 65534:65534
EXPOSE 9093
ENTRYPOINT ["/bin/alertmanager"]
EOT
rm -rf "$work/source"
docker build --quiet --label "lab.version=$version" --tag "$1" "$work"

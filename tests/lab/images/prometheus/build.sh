#!/bin/sh
# Builds the image $1 with the real Prometheus and promtool from the Go module proxy, laid out as the upstream image is.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
version=$(cat "$here/version.txt")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# The Go module of the release 3.13.5 has the version v0.313.5.
module=$(go mod download -json "github.com/prometheus/prometheus@v$(echo "$version" | sed -E 's/^3\.([0-9]+)\./0.3\1./')" |
    sed -n 's/^[[:space:]]*"Dir": "\(.*\)",$/\1/p')
cp -R "$module" "$work/source"
chmod -R u+w "$work/source"
mkdir "$work/data"
(cd "$work/source" && CGO_ENABLED=0 GOWORK=off GOFLAGS='-mod=readonly -buildvcs=false' \
    go build -trimpath -tags remove_all_sd,netgo -ldflags "-s -w -X github.com/prometheus/common/version.Version=$version" \
    -o "$work/" ./cmd/prometheus ./cmd/promtool)
cat >"$work/Dockerfile" <<'EOT'
FROM scratch
COPY prometheus promtool /bin/
COPY --chown=65534:65534 data /prometheus
ENV PATH=/bin
WORKDIR /prometheus
USER 65534:65534
EXPOSE 9090
ENTRYPOINT ["/bin/prometheus"]
CMD ["--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus"]
EOT
rm -rf "$work/source"
docker build --quiet --label "lab.version=$version" --tag "$1" "$work"

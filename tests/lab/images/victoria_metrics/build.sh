#!/bin/sh
# Builds the image $1 with the real VictoriaMetrics of Debian sid, laid out as the upstream image is.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
docker run --rm --volume "$work:/out" "$LAB_BASE" sh -euc '
    echo "deb http://deb.debian.org/debian sid main" >/etc/apt/sources.list.d/sid.list
    apt-get -q -o Acquire::Check-Valid-Until=false update
    cd /out && apt-get download -q victoria-metrics/sid libzstd1
    for package in *.deb; do dpkg -x "$package" root; done
    dpkg -f victoria-metrics_*.deb Version >version && rm ./*.deb
    export LD_LIBRARY_PATH=/out/root/usr/lib/x86_64-linux-gnu
    ldd root/usr/bin/victoria-metrics | sed -n "s/.*=> \(\/[^ ]*\) .*/\1/p;s/^[[:space:]]*\(\/lib64[^ ]*\) .*/\1/p" | sort -u | while read -r library; do
        mkdir -p "libraries/lib64" && cp -L "$library" "libraries/lib64/"
    done'
cat >"$work/Dockerfile" <<'EOT'
FROM scratch
COPY libraries/ /
COPY root/usr/bin/victoria-metrics /victoria-metrics-prod
ENV LD_LIBRARY_PATH=/lib64
EXPOSE 8428
ENTRYPOINT ["/victoria-metrics-prod"]
EOT
docker build --quiet --label "lab.version=$(sed 's/[+-].*//' "$work/version")" --tag "$1" "$work"

#!/bin/sh
# Builds the image $1 with the real Prometheus of Debian sid, laid out as the upstream image is.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
docker run --rm --volume "$work:/out" "$LAB_BASE" sh -euc '
    echo "deb http://deb.debian.org/debian sid main" >/etc/apt/sources.list.d/sid.list
    apt-get -q -o Acquire::Check-Valid-Until=false update
    cd /out && apt-get download -q prometheus/sid promtool/sid
    for package in *.deb; do dpkg -x "$package" root; done
    dpkg -f prometheus_*.deb Version >version && rm ./*.deb
    ldd root/usr/bin/prometheus root/usr/bin/promtool | sed -n "s/.*=> \(\/[^ ]*\) .*/\1/p;s/^[[:space:]]*\(\/lib64[^ ]*\) .*/\1/p" | sort -u | while read -r library; do
        mkdir -p "libraries$(dirname "$library")" && cp -L "$library" "libraries$library"
    done'
mkdir -p "$work/libraries" "$work/data"
cat >"$work/Dockerfile" <<'EOF'
FROM scratch
COPY libraries/ /
COPY root/usr/bin/prometheus root/usr/bin/promtool /bin/
COPY root/usr/share/prometheus /usr/share/prometheus
COPY --chown=65534:65534 data /prometheus
ENV PATH=/bin
WORKDIR /prometheus
USER 65534:65534
EXPOSE 9090
ENTRYPOINT ["/bin/prometheus"]
CMD ["--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus"]
EOF
docker build --quiet --label "lab.version=$(sed 's/[+-].*//' "$work/version")" --tag "$1" "$work"

#!/bin/sh
# Builds the image $1 with the real Alertmanager of Debian sid, laid out as the upstream image is.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
docker run --rm --volume "$work:/out" "$LAB_BASE" sh -euc '
    echo "deb http://deb.debian.org/debian sid main" >/etc/apt/sources.list.d/sid.list
    apt-get -q -o Acquire::Check-Valid-Until=false update
    cd /out && apt-get download -q prometheus-alertmanager/sid
    for package in *.deb; do dpkg -x "$package" root; done
    dpkg -f prometheus-alertmanager_*.deb Version >version && rm ./*.deb
    ldd root/usr/bin/prometheus-alertmanager | sed -n "s/.*=> \(\/[^ ]*\) .*/\1/p;s/^[[:space:]]*\(\/lib64[^ ]*\) .*/\1/p" | sort -u | while read -r library; do
        mkdir -p "libraries$(dirname "$library")" && cp -L "$library" "libraries$library"
    done'
mkdir -p "$work/libraries" "$work/data"
cat >"$work/Dockerfile" <<'EOF'
FROM scratch
COPY libraries/ /
COPY root/usr/bin/prometheus-alertmanager /bin/alertmanager
COPY root/usr/share/prometheus /usr/share/prometheus
COPY --chown=65534:65534 data /alertmanager
WORKDIR /alertmanager
USER 65534:65534
EXPOSE 9093
ENTRYPOINT ["/bin/alertmanager"]
EOF
docker build --quiet --label "lab.version=$(sed 's/[+-].*//' "$work/version")" --tag "$1" "$work"

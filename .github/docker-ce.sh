#!/bin/sh
# Installs Docker CE from Docker's own packages: https://docs.docker.com/engine/install/ubuntu/
set -eu
. /etc/os-release
apt-get update --quiet
apt-get install --yes --no-install-recommends ca-certificates curl
install --directory --mode=0755 /etc/apt/keyrings
curl --fail --silent --show-error --location --output /etc/apt/keyrings/docker.asc \
    https://download.docker.com/linux/ubuntu/gpg
# Two entries with different keys for one repository are an error of apt.
rm -f /etc/apt/sources.list.d/docker.list
cat >/etc/apt/sources.list.d/docker.sources <<SOURCE
Types: deb
URIs: https://download.docker.com/linux/ubuntu
Suites: $VERSION_CODENAME
Components: stable
Architectures: $(dpkg --print-architecture)
Signed-By: /etc/apt/keyrings/docker.asc
SOURCE
apt-get update --quiet
apt-get install --yes docker-ce docker-ce-cli containerd.io
systemctl enable --now docker
docker version --format '{{.Server.Platform.Name}} {{.Server.Version}}'

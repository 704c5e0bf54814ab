#!/bin/sh
# Builds the image $1 of a lab host with the Debian release $LAB_RELEASE: systemd, SSH and that release's Docker engine and Python.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
packages=systemd,systemd-sysv,dbus,openssh-server,sudo,python3,docker.io,iptables,iproute2,procps,curl,ca-certificates,kmod
debootstrap --variant=minbase "--include=$packages" "$LAB_RELEASE" "$work/root" http://deb.debian.org/debian >"$work/log" 2>&1 \
    || { tail -n 20 "$work/log" >&2; exit 1; }
for unit in systemd-udevd.service systemd-udevd-kernel.socket systemd-udevd-control.socket systemd-logind.service systemd-resolved.service \
    getty.target console-getty.service systemd-networkd.service sys-kernel-debug.mount sys-kernel-tracing.mount \
    apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer fstrim.timer; do
    ln -sf /dev/null "$work/root/etc/systemd/system/$unit"
done
cp "$(dirname "$0")/../host/daemon.json" "$work/root/etc/docker/daemon.json"
rm -rf "$work"/root/var/cache/apt/archives/*.deb "$work"/root/var/lib/apt/lists/* "$work/root/etc/machine-id"
tar -C "$work/root" -c . | docker import --change 'ENV container=docker' --change 'CMD ["/sbin/init"]' - "$1"

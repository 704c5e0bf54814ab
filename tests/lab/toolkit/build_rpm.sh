#!/bin/sh
# Makes dnf repositories in the folder $2 from the packages of the apt repository in the folder $1. Runs on the image host_rpm.
#   nvidia    The four packages in the older and the present version. Only the metadata is signed, as at NVIDIA.
#   tampered  The same, with a package that differs from the signed metadata.
#   cuda      The four packages in a newer version, signed by another key, as in NVIDIA's repository of CUDA.
# Each has its key.asc and fingerprint. The files, dependencies and scripts are those of the apt packages. The newer version
# has the programs of the present one.
set -eu
debs=$1
out=$2
here=$(dirname "$0")
present=$(cat "$here/version.txt")
older=$(cat "$here/older-version.txt")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# script NAME PREAMBLE: the maintainer script NAME, if there is one, behind lines that give it Debian's arguments
script() {
    if [ -e "$1" ]; then
        printf '%b\n' "$2"
        sed -e 1d -e 's/%/%%/g' "$1"
    fi
}

# package REPOSITORY VERSION NAME
package() {
    deb=$(find "$debs" -maxdepth 1 -name "${3}_$2-1_*.deb")
    deb=${deb:-$debs/${3}_$present-1_amd64.deb}
    root=$work/$1/$2/$3
    mkdir -p "$root"
    dpkg-deb --extract "$deb" "$root/files"
    dpkg-deb --control "$deb" "$root/control"
    {
        echo "Name: $3"
        echo "Version: $2"
        echo "Release: 1"
        echo "Summary: $(dpkg-deb --field "$deb" Description)"
        echo "License: Apache-2.0"
        echo "AutoReqProv: no"
        dpkg-deb --field "$deb" Depends | tr ',' '\n' | sed -n "s/^ *\(.*nvidia-[^ ]*\) (= .*)/Requires: \1 = $2-1/p"
        echo "%description"
        dpkg-deb --field "$deb" Description
        echo "%install"
        echo "cp -a $root/files/. %{buildroot}"
        script "$root/control/postinst" '%post\nset -- configure'
        script "$root/control/prerm" '%preun\n[ "$1" = 0 ] || exit 0\nset -- remove'
        script "$root/control/postrm" '%postun\n[ "$1" = 0 ] || exit 0\nset -- remove'
        echo "%files"
        (cd "$root/files" && find . -type f -o -type l) | sed 's/^\.//'
    } >"$root/spec"
    rpmbuild -bb --quiet --target x86_64 --define "_topdir $work" --define "_rpmdir $out/$1" \
        --define 'debug_package %{nil}' --define '__os_install_post %{nil}' --define '_binary_payload w1.gzdio' "$root/spec"
}

rm -rf "$out"/*
# repository NAME VERSION...: the metadata, signed by a new key
repository() {
    name=$1
    shift
    for version in "$@"; do
        for package in nvidia-container-toolkit nvidia-container-toolkit-base libnvidia-container-tools libnvidia-container1; do
            package "$name" "$version" "$package"
        done
    done
    createrepo_c --quiet "$out/$name/x86_64"
    GNUPGHOME=$(mktemp -d "$work/gnupg-XXXX")
    export GNUPGHOME
    gpg --batch --quiet --passphrase '' --quick-generate-key 'mlops.gpu_monitoring test lab' rsa3072 sign never
    gpg --batch --quiet --armor --detach-sign "$out/$name/x86_64/repodata/repomd.xml"
    gpg --batch --quiet --with-colons --fingerprint | awk -F : '/^fpr/ {print $10}' >"$out/$name/fingerprint"
    gpg --batch --quiet --armor --export >"$out/$name/key.asc"
    gpgconf --kill all
}

repository nvidia "$older" "$present"
repository cuda 99.0.0
cp -a "$out/nvidia" "$out/tampered"
for package in "$out"/tampered/x86_64/libnvidia-container1-*.rpm; do
    tr '\0' '\1' <"$package" >"$work/package" # as long, but not the same
    mv "$work/package" "$package"
done

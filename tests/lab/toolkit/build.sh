#!/bin/sh
# Makes a signed apt repository in the folder $1, with the four packages of the NVIDIA container toolkit.
# Real: nvidia-ctk, nvidia-container-runtime, nvidia-container-runtime-hook and nvidia-cdi-hook, built from NVIDIA's Go module.
# That module's systemd units, udev rule and maintainer scripts are real too, with the additions of debhelper written out.
# Stand-ins: libnvidia-container1 is empty, and nvidia-container-cli of libnvidia-container-tools does nothing. So NVIDIA's hook
# can run, but gives no GPU. Their source is in no registry that the lab reaches.
# The older version has the programs of the present one.
# apt must refuse the folders wrong-key, which is signed by another key, and tampered, whose package differs from the signed list.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=$1
present=$(cat "$here/version.txt")
older=$(cat "$here/older-version.txt")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export GOFLAGS=-trimpath GOBIN="$work/bin"
module=github.com/NVIDIA/nvidia-container-toolkit
for command in nvidia-ctk nvidia-container-runtime nvidia-container-runtime-hook nvidia-cdi-hook; do
    CGO_LDFLAGS_ALLOW='-Wl,--unresolved-symbols=ignore-in-object-files' go install -ldflags "-s -w -X $module/internal/info.version=$present" "$module/cmd/$command@v$present"
done
source=$(go mod download -json "$module@v$present" | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')
units='nvidia-cdi-refresh.path nvidia-cdi-refresh.service'

# maintain FILE: the maintainer script FILE from the standard input
maintain() {
    cat >"$1"
    chmod 755 "$1"
}

toolkit=$work/nvidia-container-toolkit
mkdir -p "$toolkit/DEBIAN" "$toolkit/usr/bin"
mv "$work/bin/nvidia-container-runtime-hook" "$toolkit/usr/bin"
sed '/#DEBHELPER#/d' "$source/packaging/debian/nvidia-container-toolkit.postinst" | maintain "$toolkit/DEBIAN/postinst"

base=$work/nvidia-container-toolkit-base
mkdir -p "$base/DEBIAN" "$base/usr/bin" "$base/etc/nvidia-container-toolkit" "$base/usr/lib/udev/rules.d" "$base/usr/lib/systemd/system/nvidia-cdi-refresh.service.d"
mv "$work"/bin/* "$base/usr/bin"
for unit in $units; do
    install -m 644 "$source/deployments/systemd/$unit" "$base/usr/lib/systemd/system"
done
install -m 644 "$source/deployments/systemd/10-container-engines.conf" "$base/usr/lib/systemd/system/nvidia-cdi-refresh.service.d"
install -m 644 "$source/deployments/systemd/nvidia-cdi-refresh.env" "$base/etc/nvidia-container-toolkit"
install -m 644 "$source/deployments/udev/99-nvidia-cdi-refresh.rules" "$base/usr/lib/udev/rules.d"
echo /etc/nvidia-container-toolkit/nvidia-cdi-refresh.env >"$base/DEBIAN/conffiles"
# What dh_systemd_enable and dh_systemd_start do at the package's compatibility level, 9.
cat >"$work/debhelper" <<EOF
for unit in $units; do
    deb-systemd-helper unmask "\$unit" >/dev/null || true
    if deb-systemd-helper --quiet was-enabled "\$unit"; then
        deb-systemd-helper enable "\$unit" >/dev/null || true
    else
        deb-systemd-helper update-state "\$unit" >/dev/null || true
    fi
done
if [ -d /run/systemd/system ]; then
    systemctl --system daemon-reload >/dev/null || true
    deb-systemd-invoke start $units >/dev/null || true
fi
EOF
sed -e "/#DEBHELPER#/r $work/debhelper" -e '/#DEBHELPER#/d' "$source/packaging/debian/nvidia-container-toolkit-base.postinst" | maintain "$base/DEBIAN/postinst"
maintain "$base/DEBIAN/prerm" <<EOF
#!/bin/sh
set -e
if [ -d /run/systemd/system ]; then
    deb-systemd-invoke stop $units >/dev/null || true
fi
EOF
maintain "$base/DEBIAN/postrm" <<EOF
#!/bin/sh
set -e
if [ -d /run/systemd/system ]; then
    systemctl --system daemon-reload >/dev/null || true
fi
case \$1 in
remove) deb-systemd-helper mask $units >/dev/null || true ;;
purge)
    deb-systemd-helper purge $units >/dev/null || true
    deb-systemd-helper unmask $units >/dev/null || true
    ;;
esac
EOF

tools=$work/libnvidia-container-tools/usr/bin
mkdir -p "$tools"
printf '#!/bin/sh\n# A stand-in that does nothing.\n' >"$tools/nvidia-container-cli"
chmod 755 "$tools/nvidia-container-cli"

# package NAME DEPENDS DESCRIPTION: in $version; its files are already in $work/NAME
package() {
    mkdir -p "$work/$1/DEBIAN"
    cat >"$work/$1/DEBIAN/control" <<EOF
Package: $1
Version: $version-1
Architecture: amd64
Maintainer: mlops.gpu_monitoring test lab <lab@localhost>
Depends: $2
Description: $3
EOF
    dpkg-deb -Zgzip --root-owner-group --build "$work/$1" "$out/${1}_$version-1_amd64.deb" >/dev/null
}

rm -rf "$out"
mkdir -p "$out/wrong-key" "$out/tampered"
for version in "$present" "$older"; do
    package libnvidia-container1 libc6 'Stand-in for the NVIDIA container runtime library; it holds nothing'
    package libnvidia-container-tools "libnvidia-container1 (= $version-1)" 'Stand-in for the command-line tools of libnvidia-container; its nvidia-container-cli does nothing'
    package nvidia-container-toolkit-base libc6 'NVIDIA container toolkit base, built from the Go module'
    package nvidia-container-toolkit "nvidia-container-toolkit-base (= $version-1), libnvidia-container-tools (= $version-1), libnvidia-container1 (= $version-1)" \
        'NVIDIA container toolkit, built from the Go module'
done

# Packages and Release by hand, so that no archive tool is needed.
cd "$out"
for file in *.deb; do
    dpkg-deb --field "$file"
    echo "Filename: ./$file"
    echo "Size: $(stat -c %s "$file")"
    echo "SHA256: $(sha256sum "$file" | cut -d ' ' -f 1)"
    echo
done >Packages
cat >Release <<EOF
Origin: mlops.gpu_monitoring test lab
Date: $(LC_ALL=C date --utc '+%a, %d %b %Y %H:%M:%S UTC')
SHA256:
 $(sha256sum Packages | cut -d ' ' -f 1) $(stat -c %s Packages) Packages
EOF

# sign FOLDER: InRelease, key.asc and fingerprint of a new key
sign() {
    GNUPGHOME=$(mktemp -d "$work/gnupg-XXXX")
    export GNUPGHOME
    gpg --batch --quiet --passphrase '' --quick-generate-key 'mlops.gpu_monitoring test lab' ed25519 sign never
    gpg --batch --quiet --clearsign --output "$1/InRelease" Release
    gpg --batch --quiet --with-colons --fingerprint | awk -F : '/^fpr/ {print $10}' >"$1/fingerprint"
    gpg --batch --quiet --armor --export >"$1/key.asc"
    gpgconf --kill all
}

ln ./*.deb Packages wrong-key
sign wrong-key
ln ./*.deb Packages tampered
for other in tampered/libnvidia-container1_*.deb; do
    tr '\0' '\1' <"$other" >"$work/other" # as long, but not the same
    mv "$work/other" "$other"
done
sign .
ln InRelease fingerprint key.asc tampered

#!/bin/sh
# Makes a signed apt repository in the folder $1, with the four packages of the NVIDIA container toolkit.
# Real: nvidia-ctk, nvidia-container-runtime, nvidia-container-runtime-hook and nvidia-cdi-hook, built from NVIDIA's Go module.
# Stand-ins: libnvidia-container1 and libnvidia-container-tools, which hold nothing, since their source is in no registry that the lab reaches.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=$1
version=$(cat "$here/version.txt")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export GOFLAGS=-trimpath GOBIN="$work/bin" GNUPGHOME="$work/gnupg"
module=github.com/NVIDIA/nvidia-container-toolkit
for command in nvidia-ctk nvidia-container-runtime nvidia-container-runtime-hook nvidia-cdi-hook; do
    CGO_LDFLAGS_ALLOW='-Wl,--unresolved-symbols=ignore-in-object-files' go install -ldflags "-s -w -X $module/internal/info.version=$version" "$module/cmd/$command@v$version"
done

# package NAME DEPENDS DESCRIPTION; its files are already in $work/NAME
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
    dpkg-deb --root-owner-group --build "$work/$1" "$out/${1}_$version-1_amd64.deb" >/dev/null
}

rm -rf "$out"
mkdir -p "$out" "$work/nvidia-container-toolkit/usr/bin" "$work/nvidia-container-toolkit-base/usr/bin" "$work/nvidia-container-toolkit-base/DEBIAN"
mv "$work/bin/nvidia-container-runtime-hook" "$work/nvidia-container-toolkit/usr/bin"
mv "$work"/bin/* "$work/nvidia-container-toolkit-base/usr/bin"
# As upstream's: the configuration is made where there is none, and systemd reads its units again.
cat >"$work/nvidia-container-toolkit-base/DEBIAN/postinst" <<'EOF'
#!/bin/sh
set -e
if [ "$1" = configure ]; then
    if [ ! -e /etc/nvidia-container-runtime/config.toml ]; then
        /usr/bin/nvidia-ctk --quiet config --config-file=/etc/nvidia-container-runtime/config.toml --in-place
    fi
    if [ -d /run/systemd/system ]; then
        systemctl --system daemon-reload
    fi
fi
EOF
chmod 755 "$work/nvidia-container-toolkit-base/DEBIAN/postinst"
package libnvidia-container1 libc6 'Stand-in for the NVIDIA container runtime library; it holds nothing'
package libnvidia-container-tools "libnvidia-container1 (= $version-1)" 'Stand-in for the command-line tools of libnvidia-container; it holds nothing'
package nvidia-container-toolkit-base libc6 'NVIDIA container toolkit base, built from the Go module'
package nvidia-container-toolkit "nvidia-container-toolkit-base (= $version-1), libnvidia-container-tools (= $version-1), libnvidia-container1 (= $version-1)" \
    'NVIDIA container toolkit, built from the Go module'

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
mkdir -m 700 "$GNUPGHOME"
gpg --batch --quiet --passphrase '' --quick-generate-key 'mlops.gpu_monitoring test lab' ed25519 sign never
gpg --batch --quiet --clearsign --output InRelease Release
gpg --batch --quiet --armor --export >key.asc
gpgconf --kill all

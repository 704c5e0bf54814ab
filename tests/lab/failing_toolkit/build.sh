#!/bin/sh
# Makes a signed apt repository in the folder $2 from the lab's repository in the folder $1. It has the four packages in a
# newer version, 99.0.0. Their programs are those of the present version. Their installation fails in the last step, in the postinst
# of nvidia-container-toolkit-base.
set -eu
debs=$1
out=$2
present=$(cat "$(dirname "$0")/../toolkit/version.txt")
newer=99.0.0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

rm -rf "$out"
mkdir -p "$out"
for name in libnvidia-container1 libnvidia-container-tools nvidia-container-toolkit-base nvidia-container-toolkit; do
    dpkg-deb --raw-extract "$debs/${name}_$present-1_amd64.deb" "$work/$name"
    sed -i "s/$present-1/$newer-1/" "$work/$name/DEBIAN/control"
    if [ "$name" = nvidia-container-toolkit-base ]; then
        printf '#!/bin/sh\necho "nvidia-ctk: this host does not do" >&2\nexit 1\n' >"$work/$name/DEBIAN/postinst"
    fi
    dpkg-deb -Zgzip --root-owner-group --build "$work/$name" "$out/${name}_$newer-1_amd64.deb" >/dev/null
done

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
GNUPGHOME=$(mktemp -d "$work/gnupg-XXXX")
export GNUPGHOME
gpg --batch --quiet --passphrase '' --quick-generate-key 'mlops.gpu_monitoring test lab' ed25519 sign never
gpg --batch --quiet --clearsign --output InRelease Release
gpg --batch --quiet --with-colons --fingerprint | awk -F : '/^fpr/ {print $10}' >fingerprint
gpg --batch --quiet --armor --export >key.asc
gpgconf --kill all

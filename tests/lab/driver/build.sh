#!/bin/sh
# Builds the emulated driver as a tree of files in the folder $1, for the root of a lab host. NVML's own header comes with the toolkit's Go module, version $2.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=$1.new
version=$(cat "$here/version.txt")
libraries=$out/usr/lib/x86_64-linux-gnu
module=$(go mod download -json "github.com/NVIDIA/nvidia-container-toolkit@v$2" | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')
nvml=$(cd "$module" && go list -m -f '{{.Version}}' github.com/NVIDIA/go-nvml)
header=$(go mod download -json "github.com/NVIDIA/go-nvml@$nvml" | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')/pkg/nvml

rm -rf "$out"
mkdir -p "$libraries" "$out/usr/bin" "$out/usr/libexec" "$out/etc/systemd/system/sysinit.target.wants"
compile() {
    gcc -std=gnu11 -O2 -Wall -Wextra -Werror -s "-DDRIVER_VERSION=\"$version\"" "-I$header" "$@"
}
compile -static -o "$out/usr/bin/nvidia-smi" "$here/nvidia_smi.c" "$here/state.c"
compile -shared -fPIC -Wl,-soname,libnvidia-ml.so.1 -o "$libraries/libnvidia-ml.so.$version" "$here/nvml.c" "$here/state.c"
compile -shared -fPIC -Wl,-soname,libcuda.so.1 -o "$libraries/libcuda.so.$version" -x c /dev/null
for library in libnvidia-ml libcuda; do
    ln -s "$library.so.$version" "$libraries/$library.so.1"
done
install -m 755 "$here/load.sh" "$out/usr/libexec/gpu-lab-driver"
install -m 644 "$here/gpu-lab-driver.service" "$out/etc/systemd/system"
ln -s /etc/systemd/system/gpu-lab-driver.service "$out/etc/systemd/system/sysinit.target.wants"
rm -rf "$1"
mv "$out" "$1"

#!/bin/sh
# Makes what loading NVIDIA's kernel modules leaves on a host: device nodes, MIG's table of capabilities, and an entry among
# the kernel's modules. The device nodes lead to /dev/null here.
set -eu
state=$(echo /lib/firmware/nvidia/*/gsp_lab.bin)
ldconfig

modules=/lib/modules/$(uname -r)
if [ ! -e "$modules/modules.dep" ]; then
    mkdir -p "$modules"
    echo 'kernel/drivers/video/nvidia.ko:' >"$modules/modules.dep"
fi

rm -rf /dev/nvidia[0-9]* /dev/nvidia-caps
mkdir /dev/nvidia-caps
node() {
    [ -e "$1" ] || mknod -m 666 "$1" c 1 3
}
for name in nvidiactl nvidia-modeset nvidia-uvm nvidia-uvm-tools; do
    node "/dev/$name"
done
# The driver keeps its tables in procfs, which is read-only. So a file system is mounted over procfs.
mountpoint -q /proc/driver || mount -t tmpfs -o mode=755 gpu-lab-driver /proc/driver
rm -rf /proc/driver/nvidia
mkdir -p /proc/driver/nvidia-caps /proc/driver/nvidia/gpus /proc/driver/nvidia/capabilities
exec >/proc/driver/nvidia-caps/mig-minors
printf 'config 1\nmonitor 2\n'
while read -r kind gpu gpu_instance compute_instance bus_id _; do
    case $kind in
    gpu)
        node "/dev/nvidia$gpu"
        # A line of a GPU has its UUID, its memory and its bus id there.
        address=$(echo "${bus_id#0000}" | tr A-F a-f)
        mkdir -p "/proc/driver/nvidia/gpus/$address"
        printf 'GPU UUID: \t %s\nBus Location: \t %s\nDevice Minor: \t %s\n' "$gpu_instance" "$address" "$gpu" \
            >"/proc/driver/nvidia/gpus/$address/information"
        for gi in $(seq 0 14); do
            capability=$((3 + gpu * 135 + gi * 9))
            echo "gpu$gpu/gi$gi/access $capability"
            for ci in $(seq 0 7); do
                echo "gpu$gpu/gi$gi/ci$ci/access $((capability + 1 + ci))"
            done
        done
        ;;
    instance)
        capability=$((3 + gpu * 135 + gpu_instance * 9))
        node "/dev/nvidia-caps/nvidia-cap$capability"
        node "/dev/nvidia-caps/nvidia-cap$((capability + 1 + compute_instance))"
        mkdir -p "/proc/driver/nvidia/capabilities/gpu$gpu/mig/gi$gpu_instance/ci$compute_instance"
        ;;
    esac
done <"$state"

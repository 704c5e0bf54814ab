"""The lab's hosts: systemd, SSH and a Docker engine of their own, each in a container."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.lab import driver
from tests.lab.services import NETWORK
from tests.lab.shell import ROOT, LabError, run, succeeds, wait_for

# The last octet of each lab's first host.
LABS = {"demo": 10, "molecule": 20, "bench": 30, "peer": 40}
HOSTS = ("monitor1", "gpu1", "gpu2")
# The image of each host: gpu2's engine reads CDI specifications by itself.
IMAGES = {"monitor1": "host", "gpu1": "host", "gpu2": "host_cdi"}
# Additional hosts of some tests: one without a GPU, one with, and a second one that monitors.
SPARE = "spare1"
GPU_SPARE = "gpu3"
SECOND_MONITOR = "monitor2"
# Hosts of older Debian releases: Docker 20.10, with Python 3.11 and a GPU, and with Python 3.9 and none.
RELEASES = {"debian12": "bookworm", "debian11": "bullseye"}
ADDITIONAL = (SPARE, GPU_SPARE, *RELEASES, SECOND_MONITOR)
ISOLATION = (
    *("--cap-add", "ALL", "--cap-drop", "SYS_RESOURCE", "--cgroupns", "host", "--stop-signal", "SIGRTMIN+3"),
    *(
        "--security-opt",
        "seccomp=unconfined",
        "--security-opt",
        "apparmor=unconfined",
        "--security-opt",
        "systempaths=unconfined",
    ),
    *(
        "--tmpfs",
        "/run",
        "--tmpfs",
        "/run/lock",
        "--volume",
        "/sys/fs/cgroup:/sys/fs/cgroup:rw",
        "--device",
        "/dev/kmsg",
    ),
)


def folder(lab: str) -> Path:
    """Where a lab keeps its inventory and key."""
    if lab not in LABS:
        raise LabError(f"--name {lab}: there are the labs {', '.join(LABS)}")
    return ROOT / ".lab" / lab


def container(lab: str, host: str) -> str:
    """Name of a host's container."""
    return f"gpu-monitoring-lab-{lab}-{host}"


def address(lab: str, host: str) -> str:
    """A host's IP address, the same after a restart."""
    return f"10.213.77.{LABS[lab] + (*HOSTS, *ADDITIONAL).index(host)}"


def up(lab: str, built: dict[str, str], variables: dict[str, str]) -> dict[str, str]:
    """Start the three hosts from the images of `images.build_all`, wait for answers, and return their addresses."""
    where = folder(lab)
    where.mkdir(parents=True, exist_ok=True)
    key = where / "id_ed25519"
    if not key.exists():
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "gpu-monitoring-lab", "-f", str(key))
    with ThreadPoolExecutor(max_workers=len(HOSTS)) as pool:
        for done in [pool.submit(start, lab, host, built[IMAGES[host]], built["driver"]) for host in HOSTS]:
            done.result()
    addresses = {host: address(lab, host) for host in HOSTS}
    (where / "hosts.json").write_text(json.dumps(addresses, indent=2) + "\n")
    (where / "inventory.yml").write_text(json.dumps(inventory(lab, key, variables), indent=2) + "\n")
    return addresses


def start(lab: str, host: str, image: str, driver_folder: str = "") -> None:
    """Have one host running and answering; a host with GPUs gets the emulated driver when it is made."""
    name, key = container(lab, host), folder(lab) / "id_ed25519"
    if not succeeds("docker", "container", "inspect", name):
        run(
            *("docker", "create", "--name", name, "--hostname", host, "--network", NETWORK, "--ip", address(lab, host)),
            *ISOLATION,
            *("--volume", f"{name}:/var/lib/docker", image),
        )
        if gpus := driver.gpus(host):
            run("docker", "cp", f"{driver_folder}/.", f"{name}:/")
            _copy(name, {driver.STATE_FILE: driver.state(gpus)})
    run("docker", "start", name)
    _copy(name, {"/root/.ssh/authorized_keys": key.with_suffix(".pub").read_text()})
    try:
        wait_for(lambda: ssh_answers(lab, host), f"SSH of {host}", 60)
        wait_for(lambda: succeeds("docker", "exec", name, "docker", "info"), f"the Docker engine of {host}", 60)
    except LabError as error:
        journal = run("docker", "exec", name, "journalctl", "--no-pager", "--lines", "30", check=False)
        raise LabError(f"{error}\n{journal}") from error


def _copy(name: str, files: dict[str, str]) -> None:
    """Put files into a container, private ones private."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for path, content in files.items():
            entry = tarfile.TarInfo(path.lstrip("/"))
            entry.size = len(content.encode())
            entry.mode = 0o600 if "/.ssh/" in path else 0o644
            tar.addfile(entry, io.BytesIO(content.encode()))
    subprocess.run(["docker", "cp", "-", f"{name}:/"], input=archive.getvalue(), check=True, capture_output=True)


def set_state(lab: str, host: str, state: str) -> None:
    """Give a host other GPUs or values, as `driver.state` writes them. The file keeps its inode, so that containers
    with GPUs see the change too.
    """
    command = f"cat >{driver.STATE_FILE} && systemctl restart gpu-lab-driver"
    subprocess.run(
        ["docker", "exec", "--interactive", container(lab, host), "sh", "-c", command],
        input=state.encode(),
        check=True,
        capture_output=True,
    )


def ssh_command(lab: str, host: str) -> list[str]:
    """The start of a command line that logs in to a host."""
    key = folder(lab) / "id_ed25519"
    options = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"]
    return ["ssh", "-i", str(key), *options, f"root@{address(lab, host)}"]


def ssh_answers(lab: str, host: str) -> bool:
    """Whether one can log in to a host."""
    command = ssh_command(lab, host)
    return succeeds(*command[:-1], "-o", "ConnectTimeout=2", "-o", "BatchMode=yes", command[-1], "true")


def inventory(lab: str, key: Path, variables: dict[str, str]) -> dict[str, object]:
    """The inventory as a site would write it: two groups, addresses, and the variables of a mirror."""

    def hosts(*names: str) -> dict[str, object]:
        return {"hosts": {name: {"ansible_host": address(lab, name)} for name in names}}

    connection = {
        "ansible_user": "root",
        "ansible_ssh_private_key_file": str(key),
        "ansible_ssh_common_args": "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR",
        "ansible_python_interpreter": "/usr/bin/python3",
        "ansible_ssh_pipelining": True,
    }
    # The engine of a lab's host may not give containers more open files than its own.
    limits = {"gpu_monitoring_nofile": 20000, "gpu_monitoring_secrets_dir": str(folder(lab) / "secrets")}
    mirror = {
        "gpu_monitoring_registry": "registry.lab:5000",
        "nvidia_container_toolkit_repository_url": "http://apt.lab/nvidia",
        "nvidia_container_toolkit_key": "http://apt.lab/nvidia/key.asc",
    }
    groups = {"monitoring": hosts("monitor1"), "gpu_hosts": hosts("gpu1", "gpu2")}
    return {"all": {"vars": {**connection, **limits, **mirror, **variables}, "children": groups}}


def remove(lab: str, host: str) -> None:
    """Remove a host with its data."""
    name = container(lab, host)
    run("docker", "rm", "--force", "--volumes", name, check=False)
    run("docker", "volume", "rm", name, check=False)


def down(lab: str) -> None:
    """Remove the hosts with their data."""
    for host in (*HOSTS, *ADDITIONAL):
        remove(lab, host)
    shutil.rmtree(folder(lab), ignore_errors=True)

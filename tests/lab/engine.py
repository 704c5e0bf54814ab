"""The machine's own Docker engine, on which the lab runs."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from tests.lab.shell import CACHE, LabError, run, succeeds, wait_for

# systemd, the engine and cAdvisor of each host take inotify instances of root; Linux' default of 128 is enough for one
# lab.
INOTIFY_INSTANCES = Path("/proc/sys/fs/inotify/max_user_instances")
LEAST_INSTANCES = 1024
PACKAGES = ("docker.io", "iptables", "debootstrap", "gcc", "gpg", "libc6-dev", "openssh-client")


def allow_labs() -> None:
    """Let this machine's kernel give the hosts of several labs what they need."""
    if int(INOTIFY_INSTANCES.read_text()) < LEAST_INSTANCES and os.access(INOTIFY_INSTANCES, os.W_OK):
        INOTIFY_INSTANCES.write_text(f"{LEAST_INSTANCES}\n")


def ensure() -> None:
    """Make sure that an engine answers: the present one, else Debian's, which is installed and started."""
    missing = [tool for tool in ("docker", "debootstrap", "gcc", "gpg", "ssh-keygen") if not shutil.which(tool)]
    answers = succeeds("docker", "info")
    if answers and not missing:
        return
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        lacking = ", ".join(missing + ([] if answers else ["a running Docker engine"]))
        raise LabError(
            f"The lab needs {lacking}. On Debian and Ubuntu it installs them itself when run as root;"
            " elsewhere install them first."
        )
    if missing or not shutil.which("dockerd"):
        wanted = [package for package in PACKAGES if not (answers and package == "docker.io")]
        run("apt-get", "update", "-q")
        run(
            "apt-get",
            "install",
            "-q",
            "-y",
            "--no-install-recommends",
            *wanted,
            environment={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        )
    if not succeeds("docker", "info"):
        CACHE.mkdir(parents=True, exist_ok=True)
        with open(CACHE / "dockerd.log", "ab") as log:
            subprocess.Popen(["dockerd"], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        wait_for(lambda: succeeds("docker", "info"), f"dockerd answering (see {CACHE / 'dockerd.log'})", 60)

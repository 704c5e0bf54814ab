"""Answers of engines. What a comment does not say otherwise was recorded from a real engine, and is shortened."""

from __future__ import annotations

from typing import Any

Answer = dict[str, Any]

_DOCKER = {
    "SecurityOptions": ["name=seccomp,profile=builtin"],
    "DockerRootDir": "/var/lib/docker",
    "CgroupVersion": "1",
}
DOCKER_20: Answer = {
    "version": {"Version": "20.10.24+dfsg1", "ApiVersion": "1.41", "Components": [{"Name": "Engine"}]},
    "info": {**_DOCKER, "SecurityOptions": ["name=seccomp,profile=default"]},
}
DOCKER_28: Answer = {
    "version": {
        "Version": "28.5.2+dfsg4",
        "ApiVersion": "1.51",
        "Components": [{"Name": "Engine"}, {"Name": "containerd"}],
    },
    "info": _DOCKER,
}
REMAPPED: Answer = {
    "version": {"Version": "26.1.5+dfsg1", "ApiVersion": "1.45", "Components": [{"Name": "Engine"}]},
    "info": {
        **_DOCKER,
        "SecurityOptions": ["name=seccomp,profile=builtin", "name=userns"],
        "DockerRootDir": "/var/lib/docker/100000.100000",
    },
}
PODMAN: Answer = {
    "version": {
        "Version": "4.3.1",
        "ApiVersion": "1.41",
        "Components": [{"Name": "Podman Engine"}, {"Name": "Conmon"}],
    },
    "info": {
        **_DOCKER,
        "SecurityOptions": ["name=seccomp,profile=default"],
        "DockerRootDir": "/var/lib/containers/storage",
    },
}
# Written after https://docs.docker.com/engine/security/rootless/ and the engine's source (daemon/info.go).
ROOTLESS: Answer = {
    "version": {**DOCKER_28["version"], "Components": [{"Name": "Engine"}, {"Name": "rootlesskit"}]},
    "info": {
        "SecurityOptions": ["name=seccomp,profile=builtin", "name=rootless", "name=cgroupns"],
        "DockerRootDir": "/home/ann/.local/share/docker",
        "CgroupVersion": "2",
    },
}
# Written after https://github.com/canonical/docker-snap.
SNAP: Answer = {
    "version": {"Version": "28.4.0", "ApiVersion": "1.51", "Components": [{"Name": "Engine"}]},
    "info": {
        "SecurityOptions": ["name=apparmor", "name=seccomp,profile=builtin", "name=cgroupns"],
        "DockerRootDir": "/var/snap/docker/common/var-lib-docker",
        "CgroupVersion": "2",
    },
}
# Written after the engine's source (daemon/info.go).
UBUNTU: Answer = {
    "version": DOCKER_28["version"],
    "info": {
        **_DOCKER,
        "SecurityOptions": ["name=apparmor", "name=seccomp,profile=builtin", "name=cgroupns"],
        "CgroupVersion": "2",
    },
}
RHEL: Answer = {
    "version": DOCKER_28["version"],
    "info": {
        **_DOCKER,
        "SecurityOptions": ["name=seccomp,profile=builtin", "name=selinux", "name=cgroupns"],
        "CgroupVersion": "2",
    },
}
DOCKER_19: Answer = {
    "version": {"Version": "19.03.15", "ApiVersion": "1.40", "Components": [{"Name": "Engine"}]},
    "info": {"SecurityOptions": ["name=seccomp,profile=default"], "DockerRootDir": "/var/lib/docker"},
}

"""What roles learn of an engine."""

from __future__ import annotations

import time

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils import docker_socket

VERSION = {"Version": "28.5.1", "ApiVersion": "1.51"}


@pytest.mark.parametrize(
    ("info", "socket"),
    [
        (
            {"Containerd": {"Address": "/run/containerd/containerd.sock", "Namespaces": {"Containers": "moby"}}},
            "/run/containerd/containerd.sock",
        ),
        ({"Containerd": None}, ""),
        ({}, ""),
    ],
)
def test_the_socket_of_containerd_where_the_engine_says_it(info, socket):
    assert docker_socket.describe(VERSION, info)["containerd_socket"] == socket


class OneContainer:
    """An engine with one running container, started a minute ago, as the API answers for it."""

    def get(self, path):
        started = time.strftime("%Y-%m-%dT%H:%M:%S.123456789Z", time.gmtime(time.time() - 60))
        state = {"StartedAt": started, "Pid": 0}
        container = {
            "Id": "4f66",
            "Name": "/job",
            "Config": {"Image": "i", "Env": []},
            "HostConfig": {},
            "State": state,
        }
        return [container] if path == "/containers/json" else container


def test_how_long_a_container_has_been_running(monkeypatch):
    monkeypatch.setattr(docker_socket.gpu_access, "of_container", lambda _container: "none")
    [container] = docker_socket.containers(OneContainer())
    assert 60 <= container["age"] <= 62


GPUS = "kind: nvidia.com/gpu\ndevices:\n- name: all\n"


@pytest.mark.parametrize(
    ("version", "folders", "enabled", "gpus"),
    [
        ("28.5.1", ["etc", "run"], True, True),
        ("28.5.1", ["run"], True, False),
        ("28.5.1", [], False, False),
        ("28.5.1", None, False, False),
        ("25.0.5", ["etc"], True, True),
        ("20.10.24", None, False, False),
    ],
    ids=[
        "on",
        "on without a specification",
        "off",
        "not said",
        "features.cdi on an older engine",
        "an engine that knows nothing of CDI",
    ],
)
def test_cdi_is_on_where_the_engine_says_its_folders_whatever_its_version(tmp_path, version, folders, enabled, gpus):
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "nvidia.yaml").write_text(GPUS)
    info = {} if folders is None else {"CDISpecDirs": [str(tmp_path / folder) for folder in folders]}
    described = docker_socket.describe({**VERSION, "Version": version}, info)
    assert (described["cdi_enabled"], described["cdi_gpus"]) == (enabled, gpus)


def test_nvidias_runtime_is_known_by_its_program():
    runtimes = {
        "runc": {"path": "runc"},
        "nvidia": {"path": "/opt/site/wrapper"},
        "gpu": {"path": "/usr/bin/nvidia-container-runtime"},
        "gpu-cdi": {"path": "nvidia-container-runtime.cdi"},
        "gpu-shim": {
            "runtimeType": "io.containerd.runc.v2",
            "options": {"BinaryName": "/usr/bin/nvidia-container-runtime"},
        },
        "kata": {"runtimeType": "io.containerd.kata.v2"},
    }
    described = docker_socket.describe(VERSION, {"Runtimes": runtimes})
    assert described["nvidia_runtimes"] == ["gpu", "gpu-cdi", "gpu-shim", "nvidia"]
    assert described["runtimes"]["gpu"] == "/usr/bin/nvidia-container-runtime"
    assert described["runtimes"]["kata"] == ""

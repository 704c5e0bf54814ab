"""What roles learn of an engine."""

from __future__ import annotations

import time

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils import docker_socket

VERSION = {"Version": "28.5.1", "ApiVersion": "1.51"}


@pytest.mark.parametrize(
    ("info", "socket"),
    [
        ({"Containerd": {"Address": "/run/containerd/containerd.sock", "Namespaces": {"Containers": "moby"}}}, "/run/containerd/containerd.sock"),
        ({"Containerd": None}, ""),
        ({}, ""),
    ],
)
def test_the_socket_of_containerd_where_the_engine_says_it(info, socket):
    assert docker_socket.describe(VERSION, info)["containerd_socket"] == socket


def test_how_long_a_container_has_been_running(monkeypatch):
    started = time.strftime("%Y-%m-%dT%H:%M:%S.123456789Z", time.gmtime(time.time() - 60))
    container = {"Id": "4f66", "Name": "/job", "Config": {"Image": "i", "Env": []}, "HostConfig": {}, "State": {"StartedAt": started, "Pid": 0}}
    monkeypatch.setattr(docker_socket, "get", lambda _host, path: [container] if path == "/containers/json" else container)
    monkeypatch.setattr(docker_socket.gpu_access, "of_container", lambda _container: "none")
    [found] = docker_socket.running("unix:///var/run/docker.sock")
    assert 60 <= found["age"] <= 62

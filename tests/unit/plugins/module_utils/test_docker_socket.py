"""What roles learn of an engine."""

from __future__ import annotations

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

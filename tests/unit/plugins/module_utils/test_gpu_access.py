"""How a running container got its GPUs."""

from __future__ import annotations

import json

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils import gpu_access

HOOK = {"path": "/usr/bin/nvidia-container-runtime-hook", "args": ["nvidia-container-runtime-hook", "prestart"]}
OTHER_HOOK = {"path": "/proc/3724/exe", "args": ["libnetwork-setkey"]}


def bundle(hooks=(), visible=None, devices=(), others=()):
    environment = ["PATH=/bin", *others] + ([f"NVIDIA_VISIBLE_DEVICES={visible}"] if visible is not None else [])
    return {
        "process": {"env": environment},
        "hooks": {"prestart": list(hooks)},
        "linux": {"devices": [{"path": path} for path in devices]},
    }


@pytest.mark.parametrize(
    ("config", "access"),
    [
        ({}, "none"),
        (bundle(), "none"),
        (bundle([OTHER_HOOK], "all"), "none"),
        (bundle([OTHER_HOOK, HOOK], "all"), "hook"),
        (bundle([HOOK], "0,1"), "hook"),
        (bundle([HOOK], "void"), "none"),
        (bundle([HOOK], "none"), "none"),
        (bundle([HOOK]), "none"),
        (bundle([{"path": "/usr/bin/nvidia-container-toolkit"}], "all"), "hook"),
        (bundle(devices=["/dev/fuse"]), "none"),
        (bundle(devices=["/dev/nvidiactl", "/dev/nvidia0"]), "devices"),
        (bundle(devices=["/dev/nvidia12"]), "devices"),
        (bundle(devices=["/dev/nvidia-fs0", "/dev/nvidia-nvswitchctl"]), "none"),
        (bundle([HOOK], "all", ["/dev/nvidia-fs0", "/dev/nvidia-nvswitch0"]), "hook"),
        (bundle([HOOK], "all", ["/dev/nvidia0"]), "hook"),
        (bundle([HOOK], None, ["/dev/nvidia0"]), "devices"),
        (bundle([HOOK], others=["CUDA_VERSION=9.2.148"]), "hook"),
        (bundle([HOOK], "void", others=["CUDA_VERSION=9.2.148"]), "none"),
        (bundle([HOOK], others=["CUDA_VERSION=12.4.1", "NVIDIA_REQUIRE_CUDA=cuda>=12.4"]), "none"),
        ({"hooks": None, "linux": {"devices": None}, "process": {"env": None}}, "none"),
    ],
)
def test_by_the_bundle_that_the_container_was_started_with(tmp_path, config, access):
    folder = tmp_path / "abc"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config))
    assert gpu_access.of_container({"Id": "abc"}, ("/no/such/folder", str(tmp_path))) == access


@pytest.mark.parametrize(
    ("host", "environment", "access"),
    [
        ({}, [], "none"),
        ({"Runtime": "runc"}, ["NVIDIA_VISIBLE_DEVICES=all"], "none"),
        ({"Runtime": "nvidia"}, ["NVIDIA_VISIBLE_DEVICES=all"], "hook"),
        ({"Runtime": "nvidia"}, ["NVIDIA_VISIBLE_DEVICES=void"], "none"),
        ({"Runtime": "nvidia"}, [], "none"),
        ({"DeviceRequests": [{"Driver": "", "Count": -1, "Capabilities": [["gpu"]]}]}, [], "hook"),
        ({"DeviceRequests": [{"Driver": "cdi", "DeviceIDs": ["nvidia.com/gpu=all"]}]}, [], "devices"),
        ({"Runtime": "nvidia"}, ["CUDA_VERSION=9.2.148"], "hook"),
        ({"Runtime": "gpu"}, ["NVIDIA_VISIBLE_DEVICES=all"], "hook"),
        ({"Devices": [{"PathOnHost": "/dev/nvidia0"}]}, [], "devices"),
        ({"Devices": [{"PathOnHost": "/dev/nvidia-fs0"}]}, [], "none"),
        ({"Runtime": "nvidia", "Devices": [{"PathOnHost": "/dev/nvidia0"}]}, ["NVIDIA_VISIBLE_DEVICES=all"], "hook"),
        ({"DeviceRequests": None, "Devices": None}, None, "none"),
    ],
)
def test_by_what_was_asked_of_the_engine_where_there_is_no_bundle(host, environment, access):
    assert gpu_access.of_container({"Id": "abc", "HostConfig": host, "Config": {"Env": environment}}, ()) == access

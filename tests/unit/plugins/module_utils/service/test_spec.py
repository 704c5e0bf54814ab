from __future__ import annotations

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service import spec
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.errors import ServiceError
from ansible_collections.mlops.gpu_monitoring.plugins.modules.container_service import ARGUMENTS


def options(**given):
    """The module's options with their defaults."""
    made = {name: argument.get("default") for name, argument in ARGUMENTS.items()}
    return {**made, "name": "svc", "image": "registry/svc:1", **given}


def port(**given):
    return {"container_port": 80, "host_port": 8080, "address": "127.0.0.1", **given}


@pytest.mark.parametrize(("text", "size"), [("512m", 536870912), ("1g", 1073741824), ("1G", 1073741824), ("10k", 10240), ("7", 7)])
def test_sizes(text, size):
    assert spec.size_bytes(text) == size


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"name": "no name"}, "name: 'no name'"),
        ({"ports": [port(host_port=70000)]}, "host_port 70000 is no port"),
        ({"ports": [port(address="myhost")]}, "address 'myhost' is no IP address"),
        ({"ports": [port(), port(container_port=81)]}, "127.0.0.1:8080 is given twice"),
        ({"ulimits": {"nofile": "many"}}, "nofile is 'many'"),
        ({"env": {"FLAG": True}}, "env: FLAG is True"),
        ({"mounts": [{"type": "bind", "source": "data", "target": "/data", "read_only": False}]}, "mounts: source 'data' is not absolute"),
        ({"files": [{"path": "/etc/x", "on_change": "reload"}]}, "reload: /etc/x has on_change 'reload'"),
        ({"health": {"http": {"port": 1, "path": "/"}, "command": ["true"]}}, "health: http and command are given"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(given, words):
    with pytest.raises(ServiceError) as failure:
        spec.checked(options(**given))
    assert words in str(failure.value)


@pytest.mark.parametrize(
    ("wanted", "cdi", "specification", "runtimes", "mechanism"),
    [
        ("none", True, True, ["nvidia"], "none"),
        ("auto", True, True, ["nvidia"], "cdi"),
        ("auto", True, False, ["nvidia"], "runtime"),
        ("auto", False, True, ["nvidia"], "runtime"),
        ("cdi", True, True, [], "cdi"),
        ("runtime", True, True, ["nvidia"], "runtime"),
    ],
)
def test_gpu_mechanism(wanted, cdi, specification, runtimes, mechanism):
    assert spec.gpu_mechanism(wanted, cdi, specification, runtimes) == mechanism


@pytest.mark.parametrize(
    ("wanted", "cdi", "specification", "runtimes"),
    [("auto", False, True, ["runc"]), ("cdi", False, True, ["nvidia"]), ("runtime", True, True, ["runc"])],
)
def test_a_gpu_that_cannot_be_given_names_the_role_that_helps(wanted, cdi, specification, runtimes):
    with pytest.raises(ServiceError, match="nvidia_container_toolkit"):
        spec.gpu_mechanism(wanted, cdi, specification, runtimes)


def test_the_body_asks_for_the_gpus():
    assert spec.create_body(spec.checked(options()), "cdi", [])["HostConfig"]["DeviceRequests"] == [
        {"Driver": "cdi", "DeviceIDs": ["nvidia.com/gpu=all"]}
    ]
    body = spec.create_body(spec.checked(options(env={"NVIDIA_VISIBLE_DEVICES": "0"})), "runtime", ["NVIDIA_DRIVER_CAPABILITIES=all"])
    assert body["HostConfig"]["Runtime"] == "nvidia"
    assert body["Env"] == ["NVIDIA_VISIBLE_DEVICES=0"]


def test_no_body_is_privileged_and_the_hash_follows_the_options():
    first, second = (spec.create_body(spec.checked(options(memory=memory)), "none", []) for memory in ("512m", "1g"))
    assert "Privileged" not in first["HostConfig"]
    assert first["Labels"][spec.HASH_LABEL] != second["Labels"][spec.HASH_LABEL]
    assert first == spec.create_body(spec.checked(options(memory="512m")), "none", [])


def test_the_validator_has_no_network_no_data_and_only_reads():
    mounts = [
        {"type": "bind", "source": "/etc/svc", "target": "/etc/svc", "read_only": False},
        {"type": "volume", "source": "data", "target": "/data", "read_only": False},
    ]
    given = spec.checked(options(mounts=mounts, validate={"command": ["check", "-a"]}))
    body = spec.validator_body(given, spec.create_body(given, "none", []), {"/etc/svc": "/etc/.svc.staged"})
    assert body["HostConfig"]["NetworkMode"] == "none"
    assert [(mount["Source"], mount["ReadOnly"]) for mount in body["HostConfig"]["Mounts"]] == [("/etc/.svc.staged", True)]
    assert (body["Entrypoint"], body["Cmd"]) == (["check"], ["-a"])

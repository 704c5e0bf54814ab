"""From options to what the engine is asked for."""

from __future__ import annotations

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.engine_confinement import Confinement, Remapping
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service import spec
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.errors import ServiceError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.options import parse


def body_of(options, gpus="none", image_env=(), **changes):
    return spec.create_body(spec.checked(parse({**options, **changes})), gpus, list(image_env))


def test_defaults(options):
    body = body_of(options)
    host = body["HostConfig"]
    assert host["LogConfig"] == {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}}
    assert host["RestartPolicy"] == {"Name": "unless-stopped"}
    assert host["NetworkMode"] == "monitoring"
    assert host["Memory"] == 64 * 1024**2
    assert host["Ulimits"] == [] and host["PidsLimit"] == 0
    assert not {"Cmd", "User", "Hostname"} & set(body)
    assert "Runtime" not in host


def test_a_port_of_the_container_can_be_published_twice(options):
    ports = [{"container_port": 80, "host_port": 8080, "address": address} for address in ("127.0.0.1", "0:0::1")]
    assert body_of(options, ports=ports)["HostConfig"]["PortBindings"] == {
        "80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}, {"HostIp": "::1", "HostPort": "8080"}]
    }


def test_devices_and_tmpfs_in_their_short_forms(options):
    host = body_of(options, devices=["/dev/kmsg", "/dev/a:/dev/b:r"], tmpfs=["/run", "/tmp:size=64m"])["HostConfig"]
    assert [list(device.values()) for device in host["Devices"]] == [
        ["/dev/kmsg", "/dev/kmsg", "rwm"],
        ["/dev/a", "/dev/b", "r"],
    ]
    assert host["Tmpfs"] == {"/run": "", "/tmp": "size=64m"}


def test_gpus_by_cdi(options):
    assert body_of(options, "cdi")["HostConfig"]["DeviceRequests"] == [
        {"Driver": "cdi", "DeviceIDs": ["nvidia.com/gpu=all"]}
    ]


def test_gpus_by_runtime_set_only_what_neither_image_nor_user_sets(options):
    body = body_of(options, "runtime")
    assert body["HostConfig"]["Runtime"] == "nvidia"
    assert {"NVIDIA_VISIBLE_DEVICES=all", "NVIDIA_DRIVER_CAPABILITIES=utility,compute"} <= set(body["Env"])
    body = body_of(options, "runtime", ["NVIDIA_DRIVER_CAPABILITIES=all"], env={"NVIDIA_VISIBLE_DEVICES": "0"})
    assert body["Env"] == ["NVIDIA_VISIBLE_DEVICES=0"]


@pytest.mark.parametrize(
    ("wanted", "enabled", "file", "runtimes", "mechanism"),
    [
        ("none", True, True, ["nvidia"], "none"),
        ("auto", True, True, ["nvidia"], "cdi"),
        ("auto", False, True, ["nvidia"], "runtime"),
        ("auto", True, False, ["nvidia"], "runtime"),
        ("cdi", True, True, [], "cdi"),
        ("runtime", True, True, ["nvidia"], "runtime"),
    ],
)
def test_gpu_mechanism(wanted, enabled, file, runtimes, mechanism):
    assert spec.gpu_mechanism(wanted, enabled, file, runtimes) == mechanism


@pytest.mark.parametrize(
    ("wanted", "enabled", "file", "words"),
    [
        ("auto", True, False, "no CDI specification of kind nvidia.com/gpu and no runtime"),
        ("cdi", False, True, "does not read CDI specifications"),
        ("cdi", True, False, "there is no CDI specification"),
        ("runtime", True, True, "no runtime named nvidia .it has runc"),
    ],
)
def test_no_gpu_mechanism(wanted, enabled, file, words):
    with pytest.raises(ServiceError, match=f"gpus: .*{words}.*nvidia_container_toolkit"):
        spec.gpu_mechanism(wanted, enabled, file, ["runc"])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": "my app"}, "name: 'my app'"),
        ({"env": {"DEBUG": True}}, 'env: DEBUG is True, which is not text. Put it in quotes, as in DEBUG: "true"'),
        ({"ulimits": {"nofile": "many"}}, "ulimits: nofile is 'many'"),
        ({"memory": "1 GB"}, "memory: '1 GB'"),
        (
            {"mounts": [{"type": "bind", "source": "etc", "target": "/etc", "read_only": True}]},
            "mounts: source 'etc' is not absolute",
        ),
        ({"ports": [{"container_port": 80, "host_port": 80000, "address": "127.0.0.1"}]}, "ports: host_port 80000"),
        (
            {"ports": [{"container_port": 80, "host_port": 80, "address": "gpu1"}]},
            "ports: address 'gpu1' is not an IP address",
        ),
        (
            {"ports": [{"container_port": 80, "host_port": 80, "address": "127.0.0.1"}] * 2},
            "ports: host_port 127.0.0.1:80 is given twice",
        ),
        ({"reload": None}, "app.conf has on_change 'reload' but reload does not say how"),
        ({"health": {"command": ["x"], "http": {"port": 80, "path": "/"}}}, "health: http and command are given"),
        ({"health": {"progress": "step (", "log_hints": []}}, "health.progress: 'step (' is not a regular expression"),
        (
            {"health": {"log_hints": [{"pattern": "[", "text": "x"}]}},
            "health.log_hints.pattern: '[' is not a regular expression",
        ),
    ],
)
def test_bad_input_names_the_option_the_value_and_the_fix(options, changes, words):
    with pytest.raises(ServiceError) as failure:
        body_of(options, **changes)
    assert words in str(failure.value)


def test_the_hash_follows_the_spec(options):
    def label(**changes):
        return body_of(options, **changes)["Labels"][spec.HASH_LABEL]

    assert label() == label()
    assert label() != label(ulimits={"nofile": 1024})
    assert label() != label(networks=["monitoring", "other"])
    assert label() == label(files=[])


@pytest.mark.parametrize(
    ("gpus", "known"), [("none", "e478c3f2b0babf0e"), ("runtime", "30cc1d14d186d3b5"), ("cdi", "d533b0a13fd2439d")]
)
def test_the_hash_of_a_service_stays_what_it_was_so_that_an_upgrade_recreates_nothing(gpus, known):
    given = {
        "name": "app",
        "image": "app:1",
        "command": ["serve"],
        "env": {"TZ": "UTC", "N": 1},
        "user": "65534",
        "hostname": "h",
        "mounts": [
            {"type": "bind", "source": "/etc/app/", "target": "/etc/app", "read_only": True},
            {"type": "volume", "source": "data", "target": "/data", "read_only": False},
        ],
        "tmpfs": ["/tmp"],
        "networks": ["monitoring"],
        "ports": [{"container_port": 80, "host_port": 8080, "address": "127.0.0.1"}],
        "cap_add": ["SYS_PTRACE"],
        "cap_drop": ["ALL"],
        "read_only": True,
        "security_opts": ["no-new-privileges"],
        "devices": ["/dev/kmsg:/dev/kmsg:r"],
        "memory": "64m",
        "pids_limit": 1024,
        "ulimits": {"nofile": 65536},
        "labels": {"team": "ml"},
    }
    assert body_of(given, gpus, ["A=1"])["Labels"][spec.HASH_LABEL] == known


def test_the_validator_runs_as_the_service_would_without_data_and_network(options):
    options["mounts"].append({"type": "volume", "source": "data", "target": "/data", "read_only": False})
    checked = spec.checked(parse({**options, "user": "65534", "validate": {"command": ["promtool", "check"]}}))
    body = spec.create_body(checked, "none", [])
    source = checked.mounts[0].source
    validator = spec.validator_body(checked, body, {source: "/staged"}, ["promtool", "check"])
    assert (validator["Entrypoint"], validator["Cmd"], validator["User"]) == (["promtool"], ["check"], "65534")
    assert validator["HostConfig"]["Mounts"] == [
        {"Type": "bind", "Source": "/staged", "Target": "/etc/app", "ReadOnly": True}
    ]
    assert validator["HostConfig"]["NetworkMode"] == "none"
    assert validator["HostConfig"]["CapDrop"] == ["ALL"]
    assert "RestartPolicy" not in validator["HostConfig"]


def test_a_folder_without_what_is_mounted_below_it(options):
    mount = {"type": "bind", "source": "/var/lib/docker/containers", "target": "/containers", "read_only": True}
    recursive_mount, single_mount = (
        body_of({**options, "mounts": [{**mount, "recursive": recursive}]})["HostConfig"]["Mounts"][0]
        for recursive in (True, False)
    )
    assert "BindOptions" not in recursive_mount
    assert single_mount == {**recursive_mount, "BindOptions": {"NonRecursive": True}}


def test_a_folder_that_the_engine_creates_at_each_start(options):
    mount = {"type": "bind", "source": "/var/run/cdi", "target": "/cdi", "create_mountpoint": True}
    assert body_of({**options, "mounts": [mount]})["HostConfig"]["Mounts"][0]["BindOptions"] == {
        "CreateMountpoint": True
    }


def test_the_processes_of_the_host_are_shown_where_they_are_asked_for(options):
    assert "PidMode" not in body_of(options)["HostConfig"]
    assert body_of({**options, "pid_mode": "host"})["HostConfig"]["PidMode"] == "host"


REMAPPED = Confinement(Remapping(100000, 200000))


def test_userns_remap_leaves_out_a_service_that_reads_the_host(options):
    service = spec.checked(parse({**options, "userns_mode": "host"}))
    body = spec.create_body(service, "none", [], REMAPPED)
    assert body["HostConfig"]["UsernsMode"] == "host"
    assert spec.validator_body(service, body, {}, ["check"])["HostConfig"]["UsernsMode"] == "host"
    assert spec.with_owners(service, REMAPPED) == service
    # An engine without userns-remap gets the same container as before.
    assert spec.create_body(service, "none", []) == body_of(options)


def test_userns_remap_moves_the_owners_that_are_users_of_the_container(options):
    rights = {"owner": "472", "group": "0"}
    files = [
        {**options["files"][0], **rights},
        {**options["files"][0], "path": "/etc/b", "owner": "root", "group": "root"},
    ]
    service = spec.checked(parse({**options, "files": files, "secret_files": []}))
    owners = [(file.owner, file.group) for file in spec.with_owners(service, REMAPPED).files]
    assert owners == [("100472", "200000"), ("root", "root")]
    assert spec.with_owners(service, Confinement()) == service
    assert "UsernsMode" not in spec.create_body(service, "none", [], REMAPPED)["HostConfig"]


def test_the_owner_of_a_volume_is_a_user_of_the_container(options):
    mount = {"type": "volume", "source": "data", "target": "/data"}
    owned = spec.checked(parse({**options, "mounts": [{**mount, "owner": "65534:65534"}]}))
    assert [mount.owner for mount in spec.with_owners(owned, REMAPPED).mounts] == ["165534:265534"]
    # A container that exists stays as it is.
    assert spec.create_body(owned, "none", []) == body_of({**options, "mounts": [mount]})


@pytest.mark.parametrize(
    "mount",
    [
        {"type": "volume", "source": "data", "target": "/data", "owner": "nobody"},
        {"type": "bind", "source": "/srv", "target": "/data", "owner": "65534:65534"},
    ],
)
def test_an_owner_that_cannot_be_given_a_mount(options, mount):
    with pytest.raises(ServiceError, match=f"owner '{mount['owner']}' of /data .* Write it like 65534:65534"):
        spec.checked(parse({**options, "mounts": [mount]}))


@pytest.mark.parametrize(
    ("given", "mounts", "expected"),
    [
        (["no-new-privileges"], True, ["no-new-privileges", "label=disable"]),
        (["label=type:own_t"], True, ["label=type:own_t"]),
        (["no-new-privileges"], False, ["no-new-privileges"]),
    ],
)
def test_selinux_does_not_hide_folders_of_the_host(options, given, mounts, expected):
    changes = {"security_opts": given, **({} if mounts else {"mounts": []})}
    service = spec.checked(parse({**options, **changes}))
    assert spec.create_body(service, "none", [], Confinement(selinux=True))["HostConfig"]["SecurityOpt"] == expected
    assert spec.create_body(service, "none", [])["HostConfig"]["SecurityOpt"] == given


@pytest.mark.parametrize("confinement", [Confinement(), Confinement(selinux=True)])
def test_a_container_with_the_processes_of_the_host_is_not_labelled(options, confinement):
    service = spec.checked(parse({**options, "security_opts": ["no-new-privileges"], "pid_mode": "host"}))
    security_opts = spec.create_body(service, "none", [], confinement)["HostConfig"]["SecurityOpt"]
    assert security_opts == ["no-new-privileges", "label=disable"]

"""The needed changes, from the declared service and the engine's report."""

from __future__ import annotations

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service import plan, spec
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.options import parse

IMAGE = {
    "Id": "sha256:1",
    "Config": {
        "Env": ["PATH=/bin"],
        "Cmd": ["serve"],
        "Entrypoint": None,
        "Labels": {"origin": "test"},
        "Volumes": {"/cache": {}},
    },
}
NETWORKS = {"monitoring": "net-1", "bridge": "net-0"}


@pytest.fixture
def views(engine, options):
    """A function that compares the options with their container after `change` was made to what the engine reports."""

    def compare(change=lambda inspected: None, default_runtime="runc", **changes):
        image = changes.pop("image_there", IMAGE)
        checked = spec.checked(parse({**options, **changes}))
        body = spec.create_body(checked, "none", [])
        engine.images["app:1"] = IMAGE
        engine.ids = NETWORKS
        engine.create("app", body, checked.networks)
        inspected = engine.container("app")
        inspected["HostConfig"]["CapAdd"] = ["CAP_" + name for name in inspected["HostConfig"]["CapAdd"]]
        change(inspected)
        wanted = plan.wanted_view(body, "app", checked.networks, IMAGE, IMAGE["Id"])
        return plan.differences(wanted, plan.present_view(inspected, image, wanted, NETWORKS, default_runtime))

    return compare


def setter(*path, value):
    """A change of what the engine reports, by the path to the value."""

    def change(inspected):
        for key in path[:-1]:
            inspected = inspected[key]
        inspected[path[-1]] = value

    return change


def test_no_difference(views):
    assert views() == []


@pytest.mark.parametrize(
    ("path", "value", "differences"),
    [
        (("Image",), "sha256:2", ["image"]),
        (("Config", "Image"), "app:0", ["image"]),
        (("Config", "Env"), ["PATH=/bin", "TZ=CET", "MORE=1"], ["env.MORE", "env.TZ"]),
        (("Config", "Env"), ["PATH=/bin"], ["env.TZ"]),
        (("Config", "Cmd"), ["sh"], ["command"]),
        (("Config", "Entrypoint"), ["/init"], ["entrypoint"]),
        (("Config", "User"), "1000", ["user"]),
        (("Config", "Hostname"), "other", ["hostname"]),
        (("Config", "Labels", spec.HASH_LABEL), "0000", ["spec"]),
        (("Config", "Labels", spec.OWNER_LABEL), "other", [f"labels.{spec.OWNER_LABEL}"]),
        (("HostConfig", "Memory"), 0, ["memory"]),
        (("HostConfig", "PidsLimit"), 10, ["pids_limit"]),
        (("HostConfig", "CapAdd"), ["CAP_SYS_ADMIN"], ["cap_add"]),
        (("HostConfig", "ReadonlyRootfs"), False, ["read_only"]),
        (("HostConfig", "Privileged"), True, ["settings.Privileged"]),
        (("HostConfig", "PidMode"), "host", ["pid_mode"]),
        (("HostConfig", "SecurityOpt"), None, ["security_opts"]),
        (("HostConfig", "RestartPolicy"), {"Name": "always"}, ["restart_policy"]),
        (("HostConfig", "LogConfig", "Type"), "journald", ["log_driver"]),
        (("HostConfig", "LogConfig", "Config", "max-size"), "1g", ["log_options.max-size"]),
        (("HostConfig", "PortBindings"), {"80/tcp": [{"HostIp": "", "HostPort": "80"}]}, ["ports.80/tcp"]),
        (("HostConfig", "DeviceRequests"), [{"Driver": "", "Count": -1, "Capabilities": [["gpu"]]}], ["gpus"]),
        (("HostConfig", "Runtime"), "nvidia", ["runtime"]),
        (("NetworkSettings", "Networks"), {"bridge": {"NetworkID": "net-0"}}, ["networks"]),
        (("NetworkSettings", "Networks"), {"monitoring": {"NetworkID": "an old one"}}, ["networks"]),
        (("Mounts",), [], ["mounts./etc/app"]),
    ],
    ids=str,
)
def test_drift(views, path, value, differences):
    assert views(setter(*path, value=value)) == differences


def test_what_the_engine_writes_in_its_own_way_is_no_drift(views):
    def change(inspected):
        host = inspected["HostConfig"]
        host["SecurityOpt"] = ["no-new-privileges:true"]
        host["PidsLimit"] = None
        host["Devices"] = None
        inspected["Config"]["Labels"]["build"] = "by the image"

    assert views(change) == []


def test_what_the_daemon_adds_by_its_own_configuration_is_no_drift(views):
    def change(inspected):
        inspected["HostConfig"]["LogConfig"]["Config"]["tag"] = "{{.Name}}"
        inspected["HostConfig"]["Ulimits"] = [{"Name": "nofile", "Soft": 1024, "Hard": 1024}]
        inspected["HostConfig"]["Runtime"] = "nvidia"

    assert views(change, default_runtime="nvidia") == []


@pytest.mark.parametrize("image", [IMAGE, None], ids=["known", "gone"])
def test_an_unnamed_volume_of_the_image_is_no_drift(views, image):
    def change(inspected):
        inspected["Mounts"].append(
            {"Type": "volume", "Name": "a" * 64, "Source": "/var/lib/docker/x", "Destination": "/cache", "RW": True}
        )

    assert views(change, image_there=image) == []


def test_an_image_that_is_missing_is_no_drift(views):
    assert views(image_there=None) == []


@pytest.mark.parametrize(
    ("exists", "running", "different", "effects", "container", "reasons"),
    [
        (False, False, [], {}, "create", []),
        (True, True, [], {}, "keep", []),
        (True, False, [], {}, "start", []),
        (True, True, ["image"], {}, "recreate", ["image"]),
        (True, False, ["image"], {"/a": "reload"}, "recreate", ["image"]),
        (True, True, [], {"/a": "reload", "/b": "none"}, "reload", []),
        (True, True, [], {"/b": "none"}, "keep", []),
        (True, True, [], {"/a": "reload", "/c": "recreate"}, "recreate", ["/c"]),
        (True, False, [], {"/a": "reload"}, "start", []),
    ],
)
def test_decision(exists, running, different, effects, container, reasons):
    assert plan.decide(exists, running, different, effects) == (container, reasons)


def test_diff_of_a_container_shows_only_what_changes():
    wanted = {"env": {"A": "1"}, "image": "app:2", "memory": 0}
    present = {"env": {}, "image": "app:1", "memory": 0}
    decided = plan.Plan("recreate", ["env.A", "image", "/etc/app/app.conf"])
    assert plan.container_diff("app", wanted, present, decided) == [
        {
            "before_header": "container app",
            "after_header": "container app",
            "before": "image: app:1\n",
            "after": "env:\n  A: 1\nimage: app:2\n",
        }
    ]
    assert plan.container_diff("app", wanted, present, plan.Plan("reload")) == []
    assert plan.container_diff("app", wanted, None, plan.Plan("create"))[0]["after"] == "env:\n  A: 1\nimage: app:2\n"

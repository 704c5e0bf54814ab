"""An engine in memory, with the answers that a Docker engine gives."""

from __future__ import annotations

import copy
import itertools

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.engine_confinement import Confinement
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.engine import EngineRefusal
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.networks import NetworkOptions
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.spec import OWNER_LABEL, aliases

IMAGE_CONFIG = {
    "Env": ["PATH=/bin", "VERSION=1"],
    "Cmd": ["serve"],
    "Labels": {"origin": "test"},
    "Volumes": {"/cache": {}},
}


class Killed(BaseException):
    """The process was killed."""


class FakeEngine:
    """Keeps containers as the engine reports them. The call number `fail_at` is refused, at the call number `kill_at`
    the process dies.
    """

    def __init__(self):
        self.containers = {}
        self.images = {"app:1": {"Id": "sha256:1", "Config": IMAGE_CONFIG}}
        self.ids = {"bridge": "net-bridge"}
        self.volumes = {"data"}
        self.mountpoints = {}
        self.calls = []
        self.fail_at = self.kill_at = None
        self.sick = set()
        self.validator = (0, "")
        self.network_options = NetworkOptions()
        self.confined = Confinement()
        self.ports = []
        self._made = itertools.count(1)

    def _called(self, *call):
        self.calls.append(call)
        if len(self.calls) == self.kill_at:
            raise Killed
        if len(self.calls) == self.fail_at:
            raise EngineRefusal("The Docker engine could not do it: the disk is full.")

    def _find(self, name):
        return next(
            (container for container in self.containers.values() if name in (container["Name"][1:], container["Id"])),
            None,
        )

    def wait_for_answer(self, seconds):
        return

    def container(self, name):
        container = self._find(name)
        return copy.deepcopy(container) if container else None

    def owned(self, service):
        return sorted(
            container["Name"][1:]
            for container in self.containers.values()
            if container["Config"]["Labels"].get(OWNER_LABEL) == service
        )

    def image(self, reference):
        return next((image for name, image in self.images.items() if reference in (name, image["Id"])), None)

    def pull(self, reference):
        self._called("pull", reference)
        self.images[reference] = {"Id": f"sha256:{reference}", "Config": IMAGE_CONFIG}
        return self.images[reference]

    def networks(self):
        return {name: {"Name": name, "Id": identifier} for name, identifier in self.ids.items()}

    def create_network(self, name):
        self._called("create_network", name)
        self.ids[name] = f"net-{name}"

    def network_users(self, name):
        if name not in self.ids or name == "bridge":
            return None
        users = [
            container for container in self.containers.values() if name in container["NetworkSettings"]["Networks"]
        ]
        return {
            container["Name"].lstrip("/"): container["Config"]["Labels"].get(OWNER_LABEL, "") for container in users
        }

    def remove_network(self, name):
        self._called("remove_network", name)
        del self.ids[name]

    def volume(self, name):
        return (
            {"Name": name, "Mountpoint": self.mountpoints.get(name, "/nonexistent")} if name in self.volumes else None
        )

    def users_of_volume(self, name):
        return [
            {
                "Names": [container["Name"]],
                "Image": container["Config"]["Image"],
                "Labels": container["Config"]["Labels"],
                "State": container["State"]["Status"],
            }
            for container in self.containers.values()
            if name in [mount["Source"] for mount in container["Mounts"]]
        ]

    def owned_volume(self, name):
        return name in self.volumes

    def remove_volume(self, name):
        self._called("remove_volume", name)
        self.volumes.remove(name)

    def gpu_abilities(self):
        return False, False, ["runc"]

    def confinement(self):
        return self.confined

    def default_runtime(self, used):
        return used

    def published(self):
        return self.ports

    def create(self, name, body, networks):
        self._called("create", name)
        assert not self._find(name)
        identifier = f"{next(self._made):064x}"
        config = copy.deepcopy(
            {key: value for key, value in body.items() if key not in ("HostConfig", "NetworkingConfig")}
        )
        image = self.image(body["Image"])["Config"]
        config["Env"] = image["Env"] + config["Env"]
        config.setdefault("Cmd", image["Cmd"])
        config.setdefault("Hostname", identifier[:12])
        config["Labels"] = {**image["Labels"], **config["Labels"]}
        self.containers[identifier] = {
            "Id": identifier,
            "Name": f"/{name}",
            "Image": self.image(body["Image"])["Id"],
            "Config": config,
            "HostConfig": {**copy.deepcopy(body["HostConfig"]), "Runtime": "runc"},
            "Mounts": [
                {
                    "Type": mount["Type"],
                    "Source": mount["Source"],
                    "Name": mount["Source"],
                    "Destination": mount["Target"],
                    "RW": not mount["ReadOnly"],
                }
                for mount in body["HostConfig"]["Mounts"]
            ],
            "NetworkSettings": {
                "Networks": {
                    network: {"NetworkID": self.ids[network], "IPAddress": "172.18.0.2", "Aliases": aliases(body)}
                    for network in networks or ["bridge"]
                }
            },
            "State": {"Running": False, "Paused": False, "Restarting": False, "ExitCode": 0, "Status": "created"},
            "RestartCount": 0,
        }

    def _set(self, name, running):
        container = self._find(name)
        container["State"].update(Running=running, Paused=False, Status="running" if running else "exited")
        if container["Config"].get("Cmd") == ["crash"]:
            container["State"].update(Running=False, ExitCode=3)

    def start(self, name):
        self._called("start", name)
        self._set(name, True)

    def stop(self, name):
        self._called("stop", name)
        self._set(name, False)

    def rename(self, name, new):
        self._called("rename", name, new)
        assert not self._find(new)
        self._find(name)["Name"] = f"/{new}"

    def remove(self, name, unnamed_volumes=False):
        self._called("remove", name)
        container = self._find(name)
        if container:
            del self.containers[container["Id"]]

    def signal(self, name, signal):
        self._called("signal", name, signal)

    def run(self, name, body, timeout, lines):
        self._called("run", name)
        return self.validator

    def logs(self, name, lines, since=""):
        return "starting\npassword: correct-horse-battery\nbye"

    def execute(self, name, command):
        return (1, "not ready") if self._find(name)["Image"] in self.sick else (0, "")

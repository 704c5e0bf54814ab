"""A service of the test image under test: with data in its volume, a port that a client watches, and a proxy before its
engine.
"""

from __future__ import annotations

import copy
import io
import re
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import docker

from tests.engine.fleet import wait_until
from tests.engine.image import PREFIX
from tests.engine.proxy import EngineProxy
from tests.engine.watch import Watch, free_port

DATA = "what the service wrote"
OLD, NEW = "one\n", "two\n"


def service_options(name: str, image: str, folder: Path) -> dict[str, Any]:
    """The options of a service with everything."""
    return {
        "name": name,
        "image": image,
        "pull": "missing",
        "env": {"TZ": "UTC"},
        "mounts": [
            {"source": str(folder), "target": "/etc/svc", "read_only": True},
            {"type": "volume", "source": f"{PREFIX}-data", "target": "/data"},
        ],
        "tmpfs": ["/run:size=1m"],
        "networks": [PREFIX],
        "cap_drop": ["ALL"],
        "security_opts": ["no-new-privileges"],
        "memory": "64m",
        "pids_limit": 50,
        "ulimits": {"nofile": 1024},
        "stop_timeout": 2,
        "files": [{"path": str(folder / "app.conf"), "content": OLD, "on_change": "reload"}],
        "secret_files": [
            {"path": str(folder / "secret"), "content": "password: correct-horse-battery\n", "on_change": "none"}
        ],
        "validate": {"command": ["check"]},
        "reload": {"http": {"port": 8080, "path": "/cgi-bin/reload"}},
        "health": {"http": {"port": 8080, "path": "/loaded"}, "timeout": 5},
    }


def with_content(options: dict[str, Any], content: str, **changes: Any) -> dict[str, Any]:
    """The options with another configuration."""
    new = copy.deepcopy({**options, **changes})
    new["files"][0]["content"] = content
    return new


def remove_all(api: docker.APIClient) -> None:
    """Remove the containers, networks, volumes and locks of this run of the tests, and what the module remembers of
    them.
    """
    for path in (*Path("/run/gpu_monitoring").glob(f"{PREFIX}*"), *Path("/var/lib/gpu_monitoring").glob(f"{PREFIX}*")):
        path.unlink()
    for container in api.containers(all=True, filters={"name": PREFIX}):
        api.remove_container(container["Id"], v=True, force=True)
    for network in api.networks(names=[PREFIX]):
        api.remove_network(network["Id"])
    for volume in api.volumes(filters={"name": PREFIX})["Volumes"] or []:
        api.remove_volume(volume["Name"])


class Service:
    """The service, deployed with the old configuration."""

    id: str

    def __init__(self, api: docker.APIClient, run: Callable[..., Any], options: dict[str, Any], folder: Path) -> None:
        self.api, self.run, self.name, self.folder = api, run, options["name"], folder
        self.proxy = EngineProxy(folder / "engine.sock", self.name)
        self.port = free_port()
        self.old = {
            **options,
            "ports": [{"container_port": 8080, "host_port": self.port}],
            "docker_host": self.proxy.url,
        }
        run(**self.old)
        self._exec("cp", "/etc/svc/app.conf", "/data/first")
        self._exec("sh", "-c", f"echo {DATA} >/data/kept")
        self._volume = api.inspect_volume(f"{PREFIX}-data")
        self.watch = Watch(self.port)

    def begin(self) -> None:
        """The old service runs, and nothing was measured yet."""
        self.id = self.run(**self.old)["container"]["id"]
        self.watch.healthy()
        self.watch.begin()
        self.proxy.asked.clear()

    def wanted(self, content: str = NEW, **changes: Any) -> dict[str, Any]:
        """Another configuration that needs a new container, with another secret file."""
        new = with_content(self.old, content, **{"env": {"TZ": "CET"}, **changes})
        new["secret_files"][0]["content"] = "password: a-new-secret-word\n"
        return new

    def settled_version(self) -> str:
        """Wait until the old service runs, or the new one with all that belongs to it. Return which."""
        states = {
            self._of(self.old): "old",
            self._of(self.wanted()): "new",
            self._of(with_content(self.old, NEW)): "new",
        }
        wait_until(lambda: self._state() in states, lambda: f"{self._state()} is one of {states}")
        self.keeps_data()
        return states[self._state()]

    def _of(self, options: dict[str, Any]) -> tuple[str | None, ...]:
        """What is seen of the service when it runs with these options."""
        contents = [item["content"] for item in options["files"] + options["secret_files"]]
        return contents[0], *contents, f"TZ={options['env']['TZ']}"

    def _state(self) -> tuple[str | None, ...]:
        """What is seen of the service: the page, the files, and of the container the environment."""
        contents = [Path(item["path"]).read_text() for item in self.old["files"] + self.old["secret_files"]]
        environment = self.api.inspect_container(self.name)["Config"]["Env"]
        return (
            self.watch.answer(),
            *contents,
            next(assignment for assignment in environment if assignment.startswith("TZ=")),
        )

    def keeps_data(self) -> None:
        """The volume and what is in it are what they were."""
        kept = self._read("/data/kept"), self._read("/data/first")
        assert kept == (f"{DATA}\n", OLD), kept
        assert self.api.inspect_volume(f"{PREFIX}-data") == self._volume

    def converges(self, options: dict[str, Any]) -> None:
        """A run brings the service to the options, a second one has nothing to do, and nothing is left of what was
        before.
        """
        self.run(**options)
        again = self.run(**options)
        assert (again["changed"], again["actions"]) == (False, [])
        wait_until(lambda: self._state() == self._of(options), self._state)
        self.keeps_data()
        self.assert_no_leftovers()

    def assert_no_leftovers(self) -> None:
        """There is one container and nothing beside the service's folder."""
        assert [container["Names"] for container in self.api.containers(all=True, filters={"name": PREFIX})] == [
            [f"/{self.name}"]
        ]
        config = Path(self.old["mounts"][0]["source"])
        assert [path.name for path in config.parent.iterdir() if re.search(self.name, path.name)] == []
        assert not Path(f"/var/lib/gpu_monitoring/{self.name}.journal").exists()
        assert sorted(path.name for path in config.iterdir()) == ["app.conf", "secret"]

    def stop(self) -> None:
        """Watch no more, and remove what was made."""
        self.watch.stop()
        self.proxy.stop()
        remove_all(self.api)

    def _exec(self, *command: str) -> None:
        self.api.exec_start(self.api.exec_create(self.name, list(command))["Id"])

    def _read(self, path: str) -> str:
        """The content of a file. An archive needs no process in the container."""
        stream, _stat = self.api.get_archive(self.name, path)
        with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as archive:
            return archive.extractfile(archive.next()).read().decode()

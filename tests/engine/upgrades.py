"""The stand-in for Grafana in several versions, deployed with the options of the role, and a client that watches it."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from pathlib import Path
from typing import Any

import docker
import requests

from tests.engine.child import OPERATIONS
from tests.engine.fleet import wait_until
from tests.engine.image import PREFIX
from tests.engine.service import remove_all
from tests.engine.watch import Watch, free_port
from tests.lab import images
from tests.unit.roles.rendering import fleet, service

OLD, NEW = "12.4.10", "13.0.1"
REPOSITORY = f"{PREFIX}-grafana"
PASSWORD = "a-password-of-the-test"
# What copies the database too, beside what changes the names of files.
COPY_OPERATIONS = (*OPERATIONS, "sendfile", "chown")


def make_images(api: docker.APIClient) -> list[str]:
    """Two versions of the stand-in."""
    container = api.create_container(images.build("grafana", images.bases()))["Id"]
    for version in (OLD, NEW):
        api.commit(container, repository=REPOSITORY, tag=version, changes=[f"ENV STAND_IN_VERSION={version}"])
    api.remove_container(container)
    return [f"{REPOSITORY}:{version}" for version in (OLD, NEW)]


class Grafana:
    """The service, deployed in the old version, with a folder that a user made."""

    def __init__(self, api: docker.APIClient, run: Any, folder: Path) -> None:
        self._api, self._folder, self.run = api, folder, run
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.name = f"{PREFIX}-grafana"
        self.old = self.options(OLD)
        self._deploy()
        self.watch = Watch(self.port, "/api/health")

    def options(self, version: str, timeout: str = "10s", **migration: Any) -> dict[str, Any]:
        """The options of the role for a version, whose migration is as the stand-in's `Migration` says."""
        variables = {
            "grafana_image": f"{REPOSITORY}:{version}",
            "grafana_address": "127.0.0.1",
            "grafana_port": self.port,
            "grafana_protocol": "http",
            "grafana_network": PREFIX,
            "grafana_volume": self.name,
            "gpu_monitoring_nofile": 1024,
            "grafana_config_dir": str(self._folder / "etc"),
            "grafana_admin_password": PASSWORD,
            "grafana_secret_key": "a-key-of-the-test",
            "grafana_start_timeout": timeout,
            "grafana_environment_extra": {"STAND_IN_MIGRATION": json.dumps(migration)} if migration else {},
        }
        inventory = fleet({}, {"monitor1": {"ansible_host": "127.0.0.1", **variables}})
        rendered = service("grafana", "grafana", inventory, "monitor1", self._folder)
        rendered["data"].pop("allow_older")
        return {**rendered, "name": self.name, "container_name": self.name, "stop_timeout": 1}

    def _deploy(self) -> None:
        """Deploy the old version on a new volume."""
        self.run(**self.old)
        folder = {"uid": "kept", "title": "Kept"}
        requests.post(f"{self.url}/api/folders", json=folder, auth=("admin", PASSWORD), timeout=10).raise_for_status()
        self._volume = Path(self._api.inspect_volume(self.name)["Mountpoint"])

    def back_to_old(self) -> None:
        """Begin with a new volume."""
        self.run(name=self.name, state="absent", remove_data=True)
        self._deploy()

    def begin(self) -> None:
        """The old version runs, and nothing was measured yet."""
        self.run(**self.old)
        self.watch.healthy()
        self.watch.begin()

    def answers(self, version: str) -> None:
        """Wait until a version answers."""
        wait_until(lambda: self._version() == version, lambda: f"{self._version()} is {version}")

    def runs(self, version: str) -> None:
        """Wait until a version answers, with all data and its own database, and no other file beside the database."""
        self.answers(version)
        kept = requests.get(f"{self.url}/api/folders/kept", auth=("admin", PASSWORD), timeout=10)
        assert kept.json()["title"] == "Kept"
        assert self._database()[0] == version
        assert (self._database()[1] > 0) == (version == NEW)
        assert sorted(path.name for path in self._volume.iterdir()) == ["grafana.db"]
        assert not Path(f"/var/lib/gpu_monitoring/{self.name}.journal").exists()
        containers = self._api.containers(all=True, filters={"name": PREFIX})
        assert [container["Names"] for container in containers] == [[f"/{self.name}"]]

    def log(self) -> str:
        """What the container wrote; nothing in the moment in which no container has the name."""
        try:
            return self._api.logs(self.name).decode()
        except docker.errors.NotFound:
            return ""

    def stop(self) -> None:
        """Watch no more, and remove what was made."""
        self.watch.stop()
        remove_all(self._api)

    def _version(self) -> str:
        return json.loads(self.watch.answer() or "{}").get("version", "")

    def _database(self) -> tuple[str, int]:
        """The version of the database, and how many steps of migrations it went through."""
        with contextlib.closing(sqlite3.connect(f"file:{self._volume}/grafana.db?mode=ro", uri=True)) as database:
            assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            version = database.execute("SELECT number FROM version").fetchone()[0]
            return version, database.execute("SELECT count(*) FROM migration_log").fetchone()[0]

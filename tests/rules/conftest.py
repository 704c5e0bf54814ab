"""The lab's Prometheus image and the files that the role prometheus would put before it."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.lab import images
from tests.rules.alert_series import STEP
from tests.rules.servers import Prometheus, free_address, wait_until
from tests.unit.roles.rendering import fleet, prometheus_folder


@pytest.fixture(scope="session")
def image() -> str:
    """The lab's Prometheus, built if it does not exist."""
    return images.build("prometheus", images.bases())


@pytest.fixture
def config(tmp_path: Path) -> Callable[..., Path]:
    """Renders the role's files for an inventory into a folder that Prometheus can read."""
    folder = tmp_path / "prometheus"

    def render(inventory: dict[str, Any], host: str = "monitor1") -> Path:
        return prometheus_folder(inventory, host, folder)

    folder.mkdir()
    folder.chmod(0o755)
    return render


@pytest.fixture
def promtool(request: pytest.FixtureRequest) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs promtool in a folder: the program that PROMTOOL names, or that of the image with the folder mounted."""

    def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
        program = os.environ.get("PROMTOOL")
        start = [program] if program else _in_image(request.getfixturevalue("image"), folder)
        return subprocess.run(
            [*start, *command],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=300,
        )

    return run


def _in_image(image: str, folder: Path) -> list[str]:
    """Starts promtool of the image, with the folder as /etc/prometheus."""
    mount = f"type=bind,source={folder},target=/etc/prometheus,readonly"
    place = ["--mount", mount, "--workdir=/etc/prometheus", "--entrypoint=/bin/promtool"]
    return ["docker", "run", "--rm", "--network=none", "--tmpfs=/tmp:mode=1777", *place, image]


@contextlib.contextmanager
def running_prometheus(image: str) -> Iterator[Callable[..., Prometheus]]:
    """Starts Prometheus on a folder of configuration, in the network of this machine."""
    with contextlib.ExitStack() as stack:

        def start(folder: Path, *further: str, path: str = "", login: Any = None) -> Prometheus:
            address = free_address()
            mount = f"type=bind,source={folder},target=/etc/prometheus,readonly"
            command = ["docker", "run", "--rm", "--detach", "--network=host", "--mount", mount, image]
            flags = [
                "--config.file=/etc/prometheus/prometheus.yml",
                *([] if "--agent" in further else ["--storage.tsdb.path=/prometheus"]),
                f"--web.listen-address={address}",
                *further,
            ]
            container = subprocess.run([*command, *flags], check=True, capture_output=True, text=True).stdout.strip()
            stack.callback(subprocess.run, ["docker", "rm", "--force", container], check=True, capture_output=True)
            server = Prometheus(f"http://{address}{path}", login)
            ready = f"{server.url}/-/ready"
            wait_until(lambda: requests.get(ready, auth=login, timeout=10).ok, "Prometheus is not ready")
            return server

        yield start


@pytest.fixture
def prometheus(image: str) -> Iterator[Callable[..., Prometheus]]:
    """Starts Prometheus on a folder of configuration."""
    with running_prometheus(image) as start:
        yield start


@pytest.fixture(scope="session")
def start_alertmanager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., str]]:
    """Starts a real Alertmanager, which has no receivers unless a configuration is given, and returns its URL."""
    image = images.build("alertmanager", {"LAB_BASE": images.build("base", {})})
    with contextlib.ExitStack() as stack:

        def start(config: Any = None, web: Any = None, **session: Any) -> str:
            folder, address = tmp_path_factory.mktemp("alertmanager"), free_address()
            folder.chmod(0o755)
            config = config or {"route": {"receiver": "nobody"}, "receivers": [{"name": "nobody"}]}
            for name, content in {"alertmanager": config, "web": web or {}}.items():
                (folder / f"{name}.yml").write_text(json.dumps(content))
            mount = f"--volume={folder}:/etc/alertmanager:ro"
            command = ["docker", "run", "--rm", "--detach", "--network=host", mount, image]
            flags = [
                "--config.file=/etc/alertmanager/alertmanager.yml",
                "--web.config.file=/etc/alertmanager/web.yml",
                "--storage.path=/alertmanager",
                "--cluster.listen-address=",
                f"--web.listen-address={address}",
            ]
            started = subprocess.run([*command, *flags], check=True, capture_output=True, text=True)
            remove = ["docker", "rm", "--force", started.stdout.strip()]
            stack.callback(subprocess.run, remove, check=True, capture_output=True)
            url = f"{'https' if 'tls_server_config' in (web or {}) else 'http'}://{address}"
            wait_until(lambda: requests.get(f"{url}/-/ready", timeout=10, **session).ok, "Alertmanager is not ready")
            return url

        yield start


@pytest.fixture(scope="session")
def rules_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """The folder that the role renders for a GPU host and a monitoring host, once for the same variables."""
    folders: dict[str, Path] = {}

    def render(variables: dict[str, Any] | None) -> Path:
        key = json.dumps(variables, sort_keys=True)
        if key not in folders:
            folder = tmp_path_factory.mktemp("rules") / "prometheus"
            folder.mkdir()
            folder.chmod(0o755)
            hosts = {"gpu1": {"ansible_host": "10.0.0.1"}}, {"monitor1": {"ansible_host": "10.0.0.9"}}
            folders[key] = prometheus_folder(fleet(*hosts, variables), "monitor1", folder)
        return folders[key]

    return render


@pytest.fixture
def test_rules(rules_of, promtool) -> Callable[..., None]:
    """Runs tests of promtool against the rules that the role renders."""

    def run(
        tests: list[dict[str, Any]],
        evaluation: str = f"{STEP}s",
        variables: dict[str, Any] | None = None,
        only: str = "*.yml",
    ) -> None:
        folder = rules_of(variables)
        files = sorted(f"rules/{path.name}" for path in (folder / "rules").glob(only) if path.name != "extra.yml")
        (folder / "test.yml").write_text(
            json.dumps({"rule_files": files, "evaluation_interval": evaluation, "tests": tests})
        )
        tested = promtool(folder, "test", "rules", "test.yml")
        assert tested.returncode == 0, tested.stdout[-6000:]

    return run

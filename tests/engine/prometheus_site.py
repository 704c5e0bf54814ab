"""The role prometheus' container of a site that has its own paths and secrets, on this machine's engine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.engine.fleet import prometheus_image
from tests.engine.image import PREFIX
from tests.engine.watch import free_port
from tests.unit.roles.rendering import fleet, service

VOLUME = f"{PREFIX}-role"
SITE = {
    "gpu_monitoring_tls": False,
    "gpu_monitoring_nofile": 1024,
    "prometheus_external_url": "https://monitoring.example.com/prometheus/",
    "prometheus_secret_files": {"remote": "word of the site"},
    "prometheus_remote_write": [
        {"url": "http://127.0.0.1:9/write", "basic_auth": {"username": "me", "password_file": "secrets/remote"}}
    ],
    "prometheus_flags_extra": ["--storage.remote.flush-deadline=2s"],
    "prometheus_alertmanagers": [{"static_configs": [{"targets": ["127.0.0.1:9"]}]}],
}


def deployer(run: Callable[..., dict[str, Any]], name: str, folder: Path) -> Callable[..., tuple[dict[str, Any], str]]:
    """Deploys the role's service with variables of a site; returns the result and the URL of Prometheus."""
    port = free_port()

    def deployed(**variables: Any) -> tuple[dict[str, Any], str]:
        own = {
            "prometheus_image": prometheus_image(),
            "prometheus_config_dir": str(folder / "etc" / "prometheus"),
            "prometheus_port": port,
        }
        inventory = fleet({}, {"this-host": {"ansible_host": "127.0.0.1"}}, {**SITE, **own, **variables})
        options = service("prometheus", "prometheus", inventory, "this-host", folder)
        options.update(name=name, container_name=name, networks=[PREFIX])
        options["mounts"] = [
            {**mount, "source": VOLUME} if mount["type"] == "volume" else mount for mount in options["mounts"]
        ]
        return run(**options), f"http://127.0.0.1:{port}"

    return deployed

"""The lab's Prometheus image and the files that the role prometheus would put before it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.lab import images
from tests.unit.roles.rendering import service


@pytest.fixture(scope="session")
def image() -> str:
    """The lab's Prometheus, built where it is not there yet."""
    base = images.build("base", {})
    return images.build("prometheus", {"LAB_BASE": base, "LAB_PYTHON_BASE": images.build("python", {"LAB_BASE": base})})


@pytest.fixture
def config(tmp_path: Path) -> Callable[..., Path]:
    """Renders the role's files for an inventory into a folder that Prometheus can read."""
    folder = tmp_path / "prometheus"

    def render(inventory: dict[str, Any], host: str = "monitor1") -> Path:
        rendered = service("prometheus", "prometheus", inventory, host, tmp_path)
        root = Path("/etc/gpu_monitoring/prometheus")
        for file in rendered["files"] + rendered["secret_files"]:
            if root not in Path(file["path"]).parents:
                continue
            path = folder / Path(file["path"]).relative_to(root)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(file["content"])
        return folder

    folder.mkdir()
    folder.chmod(0o755)
    return render


@pytest.fixture
def promtool(image: str) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs promtool in the image with a folder as /etc/prometheus."""

    def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
        mount = f"type=bind,source={folder},target=/etc/prometheus,readonly"
        options = ["--network=none", "--tmpfs=/tmp:mode=1777", "--mount", mount, "--workdir=/etc/prometheus", "--entrypoint=/bin/promtool"]
        start = ["docker", "run", "--rm", *options, image]
        return subprocess.run([*start, *command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=60)

    return run

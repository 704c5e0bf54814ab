"""A small image made on the spot, and the module run in this process against this machine's Docker engine."""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
from pathlib import Path

import docker
import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.mlops.gpu_monitoring.plugins.modules import container_service

from tests.engine.failed import Failed
from tests.engine.image import PREFIX, image_root


@pytest.fixture(scope="session")
def api():
    client = docker.APIClient(version="auto")
    yield client
    client.close()


@pytest.fixture(scope="session")
def images(api, tmp_path_factory):
    """Two versions of the test image, made of the distribution's busybox-static."""
    folder = tmp_path_factory.mktemp("busybox")
    download = ["apt-get", "download", "--quiet", "-o", "APT::Sandbox::User=root", "busybox-static"]
    if subprocess.run(download, cwd=folder, capture_output=True, check=False).returncode:
        subprocess.run(["apt-get", "update", "--quiet"], check=True, capture_output=True)
        subprocess.run(download, cwd=folder, check=True, capture_output=True)
    subprocess.run(["dpkg", "--extract", *folder.glob("*.deb"), folder], check=True)
    root = image_root(folder / "bin" / "busybox")
    made = []
    for version in ("1", "2"):
        changes = [f"ENV VERSION={version}", 'CMD ["serve"]', "ENV PATH=/bin", "LABEL origin=test"]
        api.import_image_from_data(root, repository=PREFIX, tag=version, changes=changes)
        made.append(f"{PREFIX}:{version}")
    yield made
    for image in made:
        api.remove_image(image, force=True)


@pytest.fixture
def run():
    """Run the module with options, in check mode if asked to; returns its result."""

    def call(check: bool = False, **options):
        output = io.StringIO()
        arguments = {**options, "_ansible_check_mode": check, "_ansible_diff": True}
        with patch_module_args(arguments), contextlib.redirect_stdout(output), pytest.raises(SystemExit):
            container_service.main()
        result = json.loads(output.getvalue())
        if result.get("failed"):
            raise Failed(result["msg"])
        return result

    return call


@pytest.fixture
def name(api):
    """A name for a service; afterwards its containers and its network are removed."""
    chosen = f"{PREFIX}-app"
    yield chosen
    Path(f"/run/lock/gpu_monitoring.{chosen}.lock").unlink(missing_ok=True)
    for container in api.containers(all=True, filters={"name": PREFIX}):
        api.remove_container(container["Id"], v=True, force=True)
    for network in api.networks(names=[PREFIX]):
        api.remove_network(network["Id"])
    for volume in api.volumes(filters={"name": PREFIX})["Volumes"] or []:
        api.remove_volume(volume["Name"])


@pytest.fixture
def options(name, images, tmp_path):
    """The options of a service with everything."""
    folder = tmp_path / "etc"
    return {
        "name": name,
        "image": images[0],
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
        "files": [{"path": str(folder / "app.conf"), "content": "one\n", "on_change": "reload"}],
        "secret_files": [{"path": str(folder / "secret"), "content": "password: correct-horse-battery\n", "on_change": "none"}],
        "validate": {"command": ["check"]},
        "reload": {"http": {"port": 8080, "path": "/cgi-bin/reload"}},
        "health": {"http": {"port": 8080, "path": "/loaded"}, "timeout": 5},
    }

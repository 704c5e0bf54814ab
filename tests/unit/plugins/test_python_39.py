"""What runs on a host, and in an image of Python that a site chooses, is Python 3.9."""

from __future__ import annotations

import ast
import shutil
import subprocess
from pathlib import Path

import pytest

PLUGINS = Path(__file__).resolve().parents[3] / "plugins"
ON_HOSTS = sorted([*PLUGINS.glob("modules/*.py"), *PLUGINS.glob("module_utils/**/*.py")])
COLLECTOR = PLUGINS.parent / "roles" / "container_gpu_collector" / "files"
IN_IMAGES = sorted(COLLECTOR.glob("container_gpu_collector/*.py"))


@pytest.mark.parametrize("path", ON_HOSTS + IN_IMAGES, ids=lambda path: str(path.relative_to(PLUGINS.parent)))
def test_syntax(path: Path) -> None:
    ast.parse(path.read_text(), feature_version=(3, 9))


def python_39() -> str:
    """A Python 3.9 of this machine; skips the test if missing."""
    known = [shutil.which("python3.9"), *map(str, Path.home().glob(".pyenv/versions/3.9.*/bin/python3.9"))]
    for path in known:
        if path and subprocess.run([path, "--version"], capture_output=True, check=False).returncode == 0:
            return path
    pytest.skip("there is no Python 3.9 here")


IMPORTS = """
import http.server, importlib, sys, threading
sys.path.insert(0, sys.argv[1])
for name in sys.argv[2:]:
    try:
        importlib.import_module(name)
        print(name)
    except ModuleNotFoundError as error:
        if error.name != "ansible":
            raise
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.http_client import Client
server = http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
threading.Thread(target=server.serve_forever, daemon=True).start()
assert Client(f"http://127.0.0.1:{server.server_port}").request("GET", "/").status == 200
"""


def test_what_needs_nothing_of_ansible_is_imported_and_makes_a_request() -> None:
    """Under a Python 3.9 without ansible-core: this runs annotations and calls, of which the syntax says nothing."""
    package = "ansible_collections.mlops.gpu_monitoring.plugins"
    paths = [path.relative_to(PLUGINS).with_suffix("") for path in ON_HOSTS if "module_utils" in path.parts]
    names = [".".join((package, *path.parts)) for path in paths]
    collections = PLUGINS.parent / ".cache" / "collections"
    command = [python_39(), "-B", "-c", IMPORTS, str(collections), *names]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert {
        f"{package}.module_utils.{name}" for name in ("http_client", "docker_socket", "service.apply", "grafana.client")
    } <= {*ran.stdout.split()}


def test_the_container_gpu_collector_starts() -> None:
    command = [python_39(), "-B", "-m", "container_gpu_collector", "--help"]
    started = subprocess.run(command, env={"PYTHONPATH": str(COLLECTOR)}, capture_output=True, text=True, check=False)
    assert started.returncode == 0 and "--usage-interval" in started.stdout, started.stderr

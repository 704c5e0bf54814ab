"""Which folder of plugins imports which: the layers of docs/architecture.md."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PLUGINS = Path(__file__).resolve().parents[3] / "plugins"
PACKAGE = "ansible_collections.mlops.gpu_monitoring.plugins."
HTTP = {"http.client", "urllib.request", "urllib3", "requests", "ansible.module_utils.urls"}

# Folders on hosts, from the lowest layer up. A folder imports lower layers and itself.
LAYERS = (
    {"module_utils"},
    {"module_utils/service"},
    {"module_utils/host"},
    {"module_utils/grafana", "module_utils/packages", "module_utils/prometheus"},
    {"module_utils/alertmanager", "module_utils/registry", "module_utils/toolkit"},
    {"module_utils/backup", "module_utils/bundle", "module_utils/verify"},
)
SHARED = set().union(*LAYERS)
MAY_IMPORT = {
    **{folder: {folder}.union(*LAYERS[:number]) for number, layer in enumerate(LAYERS) for folder in layer},
    "modules": SHARED,
    "plugin_utils": SHARED | {"plugin_utils"},
    "action": SHARED | {"plugin_utils"},
    "filter": SHARED | {"plugin_utils"},
    "lookup": SHARED | {"plugin_utils"},
    "doc_fragments": set(),
}
# Docker's socket needs a connection of its own, and Ansible's fetch_url fetches the key of a package repository.
MAY_SPEAK_HTTP = {
    "module_utils/http_client.py",
    "module_utils/openpgp_file.py",
    "module_utils/service/start_services.py",
}
# This file has the texts of status codes from http.client, and opens no connection.
NAMES_STATUS = {"module_utils/prometheus/server.py"}

FILES = sorted(PLUGINS.rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    """The modules that a file imports, `from package import module` as `package.module`."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def folder_of(relative: str) -> str:
    """`module_utils/grafana` of module_utils/grafana/client.py, and `module_utils` of its files outside folders."""
    parts = relative.split("/")
    nested = parts[0] == "module_utils" and (PLUGINS / "module_utils" / parts[1]).is_dir()
    return "/".join(parts[:2]) if nested else parts[0]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PLUGINS)))
def test_a_folder_imports_lower_layers_alone(path: Path) -> None:
    allowed = MAY_IMPORT[folder_of(str(path.relative_to(PLUGINS)))]
    names = [name.removeprefix(PACKAGE).replace(".", "/") for name in imported(path) if name.startswith(PACKAGE)]
    assert [name for name in names if folder_of(name) not in allowed] == []


def test_one_file_speaks_http() -> None:
    speaking = {
        str(path.relative_to(PLUGINS))
        for path in FILES
        if any(name == module or name.startswith(f"{module}.") for name in imported(path) for module in HTTP)
    }
    assert speaking - NAMES_STATUS == MAY_SPEAK_HTTP


def test_the_page_has_the_same_layers() -> None:
    page = (PLUGINS.parent / "docs" / "architecture.md").read_text()
    rows = re.findall(r"^\| (\d) \| (`.*`) \|$", page, re.MULTILINE)
    shown = {int(number): {f"module_utils/{name}" for name in re.findall(r"`(\w+)`", names)} for number, names in rows}
    assert shown == dict(enumerate(LAYERS[1:], start=2))


def test_every_folder_has_a_layer() -> None:
    assert {folder_of(str(path.relative_to(PLUGINS))) for path in FILES} == set(MAY_IMPORT)

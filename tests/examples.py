"""The EXAMPLES of the modules, for the tests that check and run them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.plugin_docs import read_docstring
from ansible.template import Templar, trust_as_template

ROOT = Path(__file__).resolve().parents[1]
PREFIX = "mlops.gpu_monitoring."
MODULES = {path.stem: path for path in sorted((ROOT / "plugins" / "modules").glob("*.py"))}
# The test that runs the examples of each module.
RUN_BY = {
    **dict.fromkeys(
        (
            "grafana_admin_password",
            "grafana_dashboard",
            "grafana_datasource",
            "grafana_folder",
            "grafana_resources",
            "grafana_service_account",
        ),
        "tests/contract/test_grafana_examples.py",
    ),
    **dict.fromkeys(
        ("bundle_sums", "collection_bundle", "image_bundle", "image_push", "toolkit_bundle"),
        "tests/unit/plugins/action/test_bundle_playbooks.py",
    ),
    **dict.fromkeys(
        ("deployment_report", "monitoring_fleet", "role_variables", "tls_certificate", "tls_secrets"),
        "tests/unit/plugins/action/test_fleet_examples.py",
    ),
    **dict.fromkeys(("monitoring_backup", "monitoring_restore"), "tests/unit/plugins/action/test_backup_examples.py"),
    **dict.fromkeys(("docker_daemon_config", "host_info"), "tests/unit/plugins/modules/test_local_examples.py"),
    "nvidia_container_toolkit": "tests/unit/plugins/action/test_nvidia_container_toolkit.py",
    "prometheus_query_info": "tests/unit/plugins/modules/test_prometheus_query_info.py",
    "alertmanager_silence": "tests/rules/test_silences.py",
    "container_service": "tests/engine/test_container_service_examples.py",
    "image_load": "tests/engine/test_bundle.py",
    "monitoring_verify": "tests/engine/test_verify.py",
}
# Modules whose examples are checked against the argument specification alone, with the reason.
CHECKED_ONLY = {
    "docker_engine_package": "installs a package on the machine that runs the test",
    "nvidia_container_info": "runs nvidia-smi in a container that gets GPUs",
}


class Example(NamedTuple):
    """A task with a module of the collection."""

    module: str
    name: str
    options: Mapping[str, Any]  # with the defaults of the play
    variables: Mapping[str, Any]


class _Loader(yaml.SafeLoader):
    """Reads text as templates, and `!unsafe` as the text it holds."""


_Loader.add_constructor("tag:yaml.org,2002:str", lambda _loader, node: trust_as_template(node.value))
_Loader.add_constructor("!unsafe", lambda _loader, node: node.value)


def run_by(test: str) -> list[str]:
    """The modules whose examples a test runs, by its file."""
    path = Path(test).resolve().relative_to(ROOT).as_posix()
    return [module for module, runner in RUN_BY.items() if runner == path]


def read(module: str, replaced: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
    """The tasks and plays of the EXAMPLES of a module, with texts such as addresses and paths replaced."""
    return of_file(MODULES[module], replaced)


def of_file(path: Path, replaced: Mapping[str, str] | None = None) -> Any:
    """The EXAMPLES in the documentation of a plugin."""
    if path.suffix == ".yml":
        text = yaml.safe_load(path.read_text())["EXAMPLES"]
    else:
        text = read_docstring(str(path), verbose=False)["plainexamples"]
    for old, new in (replaced or {}).items():
        text = text.replace(old, new)
    return yaml.load(text, _Loader)  # noqa: S506 - a subclass of SafeLoader


def tasks(entries: list[dict[str, Any]], defaults: Mapping[str, Any] | None = None) -> Iterator[Example]:
    """The tasks with modules of the collection, in their order."""
    for entry in entries:
        above = entry.get("module_defaults", {}).get(f"group/{PREFIX}grafana", defaults or {})
        for kind in ("tasks", "block"):
            yield from tasks(entry.get(kind, []), above)
        for key in entry:
            if key.startswith(PREFIX):
                module, options = key.removeprefix(PREFIX), {**above, **(entry[key] or {})}
                yield Example(module, entry["name"], options, entry.get("vars", {}))


def of(module: str, replaced: Mapping[str, str] | None = None) -> list[Example]:
    """The tasks with the module in its own EXAMPLES."""
    return [example for example in tasks(read(module, replaced)) if example.module == module]


def rendered(example: Example, variables: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The options with the values that templates have in a playbook of this folder."""
    return evaluated(dict(example.options), {**variables, **example.variables}, folder)


def evaluated(value: Any, variables: Mapping[str, Any], folder: Path) -> Any:
    """A value in which templates are evaluated as in a playbook of this folder."""
    loader = DataLoader()
    loader.set_basedir(str(folder))
    return Templar(loader=loader, variables=dict(variables)).template(value)

"""Every task in the EXAMPLES of a module has options that the module documents, with values that they take."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.parsing.plugin_docs import read_docstring
from ansible.plugins.loader import fragment_loader
from ansible.utils.plugin_docs import add_fragments

PREFIX = "mlops.gpu_monitoring."
MODULES = {
    path.stem: path for path in sorted((Path(__file__).resolve().parents[3] / "plugins" / "modules").glob("*.py"))
}
# Modules that serve the roles and playbooks of the collection alone.
INTERNAL = {"deployment_report", "docker_engine_package", "monitoring_fleet", "role_variables", "tls_secrets"}
# What a template gives in the place of a value of each type.
RENDERED: dict[str, Any] = {"dict": {}, "list": [], "int": 1, "float": 1.0, "bool": True, "raw": "x"}


class _Loader(yaml.SafeLoader):
    """Reads `!unsafe` as the text it holds."""


_Loader.add_constructor("!unsafe", lambda loader, node: loader.construct_scalar(node))


def documented(module: str) -> dict[str, Any]:
    read = read_docstring(str(MODULES[module]), verbose=False)
    add_fragments(read["doc"], str(MODULES[module]), fragment_loader=fragment_loader, is_module=True)
    return read["doc"].get("options", {})


def examples(module: str) -> list[dict[str, Any]]:
    return yaml.load(read_docstring(str(MODULES[module]), verbose=False)["plainexamples"], _Loader)  # noqa: S506


def tasks(entries: list[dict[str, Any]]) -> Iterator[tuple[str, Any, Mapping[str, Any]]]:
    """Module, options and defaults of the play, of each task with a module of the collection."""
    for entry in entries:
        defaults = entry.get("module_defaults", {}).get("group/mlops.gpu_monitoring.grafana", {})
        for kind in ("tasks", "block", "pre_tasks", "post_tasks"):
            yield from ((name, options, {**defaults, **above}) for name, options, above in tasks(entry.get(kind, [])))
        for name in entry:
            if name.startswith(PREFIX):
                yield name.removeprefix(PREFIX), entry[name] or {}, defaults


def specification(options: Mapping[str, Any]) -> dict[str, Any]:
    """An argument specification of the documentation."""
    known = ("type", "elements", "choices", "required", "aliases")
    return {
        name: {
            **{key: option[key] for key in known if key in option},
            **({"options": specification(option["suboptions"])} if "suboptions" in option else {}),
        }
        for name, option in options.items()
    }


def rendered(value: Any, option: Mapping[str, Any]) -> Any:
    """A value with what a template would give."""
    if isinstance(value, str) and "{{" in value and option.get("type", "str") in RENDERED:
        return RENDERED[option["type"]]
    if isinstance(value, dict) and "suboptions" in option:
        return {name: rendered(given, option["suboptions"].get(name, {})) for name, given in value.items()}
    if isinstance(value, list) and "suboptions" in option:
        return [rendered(given, {**option, "type": "dict"}) for given in value]
    return value


@pytest.mark.parametrize("module", MODULES)
def test_examples_have_options_of_the_module(module):
    used = list(tasks(examples(module)))
    assert module in {name for name, _options, _defaults in used}
    for name, given, defaults in used:
        options = documented(name)
        values = {key: rendered(value, options.get(key, {})) for key, value in {**defaults, **given}.items()}
        result = ArgumentSpecValidator(specification(options)).validate(values)
        assert not result.error_messages, (name, result.error_messages)


@pytest.mark.parametrize("module", sorted(MODULES.keys() - INTERNAL))
def test_a_module_has_several_examples(module):
    assert sum(name == module for name, _options, _defaults in tasks(examples(module))) >= 2

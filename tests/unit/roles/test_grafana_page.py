"""The examples of docs/grafana.md, as the role takes them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.specifications import check

from tests.unit.plugins.plugin_utils.inventory import host_variables
from tests.unit.roles.rendering import fleet, service

PAGE = Path(__file__).resolve().parents[3] / "docs" / "grafana.md"
EXAMPLES: dict[str, dict[str, Any]] = {
    f"{section.splitlines()[0]} {number}": yaml.safe_load(example)
    for section in PAGE.read_text().split("\n## ")[1:]
    for number, example in enumerate(re.findall(r"```yaml\n(.*?)```", section, re.DOTALL))
}
# What a site keeps in Ansible Vault.
VAULT = {name: f"secret of {name}" for name in re.findall(r"\{\{ (vault_\w+) \}\}", PAGE.read_text())}


def test_the_page_has_examples():
    assert len(EXAMPLES) >= 9
    assert len(VAULT) >= 6


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES.keys())
def test_an_example_is_accepted_and_arrives(tmp_path, example):
    variables = {**VAULT, **example}
    monitor = {"monitor1": {"ansible_host": "10.0.0.9"}}
    check(host_variables(tmp_path, {}, monitor, variables), ["grafana"], ["monitor1"])
    options = service("grafana", "grafana", fleet({}, monitor, variables), "monitor1", tmp_path)
    given = example.get("grafana_environment_extra", {})
    assert {name: options["env"][name] for name in given if name != "NO_PROXY"} == {
        name: given[name] for name in given if name != "NO_PROXY"
    }
    files = {
        file["path"].rpartition("/secrets/")[2]: file["content"]
        for file in options["secret_files"]
        if "/secrets/" in file["path"]
    }
    assert files.keys() == example.get("grafana_secret_files", {}).keys()
    assert not any("{{" in content for content in files.values())
    assert not any(secret in value for secret in VAULT.values() for value in options["env"].values())
    targets = {mount["target"] for mount in options["mounts"]}
    assert {mount["target"] for mount in example.get("grafana_mounts_extra", [])} < targets

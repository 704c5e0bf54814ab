"""Every role's defaults, argument specification and README say the same."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))

import role_readme

ROLES = role_readme.roles()


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_every_default_is_specified_and_prefixed(role: Path) -> None:
    specified = set(role_readme.spec_of(role)["options"])
    assert set(role_readme.defaults_of(role)) <= specified
    prefix = ("gpu_monitoring_", "model_servers") if role.name == "common" else f"{role.name}_"
    assert all(name.startswith(prefix) for name in specified)


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_every_specified_variable_has_a_default(role: Path) -> None:
    assert set(role_readme.spec_of(role)["options"]) == set(role_readme.defaults_of(role))


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_readme_is_made_from_the_specification(role: Path) -> None:
    assert (role / "README.md").read_text() == role_readme.render(role), "run `make docs`"


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_each_row_of_the_readme_has_the_cells_of_the_head(role: Path) -> None:
    rows = [line for line in role_readme.render(role).splitlines() if line.startswith("|")]
    bars = {row: len(re.findall(r"(?<!\\)\|", row)) for row in rows}
    assert [row for row in rows if bars[row] != bars[rows[0]]] == []


def test_every_role_is_covered() -> None:
    assert {role.name for role in ROLES} == {path.name for path in role_readme.ROLES.iterdir() if path.is_dir()}


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_no_role_reads_private_variables_of_another(role: Path) -> None:
    private = re.compile(rf"\b__({'|'.join(other.name for other in ROLES)})_\w+")
    files = [file for kind in ("defaults", "vars", "tasks", "templates", "meta") for file in (role / kind).rglob("*.*")]
    owners = {match[1] for file in files for match in private.finditer(file.read_text())}
    assert owners <= {role.name}


def test_switches_are_read_as_booleans() -> None:
    """`-e name=false` is the text false, which Jinja takes for true."""
    switches = {
        name
        for path in role_readme.ROLES.glob("*/meta/argument_specs.yml")
        for entry_point in yaml.safe_load(path.read_text())["argument_specs"].values()
        for name, option in entry_point.get("options", {}).items()
        if option["type"] == "bool"
    }
    names = "|".join(switches)
    read = re.compile(rf"(?:\b(?:if|not|and|or|when:|that:) (?:{names})\b(?! \| | is |: )|\b(?:{names}) (?:and|or|else)\b)")
    found = {
        f"{path.relative_to(role_readme.ROLES)}: {match[0]}"
        for kind in ("defaults", "vars", "tasks", "templates")
        for path in role_readme.ROLES.glob(f"*/{kind}/**/*.*")
        for match in read.finditer(path.read_text())
    }
    assert "grafana_adopt_volume" in switches and not found


def test_no_look_at_a_host_is_skipped() -> None:
    """A skipped task would put its own result in the place of an earlier look."""
    looks = [
        task
        for path in role_readme.ROLES.glob("*/tasks/*.yml")
        for task in yaml.safe_load(path.read_text())
        if task.get("register") == "gpu_monitoring_host"
    ]
    assert len(looks) == 4
    assert not any("when" in task for task in looks)

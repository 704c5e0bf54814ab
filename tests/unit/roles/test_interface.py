"""Every role's defaults, argument specification and README say the same."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
import trustme
import yaml
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.playbook import Playbook
from ansible.vars.manager import VariableManager
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.specifications import check, problems

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))

import role_readme

from tests.unit.plugins.plugin_utils.inventory import host_variables

ROOT = role_readme.ROLES.parent
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
def test_variables_in_the_readme_are_yaml_with_the_defaults(role: Path) -> None:
    """A default that the README leaves to defaults/main.yml is a comment there."""
    *_playbook, block = re.findall(r"```yaml\n(.*?)```", role_readme.render(role), re.DOTALL)
    defaults, shown = role_readme.defaults_of(role), yaml.safe_load(block)
    left_out = set(re.findall(r"^# (\w+):(?: |$)", block, re.MULTILINE)) & set(defaults)
    assert set(shown) | left_out == set(defaults)
    assert {
        name
        for name, value in shown.items()
        if value != defaults[name] and "gpu_monitoring_images" not in defaults[name]
    } == set()


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_examples_of_the_readme_are_accepted(role: Path, tmp_path: Path) -> None:
    examples = role_readme.further_of(role).get("examples", {})
    assert set(examples) <= set(role_readme.spec_of(role)["options"])
    addresses = {"ansible_host": "10.0.0.1"}, {"ansible_host": "10.0.0.9"}
    hosts = host_variables(tmp_path, {"gpu1": addresses[0]}, {"monitor1": addresses[1]}, examples)
    check(hosts, [role.name, "common"], ["monitor1", "gpu1"])


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_ansible_accepts_the_playbook_of_the_readme(role: Path, tmp_path: Path) -> None:
    """This is what `ansible-playbook --syntax-check` does."""
    loader = DataLoader()
    manager = VariableManager(loader=loader, inventory=InventoryManager(loader=loader, sources=["localhost,"]))
    path = tmp_path / "playbook.yml"
    path.write_text(_playbook(role))
    plays = Playbook.load(str(path), variable_manager=manager, loader=loader).get_plays()
    assert any(play.compile() for play in plays)


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_the_variables_in_the_playbook_of_the_readme_are_accepted(role: Path, tmp_path: Path, monkeypatch) -> None:
    (play,) = yaml.safe_load(_playbook(role).replace("/srv/backups/monitor1/20261129T031500Z", str(tmp_path)))
    given = {name: value for user in (play, *play.get("roles", [])) for name, value in user.get("vars", {}).items()}
    assert set(given) <= {name for other in ROLES for name in role_readme.spec_of(other)["options"]}
    monkeypatch.chdir(tmp_path)
    (tmp_path / "manifest.json").touch()
    authority = trustme.CA()
    issued = authority.issue_cert("192.0.2.9", "monitor1")
    authority.cert_pem.write_to_path("site-ca.crt")
    issued.cert_chain_pems[0].write_to_path("monitor1.crt")
    vault = {
        "vault_backup_password": "correct-horse-battery",
        "vault_monitor1_key": issued.private_key_pem.bytes().decode(),
        "vault_slack_webhook": "https://hooks.example.com/services/T0/B0/secret",
    }
    addresses = {"gpu1": "192.0.2.11", "monitor1": "192.0.2.9"}
    gpu1, monitor1 = ({host: {"ansible_host": address, **vault, **given}} for host, address in addresses.items())
    for name in {role.name, *(used["role"].rpartition(".")[2] for used in play.get("roles", []))}:
        hosts = host_variables(tmp_path, gpu1, monitor1)
        rules = hosts.read_of_role(name, "meta", "variable_rules.yml")
        assert problems(hosts, [name], [*gpu1, *monitor1], **rules) == []


def _playbook(role: Path) -> str:
    """The example playbook in the README."""
    return re.findall(r"```yaml\n(.*?)```", role_readme.render(role), re.DOTALL)[0]


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_the_readme_fits_a_terminal(role: Path) -> None:
    """Examples and lists are written as they are, and prose and comments wrap."""
    lines = role_readme.render(role).splitlines()
    assert [
        line for line in lines if len(line) > 110 or (len(line) > 80 and " " in line.lstrip("# ") and ":" not in line)
    ] == []


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
    read = re.compile(
        rf"(?:\b(?:if|not|and|or|when:|that:) (?:{names})\b(?! \| | is |: )|\b(?:{names}) (?:and|or|else)\b)"
    )
    misread = {
        f"{path.relative_to(role_readme.ROLES)}: {match[0]}"
        for kind in ("defaults", "vars", "tasks", "templates")
        for path in role_readme.ROLES.glob(f"*/{kind}/**/*.*")
        for match in read.finditer(path.read_text())
    }
    assert "grafana_adopt_volume" in switches and not misread


def test_no_look_at_a_host_is_skipped() -> None:
    """A skipped task would put its own result in the place of an earlier look."""
    looks = [
        task
        for path in role_readme.ROLES.glob("*/tasks/*.yml")
        for task in yaml.safe_load(path.read_text())
        if task.get("register") == "gpu_monitoring_host"
        or task.get("ansible.builtin.import_tasks") == "inspect_again.yml"
    ]
    assert len(looks) == 5
    assert not any("when" in task for task in looks)

"""The example inventories have settings that users can uncomment: each stands alone on its line, with a known name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.specifications import check

from tests.unit.plugins.plugin_utils.inventory import host_variables
from tests.unit.test_pages import ROLES

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "inventories").rglob("*.yml"))
KNOWN = {
    name
    for path in (ROOT / "roles").glob("*/meta/argument_specs.yml")
    for entry_point in yaml.safe_load(path.read_text())["argument_specs"].values()
    for name in entry_point.get("options", ())
}
# A setting, commented or not, whose value is one word or quoted text.
SETTING = re.compile(r"^ *(?:# )?(\w+): (?:\S+|\"[^\"]*\")$")
EVERY = pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())


@EVERY
def test_each_setting_stands_alone_on_its_line(path: Path) -> None:
    lines = path.read_text().splitlines()
    named = [(name, line) for line in lines for name in re.findall(r"\b([a-z]\w+): ", line) if name in KNOWN]
    mixed = [line for name, line in named if not (setting := SETTING.match(line)) or setting[1] != name]
    assert mixed == [], "Put each setting on a line of its own, without prose."


@EVERY
def test_each_setting_is_a_known_variable(path: Path) -> None:
    settings = [setting[1] for setting in map(SETTING.match, path.read_text().splitlines()) if setting]
    names = {name for name in settings if "_" in name and not name.startswith("ansible_")}
    assert names <= KNOWN


def test_the_settings_of_a_fleet_are_accepted(tmp_path: Path) -> None:
    """The settings of a group, all at once. A text stands for the file that users have."""
    lines = (ROOT / "inventories" / "fleet" / "group_vars" / "all.yml").read_text().splitlines()
    settings = yaml.safe_load("\n".join(line.removeprefix("# ") for line in lines if SETTING.match(line)))
    assert len(settings) > 6
    settings["gpu_monitoring_registry_ca"] = "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"
    variables = {"vault_registry_password": "a password of the test", **settings}
    hosts = host_variables(
        tmp_path, {"gpu1": {"ansible_host": "10.0.0.1"}}, {"monitor1": {"ansible_host": "10.0.0.9"}}, variables
    )
    check(hosts, ROLES, ["monitor1", "gpu1"])

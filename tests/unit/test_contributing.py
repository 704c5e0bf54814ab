"""CONTRIBUTING.md and the pages beside it name existing files and commands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from tests.rules import alert_faults, alert_series
from tests.unit.test_pages import anchors, links

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "CONTRIBUTING.md").read_text()
PAGES = [ROOT / name for name in ("CONTRIBUTING.md", "SECURITY.md", "CODE_OF_CONDUCT.md")]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
# A name such as `roles/<role>/defaults/main.yml` stands for each role.
NAMED = re.findall(r"^\| `([\w./<>-]+/[\w./<>-]+)`", GUIDE, re.MULTILINE)
IN_TABLES = [path.replace("<role>", "node_exporter") for path in NAMED]


def section(title: str) -> str:
    """The text of a section."""
    return GUIDE.split(f"\n## {title}\n")[1].split("\n## ")[0]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for link in links(page):
        path, _hash, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_every_named_file_exists() -> None:
    assert len(IN_TABLES) > 30
    assert [path for path in IN_TABLES if not (ROOT / path).is_file()] == []


def test_every_file_of_a_new_service_names_the_model() -> None:
    paths = re.findall(r"^\| `([\w./-]+/[\w./-]+)`", section("Add a service"), re.MULTILINE)
    assert len(paths) > 15
    assert [path for path in paths if not re.search("node[_-]exporter", (ROOT / path).read_text())] == []


@pytest.mark.parametrize("path", [ROOT / "CONTRIBUTING.md", *WORKFLOWS], ids=lambda path: path.name)
def test_every_target_of_make_is_one(path: Path) -> None:
    targets = {*re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)}
    asked = re.findall(r"(?:`|^|sudo |run: |PATH. )make ([a-z -]+)", path.read_text(), re.MULTILINE)
    assert {name for names in asked for name in names.split() if name not in targets} == set()


def test_ci_runs_every_scenario() -> None:
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())["jobs"]
    scenarios = {path.parent.name for path in (ROOT / "molecule").glob("*/molecule.yml")}
    assert {*jobs["molecule"]["strategy"]["matrix"]["scenario"]} == scenarios


def test_the_alert_of_the_guide_has_the_form_of_the_others() -> None:
    [example] = re.findall(r"```yaml\n(.*?)```", section("Add an alert"), re.DOTALL)
    [rule] = yaml.safe_load(example)
    [others] = yaml.safe_load((ROOT / "roles/prometheus/files/alerts/machines.yml").read_text())["groups"]
    assert rule.keys() in [other.keys() for other in others["rules"]]
    assert rule["annotations"].keys() == others["rules"][0]["annotations"].keys()
    assert rule["alert"] not in {other["alert"] for other in others["rules"]}


def test_the_python_of_the_guide_is_the_fault_of_its_alert() -> None:
    """The blocks are evaluated as elements of `MACHINE` and of `OF_OTHERS`, with the names of their files."""
    [rule] = yaml.safe_load(re.findall(r"```yaml\n(.*?)```", section("Add an alert"), re.DOTALL)[0])
    values, faults = re.findall(r"```python\n(.*?)```", section("Add an alert"), re.DOTALL)
    # The blocks are text of this repository, reviewed as its code is.
    machine = eval(f"{{{values}}}", {**vars(alert_series)})
    [fault] = eval(f"({faults})", {**vars(alert_faults)})
    assert machine.keys() == {*re.findall(r"node_\w+", rule["expr"])} - alert_series.MACHINE.keys()
    assert all(len(value) == 2 for value in machine.values())
    assert isinstance(fault, alert_faults.Fault) and fault.raises == (rule["alert"],)
    assert fault.changes.keys() <= machine.keys() and fault.samples() > alert_faults.BEGIN

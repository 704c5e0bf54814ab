"""What the pages of the documentation name is there, and their examples are accepted."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.host_addresses import HostAddresses
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.specifications import check

from tests.tools import alerts_page
from tests.unit.plugins.plugin_utils.inventory import host_variables

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "roles").glob("*/README.md")),
]
TESTS = [path.as_posix() for folder in ("tests", "molecule") for path in (ROOT / folder).glob("**/test_*.py")]
ROLES = [
    *("common", "docker_engine", "tls", "node_exporter", "cadvisor", "nvidia_container_toolkit", "dcgm_exporter"),
    *("alertmanager", "prometheus", "grafana"),
]

NUMBERS = {5: "five", 6: "six", 7: "seven"}

# Pages whose examples are variables of an inventory.
WITH_EXAMPLES = (
    *("alerts", "dashboards", "fleet", "getting-started", "gpu-by-container", "migration", "roles", "scale", "tls"),
)


class _Loader(yaml.SafeLoader):
    """Reads `!unsafe` as text without a template, for an inventory in plain YAML."""


_Loader.add_constructor("!unsafe", lambda _loader, node: "{% raw %}" + node.value + "{% endraw %}")


def anchors(page: Path) -> set[str]:
    """The headings of a page, as GitHub links them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^a-z0-9 _-]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(page: Path) -> list[str]:
    return [link for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()) if "://" not in link]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page):
    for link in links(page):
        path, _hash, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_blocks_in_lists_are_indented_as_the_site_needs_it(page):
    """GitHub takes two spaces for a block in a list, the site four."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    assert re.findall(r"\n\n {1,3}\S.*", text) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_command_names_an_inventory(page):
    """Without `-i`, a playbook matches no host, does nothing and ends with exit code 0."""
    # A backslash at the end of a line continues the command.
    text = page.read_text().replace("\\\n", " ")
    commands = re.findall(r"ansible-playbook [^\n`]*mlops\.gpu_monitoring\.\w+[^\n`]*", text)
    assert [command for command in commands if not re.search(r" -i \S+", command)] == []


def test_links_lead_from_the_readme_to_every_page():
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        reached.add(page)
        targets = [(page.parent / link.partition("#")[0]).resolve() for link in links(page) if not link.startswith("#")]
        waiting += [target for target in targets if target.suffix == ".md" and target not in reached]
    assert {page.relative_to(ROOT).as_posix() for page in PAGES if page not in reached} == set()


def test_the_readme_fits_two_screens():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 120


def test_the_inventory_of_the_readme_is_accepted(tmp_path):
    (block,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    groups = yaml.safe_load(block)["all"]["children"]
    hosts = host_variables(tmp_path, groups["gpu_hosts"]["hosts"], groups["monitoring"]["hosts"])
    check(hosts, ROLES, ["gpu1", "gpu2", "monitor1"])


def test_a_machine_with_a_name_of_its_own_is_closed_to_the_network_too(tmp_path):
    """The inventory of the page is `inventories/localhost` with another name and an address of the loopback."""
    text = (ROOT / "docs" / "getting-started.md").read_text()
    (block,) = re.findall(r"```yaml\n(# hosts.yml\n.*?)```", text, re.DOTALL)
    given = yaml.safe_load((ROOT / "inventories" / "localhost" / "hosts.yml").read_text().replace("localhost", "own"))
    given["all"]["hosts"]["own"]["ansible_host"] = "127.0.0.1"
    ((name, variables),) = yaml.safe_load(block)["all"]["hosts"].items()
    assert yaml.safe_load(block.replace(name, "own")) == given
    hosts = host_variables(tmp_path, {name: variables}, {name: variables})
    assert HostAddresses(hosts, [name]).of(name) == "127.0.0.1"
    check(hosts, ROLES, [name])


def test_the_readme_counts_dashboards_and_alerts():
    text = (ROOT / "README.md").read_text()
    alerts = sum(len(alerts_page.rules(subject, "alert")) for subject in alerts_page.SUBJECTS)
    dashboards = len(list((ROOT / "roles" / "grafana" / "files" / "dashboards").glob("*.yml")))
    assert f"[{dashboards} dashboards]" in text
    assert f"[{alerts} alerts]" in text


def test_the_page_of_dashboards_has_a_section_for_each():
    files = (ROOT / "roles" / "grafana" / "files" / "dashboards").glob("*.yml")
    titles = {yaml.load(path.read_text(), _Loader)["title"] for path in files}  # noqa: S506 - a subclass of SafeLoader
    assert titles <= set(re.findall(r"^## (.*)$", (ROOT / "docs" / "dashboards.md").read_text(), re.MULTILINE))


def test_the_page_of_modules_names_every_module():
    text = (ROOT / "docs" / "modules.md").read_text()
    assert {path.stem for path in (ROOT / "plugins" / "modules").glob("*.py") if f"`{path.stem}`" not in text} == set()


def test_the_page_of_playbooks_names_every_playbook():
    text = (ROOT / "docs" / "playbooks.md").read_text()
    assert {path.stem for path in (ROOT / "playbooks").glob("*.yml") if f"| `{path.stem}` |" not in text} == set()


def test_the_drawing_has_the_plays_and_modules_of_a_run():
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", (ROOT / "docs" / "images" / "architecture.svg").read_text())
    plays = [play["name"] for play in yaml.safe_load((ROOT / "playbooks" / "site.yml").read_text())]
    steps = [f"{number}. {name}" for number, name in enumerate(plays, 1)]
    assert [step for step in steps if step not in " ".join(texts)] == []
    assert f"has {NUMBERS[len(plays)]} plays" in (ROOT / "docs" / "architecture.md").read_text()
    modules = {path.stem for folder in ("action", "modules") for path in (ROOT / "plugins" / folder).glob("*.py")}
    assert set(re.findall(r"[a-z]+_[a-z_]+", " ".join(texts))) <= modules


def test_messages_in_the_symptoms_are_those_of_the_code():
    """Dots stand for what differs. Messages of other programs are named here."""
    others = {
        "Missing sudo password",
        "Could not get lock",
        "Conflicting values set for option Signed-By",
        "exit status 1",
    }
    others |= {"Driver/library version mismatch", "could not find an available, non-overlapping IPv4 address pool"}
    sources = [
        path
        for folder in ("plugins", "roles")
        for ending in ("py", "yml")
        for path in (ROOT / folder).rglob(f"*.{ending}")
    ]
    code = " ".join(path.read_text() for path in sources)
    rows = re.findall(r"^\| (.*?) \|", (ROOT / "docs" / "troubleshooting.md").read_text(), re.MULTILINE)
    quoted = {text for row in rows for text in re.findall(r'"([^"]+)"', row)} - others
    parts = {text: [part.strip(" ,") for part in text.split("...") if part.strip(" ,")] for text in quoted}
    assert len(quoted) >= 12
    assert {text for text, known in parts.items() if not all(part in code for part in known)} == set()


@pytest.mark.parametrize(("page", "fewest"), [("hosts.md", 50), ("lab.md", 25)])
def test_every_test_that_a_page_names_is_one_file(page, fewest):
    named = re.findall(r"`([\w/.-]*test_\w+\.py)`", (ROOT / "docs" / page).read_text())
    assert len(named) > fewest
    assert {name for name in named if sum(path.endswith(f"/{name}") for path in TESTS) != 1} == set()


def examples() -> list[dict[str, Any]]:
    """Examples of variables. Those of the pages of Prometheus and Grafana have tests of their own."""
    texts = [(ROOT / "docs" / f"{name}.md").read_text() for name in WITH_EXAMPLES]
    blocks = [block for text in texts for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)]
    read = [yaml.load(textwrap.dedent(block), _Loader) for block in blocks]  # noqa: S506 - a subclass of SafeLoader
    # An example with `all` is an inventory.
    return [example for example in read if isinstance(example, dict) and "all" not in example]


@pytest.mark.parametrize("example", examples(), ids=lambda example: next(iter(example)))
def test_an_example_of_variables_is_accepted(tmp_path, example):
    (tmp_path / "exported-dashboard.json").write_text("{}")
    (tmp_path / "certificates").mkdir()
    for name in ("monitor1", "authority"):
        (tmp_path / "certificates" / f"{name}.pem").write_text("-----BEGIN CERTIFICATE-----")
    secrets = dict.fromkeys(re.findall(r"vault_\w+", str(example)), "-----BEGIN PRIVATE KEY-----")
    gpu_host, monitoring_host = {"gpu1": {"ansible_host": "10.0.0.1"}}, {"monitor1": {"ansible_host": "10.0.0.9"}}
    hosts = host_variables(tmp_path, gpu_host, monitoring_host, {**secrets, **example})
    check(hosts, ROLES, ["monitor1", "gpu1"])


@pytest.mark.parametrize(("page", "role"), [("offline", "bundle"), ("backup", "backup")])
def test_an_example_of_a_playbook_has_variables_of_its_role_with_right_types(tmp_path, page, role):
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / f"{page}.md").read_text(), re.DOTALL)
    known = {
        name
        for of in (role, "common")
        for name in yaml.safe_load((ROOT / "roles" / of / "defaults" / "main.yml").read_text())
    }
    for number, block in enumerate(blocks):
        (tmp_path / str(number)).mkdir()
        example = yaml.safe_load(block)
        assert example.keys() <= known
        hosts = host_variables(
            tmp_path / str(number),
            {"gpu1": {"ansible_host": "10.0.0.1"}},
            {"monitor1": {"ansible_host": "10.0.0.9"}},
            example,
        )
        check(hosts, [role, "common"], ["monitor1", "gpu1"])

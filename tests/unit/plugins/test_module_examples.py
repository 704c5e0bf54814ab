"""The EXAMPLES of each module have options that the module takes, and a test runs these examples."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.parsing.plugin_docs import read_docstring
from ansible.plugins.loader import fragment_loader
from ansible.utils.plugin_docs import add_fragments

from tests import examples
from tests.unit.plugins import argument_specs

HOSTS = ["gpu1", "gpu2"]
HOST_INFO = {"gpu": {"gpus": [{"index": 0, "uuid": "GPU-aaaa", "mig_mode": "Disabled"}]}}
# What a site has in the place of the templates.
VARIABLES: dict[str, Any] = {
    "inventory_hostname": "gpu1",
    "groups": {"gpu_hosts": HOSTS, "monitoring": ["monitor1"]},
    "hostvars": {host: {"host_info": HOST_INFO} for host in HOSTS},
    "ansible_play_batch": HOSTS,
    "ansible_play_hosts_all": HOSTS,
    "gpu_monitoring_address": "192.0.2.11",
    "gpu_monitoring_registry": "registry.example.com:5000",
    "gpu_monitoring_registry_username": "pusher",
    "host": HOST_INFO,
    "item": "dashboards/gpus.json",
    "known_targets": {"results": [{"item": "monitor1", "json_files": {}}]},
    "our_folders": [{"uid": "gpu", "title": "GPU"}],
    "our_dashboards": [{"uid": "gpus", "folder_uid": "gpu", "title": "GPUs", "panels": []}],
    **{
        f"{name}_{secret}": f"a {secret}"
        for secret, names in {
            "password": (
                *("alertmanager", "backup_vault", "gpu_monitoring_registry", "grafana_admin", "new", "old"),
                "prometheus",
            ),
            "token": ("grafana", "prometheus"),
        }.items()
        for name in names
    },
}
# The files that lookups of the examples read.
FILES = {
    "authority.pem": "-----BEGIN CERTIFICATE-----",
    "dashboard.json": "{}",
    "dashboards/gpus.json": "{}",
    "node-exporter.json": "{}",
    "grafana.json": '{"datasources": [], "folders": [], "dashboards": []}',
    "grafana_token": "a token",
    "prometheus.yml.j2": "scrape_configs: []",
}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of a playbook with files of a site."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "dashboards").mkdir()
    for name, content in FILES.items():
        (folder / name).write_text(content)
    return folder


@pytest.mark.parametrize("module", examples.MODULES)
def test_examples_have_options_that_the_modules_take(module, site):
    places = {"/var/backups": str(site), "~/.config/gpu_monitoring": str(site)}
    for example in examples.tasks(examples.read(module, places)):
        options = examples.rendered(example, VARIABLES, site)
        result = argument_specs.validator(example.module).validate(options)
        assert not result.error_messages, (example.name, result.error_messages)


@pytest.mark.parametrize("module", examples.MODULES)
def test_options_that_a_module_takes_are_documented(module):
    path = str(examples.MODULES[module])
    documentation = read_docstring(path, verbose=False)["doc"]
    add_fragments(documentation, path, fragment_loader=fragment_loader, is_module=True)
    assert {*argument_specs.validator(module).argument_spec} <= {*documentation.get("options", {})}


@pytest.mark.parametrize("module", examples.MODULES)
def test_a_module_has_several_examples(module):
    assert len(examples.of(module)) >= 2


def test_a_test_runs_the_examples_of_each_module():
    assert {*examples.RUN_BY} ^ {*examples.CHECKED_ONLY} == {*examples.MODULES}
    for test in {*examples.RUN_BY.values()}:
        assert "examples.run_by(__file__)" in (examples.ROOT / test).read_text(), test

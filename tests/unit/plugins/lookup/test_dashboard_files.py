"""Dashboards are read from YAML files as they stand, without templating."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

PANEL = {"title": "Utilization", "query": "DCGM_FI_DEV_GPU_UTIL", "legend": "{{modelName}} - GPU {{gpu}}"}


def read(folder, *names):
    """What a playbook gets from the lookup, as a task's argument."""
    call = "{{ query('mlops.gpu_monitoring.dashboard_files', *names, folder=folder, refresh=interval) }}"
    variables = {"names": list(names), "folder": str(folder), "interval": "5s"}
    return Templar(loader=DataLoader(), variables=variables).template(trust_as_template(call))


def test_dashboards_come_in_order_with_their_braces_and_the_refresh(tmp_path):
    (tmp_path / "b.yml").write_text("uid: b\ntitle: B\nrefresh: 1m\n")
    (tmp_path / "a.yml").write_text(f"---\nuid: a\npanels:\n  - {PANEL}\n")
    assert read(tmp_path, "b.yml", "a.yml") == [
        {"uid": "b", "title": "B", "refresh": "5s"},
        {"uid": "a", "panels": [PANEL], "refresh": "5s"},
    ]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "No such file"),
        ("a: [", "cannot be read"),
        ("- uid: a\n", "the file has no dashboard"),
        ("", "no dashboard"),
    ],
)
def test_a_file_without_a_dashboard_is_named(tmp_path, content, words):
    path = tmp_path / "gpus.yml"
    if content is not None:
        path.write_text(content)
    with pytest.raises(AnsibleError, match=words) as raised:
        read(tmp_path, "gpus.yml")
    assert str(path) in str(raised.value)

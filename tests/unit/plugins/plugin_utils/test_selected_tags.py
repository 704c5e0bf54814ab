"""Which tags --tags and --skip-tags select."""

from __future__ import annotations

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.selected_tags import ROLES, check, selects


@pytest.mark.parametrize(
    ("run", "skip", "inherited"),
    [
        (["all"], [], ()),
        (["grafana"], [], ()),
        (["all"], ["cadvisor"], ()),
        (["tagged"], [], ()),
        (["site"], [], ("site",)),
        (["common"], ["tls"], ()),
    ],
)
def test_tags_that_select_a_role_pass(run, skip, inherited):
    check(ROLES, run, skip, inherited)


@pytest.mark.parametrize(
    ("run", "skip", "inherited", "given"),
    [
        (["promtheus"], [], (), "--tags promtheus: "),
        (["grafana"], ["grafana"], (), "--tags grafana and --skip-tags grafana: "),
        (["all"], ["all"], (), "--skip-tags all: "),
        (["untagged"], [], (), "--tags untagged: "),
        (["all"], ["site"], ("site",), "--skip-tags site: "),
    ],
)
def test_tags_that_select_no_role_are_refused(run, skip, inherited, given):
    with pytest.raises(
        ValueError, match="the tags select nothing. The tags of the playbook are alertmanager, cadvisor, common, "
    ) as error:
        check(ROLES, run, skip, inherited)
    assert str(error.value).startswith(given)


@pytest.mark.parametrize(
    ("run", "skip", "inherited", "selected"),
    [
        (["all"], [], (), True),
        (["grafana"], [], (), False),
        (["cadvisor", "grafana"], [], (), True),
        (["all"], ["cadvisor"], (), False),
        (["site"], [], ("site",), True),
        (["site"], ["cadvisor"], ("site",), False),
    ],
)
def test_a_role_is_selected_by_its_name_or_by_a_tag_of_all_roles(run, skip, inherited, selected):
    assert selects("cadvisor", run, skip, inherited) is selected


def test_a_playbook_without_tags_is_not_given_tags_to_choose_from():
    with pytest.raises(ValueError, match=r"^--tags grafana: the tags select nothing\. The playbook has no tags\.$"):
        check(["untagged"], {"grafana"}, set(), ())

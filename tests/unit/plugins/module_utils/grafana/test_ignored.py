"""What people may change in a dashboard stays as they left it, wherever it stands."""

from __future__ import annotations

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import ignored
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.errors import GrafanaError


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("time", {"time": {"from": "b"}, "list": [{"n": 1, "c": 1}, {"n": 2}]}),
        ("time.from", {"time": {"from": "b"}, "list": [{"n": 1, "c": 1}, {"n": 2}]}),
        ("list[*].c", {"time": {"from": "a"}, "list": [{"n": 1, "c": 8}, {"n": 2, "c": 9}]}),
        ("list[1].c", {"time": {"from": "a"}, "list": [{"n": 1, "c": 1}, {"n": 2, "c": 9}]}),
        ("list[7].c", {"time": {"from": "a"}, "list": [{"n": 1, "c": 1}, {"n": 2}]}),
        ("nothing.here", {"time": {"from": "a"}, "list": [{"n": 1, "c": 1}, {"n": 2}]}),
    ],
)
def test_paths_that_are_kept(path, kept):
    wanted = {"time": {"from": "a"}, "list": [{"n": 1, "c": 1}, {"n": 2}]}
    present = {"time": {"from": "b"}, "list": [{"n": 1, "c": 8}, {"n": 2, "c": 9}]}
    assert ignored.keep(wanted, present, [path]) == kept
    assert wanted["time"]["from"] == "a"


@pytest.mark.parametrize("path", ["", "a[x]", "[", "a..b[", "$.time", "/time"])
def test_an_invalid_path(path):
    with pytest.raises(GrafanaError, match="ignore_paths: "):
        ignored.keep({}, {}, [path])


def test_a_part_stays_with_its_variable_or_panel():
    present = [{"name": "host", "current": "gpu1"}, {"name": "gpu", "current": "0"}, {"current": "nameless"}]
    wanted = [{"name": "job"}, {"name": "gpu"}, {"current": "x"}, {"name": "host"}]
    kept = ignored.keep(wanted, present, ["[*].current"])
    assert kept == [
        {"name": "job"},
        {"name": "gpu", "current": "0"},
        {"current": "nameless"},
        {"name": "host", "current": "gpu1"},
    ]


def test_a_title_that_people_may_change_is_no_identity():
    present = [{"id": 2, "title": "by hand"}, {"id": 1, "title": "Power"}]
    wanted = [{"id": 1, "title": "Power"}, {"id": 2, "title": "Load"}]
    assert ignored.keep(wanted, present, ["[*].title"])[1] == {"id": 2, "title": "by hand"}
    nameless = ignored.keep([{"title": "Load"}], [{"title": "by hand"}], ["[*].title"])
    assert nameless == [{"title": "by hand"}]

from __future__ import annotations

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import check_models, desired, plan
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.declared import Declared
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.present import Present
from items import a_dashboard


def planned(present, **given):
    wanted = Declared(**given)
    desired.complete(wanted)
    changes = plan.make(wanted, present)
    check_models.refuse_bad_models(changes, wanted, present)
    return changes


@pytest.mark.parametrize(
    "odd",
    [
        {
            "panels": [
                "x",
                {"type": "row", "panels": None},
                {"type": "text", "gridPos": [1], "targets": {"a": 1}, "datasource": "Named"},
            ]
        },
        {"templating": [1], "tags": "gpu", "panels": None},
        {"templating": {"list": [{"name": ["x"]}, "y"]}, "time": None, "annotations": None},
        {
            "panels": [
                {
                    "type": "t",
                    "gridPos": {"x": 0.0, "w": 24.0},
                    "datasource": {"uid": "default"},
                    "targets": [{"expr": "up"}, {"refId": 5}],
                }
            ]
        },
        {
            "panels": [
                {"type": "t", "gridPos": {"x": None}, "datasource": {"uid": "Named"}},
                {"type": "t", "datasource": {"uid": None}},
            ]
        },
    ],
)
def test_odd_but_legal_models_are_taken_as_they_are(odd):
    present = Present(datasources={"p": {"uid": "p", "name": "Named"}})
    item = a_dashboard(panels=None, model={"title": "Odd", **odd}, time_from="now-2h")
    (made,) = planned(present, dashboards=[item], owner="team")
    assert made.action == "created"
    assert "team" in made.body["dashboard"]["tags"]
    present.dashboards["d"] = {
        "dashboard": {**made.body["dashboard"], "id": 7, "version": 1},
        "meta": {"folderUid": ""},
    }
    (again,) = planned(present, dashboards=[item], owner="team")
    assert again.action == "unchanged"


def test_without_a_server_a_folder_of_an_earlier_task_is_no_slip():
    (made,) = planned(Present(answered=False), dashboards=[a_dashboard(folder_uid="made-before", panels=[])])
    assert made.action == "created"

from __future__ import annotations

import copy
import time

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import difference


def lines(before, after, strict=False):
    header, *rest = difference.text("dashboard d", before, after, strict).splitlines()[1:]
    assert header == "+++ after: dashboard d"
    return rest


def panel(number, **values):
    return {"id": number, "title": f"P{number}", "targets": [{"refId": "A", "expr": f"up{number}"}], **values}


def test_a_line_for_each_changed_path_below_the_title_of_its_panel():
    before = {"title": "T", "tags": ["a"], "panels": [panel(1), panel(2)]}
    after = copy.deepcopy(before)
    after["tags"] = ["a", "b"]
    after["panels"][1]["targets"][0]["expr"] = "down"
    assert lines(before, after) == [
        ' panels[1]: "P2"',
        '-panels[1].targets[0].expr: "up2"',
        '+panels[1].targets[0].expr: "down"',
        '-tags: ["a"]',
        '+tags: ["a", "b"]',
    ]


def test_a_panel_more_is_no_change_of_those_behind_it():
    before = {"panels": [panel(1), panel(2)]}
    after = {"panels": [panel(3, targets=[]), panel(1), panel(2)]}
    assert lines(before, after) == ["+panels[0].id: 3", "+panels[0].targets: []", '+panels[0].title: "P3"']
    assert lines(after, before) == ["-panels[0].id: 3", "-panels[0].targets: []", '-panels[0].title: "P3"']


def test_another_title_or_order_of_panels():
    assert lines({"panels": [panel(1)]}, {"panels": [panel(1, title="New")]}) == [
        ' panels[0]: "New"',
        '-panels[0].title: "P1"',
        '+panels[0].title: "New"',
    ]
    assert lines({"panels": [panel(1), panel(2)]}, {"panels": [panel(2), panel(1)]}) == [
        "-panels: in the order [0, 1]",
        "+panels: in the order [1, 0]",
    ]


def test_what_means_the_same_is_shown_only_where_it_is_asked_for():
    before, after = {"title": "A", "weekStart": ""}, {"title": "B", "fiscalYearStartMonth": 0}
    assert lines(before, after) == ['-title: "A"', '+title: "B"']
    assert '-weekStart: ""' in lines(before, after, strict=True)


def test_a_created_object_is_shown_whole():
    assert lines({}, {"jsonData": {"b": 1, "a": True}, "name": "P"}) == [
        "+jsonData.a: true",
        "+jsonData.b: 1",
        '+name: "P"',
    ]


def test_a_dashboard_of_megabytes_takes_a_moment_and_few_lines():
    before = {"panels": [panel(number, description="x" * 500) for number in range(4000)]}
    after = {"panels": [panel(number, description="y" * 500) for number in range(4000)]}
    begin = time.process_time()
    shown = lines(before, after)
    assert time.process_time() - begin < 2
    assert len(shown) == difference.MOST_LINES + 1
    assert shown[-1] == " 11000 more lines are left out."


def test_of_a_long_value_the_part_that_differs():
    before, after = lines({"text": "a" * 5000}, {"text": "a" * 4000 + "b" * 1000})
    assert len(before) < difference.LONGEST_VALUE + 100
    assert "ab" in after and "b" not in before

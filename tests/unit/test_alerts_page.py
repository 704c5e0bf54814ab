"""The page of alerts says what the files of the alerts say."""

from __future__ import annotations

import re

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.prometheus.alert_rules import threshold_of

from tests.tools import alerts_page


def test_the_page_is_made_from_the_files():
    assert alerts_page.PAGE.read_text() == alerts_page.page(), "run `make docs`"


def test_every_alert_has_a_section():
    headings = {line.removeprefix("### ") for line in alerts_page.page().splitlines() if line.startswith("### ")}
    names = [rule["alert"] for subject in alerts_page.SUBJECTS for rule in alerts_page.rules(subject, "alert")]
    assert {path.stem for path in alerts_page.FILES.glob("*.yml")} == {*alerts_page.SUBJECTS}
    assert len(names) == len({*names}) and {*names} <= headings


def test_the_table_has_every_alert_and_the_unit_of_every_threshold():
    rows = [line.strip("| ").split(" | ") for line in alerts_page.table().splitlines()[2:]]
    rules = [rule for subject in alerts_page.SUBJECTS for rule in alerts_page.rules(subject, "alert")]
    assert [row[0].partition("]")[0] for row in rows] == [f"[{rule['alert']}" for rule in rules]
    settable = [row for row, rule in zip(rows, rules) if threshold_of(rule)]
    assert [row for row in settable if not re.fullmatch(r"[0-9.]+ \(.+\)", row[4])] == []
    meaning = "GPU `gpu` (`modelName`) of `host` has `value` degrees"
    assert ["[GpuHot](#gpuhot)", "`warn`", meaning, "5m", "85 (degrees Celsius)"] in settable

"""The page of alerts says what the files of the alerts say."""

from __future__ import annotations

from tests.tools import alerts_page


def test_the_page_is_made_from_the_files():
    assert alerts_page.PAGE.read_text() == alerts_page.page(), "run `make docs`"


def test_every_alert_has_a_section():
    headings = {line.removeprefix("### ") for line in alerts_page.page().splitlines() if line.startswith("### ")}
    names = [rule["alert"] for subject in alerts_page.SUBJECTS for rule in alerts_page.rules(subject, "alert")]
    assert {path.stem for path in alerts_page.FILES.glob("*.yml")} == {*alerts_page.SUBJECTS}
    assert len(names) == len({*names}) and {*names} <= headings

"""The linter of lines names long lines, unless they cannot be broken."""

import pytest

from tests.tools import lint_lines

LONG = "word " * 25
LINK = "https://example.org/" + "x" * 120


def test_a_long_line_is_named_with_its_length():
    assert list(lint_lines.check("page.md", f"short\n{LONG}end\n")) == [
        "page.md:2: the line has 128 columns. Break it at 120 columns."
    ]


@pytest.mark.parametrize("line", [LINK, f"# {LINK}", f"  - {LINK}", f"| {LONG} |"])
def test_a_line_that_cannot_be_broken_is_not_named(line):
    assert not list(lint_lines.check("page.md", line))


def test_only_markdown_has_tables():
    assert list(lint_lines.check("run.sh", f"| {LONG}"))

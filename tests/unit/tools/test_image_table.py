"""The table of default images: what is in it, which tags are newer, and what a rewrite leaves alone."""

from __future__ import annotations

import re

import pytest

from tests.tools import image_table, images_page

TEXT = """---
# A comment about all.
gpu_monitoring_images:
  # A comment about one.
  first:  # A comment beside the name.
    repositories: [quay.io/a/first, docker.io/a/first]
    line: "3.13"
    # version: a comment with a key.
    version: 3.13.5  # A comment beside the version.
    tag: v{version}
  # A comment that ends like a key:
    digest: ""  # A comment beside the digest.
  # A comment about the next one:
  second:
    repositories: [nvcr.io/b/second]
    line: "4.6"
    version: 4.6.0-4.8.3-distroless
    tag: "{version}"
    digest: "sha256:1"
# A comment at the end.
other:
    version: 1
    digest: ""
"""


def image(name):
    return image_table.parse(TEXT)[name]


@pytest.mark.parametrize(
    ("name", "tags", "version"),
    [
        ("first", ["v3.13.4", "v3.13.5"], "3.13.5"),
        ("first", ["v3.13.9", "v3.13.10", "v3.14.0", "v3.130.0"], "3.13.10"),
        ("first", ["v3.13.6-rc.0", "v3.13.6-distroless", "3.13.6", "latest", "main"], "3.13.5"),
        ("first", [], "3.13.5"),
        (
            "second",
            ["4.6.1-4.8.4-distroless", "4.6.2-4.8.5-ubuntu22.04", "4.7.0-4.9.0-distroless"],
            "4.6.1-4.8.4-distroless",
        ),
    ],
)
def test_only_newer_versions_of_the_line_and_the_form_count(name, tags, version):
    assert image(name).newest(tags) == version


def test_another_version_changes_two_lines_of_one_image():
    changed = image_table.with_version(TEXT, "first", "3.13.6", "sha256:2")
    assert changed == TEXT.replace("3.13.5", "3.13.6").replace('digest: ""  #', 'digest: "sha256:2"  #')
    assert image_table.with_version(TEXT, "second", "4.6.0-4.8.3-distroless", "sha256:1") == TEXT
    with pytest.raises(ValueError, match="no image third"):
        image_table.with_version(TEXT, "third", "1", "")


def test_each_image_of_the_table_is_one_that_a_role_reads_and_can_be_rewritten():
    table = image_table.read()
    assert set(images_page.variables()) == set(table)
    text = image_table.FILE.read_text()
    for name, row in table.items():
        assert row.newest([row.tag_of(row.version)]) == row.version
        assert row._is_in_line(row.version), name
        assert re.fullmatch("(sha256:[0-9a-f]{64})?", row.digest), name
        assert image_table.with_version(text, name, row.version, row.digest) == text


def test_the_page_of_images_is_current():
    assert images_page.PAGE.read_text() == images_page.page(), "run `make docs`"

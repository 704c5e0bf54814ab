"""The prose that the linter of prose gets from source files, with its lines."""

from __future__ import annotations

import pytest

from tests.tools import prose

MODULE = '''"""Makes a backup of the data."""

DOCUMENTATION = r"""
description:
  - Makes a backup of O(folder) on the host.
  - >-
    The backup has a manifest
    with all files.
options:
  folder: {type: path}
"""

# Each folder is read once,
# and again at the end.
QUERY = "sum by (host) (up)"  # the time of the host


def fail(name):
    raise ValueError(f"{name}: the folder is not empty. Choose another folder.")


PROGRAM = """
echo the folder is empty
"""
'''

TASKS = """---
# The folder is made by the role.
- name: Make the folder of the role
  ansible.builtin.command: make the folder of the role
- ansible.builtin.fail:
    msg: "{{ folder }} is not a folder of the host."
"""


def test_a_module_has_docstrings_documentation_messages_and_comments():
    assert prose.of_file("plugins/modules/backup.py", MODULE) == [
        (1, "Makes a backup of the data."),
        (5, "Makes a backup of O(folder) on the host."),
        (7, "The backup has a manifest with all files."),
        (13, "Each folder is read once,\nand again at the end."),
        (15, "the time of the host"),
        (19, "`X`: the folder is not empty. Choose another folder."),
    ]


def test_a_test_has_docstrings_and_comments_alone():
    assert [piece.line for piece in prose.of_file("tests/unit/test_backup.py", MODULE)] == [1, 13, 15]


def test_tasks_have_names_messages_and_comments():
    assert prose.of_file("roles/backup/tasks/main.yml", TASKS) == [
        (2, "The folder is made by the role."),
        (3, "Make the folder of the role"),
        (6, "{{ folder }} is not a folder of the host."),
    ]


def test_other_files_have_comments():
    assert prose.of_file("build.sh", "#!/bin/sh\nset -eu\n  # Makes the image of\n  # the host.\n") == [
        (3, "Makes the image of\nthe host.")
    ]


@pytest.mark.parametrize(
    ("text", "markdown"),
    [
        ("The folder O(folder) of M(a.b.c).", "The folder `folder` of `a.b.c`."),
        ("Read V(lookup('file', 'x'\\)) and {{ name }}.", "Read `lookup('file', 'x'\\)` and `X`."),
        ("----\nA title.\n----", "\nA title.\n"),
    ],
)
def test_markup_and_templates_become_code(text, markdown):
    assert prose.as_markdown(text) == markdown

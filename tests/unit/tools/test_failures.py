"""What `.ci/run` prints at its end if a test failed."""

from __future__ import annotations

from tests.tools import failures

# Molecule's border, colours and broken lines as Molecule 26 prints them.
LOG = """\
  \x1b[2m│\x1b[0m tests/test_stack.py::test_the_job_runs FAILED [ 50%]
  \x1b[2m│\x1b[0m __________________ test_the_job_runs[gpu2] ______________
  \x1b[2m│\x1b[0m   ______________
  \x1b[2m│\x1b[0m >       assert job("gpu2").running
  \x1b[2m│\x1b[0m E       AssertionError: the job is exited
  \x1b[2m│\x1b[0m E       assert False
  \x1b[2m│\x1b[0m FAILED tests/test_stack.py::test_the_job_runs[gpu2] - AssertionError
  \x1b[2m│\x1b[0m ============ 1 failed, 53 passed in 452.78s (0:07:32)
make[1]: *** [Makefile:65: molecule] Error 1
"""


def test_failed_tests_are_named_with_what_they_said():
    assert failures.summary(LOG).splitlines() == [
        "FAILED tests/test_stack.py::test_the_job_runs[gpu2] - AssertionError",
        "============ 1 failed, 53 passed in 452.78s (0:07:32)",
        "make[1]: *** [Makefile:65: molecule] Error 1",
        "test_the_job_runs[gpu2]",
        "E       AssertionError: the job is exited",
        "E       assert False",
    ]


def test_a_fixture_that_fails_is_reported():
    log = (
        "_ ERROR at setup of test_the_stack _\nE   FileNotFoundError:"
        " hosts.json\n===== 3 deselected, 3 errors in 0.83s\n"
    )
    assert failures.summary(log).splitlines() == [
        "===== 3 deselected, 3 errors in 0.83s",
        "ERROR at setup of test_the_stack",
        "E   FileNotFoundError: hosts.json",
    ]


def test_a_long_failure_is_cut():
    log = "____ test_long ____\n" + f"E   {'x' * 1000}\n" * 50
    assert [len(line) for line in failures.summary(log).splitlines()] == [
        len("test_long"),
        *[failures.WIDTH] * failures.LINES_OF_A_TEST,
    ]

"""Runs of the playbook verify. The next test, or the end of the file, shows that nothing is left of a fault."""

from __future__ import annotations

import json

import pytest

from tests.stack import ROOT, run_playbook, wait_until


@pytest.fixture(scope="module")
def verify(tmp_path_factory):
    """Runs the playbook; returns the run and the report."""

    def call(**variables):
        report = tmp_path_factory.mktemp("verify") / "verify.json"
        run = run_playbook(
            ROOT / "playbooks" / "verify.yml",
            variables={"verify_report": str(report), "verify_wait": "0s", **variables},
        )
        assert report.exists(), run.output
        return run, json.loads(report.read_text())

    return call


@pytest.fixture
def told(verify):
    """Waits until the playbook fails with this sentence alone; returns the run."""

    def call(start, **variables):
        def this_sentence_alone():
            run, report = verify(**variables)
            seen.append([problem["message"] for problem in report["problems"]])
            return run if len(seen[-1]) == 1 and seen[-1][0].startswith(start) else None

        seen: list[list[str]] = []
        run = wait_until(this_sentence_alone, lambda: f"not this sentence alone: {start} But: {seen[-1]}", seconds=150)
        assert run.code != 0
        assert start in run.error
        return run

    return call


@pytest.fixture(scope="module", autouse=True)
def no_fault_left(verify):
    """After the tests of a file nothing is left of their faults."""
    yield
    run, _report = verify(verify_wait="150s")
    assert run.code == 0, run.output

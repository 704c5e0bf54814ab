"""A start is waited for as long as the log shows progress: steps that are new, since the container's start."""

from __future__ import annotations

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service import health
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.engine import EngineRefusal
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.errors import ServiceError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.options import Health, ServiceSpec

STARTED = "2026-01-31T12:00:00.123456789Z"
PATTERN = "step .*"


class Starting:
    """An engine with one container, and a clock. The program writes lines at given seconds, and becomes healthy."""

    def __init__(self, lines, healthy=1e9, ends=1e9):
        self.lines, self.healthy, self.ends, self.now = lines, healthy, ends, 0.0
        self.reads = 0

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds

    def container(self, name):
        running = self.now < self.ends
        state = {"Running": running, "Restarting": False, "ExitCode": 0 if running else 1, "StartedAt": STARTED}
        return {"Id": "1", "State": state, "RestartCount": 0, "NetworkSettings": {"Networks": {}}}

    def execute(self, identifier, command):
        return (0, "") if self.now >= self.healthy else (1, "starting")

    def logs(self, identifier, lines, since=""):
        self.reads += since == STARTED
        return "\n".join(text for second, text in self.lines if second <= self.now)


@pytest.fixture
def wait(monkeypatch):
    def run(engine, timeout=10, progress=PATTERN):
        monkeypatch.setattr(health, "time", engine)
        service = ServiceSpec(
            "app", health=Health(command=["ready"], timeout=timeout, progress=progress, variable="app_start_timeout")
        )
        return health.wait(engine, service, 0, 0)

    return run


@pytest.fixture(autouse=True)
def polls(monkeypatch):
    monkeypatch.setattr(health, "POLL_SECONDS", 0.25)


def test_progress_is_waited_for_beyond_the_timeout(wait):
    engine = Starting([(second, f"t={second} step {second}") for second in range(0, 300, 9)], healthy=299)
    assert wait(engine)
    assert engine.now == 299


def test_without_an_expression_the_timeout_is_for_all_of_the_start(wait):
    engine = Starting([(second, f"step {second}") for second in range(100)], healthy=50)
    with pytest.raises(
        ServiceError, match="health: app is not healthy after 10 s: ready ends with 1: starting"
    ) as failure:
        wait(engine, progress="")
    assert "progress" not in failure.value.reason
    assert engine.reads == 0


def test_a_start_that_stalls_is_given_up_and_the_last_step_is_reported(wait):
    engine = Starting([(second, f"step {second}") for second in (0, 8, 16)])
    with pytest.raises(ServiceError) as failure:
        wait(engine)
    assert failure.value.reason == (
        "health: app is not healthy after 26 s: ready ends with 1: starting. The log shows no progress for 10 s."
        " The last step was: step 16. If a step needs more time, set app_start_timeout to more."
    )
    assert 26 <= engine.now <= 28


def test_steps_that_come_again_are_no_progress(wait):
    """A migration that begins again and again, as in https://github.com/grafana/grafana/issues/119199."""
    engine = Starting([(second, f"t={second} step {second % 20}") for second in range(0, 1000, 5)])
    with pytest.raises(ServiceError, match="no progress for 10 s. The last step was: step 15."):
        wait(engine)
    assert engine.now < 30


def test_steps_that_come_again_between_two_looks_do_not_hide_the_last_one(wait):
    engine = Starting([(0, "step 1"), (0, "step 2"), (0, "step 1")])
    with pytest.raises(ServiceError, match="The last step was: step 2."):
        wait(engine)


def test_other_lines_are_no_progress(wait):
    with pytest.raises(ServiceError, match="after 10 s: ready ends with 1: starting") as failure:
        wait(Starting([(second, f"request {second}") for second in range(1000)]))
    assert "progress" not in failure.value.reason


def test_a_program_that_ends_fails_at_once(wait):
    engine = Starting([(second, f"step {second}") for second in range(100)], ends=12)
    with pytest.raises(ServiceError, match="after 12 s: it ended with exit code 1") as failure:
        wait(engine)
    assert "progress" not in failure.value.reason


def test_a_log_that_cannot_be_read_has_no_progress(wait, monkeypatch):
    engine = Starting([(second, f"step {second}") for second in range(100)])

    def refuse(identifier, lines, since=""):
        raise EngineRefusal("configured logging driver does not support reading")

    monkeypatch.setattr(engine, "logs", refuse)
    words = (
        "after 10 s: ready ends with 1: starting. The log cannot be read for progress.* set app_start_timeout to more"
    )
    with pytest.raises(ServiceError, match=words):
        wait(engine)


def test_a_log_that_could_not_be_read_for_a_while_has_progress(wait, monkeypatch):
    """As while the engine starts again."""
    engine = Starting([(second, f"step {second}") for second in range(0, 60, 5)], healthy=59)
    read = engine.logs

    def refuse_at_first(identifier, lines, since=""):
        if engine.now < 9:
            raise EngineRefusal("timed out after 60 s")
        return read(identifier, lines, since)

    monkeypatch.setattr(engine, "logs", refuse_at_first)
    assert wait(engine)


def test_the_log_is_read_once_a_second(wait):
    engine = Starting([], healthy=9)
    assert wait(engine)
    assert engine.reads <= 10

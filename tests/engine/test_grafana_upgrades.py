"""An upgrade of Grafana waits for the migration of the database, or is taken back together with the database.

The stand-in's migrations write the lines that the real Grafana writes, and its older version does not start on a newer
database.
"""

from __future__ import annotations

import json
import time

import pytest

from tests.engine import child
from tests.engine.failed import Failed
from tests.engine.fleet import wait_until
from tests.engine.upgrades import COPY_OPERATIONS, NEW, OLD, Grafana, make_images

STEPS = 'The last step was: msg="Migration progress" org_id=1 count=3'
OPERATIONS_OF_A_FAILED_UPGRADE = 14


@pytest.fixture(scope="module")
def versions(api):
    made = make_images(api)
    yield made
    for image in made:
        api.remove_image(image, force=True)


@pytest.fixture(scope="module")
def deployed(api, run, versions, tmp_path_factory):
    made = Grafana(api, run, tmp_path_factory.mktemp("upgrades"))
    yield made
    made.stop()


@pytest.fixture
def grafana(deployed):
    deployed.begin()
    return deployed


def refused(grafana, measured, words, **migration):
    """An upgrade fails with these words, and the old version runs on its data."""
    with pytest.raises(Failed, match=words) as failure:
        grafana.run(**grafana.options(NEW, timeout="5s", **migration))
    assert f"The files and the container {grafana.name} and its data are as they were before." in str(failure.value)
    grafana.runs(OLD)
    measured("old", grafana.watch.longest())
    assert not grafana.run(**grafana.old)["changed"]


@pytest.mark.fault("Grafana: migration that stalls")
def test_a_migration_that_stalls_is_taken_back(grafana, measured):
    refused(
        grafana,
        measured,
        f"no progress for 5 s. {STEPS}.*set grafana_start_timeout",
        steps=3,
        seconds=0.3,
        then="stalls",
    )


@pytest.mark.fault("Grafana: migration that begins again and again")
def test_a_migration_that_repeats_its_steps_is_taken_back(grafana, measured):
    refused(grafana, measured, f"no progress for 5 s. {STEPS}", steps=3, seconds=0.3, then="repeats")


@pytest.mark.fault("Grafana: migration that fails")
def test_a_migration_that_fails_is_taken_back(grafana, measured):
    refused(grafana, measured, "it ended", steps=3, then="fails")


@pytest.mark.fault("Grafana: module killed during a migration")
@pytest.mark.parametrize("wanted", [OLD, NEW])
def test_a_kill_during_a_migration(deployed, measured, wanted):
    """The next run takes the database back, and may then begin the upgrade again."""
    deployed.begin()
    migrating = child.start(deployed.options(NEW, steps=3, seconds=0.3, then="stalls"))
    try:
        wait_until(lambda: "count=3" in deployed.log(), "the migration is under way")
    finally:
        migrating.kill()
        migrating.wait()
    deployed.run(**(deployed.old if wanted == OLD else deployed.options(NEW, steps=2)))
    deployed.runs(wanted)
    measured("old" if wanted == OLD else "new", deployed.watch.longest())
    if wanted == NEW:
        deployed.back_to_old()


def failing(grafana):
    return grafana.options(NEW, steps=1, then="fails")


def test_these_are_all_file_operations(grafana):
    process = child.start(failing(grafana), operations=COPY_OPERATIONS)
    _output, errors = process.communicate()
    assert process.returncode == 1, errors
    assert len(json.loads(errors)) == OPERATIONS_OF_A_FAILED_UPGRADE, errors
    assert {"sendfile", "chown"} <= set(json.loads(errors))


@pytest.mark.long
@pytest.mark.fault("Grafana: module killed at a file operation of an upgrade that fails")
@pytest.mark.parametrize("number", range(1, OPERATIONS_OF_A_FAILED_UPGRADE + 1))
def test_a_kill_while_the_database_is_copied_or_restored(grafana, measured, number):
    process = child.start(failing(grafana), number, COPY_OPERATIONS)
    output = process.communicate()
    assert process.returncode == -9, output
    if number % 2:
        grafana.run(**grafana.old)
    else:
        with pytest.raises(Failed, match="image: none:v9"):
            grafana.run(**{**grafana.old, "image": "none:v9", "pull": "never"})
    grafana.runs(OLD)
    measured("old", grafana.watch.longest())
    assert not grafana.run(**grafana.old)["changed"]


@pytest.mark.fault("Grafana: module killed after the previous version runs again")
def test_a_kill_after_the_previous_version_runs_again(grafana, measured):
    """The previous version is not taken for a new version that became healthy."""
    process = child.start(failing(grafana), OPERATIONS_OF_A_FAILED_UPGRADE - 1, COPY_OPERATIONS)
    output = process.communicate()
    assert process.returncode == -9, output
    grafana.answers(OLD)
    grafana.run(**grafana.old)
    grafana.runs(OLD)
    measured("old", grafana.watch.longest())
    assert not grafana.run(**grafana.old)["changed"]


def test_a_migration_that_lasts_longer_than_the_timeout(grafana):
    began = time.monotonic()
    assert grafana.run(**grafana.options(NEW, timeout="5s", steps=6, seconds=1.5))["changed"]
    assert time.monotonic() - began > 9
    grafana.runs(NEW)
    with pytest.raises(Failed, match=f"data: version {NEW} ran on the volume {grafana.name} last, and {OLD} is older"):
        grafana.run(**grafana.old)
    grafana.runs(NEW)
    grafana.back_to_old()

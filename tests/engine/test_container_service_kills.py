"""SIGKILL of the module: before and after each request to the engine that changes something, and before each file
operation.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.engine import child
from tests.engine.failed import Failed
from tests.engine.image import PREFIX
from tests.engine.proxy import Dropped, EngineProxy
from tests.engine.service import NEW, Service, service_options, with_content

REQUESTS = [
    "create app.validation",
    "start app.validation",
    "wait app.validation",
    "remove app.validation",
    "create app.next",
    "rename app app.previous",
    "rename app.next app",
    "stop app.previous",
    "start app",
    "remove app.previous",
]
FILE_OPERATIONS = 13
# Nothing runs between these: two containers cannot have one port.
GAP = {("after", "stop app.previous"), ("before", "start app")}


@pytest.fixture(scope="module")
def service(api, run, images, tmp_path_factory):
    folder = tmp_path_factory.mktemp("kills")
    made = Service(api, run, service_options(f"{images[0].partition(':')[0]}-app", images[0], folder / "etc"), folder)
    yield made
    made.stop()


def killed(options, kill_at):
    """Run the module in a process of its own until it kills itself at a file operation."""
    process = child.start(options, kill_at)
    output = process.communicate()
    assert process.returncode == -9, output


def killed_at(proxy, options, moment, words):
    """Run it until the request with these words, and kill it before the engine gets that or after the engine did it."""
    process = child.start(options)

    def kill(asked):
        if asked == words:
            process.kill()
            process.wait()
            raise Dropped

    setattr(proxy, moment, kill)
    try:
        output = process.communicate()
    finally:
        setattr(proxy, moment, lambda words: None)
    assert process.returncode == -9, output


def recovers(service, measured, number):
    """The next run starts the service, with old, new or impossible options. The run after it changes nothing."""
    wanted = (service.old, service.wanted(), service.wanted(image="none:v9", pull="never"))[number % 3]
    if wanted["image"] == "none:v9":
        with pytest.raises(Failed, match="image: none:v9"):
            service.run(**wanted)
        wanted = service.old
    else:
        service.run(**wanted)
    measured(service.settled_version(), service.watch.longest())
    service.converges(wanted)


@pytest.fixture
def ready(service):
    service.begin()
    return service


def test_these_are_all_requests_that_change_something(ready):
    process = child.start(ready.wanted())
    _output, errors = process.communicate()
    assert process.returncode == 0, errors
    assert ready.proxy.asked == REQUESTS


def recreated(service):
    return service.wanted(validate=None)


def reloaded(service):
    return with_content(service.old, NEW)


@pytest.mark.parametrize("change", [recreated, reloaded])
def test_these_are_all_file_operations(ready, change):
    process = child.start(change(ready))
    _output, errors = process.communicate()
    assert process.returncode == 0, errors
    assert len(json.loads(errors)) == FILE_OPERATIONS, errors


@pytest.mark.fault("Module killed at a request to the engine")
@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("words", REQUESTS)
def test_a_kill_at_a_request(ready, measured, moment, words):
    killed_at(ready.proxy, ready.wanted(), moment, words)
    up = [container["Names"] for container in ready.api.containers(filters={"name": f"^/{ready.name}(.previous)?$"})]
    assert bool(up) == ((moment, words) not in GAP)
    recovers(ready, measured, REQUESTS.index(words) + len(moment))


@pytest.mark.long
@pytest.mark.fault("Module killed at a file operation of a recreation")
@pytest.mark.parametrize("number", range(1, FILE_OPERATIONS + 1))
def test_a_kill_at_a_file_operation(ready, measured, number):
    killed(recreated(ready), number)
    recovers(ready, measured, number)


@pytest.mark.long
@pytest.mark.fault("Module killed at a file operation of a reload")
@pytest.mark.parametrize("number", range(1, FILE_OPERATIONS + 1))
def test_a_kill_at_a_file_operation_of_a_reload(ready, measured, number):
    killed(reloaded(ready), number)
    recovers(ready, measured, number)


@pytest.mark.parametrize("words", ["create app.next", "start app"])
def test_a_kill_of_a_first_deployment(api, run, images, tmp_path, words):
    name = f"{PREFIX}-first"
    proxy = EngineProxy(tmp_path / "engine.sock", name)
    options = {**service_options(name, images[0], tmp_path / "etc"), "docker_host": proxy.url}
    killed_at(proxy, options, "after", words)
    with pytest.raises(Failed, match="image: none:v9"):
        run(**{**options, "image": "none:v9", "pull": "never"})
    assert api.containers(all=True, filters={"name": name}) == []
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert run(**options)["changed"]
    assert not run(**options)["changed"]
    run(**options, state="absent")
    proxy.stop()


def test_a_removal_after_a_kill(api, run, ready):
    killed_at(ready.proxy, ready.wanted(), "after", "stop app.previous")
    planned = run(check=True, **ready.wanted())["actions"]
    assert (planned[0], planned[-1]) == ("clear up an interrupted change", "recreate container: env.TZ")
    run(**ready.old, state="absent")
    assert api.containers(all=True, filters={"name": ready.name}) == []
    assert list(Path(ready.old["mounts"][0]["source"]).parent.glob(".*")) == []
    assert not run(**ready.old, state="absent")["changed"]
    ready.begin()
    ready.keeps_data()

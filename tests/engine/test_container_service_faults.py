"""A service keeps running, or runs again, with any fault of its replacement, the disk or the engine."""

from __future__ import annotations

import io
import socket
import tarfile
import threading

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service import undo
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.engine import Engine

from tests.engine import child
from tests.engine.failed import Failed
from tests.engine.image import PREFIX
from tests.engine.service import NEW, OLD, Service, service_options, with_content
from tests.engine.watch import free_port

AARCH64 = 183
SOON = {"http": {"port": 8080, "path": "/loaded"}, "timeout": 1}


@pytest.fixture(scope="module")
def deployed(api, run, images, tmp_path_factory):
    folder = tmp_path_factory.mktemp("faults")
    made = Service(api, run, service_options(f"{PREFIX}-app", images[0], folder / "etc"), folder)
    yield made
    made.stop()


@pytest.fixture
def service(deployed):
    deployed.begin()
    yield deployed
    back(deployed.proxy)


@pytest.fixture
def refused(service, run, measured):
    """See that options are refused with these words while the old service runs or comes back, and that the new ones
    work afterwards.
    """

    def see(wanted, words):
        with pytest.raises(Failed, match=words) as failure:
            run(**wanted)
        assert "a-new-secret-word" not in str(failure.value)
        assert service.settled_version() == "old"
        assert service.api.inspect_container(service.name)["Id"] == service.id
        measured("old", service.watch.longest())
        service.assert_no_leftovers()
        assert not run(**service.old)["changed"]
        service.converges(with_content(service.old, NEW))

    return see


@pytest.mark.fault("Image that is missing")
def test_an_image_that_is_missing(service, refused):
    refused(
        service.wanted(image="localhost:1/none:v9"),
        "image: localhost:1/none:v9 cannot be pulled.*gpu_monitoring_registry",
    )
    assert service.watch.longest() < 5


@pytest.fixture
def foreign_image(api, images):
    """The test image with a program for ARM: what a host gets whose registry has only the other architecture."""
    container = api.create_container(images[1])["Id"]
    source, target = io.BytesIO(b"".join(api.export(container))), io.BytesIO()
    api.remove_container(container)
    with tarfile.open(fileobj=source) as old, tarfile.open(fileobj=target, mode="w") as new:
        for entry in old:
            content = old.extractfile(entry).read() if entry.isreg() else b""
            if entry.name == "bin/busybox":
                content = content[:18] + AARCH64.to_bytes(2, "little") + content[20:]
            new.addfile(entry, io.BytesIO(content))
    tag = f"{PREFIX}:arm64"
    api.import_image_from_data(
        target.getvalue(), repository=PREFIX, tag="arm64", changes=['CMD ["serve"]', "ENV PATH=/bin"]
    )
    yield tag
    api.remove_image(tag, force=True)


@pytest.mark.fault("Image for another architecture, with a validator")
def test_an_image_for_another_architecture_is_refused_with_the_files(service, refused, foreign_image):
    refused(service.wanted(image=foreign_image), r"validate: `check` [^\0]*exec format error")


@pytest.mark.fault("Image for another architecture, without a validator")
def test_an_image_for_another_architecture_does_not_start(service, refused, foreign_image):
    refused(service.wanted(image=foreign_image, validate=None), r"health: .* it (ended|was)[^\0]*exec format error")


@pytest.mark.fault("Image that exits at once")
def test_an_image_that_exits_at_once(service, refused):
    refused(service.wanted(command=["true"]), "it ended (with exit code 0|and was restarted)")


@pytest.mark.fault("Service that never becomes healthy")
def test_a_service_that_never_becomes_healthy(service, refused):
    refused(service.wanted("sick\n", health=SOON), "GET /loaded on port 8080 answers 404")


@pytest.mark.fault("Configuration that the validator refuses")
def test_a_configuration_that_the_validator_refuses(service, refused):
    refused(service.wanted("invalid\n"), "validate: `check` refuses")


@pytest.mark.fault("Configuration that passes the validator and with which the service dies")
def test_a_configuration_with_which_the_service_dies(service, refused):
    refused(service.wanted("crash\n"), "it ended (with exit code 3|and was restarted)")


@pytest.mark.fault("Reload with which the service dies")
def test_a_reload_with_which_the_service_dies(service, refused):
    refused(with_content(service.old, "crash\n"), "it ended|does not answer POST /cgi-bin/reload")


@pytest.mark.fault("Reload that the service refuses")
def test_a_reload_that_the_service_refuses(service, refused):
    refused(
        with_content(service.old, "two\n", reload={"http": {"port": 8080, "path": "/nothing"}}),
        "answers POST /nothing on port 8080 with 501",
    )


@pytest.mark.fault("Reload after which the service is not healthy")
def test_a_reload_after_which_the_service_is_not_healthy(service, refused):
    refused(
        with_content(service.old, "two\n", health={"http": {"port": 8080, "path": "/nothing"}, "timeout": 1}),
        "answers 404, not 200",
    )


@pytest.mark.fault("Port taken by a process")
def test_a_port_taken_by_a_process(service, refused):
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        refused_ports = [{"container_port": 8080, "host_port": port}, *service.old["ports"]]
        refused(service.wanted(ports=refused_ports), f"ports: port {port} of 127.0.0.1.* is taken by another process")


@pytest.mark.fault("Port taken by a container")
def test_a_port_taken_by_a_container(api, service, refused, images):
    port = free_port()
    config = api.create_host_config(port_bindings={80: ("127.0.0.1", port)})
    other = api.create_container(
        images[0], command=["sleep", "60"], name=f"other-{PREFIX[-6:]}", ports=[80], host_config=config
    )["Id"]
    api.start(other)
    try:
        refused_ports = [{"container_port": 8080, "host_port": port}, *service.old["ports"]]
        refused(
            service.wanted(ports=refused_ports), f"ports: port {port} of 127.0.0.1.* is taken by the container other-"
        )
    finally:
        api.remove_container(other, force=True)


@pytest.mark.fault("Port taken after it was checked")
def test_a_port_taken_after_it_was_checked(service, refused):
    port, holders = free_port(), []

    def take(words):
        if words == "start app" and not holders:
            holders.append(socket.create_server(("127.0.0.1", port)))

    service.proxy.before = take
    refused_ports = [{"container_port": 8080, "host_port": port}, *service.old["ports"]]
    refused(service.wanted(ports=refused_ports), "could not start the container.*address already in use")
    holders[0].close()


def gone_at(proxy, moment):
    """The engine answers no more from a request on."""

    def cut(words):
        proxy.gone = proxy.gone or words == moment

    proxy.before = cut


def back(proxy):
    """The engine answers again."""
    proxy.before, proxy.gone = (lambda words: None), False


@pytest.mark.fault("Engine gone for two seconds partway")
@pytest.mark.parametrize("moment", ["create app.next", "stop app.previous", "start app"])
def test_an_engine_that_comes_back(service, run, measured, moment, monkeypatch):
    def come_back(engine, seconds):
        threading.Timer(2, back, [service.proxy]).start()
        wait_for_answer(engine, seconds)

    wait_for_answer = Engine.wait_for_answer
    monkeypatch.setattr(Engine, "wait_for_answer", come_back)
    gone_at(service.proxy, moment)
    with pytest.raises(Failed, match="The Docker engine did not .* are as they were before"):
        run(**service.wanted())
    assert service.settled_version() == "old"
    measured("old", service.watch.longest())
    service.assert_no_leftovers()
    service.converges(with_content(service.old, NEW))


@pytest.mark.fault("Engine gone partway until the next run")
@pytest.mark.parametrize("moment", ["create app.validation", "rename app.next app", "start app", "remove app.previous"])
def test_an_engine_that_does_not_come_back(service, run, measured, moment, monkeypatch):
    monkeypatch.setattr(undo, "COME_BACK_SECONDS", 0)
    gone_at(service.proxy, moment)
    with pytest.raises(Failed, match="The Docker engine did not .*[Tt]he next run"):
        run(**service.wanted())
    back(service.proxy)
    with pytest.raises(Failed, match="image: none:v9"):
        run(**service.wanted(image="none:v9", pull="never"))
    measured(service.settled_version(), service.watch.longest())
    service.converges(with_content(service.old, NEW))


@pytest.mark.fault("Two runs at once")
def test_two_runs_at_once(service, run, measured):
    at_work, go_on = threading.Event(), threading.Event()

    def hold(words):
        if words == "create app.next":
            at_work.set()
            go_on.wait(30)

    service.proxy.before = hold
    first = child.start(service.wanted())
    assert at_work.wait(30)
    for other in (service.old, service.wanted(), {**service.old, "state": "absent"}):
        with pytest.raises(
            Failed,
            match=(
                f"name: another run is changing {service.name} on this host right now."
                " Run this again when it has ended."
            ),
        ):
            run(**{**other, "docker_host": "unix:///var/run/docker.sock"})
    assert service.watch.answer() == OLD
    go_on.set()
    assert first.wait() == 0
    assert service.settled_version() == "new"
    measured("new", service.watch.longest())
    assert not run(**service.wanted())["changed"]

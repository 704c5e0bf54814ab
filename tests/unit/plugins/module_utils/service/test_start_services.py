"""The script that systemd runs at boot, as a program of its own against a stand-in of the engine's API."""

from __future__ import annotations

import copy
import fcntl
import http.server
import json
import socketserver
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils import service_containers, service_label
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service import start_services

# `docker inspect` of Docker 26.1.5 and 28.5.2 after a restart of the engine, cut to what the script reads.
ADDRESS = (
    "driver failed programming external connectivity on endpoint prometheus (8302beafc678):"
    " Error starting userland proxy: listen tcp4 10.99.0.1:9090: bind: cannot assign requested address"
)
CDI = "CDI device injection failed: unresolvable CDI devices nvidia.com/gpu=all"


def container(name: str, error: str = "", running: bool = False, **changes: object) -> dict[str, object]:
    return {
        "Id": f"id-{name}",
        "Name": f"/{name}",
        "State": {"Running": running, "Restarting": False, "Error": error},
        "HostConfig": {"RestartPolicy": {"Name": changes.get("policy", "unless-stopped")}},
        "Config": {"Labels": changes.get("labels", {start_services.OWNER_LABEL: name})},
    }


class Engine(http.server.BaseHTTPRequestHandler):
    """A stand-in that knows the containers of its server, and starts those that it may."""

    def do_GET(self):
        if self.path.startswith("/containers/json"):
            known = self.server.containers.values()
            self.answer(200, [{"Id": inspected["Id"], "Labels": inspected["Config"]["Labels"]} for inspected in known])
        else:
            self.answer(200, self.server.containers[self.path.split("/")[2].removeprefix("id-")])

    def do_POST(self):
        name = self.path.split("/")[2].removeprefix("id-")
        self.server.starts.append(name)
        if self.server.starts.count(name) > self.server.refusals.get(name, 0):
            self.server.containers[name]["State"].update(Running=True, Error="")
            self.answer(204)
        else:
            self.answer(500, {"message": self.server.containers[name]["State"]["Error"]})

    def answer(self, status, content=None):
        body = b"" if content is None else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self):
        return "engine"

    def log_message(self, *_arguments):
        pass


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


@pytest.fixture
def engine(tmp_path):
    with Server(str(tmp_path / "docker.sock"), Engine) as server:
        server.containers, server.starts, server.refusals = {}, [], {}
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def run(tmp_path: Path) -> str:
    """Output of the script, run as systemd runs it: a file, a Python, and nothing of Ansible."""
    command = [sys.executable, "-I", start_services.__file__, str(tmp_path / "docker.sock"), str(tmp_path / "locks")]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


def know(engine: Server, *containers: dict) -> None:
    engine.containers.update({inspected["Name"].lstrip("/"): copy.deepcopy(inspected) for inspected in containers})


def test_the_script_knows_the_containers_of_deployments():
    assert start_services.OWNER_LABEL == service_label.LABEL
    assert start_services.OF_DEPLOYMENTS == (
        service_containers.NEXT,
        service_containers.PREVIOUS,
        service_containers.VALIDATOR,
    )


def test_a_container_with_a_prefix_in_its_name(engine, tmp_path):
    know(engine, container("site-grafana", ADDRESS, labels={start_services.OWNER_LABEL: "grafana"}))
    assert run(tmp_path) == f"grafana is started, after: {ADDRESS}\n"


def test_nothing_to_start(engine, tmp_path):
    know(engine, container("prometheus", running=True))
    assert run(tmp_path) == ""
    assert not engine.starts


def test_a_container_whose_start_failed_is_started(engine, tmp_path):
    know(engine, container("dcgm-exporter", CDI), container("grafana", running=True))
    assert run(tmp_path) == f"dcgm-exporter is started, after: {CDI}\n"
    assert engine.starts == ["dcgm-exporter"]


def test_a_start_that_fails_again_is_tried_again(engine, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(start_services, "SHORT_PAUSE", 0)
    know(engine, container("prometheus", ADDRESS), container("dcgm-exporter", CDI))
    engine.refusals["prometheus"] = 2
    assert start_services.main(str(tmp_path / "docker.sock"), str(tmp_path / "locks")) == 0
    assert engine.starts == ["prometheus", "dcgm-exporter", "prometheus", "prometheus"]
    assert capsys.readouterr().out.count(f"prometheus does not start: {ADDRESS}") == 2


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(container("grafana"), id="stopped by a person"),
        pytest.param(container("grafana", ADDRESS, policy="no"), id="without a restart policy"),
        pytest.param(container("training", CDI, labels={}), id="not of the collection"),
        pytest.param(
            container("grafana.previous", ADDRESS, labels={start_services.OWNER_LABEL: "grafana"}),
            id="put aside by a deployment",
        ),
    ],
)
def test_other_containers_stay_as_they_are(engine, tmp_path, other):
    know(engine, other)
    assert run(tmp_path) == ""
    assert not engine.starts


def test_a_service_that_is_being_deployed_is_left_alone(engine, tmp_path):
    know(engine, container("prometheus", ADDRESS))
    (tmp_path / "locks").mkdir(exist_ok=True)
    with open(tmp_path / "locks" / "prometheus.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert start_services.start_failed(str(tmp_path / "docker.sock"), str(tmp_path / "locks")) == ["prometheus"]
    assert not engine.starts
    assert start_services.start_failed(str(tmp_path / "docker.sock"), str(tmp_path / "locks")) == []
    assert engine.starts == ["prometheus"]


def test_an_engine_that_never_answers_ends_the_script(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(start_services, "ENGINE_SECONDS", 0)
    assert start_services.main(str(tmp_path / "no.sock"), str(tmp_path)) == 1
    assert "no.sock" in capsys.readouterr().out

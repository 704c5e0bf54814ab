"""A real Prometheus keeps running, or runs again with its data, when its new configuration is refused or kills it."""

from __future__ import annotations

import copy
import json

import pytest
import requests

from tests.engine.failed import Failed
from tests.engine.fleet import prometheus_image, wait_until
from tests.engine.image import PREFIX
from tests.engine.service import remove_all
from tests.engine.watch import Watch, free_port

CONFIG = {
    "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
    "scrape_configs": [{"job_name": "self", "static_configs": [{"targets": ["127.0.0.1:9090"]}]}],
}
# promtool reads neither the file of the web server nor opens the log, so it accepts both.
UNWRITABLE_LOG = {**CONFIG, "global": {**CONFIG["global"], "query_log_file": "/nonexistent/queries.log"}}
MISSING_CERTIFICATE = {"tls_server_config": {"cert_file": "missing.crt", "key_file": "missing.key"}}


class Prometheus:
    """A Prometheus that measures itself, and a client that watches it."""

    def __init__(self, run, folder):
        self.port = free_port()
        self.options = {
            "name": f"{PREFIX}-prometheus",
            "image": prometheus_image(),
            "user": "65534:65534",
            "command": [
                "--config.file=/etc/prometheus/prometheus.yml",
                "--web.config.file=/etc/prometheus/web.yml",
                "--storage.tsdb.path=/prometheus",
                "--web.enable-lifecycle",
            ],  # fmt: skip
            "files": [
                {"path": str(folder / "prometheus.yml"), "content": json.dumps(CONFIG), "on_change": "reload"},
                {"path": str(folder / "web.yml"), "content": "{}", "on_change": "recreate"},
            ],
            "mounts": [
                {"source": str(folder), "target": "/etc/prometheus", "read_only": True},
                {"type": "volume", "source": f"{PREFIX}-prometheus", "target": "/prometheus"},
            ],
            "networks": [PREFIX],
            "ports": [{"container_port": 9090, "host_port": self.port}],
            "validate": {"command": ["promtool", "check", "config", "/etc/prometheus/prometheus.yml"]},
            "reload": {"http": {"port": 9090, "path": "/-/reload"}},
            "health": {"http": {"port": 9090, "path": "/-/ready"}, "timeout": 30},
        }
        run(**self.options)
        self.watch = Watch(self.port, "/-/ready")

    def samples(self):
        """How often it has measured itself since the beginning."""
        answer = requests.get(
            f"http://127.0.0.1:{self.port}/api/v1/query", params={"query": "count_over_time(up[1h])"}, timeout=5
        ).json()
        return int(answer["data"]["result"][0]["value"][1]) if answer["data"]["result"] else 0

    def changed(self, file, content, **changes):
        """The options with another content of a file."""
        new = copy.deepcopy({**self.options, **changes})
        new["files"][file]["content"] = json.dumps(content)
        return new


@pytest.fixture(scope="module")
def prometheus(api, run, tmp_path_factory):
    made = Prometheus(run, tmp_path_factory.mktemp("prometheus") / "etc")
    yield made
    made.watch.stop()
    remove_all(api)


@pytest.fixture
def refused(api, run, prometheus, measured):
    """See that options are refused with these words, and that Prometheus is ready then with its old configuration and
    its data.
    """

    def see(wanted, words):
        name = prometheus.options["name"]
        before, samples_before = (
            api.inspect_container(name)["Id"],
            wait_until(prometheus.samples, "Prometheus has samples"),
        )
        prometheus.watch.begin()
        with pytest.raises(Failed, match=words):
            run(**wanted)
        measured("old", prometheus.watch.longest())
        assert api.inspect_container(name)["Id"] == before
        assert prometheus.samples() >= samples_before
        assert not run(**prometheus.options)["changed"]
        wait_until(lambda: prometheus.samples() > samples_before, "Prometheus continues to measure")

    return see


@pytest.mark.fault("Prometheus: configuration that promtool refuses")
def test_a_configuration_that_promtool_refuses(prometheus, refused):
    refused(
        prometheus.changed(0, {"scrape_configs": [{"job": "self"}]}),
        r"validate: `promtool check config [^\0]*field job not found",
    )


@pytest.mark.fault("Prometheus: reload that promtool would not refuse")
def test_a_reload_that_only_prometheus_refuses(prometheus, refused):
    refused(prometheus.changed(0, UNWRITABLE_LOG), r"reload: .* answers POST /-/reload on port 9090 with 500")


@pytest.mark.fault("Prometheus: dies of what promtool accepts")
def test_a_file_of_which_prometheus_dies(prometheus, refused):
    refused(prometheus.changed(1, MISSING_CERTIFICATE), r"health: .* it (ended|was)[^\0]*missing.crt: no such file")


@pytest.mark.fault("Prometheus: folder of its data that it cannot write")
def test_data_that_it_cannot_write(prometheus, refused, tmp_path):
    mounts = [prometheus.options["mounts"][0], {"type": "bind", "source": str(tmp_path), "target": "/prometheus"}]
    refused({**prometheus.options, "mounts": mounts}, r"health: .* it (ended|was)[^\0]*permission denied")

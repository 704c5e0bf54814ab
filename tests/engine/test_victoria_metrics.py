"""The role's VictoriaMetrics with a real one on this machine's engine, and real Prometheus of two monitoring hosts."""

from __future__ import annotations

import re
import socket

import pytest
import requests
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils import fleet_secrets

from tests.engine.fleet import prometheus_image, wait_until
from tests.engine.image import PREFIX
from tests.engine.watch import free_port
from tests.lab import images
from tests.unit.plugins.plugin_utils.inventory import host_variables
from tests.unit.roles.rendering import fleet, service

NAME = f"{PREFIX}-store"
# What the container is called on the network of hosts, and in the files of the roles.
CONTAINER = "victoria-metrics"
PASSWORD = "word-of-the-test"
# What changes the stored data, or how it is stored.
PROTECTED = (
    *("/api/v1/admin/tsdb/delete_series", "/prometheus/api/v1/admin/tsdb/delete_series", "/tags/delSeries"),
    *("/snapshot/create", "/snapshot/list", "/snapshot/delete_all", "/internal/force_merge", "/internal/force_flush"),
    *("/internal/resetRollupResultCache", "/api/v1/admin/status/metric_names_stats/reset"),
)


def own_address():
    """The address by which this machine reaches others; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))
        return probe.getsockname()[0]


class Site:
    """Two monitoring hosts, of which the first has VictoriaMetrics, with certificates of one authority."""

    def __init__(self, run, folder):
        self._run, self._folder = run, folder
        self.address, self.port = own_address(), free_port()
        self._monitoring = {
            "monitor1": {"ansible_host": self.address, "victoria_metrics_enabled": True},
            "monitor2": {"ansible_host": "198.51.100.2"},
        }
        self._variables = {
            "gpu_monitoring_scrape_interval": "1s",
            "gpu_monitoring_nofile": 1024,
            "gpu_monitoring_config_dir": str(folder / "etc"),
            "tls_secrets_dir": str(folder / "secrets"),
            "tls_alternative_names": [NAME],
            "alertmanager_enabled": False,
            "victoria_metrics_port": self.port,
            "victoria_metrics_min_free_disk": "100MB",
            "victoria_metrics_image": images.build("victoria_metrics", images.bases()),
            "prometheus_image": prometheus_image(),
        }
        known = host_variables(folder, {}, self._monitoring, self._variables)
        known.use_defaults("common", "tls", "victoria_metrics")
        addresses = {host: variables["ansible_host"] for host, variables in self._monitoring.items()}
        inputs = {
            host: fleet_secrets.inputs_of(known, fleet_secrets.Fleet(True, addresses), host) for host in addresses
        }
        secrets = fleet_secrets.SecretMaker(lambda _file: PASSWORD, False).make(inputs)
        self._facts = {"tls_secrets": {"hosts": secrets}}
        self.authority = folder / "ca.crt"
        self.authority.write_text(secrets["monitor1"]["ca_certificate"])

    def _options(self, role, name, host, **variables):
        inventory = fleet({}, self._monitoring, {**self._variables, **variables})
        return service(role, name, inventory, host, self._folder, self._facts)

    def deploy_store(self, **variables):
        """VictoriaMetrics of the first host."""
        options = self._options("victoria_metrics", CONTAINER, "monitor1", **variables)
        options.update(name=NAME, container_name=NAME, networks=[PREFIX])
        options["mounts"] = [
            {**mount, "source": f"{NAME}-data"} if mount["type"] == "volume" else mount for mount in options["mounts"]
        ]
        options["data"] = {**options["data"], "volume": f"{NAME}-data"}
        return self._run(**options)

    def deploy_prometheus(self, host):
        """Prometheus of a host, which takes the way of that host to VictoriaMetrics."""
        own = {"gpu_monitoring_config_dir": str(self._folder / host), "prometheus_port": free_port()}
        name = f"{PREFIX}-{host}"
        options = self._options("prometheus", "prometheus", host, **own, prometheus_address="127.0.0.1")
        options.update(name=name, container_name=name, networks=[PREFIX])
        options["mounts"] = [
            {**mount, "source": f"{name}-data"} if mount["type"] == "volume" else mount for mount in options["mounts"]
        ]
        options["data"] = {**options["data"], "volume": f"{name}-data"}
        for file in options["files"]:
            file["content"] = file["content"].replace(f"{CONTAINER}:8428", f"{NAME}:8428")
        return self._run(**options)

    def ask(self, path, password=PASSWORD, **parameters):
        """An answer of VictoriaMetrics at the address of its host."""
        return requests.get(
            f"https://{self.address}:{self.port}{path}",
            params=parameters,
            auth=("prometheus", password) if password else None,
            verify=str(self.authority),
            timeout=10,
        )

    def post(self, path, data, auth=None):
        """An answer of VictoriaMetrics to a body."""
        url = f"https://{self.address}:{self.port}{path}"
        return requests.post(url, data=data, auth=auth, verify=str(self.authority), timeout=10)

    def query(self, expression):
        """Labels and value of each series of an instant query."""
        answer = self.ask("/api/v1/query", query=expression)
        answer.raise_for_status()
        return [(sample["metric"], float(sample["value"][1])) for sample in answer.json()["data"]["result"]]


@pytest.fixture
def site(run, name, api, tmp_path):
    yield Site(run, tmp_path)
    for container in api.containers(all=True, filters={"name": PREFIX}):
        api.remove_container(container["Id"], force=True)
    for volume in api.volumes(filters={"name": PREFIX})["Volumes"] or []:
        api.remove_volume(volume["Name"])


def test_it_writes_as_an_ordinary_user_and_asks_for_the_password(site, api):
    first = site.deploy_store()
    assert first["changed"]
    assert not site.deploy_store()["changed"]
    assert (site.ask("/api/v1/query", password="", query="1").status_code, site.ask("/metrics", "x").status_code) == (
        401,
        401,
    )
    assert site.query("1 + 1")[0][1] == 2
    running = api.inspect_container(NAME)
    assert (running["Config"]["User"], PASSWORD in str(running)) == ("65534:65534", False)
    assert "vm_storage_is_read_only" in site.ask("/metrics").text


def test_what_changes_its_data_asks_for_the_password_as_a_key(site):
    site.deploy_store()
    # The login is what Grafana adds for a Viewer.
    for path in PROTECTED:
        assert site.ask(path).status_code == 401, path
        assert site.ask(path, authKey="x").status_code == 401, path
    # The login of the request does not matter then.
    answer = site.post("/snapshot/create", {"authKey": PASSWORD}).json()
    assert answer["status"] == "ok"
    assert site.ask("/snapshot/list", authKey=PASSWORD).json()["snapshots"] == [answer["snapshot"]]
    for path in PROTECTED:
        assert site.ask(path, authKey=PASSWORD, **{"match[]": "nothing"}).status_code in (200, 204), path


def test_samples_survive_another_container(site):
    first = site.deploy_store()
    site.post("/api/v1/import/prometheus", "site_sample 7\n", auth=("prometheus", PASSWORD)).raise_for_status()
    second = site.deploy_store(victoria_metrics_retention="2y")
    assert second["container"]["id"] != first["container"]["id"]
    wait_until(lambda: site.query("last_over_time(site_sample[5m])"), "the sample is there", 60)


@pytest.mark.long
def test_the_samples_of_two_prometheus_are_one_series(site):
    site.deploy_store()
    for host in ("monitor1", "monitor2"):
        site.deploy_prometheus(host)
    both = 'count(up{job="prometheus"}) == 2'
    wait_until(lambda: site.query(both), "both Prometheus write", 120)
    # Each Prometheus asks for the state of VictoriaMetrics, under the same labels.
    samples = 'count_over_time(up{job="victoria-metrics"}[20s])'
    ((labels, count),) = wait_until(lambda: site.query(f"{samples} >= 18"), "samples of 20 s", 60)
    assert labels == {"job": "victoria-metrics", "host": "monitor1", "instance": f"{site.address}:{site.port}"}
    assert count <= 20
    assert re.search(r'^vm_deduplicated_samples_total{type="\w+"} [1-9]', site.ask("/metrics").text, re.MULTILINE)
    assert not site.query('{prometheus_replica!=""}')
    assert site.query('last_over_time(ALERTS{alertname="Watchdog"}[1m])')

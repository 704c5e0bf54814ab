"""Where the role verify writes its report."""

from __future__ import annotations

import pytest

from tests.unit.plugins.plugin_utils.inventory import host_variables

GPU_HOSTS, MONITOR = {"gpu1": {}}, {"ansible_host": "10.0.1.1"}


def report(folder, host, monitoring, variables):
    known = host_variables(folder, GPU_HOSTS, monitoring, variables)
    known.use_defaults("verify")
    known.use_variables("verify")
    return known.get(host, "__verify_report")


@pytest.mark.parametrize(
    ("given", "single", "several"),
    [
        (None, "/secrets/monitor1/verify.json", "/secrets/monitor1/verify.json"),
        ("/srv/reports/verify.json", "/srv/reports/verify.json", "/srv/reports/verify-monitor1.json"),
        ("/srv/a.b/verify", "/srv/a.b/verify", "/srv/a.b/verify-monitor1"),
        ("/srv/{{ inventory_hostname }}.json", "/srv/monitor1.json", "/srv/monitor1.json"),
        ("/srv/monitor10/report.json", "/srv/monitor10/report.json", "/srv/monitor10/report-monitor1.json"),
    ],
)
def test_each_monitoring_host_has_a_report_of_its_own(tmp_path, given, single, several):
    variables = {"tls_secrets_dir": "/secrets", **({} if given is None else {"verify_report": given})}
    for others, path in (({}, single), ({"monitor2": MONITOR}, several)):
        assert report(tmp_path, "monitor1", {"monitor1": MONITOR, **others}, variables) == path


def test_the_name_of_a_monitoring_host_is_written_as_a_file_name(tmp_path):
    monitoring = dict.fromkeys(("rack/monitor 1", "monitor2"), MONITOR)
    for variables, path in (
        ({"tls_secrets_dir": "/secrets"}, "/secrets/rack%2Fmonitor%201/verify.json"),
        ({"verify_report": "/srv/verify.json"}, "/srv/verify-rack%2Fmonitor%201.json"),
    ):
        assert report(tmp_path, "rack/monitor 1", monitoring, variables) == path

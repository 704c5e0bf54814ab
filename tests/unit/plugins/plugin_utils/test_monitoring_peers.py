"""What must be equal on several monitoring hosts, and what only one may have, evaluated from an inventory."""

from __future__ import annotations

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.specifications import check

from tests.unit.plugins.plugin_utils.inventory import host_variables

WORD = "a-word-of-the-test"
OFF = {"alertmanager_enabled": False}
STORE = {"victoria_metrics_enabled": True}
LABELS = {"prometheus_external_labels": {"site": "b"}}
REPLICA = {"prometheus_external_labels": {"prometheus_replica": "b"}}
SHARDS = {"gpu_monitoring_topology": "shards"}


def checked(tmp_path, role, first, second, variables):
    monitoring = {"monitor1": {"ansible_host": "10.0.0.7", **first}, "monitor2": {"ansible_host": "10.0.0.8", **second}}
    check(host_variables(tmp_path, {}, monitoring, variables), [role], [*monitoring])


@pytest.mark.parametrize(
    ("role", "first", "second", "variables", "variable"),
    [
        ("tls", {}, {"tls_prometheus_password": WORD, **OFF}, {}, "tls_prometheus_password"),
        ("tls", STORE, {"tls_prometheus_password_file": "/x"}, OFF, "tls_prometheus_password_file"),
        ("tls", {}, {"tls_ca_dir": "/x"}, OFF, "tls_ca_dir"),
        ("prometheus", {}, {**LABELS, **OFF}, {}, "prometheus_external_labels"),
        ("prometheus", {}, {**LABELS, **STORE}, OFF, "prometheus_external_labels"),
    ],
)
def test_a_difference_is_refused(tmp_path, role, first, second, variables, variable):
    with pytest.raises(ValueError) as error:
        checked(tmp_path, role, first, second, variables)
    message = str(error.value)
    assert message.startswith(f"{variable} on monitor2: it is not the same as on monitor1, and ")
    assert message.endswith(" Set it for the group monitoring.") and WORD not in message


@pytest.mark.parametrize(
    ("role", "first", "second", "variables"),
    [
        ("tls", {}, {}, {"tls_prometheus_password": WORD, "tls_ca_dir": "/x"}),
        # No service of one host is that of the other.
        ("tls", {}, {"tls_prometheus_password": WORD}, OFF),
        ("tls", STORE, {"tls_prometheus_password": WORD, "tls_ca_dir": "/x"}, {"gpu_monitoring_tls": False}),
        ("prometheus", {}, LABELS, OFF),
        ("prometheus", STORE, LABELS, SHARDS),
        ("prometheus", STORE, REPLICA, {}),
        (
            "prometheus",
            {"prometheus_external_labels": {"rack": 1}},
            {"prometheus_external_labels": {"rack": "1"}},
            STORE,
        ),
    ],
)
def test_what_breaks_nothing_may_differ(tmp_path, role, first, second, variables):
    checked(tmp_path, role, first, second, variables)


CMDB = {"job": "node", "http_sd_configs": [{"url": "https://cmdb.example.com/node"}]}
STATIC = {"job": "node", "static_configs": [{"targets": ["192.0.2.99:9100"]}]}
# Each host has a file of its own.
FILE = {"job": "node", "file_sd_configs": [{"files": ["targets/site.json"]}]}


@pytest.mark.parametrize("entry", [CMDB, STATIC, {**CMDB, "file_sd_configs": []}])
def test_targets_of_two_shards_are_refused(tmp_path, entry):
    extra = {"prometheus_targets_extra": [FILE, entry]}
    with pytest.raises(ValueError) as error:
        checked(tmp_path, "prometheus", STORE, {}, {**SHARDS, **extra})
    assert str(error.value) == (
        "prometheus_targets_extra on monitor2: [1] has targets of monitor1 too, and both shards would scrape these"
        " targets. Set it in host_vars of one monitoring host, or give each host a URL of its own."
    )


@pytest.mark.parametrize(
    ("first", "second", "variables"),
    [
        ([CMDB], [STATIC], SHARDS),
        ([FILE], [FILE], SHARDS),
        ([CMDB], [{**CMDB, "job": "cadvisor"}], SHARDS),
        ([CMDB], [CMDB], {}),
    ],
)
def test_targets_of_one_shard_or_of_replicas_pass(tmp_path, first, second, variables):
    checked(
        tmp_path,
        "prometheus",
        {**STORE, "prometheus_targets_extra": first},
        {"prometheus_targets_extra": second},
        variables,
    )


@pytest.mark.parametrize(
    ("variable", "wrong", "right", "variables"),
    [
        ("prometheus_targets_extra", CMDB, [CMDB], SHARDS),
        ("prometheus_targets_extra", "text", [CMDB], SHARDS),
        ("prometheus_targets_extra", "{{ missing }}", [CMDB], SHARDS),
        ("prometheus_external_labels", "text", {"site": "b"}, {}),
    ],
)
def test_a_wrong_value_of_the_first_host_is_an_error_of_that_host(tmp_path, variable, wrong, right, variables):
    with pytest.raises(ValueError) as error:
        checked(tmp_path, "prometheus", {**STORE, variable: wrong}, {variable: right}, variables)
    assert str(error.value).startswith(f"{variable} on monitor1: ")

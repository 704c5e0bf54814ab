"""What several monitoring hosts must have the same of, evaluated from an inventory."""

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

"""promtool on the alerts: each fires on its fault and on nothing else, and daily life raises none.

The rules are those that the role renders. For GPUs each fault is tried with the names and units of exporter 4.8 and of
4.9.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.rules import alert_faults, alert_life
from tests.rules.alert_faults import BEGIN, MINUTE, OF_GPUS, OF_OTHERS, OF_TARGETS, XIDS, Fault
from tests.rules.alert_series import BASE_UNITS, STALE, Series, allocated, container_labels, gpu_labels, healthy, series
from tests.rules.promtool_cases import case, expectation, seconds

ALERTS = Path(__file__).resolve().parents[2] / "roles" / "prometheus" / "files" / "alerts"
FIRING = 'group by (alertname) (ALERTS{alertstate="firing",alertname!="Watchdog"})'
# Tested by a test of their own.
ELSEWHERE = {"Watchdog", "HostFilesystemReadOnly"}


def rules() -> list[dict[str, Any]]:
    """The alerts of all files."""
    return [
        rule
        for path in sorted(ALERTS.glob("*.yml"))
        for group in yaml.safe_load(path.read_text())["groups"]
        for rule in group["rules"]
        if "alert" in rule
    ]


def of_fault(fault: Fault, convert: Callable[[Series], Series]) -> dict[str, Any]:
    """A test that the alerts of a fault fire, and before it none."""
    converted = [convert(entry) for entry in fault.applied(healthy(fault.samples()))]
    end = BEGIN + fault.minutes * MINUTE
    names = [f'alertname="{alert}"' for alert in fault.raises]
    return case(fault.name, converted, expectation(FIRING, BEGIN - 1), expectation(FIRING, end, *names))


def has_unit(fault: Fault) -> bool:
    """Whether a value that the exporter 4.9 has in another unit belongs to the fault or to the alerts of it."""
    texts = [*fault.changes, *(rule["expr"] for rule in rules() if rule["alert"] in fault.raises)]
    return any(name in text for name in BASE_UNITS for text in texts)


def test_a_fault_of_a_gpu_raises_its_alert_alone(test_rules):
    test_rules([of_fault(fault, lambda entry: entry) for fault in OF_GPUS])


def test_a_fault_of_a_gpu_raises_its_alert_alone_in_base_units(test_rules):
    faults = [fault for fault in OF_GPUS if has_unit(fault)]
    assert len(faults) > len(BASE_UNITS) / 2
    test_rules([of_fault(fault, Series.in_base_units) for fault in faults])


def test_a_series_that_begins_with_an_xid_raises_the_alert_of_its_code_alone(test_rules):
    samples = BEGIN + 4
    begun = [
        series(f'DCGM_EXP_XID_ERRORS_COUNT{{xid="{xid}"}}', gpu_labels(0), (None, 0, BEGIN), (1, 0, 4)) for xid in XIDS
    ]
    firing = 'group by (alertname, xid) (ALERTS{alertstate="firing",alertname!="Watchdog"})'
    raised = [f'alertname="{alert}",xid="{xid}"' for xid, alert in XIDS.items()]
    test_rules(
        [
            case(
                "XIDs",
                [*healthy(samples), *begun],
                expectation(firing, BEGIN - 1),
                expectation(firing, BEGIN + 1, *raised),
            )
        ]
    )


def test_a_fault_of_a_target_raises_its_alert_alone(test_rules):
    test_rules([of_fault(fault, lambda entry: entry) for fault in OF_TARGETS])


def test_another_fault_raises_its_alert_alone(test_rules):
    test_rules([of_fault(fault, lambda entry: entry) for fault in OF_OTHERS])


def test_every_alert_has_a_test():
    tested = {alert for fault in (*OF_GPUS, *OF_TARGETS, *OF_OTHERS) for alert in fault.raises}
    assert {rule["alert"] for rule in rules()} == tested | {*XIDS.values()} | ELSEWHERE


def test_the_watchdog_always_fires(test_rules):
    test_rules(
        [
            case(
                "nothing",
                healthy(4),
                expectation("group by (alertname, severity) (ALERTS)", 1, 'alertname="Watchdog",severity="info"'),
            )
        ]
    )


def of_life(life: alert_life.Life) -> dict[str, Any]:
    """A test that no alert but those of a life ever fired. promtool prints the expression of a test that fails, so the
    name is in it.
    """
    others = "|".join(("Watchdog", *life.info))
    never = (
        f'group by (alertname) (count_over_time(ALERTS{{alertstate="firing",alertname!~"{others}"}}[1d])) # {life.name}'
    )
    of_info = (
        'group by (alertname) (count_over_time(ALERTS{alertstate="firing",severity="info",alertname!="Watchdog"}[1d]))'
    )
    end, seen = life.samples - 1, [f'alertname="{name}"' for name in life.info]
    return case(life.name, life.series, expectation(never, end), expectation(of_info, end, *seen))


def test_daily_life_raises_at_most_info(test_rules):
    test_rules([of_life(life) for life in alert_life.ALL])


def test_errors_of_long_ago_raise_nothing_after_the_monitoring_host_was_away(test_rules):
    """promtool evaluates rules all the time, so the test looks at the time after the return alone."""
    back = 90 * MINUTE
    end = back + 20 * MINUTE
    raised = 'group by (alertname) (count_over_time(ALERTS{alertstate="firing",alertname!="Watchdog"}[19m]))'
    test_rules([case("away", alert_life.away(end + 1, back), expectation(raised, end))])


def test_a_file_system_that_becomes_read_only_is_reported_for_a_day(test_rules):
    labels = {"job": "node", "host": "gpu1", "mountpoint": "/", "fstype": "ext4"}
    filesystems = [
        Series("up", {"job": "node", "host": "gpu1"}, ((1, 0, 1500),)),
        Series("node_filesystem_readonly", labels, ((0, 0, 750), (1, 0, 750))),
        Series("node_filesystem_readonly", {**labels, "mountpoint": "/mnt/sets"}, ((1, 0, 1500),)),
    ]
    raised = 'group by (alertname, mountpoint) (ALERTS{alertstate="firing",alertname="HostFilesystemReadOnly"})'
    times = {1490: False, 1510: True, 2930: True, 2950: False}
    expected = [
        {
            **expectation(raised, 0, *(['alertname="HostFilesystemReadOnly",mountpoint="/"'] if fires else [])),
            "eval_time": f"{minute}m",
        }
        for minute, fires in times.items()
    ]
    test_rules([case("read-only", filesystems, *expected, interval="2m")], evaluation="5m", only="alerts-machines.yml")


def test_a_site_sets_thresholds_durations_severities_and_leaves_alerts_out(test_rules):
    variables = {
        "prometheus_alert_settings": {"GpuHot": {"threshold": 60, "for": "1m", "severity": "page"}},
        "prometheus_alerts_disabled": ["GpuMemoryHot"],
        "prometheus_alert_reboot_grace": "3m",
    }
    hot = Fault("hot memory", (), {"DCGM_FI_DEV_MEMORY_TEMP": ((120, 0, 600),)}, {"gpu": "0"}, 10)
    firing = 'group by (alertname, severity) (ALERTS{alertstate="firing",alertname!="Watchdog"})'
    raised = 'alertname="GpuHot",severity="page"'
    hot_series = hot.applied(healthy(hot.samples()))
    down = next(fault for fault in OF_TARGETS if fault.raises == ("HostDown",))
    of_down = [entry for entry in down.applied(healthy(down.samples())) if "GPU_TEMP" not in entry.name]
    tests = [
        case(
            "hot",
            hot_series,
            expectation(firing, 1),
            expectation(firing, 2, raised),
            expectation(firing, BEGIN + 18, raised),
        ),
        case(
            "down",
            of_down,
            expectation(firing, BEGIN + 5),
            expectation(firing, BEGIN + 6, 'alertname="HostDown",severity="page"'),
        ),
    ]
    test_rules(tests, variables=variables)


def test_no_code_of_an_xid_is_in_two_alerts():
    # A rule names its codes once for each series that it reads, always the same.
    codes = {
        rule["alert"]: {*re.findall(r'xid=~?"([\d|]+)"', rule["expr"])}
        for rule in rules()
        if rule["alert"].startswith("GpuXid")
    }
    other = next(rule for rule in rules() if rule["alert"] == "GpuXidOther")
    listed = [code for texts in codes.values() for text in texts for code in text.split("|")]
    assert len(listed) == len({*listed}) > 30
    assert all(len(texts) == 1 for name, texts in codes.items() if name != "GpuXidOther")
    assert {code for text in re.findall(r'xid!~"([\d|]+)"', other["expr"]) for code in text.split("|")} == {*listed}


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_every_alert_says_how_bad_it_is_where_it_is_and_what_to_do(rule):
    assert rule["labels"].keys() == {"severity"} and rule["labels"]["severity"] in ("page", "warn", "info")
    assert rule["annotations"].keys() == {"summary", "description"}
    wanted = {"Watchdog": (), "SharedDiskFillsSoon": ("device",), "SharedDiskFull": ("device",)}.get(
        rule["alert"], ("host",)
    )
    if rule["alert"].startswith("Gpu") and rule["alert"] not in (
        "GpuExporterDown",
        "GpuCountLow",
        "GpuTelemetryFrozen",
    ):
        wanted = ("host", "gpu", "modelName")
    assert {*re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"])} >= {*wanted}
    assert len(rule["annotations"]["description"]) > 40


def test_a_summary_names_host_gpu_and_model(test_rules):
    """With the labels that a site gave to the host, which routes of Alertmanager choose by."""
    fault = next(fault for fault in OF_GPUS if fault.raises == ("GpuRowRemapFailed",))
    rule = next(rule for rule in rules() if rule["alert"] == "GpuRowRemapFailed")
    summary = "GPU 0 (NVIDIA H100) of gpu1 could not replace a faulty row of its memory"
    expected = {
        "exp_labels": {**gpu_labels(0), "severity": "page"},
        "exp_annotations": {"summary": summary, "description": rule["annotations"]["description"]},
    }
    told = {"eval_time": seconds(BEGIN + 1), "alertname": "GpuRowRemapFailed", "exp_alerts": [expected]}
    test_rules([{**case("told", fault.applied(healthy(fault.samples()))), "alert_rule_test": [told]}])


@pytest.mark.parametrize("has_cluster", [False, True])
def test_one_of_two_alertmanagers_counts_if_they_form_no_cluster(test_rules, has_cluster):
    labels = {"job": "prometheus", "host": "monitor1", "instance": "127.0.0.1:9090"}
    found = [
        series("prometheus_notifications_alertmanagers_discovered", labels, (2, 0, 300)),
        series("prometheus_notifications_errors_total", {**labels, "alertmanager": "central"}, (0, 1, 300)),
        series("prometheus_notifications_errors_total", {**labels, "alertmanager": "own"}, (0, 0, 300)),
    ]
    if has_cluster:
        found += [series("host:alertmanager:expected", {"host": f"monitor{n}"}, (1, 0, 300)) for n in (1, 2)]
    firing = 'group by (host) (ALERTS{alertstate="firing",alertname="PrometheusNotSending"})'
    test_rules([case("sent", found, expectation(firing, 300, *([] if has_cluster else ['host="monitor1"'])))])


def test_failed_notifications_raise_one_alert_for_each_receiver(test_rules):
    """Alertmanager counts each reason alone, and names the receiver if the role deployed it."""
    labels = {"job": "alertmanager", "host": "monitor1", "integration": "email"}
    receivers = {"to oncall": {"receiver_name": "oncall"}, "to vision": {"receiver_name": "vision"}, "": {}}
    failed = [
        series("alertmanager_notifications_failed_total", {**labels, **receiver, "reason": reason}, (0, 1, 60))
        for receiver in receivers.values()
        for reason in ("clientError", "other")
    ]
    description = next(rule for rule in rules() if rule["alert"] == "AlertmanagerNotSending")["annotations"][
        "description"
    ]
    alerts = [
        {
            "exp_labels": {**labels, **receiver, "severity": "warn"},
            "exp_annotations": {
                "summary": f"Alertmanager on monitor1 cannot send by email {end}".strip(),
                "description": description,
            },
        }
        for end, receiver in receivers.items()
    ]
    told = {"eval_time": "20m", "alertname": "AlertmanagerNotSending", "exp_alerts": alerts}
    test_rules([{**case("told", failed), "alert_rule_test": [told]}])


IDLE = next(fault for fault in OF_GPUS if fault.raises == ("GpuAllocatedIdle",))
NAMED = (
    "group by (name, gpu, modelName, team, container_label_job)"
    ' (ALERTS{alertstate="firing",alertname="GpuAllocatedIdle"})'
)
OF_GPU = 'gpu="0",modelName="NVIDIA H100",team="vision"'


def of_idle(name: str, input_series: list[Series], *raised: str) -> dict[str, Any]:
    """A test that alerts of an idle GPU have these labels, whatever else the containers are."""
    return case(
        name, input_series, expectation(NAMED, BEGIN + 62 * MINUTE, *(f"{OF_GPU}{labels}" for labels in raised))
    )


def test_an_idle_gpu_is_reported_with_each_container_of_users_that_has_it(test_rules):
    samples = IDLE.samples()
    fleet = IDLE.applied(healthy(samples))
    programs = [
        entry for entry in fleet if entry.name != "container_gpu_info" or entry.labels["name"] == "dcgm-exporter"
    ]
    shared = [*fleet, allocated("notebook", 0, samples)]
    used = series("container_gpu_memory_used_bytes", container_labels("notebook", 0), (8e9, 0, samples))
    unused = series("container_gpu_memory_used_bytes", container_labels("training", 0), (0, 0, samples))
    training, notebook = (f',name="{name}",container_label_job="llm"' for name in ("training", "notebook"))
    test_rules(
        [
            of_idle("one container", fleet, training),
            of_idle("no container", programs, ""),
            of_idle("two containers", shared, training, notebook),
            of_idle("two containers whose memory is known", [*shared, used, unused], notebook),
        ]
    )


def test_an_idle_gpu_is_reported_while_its_host_gets_another_label(test_rules):
    """Prometheus ends the series without the new label some seconds later."""
    samples = IDLE.samples()
    fleet = IDLE.applied(healthy(samples))
    names = ("DCGM_FI_DEV_GPU_UTIL", "DCGM_FI_DEV_FB_USED")
    labelled = [replace(entry, labels={**entry.labels, "rack": "r1"}) for entry in fleet if entry.name in names]
    test_rules([of_idle("another label", [*fleet, *labelled], ',name="training",container_label_job="llm"')])


def test_an_idle_instance_of_mig_is_reported_with_its_container(test_rules):
    samples = IDLE.samples()
    instances = {"1": 0.01, "2": 0.6}
    instance_series = []
    for instance, active in instances.items():
        labels = {**gpu_labels(0), "GPU_I_ID": instance, "GPU_I_PROFILE": "3g.40gb"}
        instance_series += [
            series("DCGM_FI_PROF_GR_ENGINE_ACTIVE", labels, (active, 0, samples)),
            series("DCGM_FI_DEV_FB_USED", labels, (9000, 0, samples)),
        ]
        given = {**container_labels(f"job-{instance}", 0), "GPU_I_ID": instance, "via": "cdi"}
        instance_series.append(series("container_gpu_info", given, (1, 0, samples)))
    firing = 'group by (name, GPU_I_ID, GPU_I_PROFILE) (ALERTS{alertstate="firing",alertname="GpuAllocatedIdle"})'
    raised = expectation(firing, BEGIN + 62 * MINUTE, 'name="job-1",GPU_I_ID="1",GPU_I_PROFILE="3g.40gb"')
    test_rules([case("MIG", instance_series, raised)])


def test_the_summary_of_an_idle_gpu_names_the_container(test_rules):
    rule = next(rule for rule in rules() if rule["alert"] == "GpuAllocatedIdle")
    summary = "GPU 0 (NVIDIA H100) of gpu1 is allocated to training and idle"
    of_gpu = {label: value for label, value in gpu_labels(0).items() if label not in ("job", "instance")}
    expected = {
        "exp_labels": {**of_gpu, "name": "training", "container_label_job": "llm", "severity": "info"},
        "exp_annotations": {"summary": summary, "description": rule["annotations"]["description"]},
    }
    told = {"eval_time": seconds(BEGIN + 62 * MINUTE), "alertname": "GpuAllocatedIdle", "exp_alerts": [expected]}
    test_rules([{**case("told", IDLE.applied(healthy(IDLE.samples()))), "alert_rule_test": [told]}])


def test_a_missing_gpu_is_not_forgotten_while_prometheus_is_away(test_rules):
    """Prometheus is away for ten minutes, and a sample counts for five."""
    break_, end = 10 * MINUTE, BEGIN + 30 * MINUTE

    def with_break(entry: Series) -> Series:
        start, step, _count = entry.parts[0]
        if entry.labels.get("gpu") == "1":
            return Series(entry.name, entry.labels, ((start, step, BEGIN), (STALE, 0, 1)))
        again = BEGIN + 2 * break_
        return Series(
            entry.name,
            entry.labels,
            ((start, step, BEGIN + break_), (None, 0, break_), (start + step * again, step, end - again + 1)),
        )

    firing = 'group by (alertname, gpu) (ALERTS{alertstate="firing",alertname="GpuMissing"})'
    missing = 'alertname="GpuMissing",gpu="1"'
    interrupted = [with_break(entry) for entry in healthy(end)]
    test_rules(
        [case("away", interrupted, expectation(firing, BEGIN + break_ - 1, missing), expectation(firing, end, missing))]
    )


def test_an_alert_about_a_gpu_with_instances_of_mig_fires_once(test_rules):
    fields = {
        "DCGM_FI_DEV_SM_CLOCK": 1410,
        "DCGM_FI_DEV_GPU_TEMP": 90,
        "DCGM_FI_DEV_MEMORY_TEMP": 99,
        "DCGM_FI_DEV_XID_ERRORS": 63,
        "DCGM_FI_DEV_GET_GPU_RECOVERY_ACTION": 2,
        "DCGM_FI_DEV_ROW_REMAP_PENDING": 1,
        "DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS": 500,
    }
    instances = [{"GPU_I_ID": str(number), "GPU_I_PROFILE": "1g.10gb"} for number in (7, 8)]
    of_gpu = [
        series(name, {**gpu_labels(0), **instance}, (value, 0, 60))
        for name, value in fields.items()
        for instance in instances
    ]
    errors = [
        series("DCGM_FI_DEV_ECC_DBE_VOL_TOTAL", {**gpu_labels(0), **instance}, (0, 0, 30), (1, 0, 30))
        for instance in instances
    ]
    names = (
        "GpuHot",
        "GpuMemoryHot",
        "GpuXidWatch",
        "GpuRecoveryAction",
        "GpuRowRemapPending",
        "GpuRowRemapsMany",
        "GpuEccUncorrected",
    )
    firing = 'count by (alertname, UUID) (ALERTS{alertstate="firing",alertname!="Watchdog"})'
    up = series("up", {"job": "nvidia-gpu", "host": "gpu1"}, (1, 0, 60))
    test_rules(
        [
            case(
                "MIG",
                [up, *of_gpu, *errors],
                expectation(firing, 35, *(f'alertname="{name}",UUID="GPU-0"' for name in names)),
            )
        ]
    )


def test_the_memory_of_an_instance_of_mig_is_named(test_rules):
    labels = {**gpu_labels(0), "GPU_I_ID": "7", "GPU_I_PROFILE": "1g.10gb"}
    instance_series = [
        series(name, labels, (value, 0, 60))
        for name, value in {"DCGM_FI_DEV_FB_USED": 9900, "DCGM_FI_DEV_FB_FREE": 100}.items()
    ]
    rule = next(rule for rule in rules() if rule["alert"] == "GpuMemoryFull")
    summary = "The memory of GPU 0 instance 7 (NVIDIA H100) of gpu1 is 99% full"
    alert = {
        "exp_labels": {**labels, "severity": "info"},
        "exp_annotations": {"summary": summary, "description": rule["annotations"]["description"]},
    }
    told = {"eval_time": "25m", "alertname": "GpuMemoryFull", "exp_alerts": [alert]}
    test_rules([{**case("told", instance_series), "alert_rule_test": [told]}])


def test_no_alert_ends_between_the_xid_of_a_gpu_and_that_the_gpu_is_missing(test_rules):
    """The GPU falls off the bus, and a minute later the exporter no longer measures it."""
    gone, end = BEGIN + MINUTE, BEGIN + 10 * MINUTE

    def of_gpu(entry: Series) -> Series:
        if entry.labels.get("gpu") != "0":
            return entry
        start, step, _count = entry.parts[0]
        if entry.name == "DCGM_FI_DEV_XID_ERRORS":
            return Series(entry.name, entry.labels, ((start, step, BEGIN), (79, 0, MINUTE), (STALE, 0, 1)))
        return Series(entry.name, entry.labels, ((start, step, gone), (STALE, 0, 1)))

    xid, missing = 'alertname="GpuXidRestartHost"', 'alertname="GpuMissing"'
    raised = {1: [xid], 2.5: [xid], 4: [xid, missing], 7: [missing], 9: [missing]}
    expected = [expectation(FIRING, BEGIN + minutes * MINUTE, *alerts) for minutes, alerts in raised.items()]
    test_rules([case("off the bus", [of_gpu(entry) for entry in healthy(end)], *expected)])


def test_too_few_gpus_have_the_labels_of_their_host(test_rules):
    fault = next(fault for fault in OF_GPUS if fault.raises == ("GpuCountLow",))
    firing = 'group by (host, team) (ALERTS{alertstate="firing",alertname="GpuCountLow"})'
    fault_series = fault.applied(healthy(fault.samples()))
    test_rules(
        [case("labels", fault_series, expectation(firing, BEGIN + fault.minutes * MINUTE, 'host="gpu1",team="vision"'))]
    )


def test_the_faults_last_long_enough():
    assert all(fault.samples() < BEGIN + 600 for fault in (*alert_faults.OF_GPUS, *OF_TARGETS, *OF_OTHERS))

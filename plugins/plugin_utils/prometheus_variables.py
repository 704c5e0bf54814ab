# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import fnmatch
import posixpath
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils import (
    agent_mode,
    alert_variables,
    flags,
    image_versions,
    inline_secrets,
    monitoring_peers,
    public_url,
    target_labels,
)
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.host_variables import HostVariables, VariableError

# The parts of Prometheus' configuration that a site writes itself.
_CONFIGURATION = (
    "prometheus_scrape_configs",
    "prometheus_targets_extra",
    "prometheus_remote_write",
    "prometheus_remote_read",
    "prometheus_alertmanagers",
    "prometheus_rules_extra",
    "prometheus_flags_extra",
)
# Of jobs that send the password of the exporters if TLS is on.
_TARGETS = ("prometheus_cadvisor_targets", "prometheus_gpu_targets", "prometheus_node_targets")
# Prometheus 2 does not take fallback_scrape_protocol, which the role's jobs have.
_OLDEST = "3.0"
JOBS = ("cadvisor", "nvidia-gpu", "node", "model-server")
_OWN_FILES = tuple(f"/etc/prometheus/targets/{job}.json" for job in JOBS)
_DISCOVERY = ("file_sd_configs", "http_sd_configs", "static_configs")


def check(variables: HostVariables, host: str) -> Iterator[VariableError]:
    """Each setting of Prometheus that would not work, or that would show a secret."""
    secret_files = [str(name) for name in variables.get(host, "prometheus_secret_files") or {}]
    for name in _CONFIGURATION:
        problem = inline_secrets.problem_of(variables.get(host, name), secret_files)
        if problem:
            yield VariableError(name, host, problem.text, problem.fix)
    for name, setting_problem in _settings(variables, host):
        if setting_problem:
            yield VariableError(name, host, *setting_problem)
    monitoring_peers.check_labels(variables, host)
    monitoring_peers.check_targets(variables, host)


def _settings(variables: HostVariables, host: str) -> Iterator[tuple[str, tuple[str, str] | None]]:
    """The settings with their problems."""
    image = str(variables.get(host, "prometheus_image"))
    yield "prometheus_image", image_versions.problem_of(image, _OLDEST, "prometheus", "3.0.0")
    url = str(variables.get(host, "prometheus_external_url") or "")
    problem_of_url = public_url.problem_of(url, "https://monitoring.example.com/prometheus")
    yield "prometheus_external_url", problem_of_url
    # The prefix comes from the URL unless it is set.
    if not problem_of_url or variables.is_set(host, "prometheus_route_prefix"):
        prefix = str(variables.get(host, "prometheus_route_prefix") or "")
        yield "prometheus_route_prefix", public_url.path_problem_of(prefix, "/prometheus")
    yield "prometheus_scrape_configs", _problem_of_jobs(variables.get(host, "prometheus_scrape_configs") or [])
    without_tls = variables.is_set(host, "gpu_monitoring_tls") and not variables.is_true(host, "gpu_monitoring_tls")
    for name in () if without_tls else _TARGETS:
        if variables.is_set(host, name):
            yield name, _problem_of_targets(variables.get(host, name))
    extra = variables.get(host, "prometheus_targets_extra") or []
    yield "prometheus_targets_extra", _problem_of_discovery(extra, without_tls)
    yield (
        "prometheus_external_labels",
        target_labels.problem_of(variables.get(host, "prometheus_external_labels") or {}),
    )
    yield (
        "prometheus_flags_extra",
        flags.problem_of(variables.get(host, "prometheus_flags_extra") or [], flags.PROMETHEUS),
    )
    yield from agent_mode.problems(variables, host)
    yield from _settings_of_alerts(variables, host)


def _settings_of_alerts(variables: HostVariables, host: str) -> Iterator[tuple[str, tuple[str, str] | None]]:
    counts = variables.get(host, "prometheus_gpu_counts") or {}
    yield "prometheus_gpu_counts", alert_variables.problem_of_counts(counts, variables.in_groups("gpu_hosts"))
    disabled = variables.get(host, "prometheus_alerts_disabled") or []
    settings = variables.get(host, "prometheus_alert_settings") or {}
    extra = variables.get(host, "prometheus_rules_extra") or []
    if disabled or settings or extra:
        alerts = _alerts(variables)
        named = alerts if variables.is_true(host, "prometheus_alerts_enabled") else {}
        yield "prometheus_alerts_disabled", alert_variables.problem_of_disabled(disabled, alerts)
        yield "prometheus_alert_settings", alert_variables.problem_of_settings(settings, alerts)
        yield "prometheus_rules_extra", alert_variables.problem_of_rules(extra, named, disabled)


def _alerts(variables: HostVariables) -> dict[str, Any]:
    """The alerts of the role by name."""
    files = [variables.read_of_role("prometheus", "files", "alerts", name) for name in alert_variables.FILES]
    return {
        rule["alert"]: rule for file in files for group in file["groups"] for rule in group["rules"] if "alert" in rule
    }


def _problem_of_jobs(jobs: Sequence[Any]) -> tuple[str, str] | None:
    names = [str(job["job_name"]) for job in jobs if "job_name" in job]
    for name in names:
        if name in JOBS:
            return f"the job {name} is one of the role", "Choose another job_name"
        if names.count(name) > 1:
            return f"the job {name} is declared twice", "Give each job its own job_name"
    return None


def _problem_of_targets(groups: Sequence[Any]) -> tuple[str, str] | None:
    for group in groups:
        labels = group.get("labels") or {}
        if not isinstance(labels, Mapping):
            return f"the labels {labels} are not a dictionary", "Write them like {team: vision}"
        if str(labels.get("__scheme__", "https")).lower() == "http":
            targets = ", ".join(str(target) for target in group.get("targets") or [])
            problem = (
                f"Prometheus would send the password of the exporters to {targets} in clear text (__scheme__: http)"
            )
            return problem, "Remove the targets, and write a job for them in prometheus_scrape_configs"
    return None


def _problem_of_discovery(entries: Sequence[Any], without_tls: bool) -> tuple[str, str] | None:
    for index, entry in enumerate(entries):
        if not any(entry.get(kind) for kind in _DISCOVERY):
            return f"[{index}] has no targets", f"Add {' or '.join(_DISCOVERY)}"
        files = [str(file) for config in entry.get("file_sd_configs") or [] for file in config.get("files") or []]
        for file in files:
            pattern = posixpath.normpath(posixpath.join("/etc/prometheus", file))
            own = next((own for own in _OWN_FILES if fnmatch.fnmatchcase(own, pattern)), None)
            if own:
                problem = (
                    f"[{index}].file_sd_configs: {file} is a name of {posixpath.basename(own)}, a file of the role"
                )
                return problem, "Choose another name, such as targets/site-racks.json or targets/site-*.json"
        if entry["job"] != "model-server" and not without_tls:
            problem_of_static = _problem_of_targets(entry.get("static_configs") or [])
            if problem_of_static:
                return problem_of_static
    return None

"""The plan for hosts of many kinds: what is done, what is skipped for a container, and what a person must fix."""

from __future__ import annotations

from typing import Any, NamedTuple

import hosts
import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host.look import Host
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host.packages import TOOLKIT_PACKAGES
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.toolkit import guard
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.toolkit.decide import cdi_current, decide
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.toolkit.plan import (
    InstallPackages,
    RemoveToolkit,
    Wanted,
    WriteCdi,
)
from hosts import SPECIFICATION, by_role, container, fresh, installed, wanted

HOOKED = [container("job", "hook"), container("other", "devices")]


class Case(NamedTuple):
    """A host, its declared state, and the plan: kinds of actions, and words of its refusal and of its warnings."""

    host: Host
    wanted: Wanted
    actions: str = ""
    refusal: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    mechanism: str = "runtime"


def changed(host: Host, **parts: dict[str, Any]) -> Host:
    """A host with some parts of its state changed."""
    return {**host, **{name: {**host[name], **values} for name, values in parts.items()}}  # type: ignore[typeddict-item,literal-required]


def package(name: str, state: str = "installed", version: str = "1.20.1", held: bool = False) -> Any:
    return {"name": name, "version": version, "held": held, "state": state}


def halfway(host: Host, state: str = "half-configured", version: str = "1.20.1") -> Host:
    """A host on which dpkg failed in the package with the programs. The package that needs it is only unpacked."""
    states = dict.fromkeys(TOOLKIT_PACKAGES, "installed")
    states |= {"nvidia-container-toolkit-base": state, "nvidia-container-toolkit": "unpacked"}
    return changed(host, packages={"toolkit": [package(name, state, version) for name, state in states.items()]})


def with_mode(name: str, mode: str) -> Host:
    """A host on which the repository's file or its key has another mode."""
    host = by_role("1.20.1")
    return changed(host, repositories={name: {**host["repositories"][name], "mode": mode}})  # type: ignore[literal-required]


PINNED = wanted(version="1.20.1")
INSTALL = "InstallPackages HoldPackages"
SNAP = {"root_dir": "/var/snap/docker/common/var-lib-docker"}
SILENT = {"reachable": False, "error": "unix:///var/run/docker.sock: timed out"}
FOREIGN = {"path": "/etc/cdi/nvidia.yaml", "uuids": hosts.UUIDS, "drivers": ["570.86.10"]}
CDI = {"cdi_enabled": True, "cdi_gpus": True}

CASES = {
    # What is installed on a host without the toolkit.
    "fresh": Case(fresh(), wanted(), f"{INSTALL} AddRuntime"),
    "fresh-cdi": Case(fresh(cdi_enabled=True), wanted(), f"{INSTALL} WriteCdi", mechanism="cdi"),
    "fresh-dnf": Case(fresh("dnf"), wanted(), "InstallPackages AddRuntime"),
    "fresh-dnf5": Case(fresh("dnf5"), wanted(), "InstallPackages AddRuntime"),
    "fresh-pinned": Case(fresh(), wanted(version="1.20.0"), f"{INSTALL} AddRuntime"),
    "fresh-other-manager": Case(
        fresh(""), wanted(), refusal=("apt, dnf and dnf5", "Nothing was changed"), mechanism=""
    ),
    "fresh-plain-containers": Case(fresh(containers=[container("web")]), wanted(), f"{INSTALL} AddRuntime"),
    "fresh-dry-run-without-engine": Case(
        changed(fresh(), engine={"reachable": False, "installed": False}),
        wanted(check_mode=True),
        f"{INSTALL} AddRuntime",
    ),
    # What works is left alone.
    "works": Case(installed("1.20.1"), wanted()),
    "works-cdi": Case(installed("1.20.1", cdi=True), wanted(), mechanism="cdi"),
    "works-older": Case(installed("1.19.2"), wanted()),
    "works-newer": Case(installed("1.21.0"), wanted()),
    "works-minimum": Case(
        installed("1.12.0"),
        wanted(),
        warnings=("CVE-2024-0132", "CVE-2025-23266", "It was left unchanged", "1.19.1 or newer"),
    ),
    "works-escape": Case(
        installed("1.17.7"),
        wanted(),
        warnings=("1.17.7 of gpu1: CVE-2025-23266, CVE-2025-23267, CVE-2026-24260 (https://nvidia",),
    ),
    "works-not-held": Case(installed("1.20.1", held=False), wanted()),
    "works-by-role-older": Case(by_role("1.20.0"), wanted()),
    "works-dnf": Case(installed("1.20.0", "dnf"), wanted()),
    "works-without-packages": Case(changed(installed("1.20.1"), packages={"toolkit": []}), wanted()),
    "works-unknown-version": Case(
        changed(installed("1.20.1"), packages={"toolkit": []}, toolkit={"version": "", "programs": {}}), wanted()
    ),
    "works-other-manager": Case(changed(installed("1.20.1", ""), packages={"toolkit": []}), wanted(version="1.20.1")),
    "works-hooked": Case(installed("1.20.1", containers=HOOKED), wanted()),
    # The runtime in the engine after a removal of the packages is not a toolkit.
    "runtime-without-program": Case(
        changed(fresh(runtimes={"nvidia": hosts.PROGRAM}), toolkit={"daemon_runtime": hosts.PROGRAM}), wanted(), INSTALL
    ),
    "base-is-enough-for-cdi": Case(
        changed(
            installed("1.20.1", cdi=True),
            packages={"toolkit": [package("nvidia-container-toolkit-base")]},
            toolkit={"programs": {"nvidia-ctk": "/usr/bin/nvidia-ctk"}},
        ),
        wanted(),
        mechanism="cdi",
    ),
    "too-old": Case(installed("1.11.0"), wanted(), INSTALL),
    "too-old-pre-release": Case(installed("1.12.0~rc.1"), wanted(), INSTALL),
    # A version that is asked for.
    "pinned": Case(by_role("1.20.1"), PINNED),
    "pinned-dnf": Case(by_role("1.20.1", manager="dnf"), PINNED),
    "pinned-up": Case(by_role("1.20.0"), PINNED, INSTALL),
    "pinned-down": Case(by_role("1.20.1"), wanted(version="1.20.0"), INSTALL),
    "pinned-to-escape": Case(
        by_role("1.20.1"), wanted(version="1.17.4"), INSTALL, warnings=("CVE-2025-23266", "asks for it")
    ),
    "default-to-escape": Case(
        fresh(),
        wanted(default_version="1.17.4"),
        f"{INSTALL} AddRuntime",
        warnings=("1.17.4", "nvidia_container_toolkit_default_version asks for it"),
    ),
    "pinned-not-by-role": Case(installed("1.20.1", held=True), PINNED, "InstallPackages"),
    "pinned-free": Case(
        changed(by_role("1.20.1"), packages={"toolkit": installed("1.20.1")["packages"]["toolkit"]}),
        PINNED,
        "HoldPackages",
    ),
    "pinned-partly": Case(
        changed(by_role("1.20.1"), packages={"toolkit": by_role("1.20.1")["packages"]["toolkit"][:3]}), PINNED, INSTALL
    ),
    "pinned-other-mirror": Case(
        by_role("1.20.1"), wanted(version="1.20.1", repository_url="http://other"), "InstallPackages"
    ),
    "pinned-other-key": Case(by_role("1.20.1"), wanted(version="1.20.1", key_fingerprint="0" * 40), "InstallPackages"),
    "pinned-unreadable-repository": Case(with_mode("file", "0600"), PINNED, "InstallPackages"),
    "pinned-unreadable-key": Case(with_mode("key", "0600"), PINNED, "InstallPackages"),
    "unreadable-key-left-alone": Case(with_mode("key", "0600"), wanted()),
    "pinned-key-as-text": Case(
        by_role("1.20.1"), wanted(version="1.20.1", key="-----BEGIN PGP none"), "InstallPackages"
    ),
    "pinned-second-entry": Case(
        changed(
            by_role("1.20.1"),
            repositories={"apt_entries": [{"path": "/etc/apt/guide.list", "line": 1, "uri": hosts.URL}]},
        ),
        PINNED,
        "InstallPackages",
    ),
    "mixed": Case(
        changed(
            fresh(),
            repositories={
                "apt_entries": [
                    {"path": "/etc/apt/site.list", "line": 1, "uri": "http://m"},
                    {"path": "/etc/apt/site.list", "line": 3, "uri": hosts.URL},
                ]
            },
        ),
        wanted(),
        refusal=("/etc/apt/site.list, line 3: http://mirror/nvidia.", "Nothing was changed"),
        mechanism="",
    ),
    # What a change of packages would take from a container is skipped.
    "hooked": Case(
        by_role("1.20.0", containers=HOOKED),
        PINNED,
        warnings=("running containers job,", "allow_daemon_reload", "stay"),
    ),
    "hooked-escape": Case(
        by_role("1.17.7", containers=HOOKED), PINNED, warnings=("running containers job,", "1.17.7", "left unchanged")
    ),
    "hooked-allowed": Case(
        by_role("1.20.0", containers=HOOKED), wanted(version="1.20.1", allow_daemon_reload=True), INSTALL
    ),
    "hooked-too-old": Case(
        installed("1.11.0", containers=HOOKED), wanted(), warnings=("running containers job,",), mechanism=""
    ),
    "hooked-files-only": Case(
        by_role("1.20.1", containers=HOOKED), wanted(version="1.20.1", repository_url="http://other"), "InstallPackages"
    ),
    "with-devices": Case(by_role("1.20.0", containers=[container("b", "devices"), container("c")]), PINNED, INSTALL),
    # CDI.
    "cdi-none": Case(
        installed("1.20.1", cdi=True, cdi_gpus=False, cdi_specifications=[]), wanted(), "WriteCdi", mechanism="cdi"
    ),
    "cdi-driver": Case(
        installed("1.20.1", cdi=True, cdi_specifications=[{**SPECIFICATION, "drivers": ["570.86.10"]}]),
        wanted(),
        "WriteCdi",
        mechanism="cdi",
    ),
    "cdi-own-beside-service": Case(
        changed(installed("1.20.1", cdi=True), toolkit={"own_cdi_file": True}), wanted(), "WriteCdi", mechanism="cdi"
    ),
    "cdi-own": Case(
        changed(installed("1.20.1", cdi=True), toolkit={"own_cdi_file": True, "cdi_refresh_service": False}),
        wanted(),
        mechanism="cdi",
    ),
    "cdi-foreign": Case(
        changed(installed("1.17.8", cdi=True, cdi_specifications=[FOREIGN]), toolkit={"cdi_refresh_service": False}),
        wanted(),
        refusal=("/etc/cdi/nvidia.yaml of gpu1 is not of its GPUs", "It was left unchanged"),
        warnings=("CVE-2026-24260",),
        mechanism="cdi",
    ),
    "cdi-foreign-fresh": Case(
        fresh(**CDI, cdi_specifications=[FOREIGN]), wanted(), f"{INSTALL} WriteCdi", mechanism="cdi"
    ),
    "cdi-while-hooked": Case(
        changed(by_role("1.20.0", containers=HOOKED, **CDI, cdi_specifications=[FOREIGN])),
        PINNED,
        "WriteCdi",
        warnings=("job",),
        mechanism="cdi",
    ),
    # The runtime.
    "runtime-missing": Case(
        changed(installed("1.20.1", runtimes={}, nvidia_runtimes=[]), toolkit={"daemon_runtime": ""}),
        wanted(),
        "AddRuntime",
    ),
    "runtime-not-in-file": Case(changed(installed("1.20.1"), toolkit={"daemon_runtime": ""}), wanted(), "AddRuntime"),
    "runtime-other-path": Case(
        changed(
            installed("1.20.1", runtimes={"nvidia": "/usr/bin/n"}),
            toolkit={"daemon_runtime": "/usr/bin/n", "runtime_program": "/usr/bin/n"},
        ),
        wanted(),
    ),
    "runtime-of-a-shim": Case(
        changed(installed("1.20.1", runtimes={"nvidia": ""}), toolkit={"daemon_runtime": ""}), wanted()
    ),
    "runtime-default": Case(installed("1.20.1", default_runtime="nvidia"), wanted()),
    "daemon-json-broken": Case(
        changed(
            installed("1.20.1", runtimes={}),
            toolkit={"daemon_runtime": "", "daemon_error": "/etc/docker/daemon.json, line 1: not JSON."},
        ),
        wanted(),
        refusal=("daemon.json, line 1", "has no runtime nvidia"),
    ),
    "daemon-json-broken-later": Case(changed(installed("1.20.1"), toolkit={"daemon_error": "not JSON"}), wanted()),
    # Hosts that cannot have it.
    "no-gpu": Case(
        changed(fresh(), gpu={"present": False, "msg": "This host has no NVIDIA GPU."}), wanted(), mechanism=""
    ),
    "no-driver": Case(
        changed(fresh(), gpu={"present": False, "pci_devices": ["0000:3b:00.0"]}), wanted(), mechanism=""
    ),
    "old-driver": Case(
        changed(fresh(), gpu={"driver_version": "390.157"}),
        wanted(),
        refusal=("390.157", "418.81.07", "Install a newer driver"),
        mechanism="",
    ),
    "driver-without-a-version": Case(
        changed(installed("1.20.1"), gpu={"driver_version": "[Unknown Error]"}),
        wanted(),
        refusal=("driver of gpu1 is [Unknown Error]", "418.81.07"),
        mechanism="",
    ),
    "silent": Case(
        changed(fresh(), engine=SILENT),
        wanted(),
        refusal=("does not answer", "timed out", "Nothing was changed"),
        mechanism="",
    ),
    "mig-not-listed": Case(
        changed(installed("1.20.1"), gpu={"error": "nvidia-smi -L ended with 15."}),
        wanted(),
        refusal=("gpu1: nvidia-smi -L", "Nothing was changed"),
        mechanism="",
    ),
    "packages-not-known": Case(
        changed(installed("1.20.1"), packages={"error": "cannot be queried"}),
        wanted(),
        refusal=("cannot be queried",),
        mechanism="",
    ),
    "absent-packages-not-known": Case(
        changed(by_role("1.20.1"), packages={"error": "cannot be queried"}),
        wanted(state="absent"),
        refusal=("cannot be queried",),
        mechanism="",
    ),
    "snap": Case(fresh(**SNAP), wanted(), refusal=("from a snap", "Nothing was changed"), mechanism=""),
    # Removal.
    # What dpkg left halfway.
    "halfway": Case(halfway(installed("1.20.1")), wanted(), "ConfigurePackages"),
    "halfway-same-version": Case(halfway(installed("1.20.1")), PINNED, "ConfigurePackages"),
    "halfway-other-version": Case(halfway(installed("1.20.1")), wanted(version="1.20.0"), INSTALL),
    "halfway-too-old": Case(halfway(installed("1.11.0"), version="1.11.0"), wanted(), INSTALL),
    "halfway-half-installed": Case(halfway(installed("1.20.1"), "half-installed"), wanted(), INSTALL),
    "halfway-hooked": Case(
        halfway(installed("1.20.1", containers=HOOKED)),
        wanted(),
        warnings=("job", "daemon-reload", "nvidia-container-toolkit-base=1.20.1 (half-configured)", "stay"),
        mechanism="",
    ),
    "absent-halfway": Case(halfway(by_role("1.20.1")), wanted(state="absent"), "RemoveToolkit", mechanism=""),
    "absent-halfway-not-by-role": Case(
        halfway(installed("1.20.1")),
        wanted(state="absent"),
        warnings=("dpkg left packages of gpu1 halfway", "half-configured", "dpkg --remove nvidia-container-toolkit"),
        mechanism="",
    ),
    "absent-engine-gone": Case(
        changed(by_role("1.20.1"), engine={"reachable": False, "installed": False}),
        wanted(state="absent"),
        "RemoveToolkit",
        mechanism="",
    ),
    "absent-dry-run-services-go-first": Case(
        by_role("1.20.1", containers=[container("dcgm-exporter", "hook", runtime="nvidia", service="dcgm-exporter")]),
        wanted(state="absent", services_removed=True, check_mode=True),
        "RemoveToolkit",
        mechanism="",
    ),
    "absent-services-should-have-gone": Case(
        by_role("1.20.1", containers=[container("dcgm-exporter", "hook", runtime="nvidia", service="dcgm-exporter")]),
        wanted(state="absent", services_removed=True),
        refusal=("dcgm-exporter",),
        mechanism="",
    ),
    "absent": Case(by_role("1.20.1"), wanted(state="absent"), "RemoveToolkit", mechanism=""),
    "absent-not-by-role": Case(installed("1.20.1"), wanted(state="absent"), mechanism=""),
    "absent-not-by-role-with-own-cdi": Case(
        changed(installed("1.20.1", cdi=True), toolkit={"own_cdi_file": True}),
        wanted(state="absent"),
        "RemoveCdi",
        mechanism="",
    ),
    "absent-other-manager": Case(fresh(""), wanted(state="absent"), mechanism=""),
    "absent-silent": Case(
        changed(by_role("1.20.1"), engine=SILENT),
        wanted(state="absent"),
        refusal=("timed out", "Nothing was changed"),
        mechanism="",
    ),
    "absent-used": Case(
        by_role("1.20.1", nvidia_runtimes=["gpu"], containers=[container("job", runtime="gpu"), container("other")]),
        wanted(state="absent"),
        refusal=("running containers job of", "Stop them first", "Nothing was changed"),
        mechanism="",
    ),
    "absent-default": Case(
        by_role("1.20.1", nvidia_runtimes=["gpu"], default_runtime="gpu"),
        wanted(state="absent"),
        refusal=("is gpu, NVIDIA's", "default-runtime"),
        mechanism="",
    ),
    "absent-hooked": Case(
        by_role("1.20.1", containers=[container("job", "hook")]),
        wanted(state="absent"),
        refusal=("running containers job,", "allow_daemon_reload", "Nothing was changed"),
        mechanism="",
    ),
    "absent-hooked-allowed": Case(
        by_role("1.20.1", containers=[container("job", "hook")]),
        wanted(state="absent", allow_daemon_reload=True),
        "RemoveToolkit",
        mechanism="",
    ),
    "absent-hooked-packages-stay": Case(
        by_role("1.20.1", ("# Installed before: libnvidia-container1=1.18.0",), containers=[container("job", "hook")]),
        wanted(state="absent"),
        "RemoveToolkit",
        mechanism="",
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_plan(case: Case) -> None:
    plan = decide(case.host, case.wanted)
    assert " ".join(type(action).__name__ for action in plan.actions) == case.actions
    assert bool(plan.refusal) == bool(case.refusal), plan.refusal
    assert bool(plan.warnings) == bool(case.warnings), plan.warnings
    for word in case.refusal:
        assert word in plan.refusal
    for word in case.warnings:
        assert word in " ".join(plan.warnings)
    assert plan.mechanism == case.mechanism


def test_the_version_that_is_asked_for_goes_before_the_default() -> None:
    for given, version in (({}, "1.20.1"), ({"version": "1.20.0"}, "1.20.0")):
        install = decide(fresh(), wanted(**given)).actions[0]
        assert isinstance(install, InstallPackages)
        assert (install.present, install.version) == ((), version)
        assert set(install.wanted) == {f"{name}={version}" for name in hosts.TOOLKIT_PACKAGES}


def test_a_host_without_a_gpu_is_reported_why_it_is_left_out() -> None:
    plan = decide(CASES["no-gpu"].host, wanted())
    assert plan.note == "This host has no NVIDIA GPU. The NVIDIA container toolkit is left out here."


def test_a_removal_names_containers_that_keep_their_gpus() -> None:
    plan = decide(by_role("1.20.1", containers=[container("job", "devices"), container("web")]), wanted(state="absent"))
    assert plan.note.startswith("The containers job of gpu1 keep their GPUs and continue to run.")


def test_a_removal_leaves_packages_that_were_there_before_and_puts_back_what_was_set_aside() -> None:
    history = ("# Installed before: libnvidia-container1=1.18.0", "# Set aside: /etc/apt/sources.list.d/guide.list")
    (left,) = decide(by_role("1.20.1", history), wanted(state="absent")).actions
    (removed,) = decide(by_role("1.20.1"), wanted(state="absent")).actions
    assert isinstance(left, RemoveToolkit) and isinstance(removed, RemoveToolkit)
    assert (left.packages, left.release, left.put_back) == (
        (),
        hosts.TOOLKIT_PACKAGES,
        ("/etc/apt/sources.list.d/guide.list",),
    )
    assert (removed.packages, removed.release, removed.put_back) == (hosts.TOOLKIT_PACKAGES, (), ())


def test_the_specification_is_written_by_the_service_where_there_is_one() -> None:
    without = changed(CASES["cdi-none"].host, toolkit={"cdi_refresh_service": False})
    for host, by_service in ((CASES["cdi-none"].host, True), (without, False)):
        (write,) = decide(host, wanted()).actions
        assert isinstance(write, WriteCdi)
        assert write.by_service is by_service


@pytest.mark.parametrize("option", ["version", "default_version", "minimum_version", "driver_minimum"])
def test_what_is_not_a_version_is_named(option: str) -> None:
    with pytest.raises(
        ValueError,
        match=f"^nvidia_container_toolkit_{option} on gpu1: 'newest' is not a version. Write it like 1.20.1.$",
    ):
        decide(installed("1.20.1"), wanted(**{option: "newest"}))


def test_a_version_with_a_revision_is_refused() -> None:
    with pytest.raises(ValueError, match="nvidia_container_toolkit_version on gpu1: '1.20.1-1' has a revision"):
        decide(installed("1.20.1"), wanted(version="1.20.1-1"))


FRESH = SPECIFICATION


@pytest.mark.parametrize(
    ("specifications", "current"),
    [
        ([], False),
        ([FRESH], True),
        ([{**FRESH, "drivers": ["570.86.10"]}], False),
        ([{**FRESH, "uuids": ["GPU-aaaa"]}], False),
        ([{**FRESH, "uuids": ["GPU-bbbb"]}, {**FRESH, "uuids": ["GPU-aaaa"]}], True),
        ([{**FRESH, "uuids": [], "drivers": []}], True),
        ([FRESH, {**FRESH, "uuids": ["GPU-cccc"]}], False),
    ],
)
def test_cdi_specifications_are_current_where_they_are_of_these_gpus_and_this_driver(
    specifications: list[dict[str, Any]], current: bool
) -> None:
    assert cdi_current(fresh(cdi_gpus=bool(specifications), cdi_specifications=specifications)) is current


def test_a_lost_gpu_leaves_a_specification_current_that_has_all_others():
    specification = {"path": "/var/run/cdi/nvidia.yaml", "uuids": sorted([*hosts.UUIDS, "GPU-lost"]), "drivers": []}
    host = fresh(cdi_gpus=True, cdi_specifications=[specification])
    assert not cdi_current(host)
    assert cdi_current(changed(host, gpu={"lost_devices": ["0000:ba:00.0"]}))
    assert not cdi_current(changed(host, gpu={"lost_devices": ["0000:ba:00.0"], "uuids": [*hosts.UUIDS, "GPU-new"]}))


@pytest.mark.parametrize(
    ("engine", "allowed", "words"),
    [
        ({}, False, "docker_engine_allow_restart is false"),
        (SILENT, True, "no longer answers (unix:///var/run/docker.sock: timed out)"),
        ({}, True, ""),
    ],
)
def test_a_restart_needs_leave_and_an_engine_that_says_what_it_runs(
    engine: dict[str, Any], allowed: bool, words: str
) -> None:
    problem = guard.restart_problem(changed(fresh(), engine=engine)["engine"], allowed)
    assert words in problem
    assert bool(problem) == bool(words)


def test_a_restart_stops_all_containers_but_with_live_restore() -> None:
    assert guard.stopped_by_restart(fresh(containers=[container("job")])["engine"]) == ["job"]
    assert guard.stopped_by_restart(fresh(containers=[container("job")], live_restore=True)["engine"]) == []

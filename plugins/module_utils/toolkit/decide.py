# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils import openpgp
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.cdi import OWN_CDI_FILE
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host.nvidia_repository import conflicts
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host.packages import (
    TOOLKIT_PACKAGES,
    Package,
    describe,
    incomplete,
)
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host.repositories import files, places, sha256
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.toolkit import guard, repository
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.toolkit.plan import (
    Action,
    AddRuntime,
    ConfigurePackages,
    HoldPackages,
    InstallPackages,
    Plan,
    RemoveCdi,
    RemoveToolkit,
    Wanted,
    WriteCdi,
)
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.toolkit.versions import known_escapes, order

# The controller imports this module too, and compiles each file that this module imports.
if TYPE_CHECKING:
    from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host.engine import EngineState
    from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host.look import Host

NOTHING_CHANGED = "Nothing was changed."
# Programs without privileges read the repository and its key, as apt's own user.
FILE_MODE = "0644"
DEFAULT_PROGRAM = "nvidia-container-runtime"


def decide(host: Host, wanted: Wanted) -> Plan:
    """The plan for a host in this state. Raises ValueError if the declared state is not valid."""
    _check_versions(wanted)
    if wanted.state == "absent":
        return _absent(host, wanted)
    if not host["gpu"]["present"]:
        return Plan(note=f"{host['gpu']['msg']} The NVIDIA container toolkit is left out here.")
    refusal = _look_problem(host, wanted) or _driver_problem(host, wanted) or _engine_problem(host, wanted)
    return Plan(refusal=refusal) if refusal else _present(host, wanted)


def _check_versions(wanted: Wanted) -> None:
    installed = ("version", wanted.version) if wanted.version else ("default_version", wanted.default_version)
    minima = [("minimum_version", wanted.minimum_version), ("driver_minimum", wanted.driver_minimum)]
    for option, version in (installed, *minima):
        try:
            order(version)
            if (option, version) == installed and "-" in version:
                raise ValueError(f"'{version}' has a revision. Write it without, like 1.20.1")
        except ValueError as error:
            raise ValueError(f"nvidia_container_toolkit_{option} on {wanted.name}: {error}.") from error


def mechanism(host: Host) -> str:
    """How containers get the GPUs on a host with the toolkit."""
    return "cdi" if host["engine"]["cdi_enabled"] else "runtime"


def _look_problem(host: Host, wanted: Wanted) -> str:
    """Why the host is not known well enough to change anything."""
    error = host["gpu"]["error"] or host["packages"]["error"]
    return f"{wanted.name}: {error} {NOTHING_CHANGED}" if error else ""


def _driver_problem(host: Host, wanted: Wanted) -> str:
    driver = host["gpu"]["driver_version"] or ""
    with contextlib.suppress(ValueError):
        if order(driver) >= order(wanted.driver_minimum):
            return ""
    return (
        f"The NVIDIA driver of {wanted.name} is {driver}, and the NVIDIA container toolkit needs"
        f" {wanted.driver_minimum} or newer. Install a newer driver and reboot the host,"
        " or remove the host from gpu_hosts."
        f" {NOTHING_CHANGED}"
    )


def _engine_problem(host: Host, wanted: Wanted) -> str:
    """Why the engine cannot be relied on. A dry run may come before the engine is installed."""
    engine = host["engine"]
    if not engine["reachable"] and not (wanted.check_mode and not engine["installed"]):
        return (
            f"The Docker engine of {wanted.name} does not answer, so the containers that it runs are not known:"
            f" {engine['error']}. See journalctl --unit docker, and run again when docker info answers."
            f" {NOTHING_CHANGED}"
        )
    if engine["root_dir"].startswith("/var/snap/"):
        return (
            f"The Docker engine of {wanted.name} is from a snap ({engine['root_dir']}), which reads neither"
            " /etc/docker/daemon.json nor the host's programs. Install the engine from a package of the distribution"
            f" or of Docker, or set nvidia_container_toolkit_enabled: false for this host. {NOTHING_CHANGED}"
        )
    return ""


def _present(host: Host, wanted: Wanted) -> Plan:
    way = mechanism(host)
    packages = _packages(host, wanted)
    if packages.refusal or not packages.mechanism:
        return packages
    installing = any(isinstance(action, InstallPackages) and action.packages_change for action in packages.actions)
    access = _cdi(host, wanted, installing) if way == "cdi" else _runtime(host, wanted)
    actions = packages.actions + access.actions
    # What the packages bring may settle the rest: it is decided again after each act.
    refusal = "" if packages.actions else access.refusal
    return replace(packages, actions=actions, refusal=refusal)


def usable(host: Host, minimum_version: str) -> bool:
    """Whether the host has a toolkit that works with the mechanism of its engine and is not older than this."""
    toolkit = host["toolkit"]
    if incomplete(host["packages"]["toolkit"]):
        return False
    if not toolkit["version"]:
        return cdi_current(host) if mechanism(host) == "cdi" else bool(toolkit["runtime_program"])
    needed = ["nvidia-ctk"] if mechanism(host) == "cdi" else ["nvidia-container-runtime"]
    programs = [*toolkit["programs"], *(["nvidia-container-runtime"] if toolkit["runtime_program"] else [])]
    return all(program in programs for program in needed) and order(toolkit["version"]) >= order(minimum_version)


def _packages(host: Host, wanted: Wanted) -> Plan:
    """The part of the plan that concerns packages; `mechanism` is empty if there is no toolkit afterwards."""
    halfway = incomplete(host["packages"]["toolkit"])
    present = tuple(
        f"{package['name']}={package['version']}" for package in host["packages"]["toolkit"] if package not in halfway
    )
    works = usable(host, wanted.minimum_version)
    if works and not wanted.version:
        return Plan(warnings=_escapes(host["toolkit"]["version"], wanted, left=True), mechanism=mechanism(host))
    if halfway and _configurable(host, wanted):
        return _finish(host, wanted, tuple(package["name"] for package in halfway))
    version = wanted.version or wanted.default_version
    manager = host["packages"]["manager"]
    if not manager:
        if works and host["toolkit"]["version"] == version:
            return Plan(warnings=_escapes(version, wanted), mechanism=mechanism(host))
        return Plan(
            refusal=(
                f"The package manager of {wanted.name} is not one of those that the role knows: apt, dnf and dnf5."
                " Install the NVIDIA container toolkit yourself, and unset nvidia_container_toolkit_version."
                f" {NOTHING_CHANGED}"
            )
        )
    url = repository.url(manager, wanted.repository_url)
    install, refusal = _installation(host, wanted, manager, version, url, present)
    if refusal:
        return Plan(refusal=refusal)
    skipped = (
        ""
        if wanted.allow_daemon_reload or not install.packages_change
        else guard.package_problem(wanted.name, host["engine"]["containers"])
    )
    if skipped:
        left = f"{', '.join(present)} stay." if present else "The toolkit is not installed."
        escapes = _escapes(host["toolkit"]["version"], wanted, left=True) if works else ()
        return Plan(warnings=(f"{skipped} {left}", *escapes), mechanism=mechanism(host) if works else "")
    actions: tuple[Action, ...] = (install,) if install.packages_change or _files_differ(host, wanted, install) else ()
    held = [package["name"] for package in host["packages"]["toolkit"] if package["held"]]
    # dpkg no longer holds a package that has changed.
    free = TOOLKIT_PACKAGES if install.packages_change else tuple(name for name in TOOLKIT_PACKAGES if name not in held)
    actions += (HoldPackages(tuple(free)),) if manager == "apt" and free else ()
    return Plan(actions=actions, warnings=_escapes(version, wanted), mechanism=mechanism(host))


def _configurable(host: Host, wanted: Wanted) -> bool:
    """Whether the packages need only their maintainer scripts to be in the declared version."""
    packages = host["packages"]["toolkit"]
    versions = {package["version"] for package in packages}
    if len(packages) != len(TOOLKIT_PACKAGES) or len(versions) != 1:
        return False
    (version,) = versions
    unpacked = all(package["state"] != "half-installed" for package in packages)
    return unpacked and (version == wanted.version or (not wanted.version and _new_enough(version, wanted)))


def _new_enough(version: str, wanted: Wanted) -> bool:
    return order(version) >= order(wanted.minimum_version)


def _finish(host: Host, wanted: Wanted, names: tuple[str, ...]) -> Plan:
    """Let dpkg finish what it left halfway."""
    skipped = "" if wanted.allow_daemon_reload else guard.package_problem(wanted.name, host["engine"]["containers"])
    if skipped:
        return Plan(warnings=(f"{skipped} {describe(host['packages']['toolkit'])} stay.",))
    return Plan(actions=(ConfigurePackages(names),), mechanism=mechanism(host))


def _installation(
    host: Host, wanted: Wanted, manager: str, version: str, url: str, present: tuple[str, ...]
) -> tuple[InstallPackages, str]:
    """The installation, and why it cannot be done."""
    where, entries = places(manager), host["repositories"]["apt_entries"]
    file, key = files(host["repositories"])
    mixed = repository.mixed(entries, where.repository, url)
    refusal = (
        f"apt would read no repository on {wanted.name} with two entries for nvidia_container_toolkit_repository_url."
        " Remove the entry from the files that have other entries too: "
        + " ".join(f"{entry['path']}, line {entry['line']}: {entry['uri']}." for entry in mixed)
        + f" {NOTHING_CHANGED}"
        if mixed
        else ""
    )
    others = sorted({entry["path"] for entry in conflicts(entries, where.repository, url)})
    if file["exists"] and not file["written_by_role"]:
        others.append(where.repository)
    text = repository.text(manager, version, url, where, repository.history(file, present, others))
    return (
        InstallPackages(
            manager,
            version,
            present,
            repository.packages(version),
            where,
            text,
            tuple(others),
            key["fingerprint"],
            wanted.key_fingerprint,
        ),
        refusal,
    )


def _files_differ(host: Host, wanted: Wanted, install: InstallPackages) -> bool:
    """Whether the repository or its key is not as declared."""
    file, key = files(host["repositories"])
    if install.set_aside or file["sha256"] != sha256(install.repository):
        return True
    if {file["mode"], key["mode"]} != {FILE_MODE}:
        return True
    if wanted.key.startswith(("http://", "https://")):
        return key["fingerprint"] != wanted.key_fingerprint
    try:
        armored = openpgp.keys(wanted.key).get(wanted.key_fingerprint)
    except ValueError:
        armored = None
    return key["sha256"] != sha256(armored)


def _escapes(version: str, wanted: Wanted, left: bool = False) -> tuple[str, ...]:
    """A warning of the escapes that a version has. `left` says that it is on the host, and stays."""
    escapes = known_escapes(version) if version else ()
    if not escapes:
        return ()
    bulletins = sorted({escape.bulletin for escape in escapes})
    fixed = max((escape.fixed for escape in escapes), key=order)
    option = "nvidia_container_toolkit_version" if wanted.version else "nvidia_container_toolkit_default_version"
    return (
        (
            f"Containers can escape from the NVIDIA container toolkit {version} of {wanted.name}:"
            f" {', '.join(escape.cve for escape in escapes)} ({', '.join(bulletins)})."
            f" {'It was left unchanged' if left else f'{option} asks for it'}. Set"
            f" nvidia_container_toolkit_version to {fixed} or newer."
        ),
    )


def cdi_current(host: Host) -> bool:
    """Whether the CDI specifications are of the GPUs and of the driver.

    One that names no UUID was made by hand, and is left to its author.
    """
    engine, gpu = host["engine"], host["gpu"]
    uuids = sorted(uuid for specification in engine["cdi_specifications"] for uuid in specification["uuids"])
    drivers = sorted({driver for specification in engine["cdi_specifications"] for driver in specification["drivers"]})
    # nvidia-ctk may fail while a GPU is lost, and the specification from before serves the others.
    complete = set(gpu["uuids"]) <= set(uuids) if gpu["lost_devices"] else uuids == gpu["uuids"]
    return engine["cdi_gpus"] and (not uuids or complete) and drivers in ([], [gpu["driver_version"]])


def _cdi(host: Host, wanted: Wanted, installing: bool) -> Plan:
    toolkit, specifications = host["toolkit"], host["engine"]["cdi_specifications"]
    # The toolkit's service does not notice a change of the MIG layout, nor every change of the driver.
    if cdi_current(host) and not (toolkit["own_cdi_file"] and toolkit["cdi_refresh_service"]):
        return Plan()
    others = [specification["path"] for specification in specifications if specification["path"] != OWN_CDI_FILE]
    if others and not toolkit["cdi_refresh_service"] and not installing:
        return Plan(
            refusal=(
                f"The CDI specification {', '.join(others)} of {wanted.name} is not of its GPUs"
                f" {', '.join(host['gpu']['uuids'])} and its driver {host['gpu']['driver_version']}, and the role did"
                " not write it. Write it again with nvidia-ctk cdi generate, or remove it, so that the role writes its"
                " own. It was left unchanged."
            )
        )
    return Plan(
        actions=(WriteCdi(toolkit["cdi_refresh_service"], toolkit["own_cdi_file"], tuple(host["gpu"]["uuids"])),)
    )


def cdi_problem(host: Host, wanted: Wanted) -> str:
    """What is wrong with the CDI specifications after the toolkit has written one."""
    told = [
        f"{specification['path']} gives {', '.join(specification['uuids']) or 'no UUID'}"
        f" with driver {', '.join(specification['drivers']) or 'of no version'}."
        for specification in host["engine"]["cdi_specifications"]
    ]
    return (
        f"The toolkit has just written a CDI specification, but the specifications of {wanted.name} are not of its GPUs"
        f" {', '.join(host['gpu']['uuids'])} and its driver {host['gpu']['driver_version']}."
        f" {' '.join(told) or 'no file gives a GPU.'}"
        " If several files have a device, the file in the last folder counts."
        " Of two files in one folder, none counts. Remove the file of another host, or write it again with"
        " nvidia-ctk cdi generate."
    )


def _runtime(host: Host, wanted: Wanted) -> Plan:
    engine, toolkit = host["engine"], host["toolkit"]
    # A runtime of one of containerd's shims has no program.
    program = engine["runtimes"].get("nvidia", DEFAULT_PROGRAM)
    if "nvidia" in engine["runtimes"] and (
        not program or toolkit["daemon_error"] or toolkit["daemon_runtime"] == program
    ):
        return Plan()
    if toolkit["daemon_error"]:
        return Plan(refusal=f"{toolkit['daemon_error']} The Docker engine of {wanted.name} has no runtime nvidia.")
    return Plan(actions=(AddRuntime(program),))


def _absent(host: Host, wanted: Wanted) -> Plan:
    manager, file = host["packages"]["manager"], host["repositories"]["file"]
    halfway = incomplete(host["packages"]["toolkit"])
    if file is None or not file["written_by_role"]:
        own_cdi = host["toolkit"]["own_cdi_file"]
        left = f"Only its CDI specification {OWN_CDI_FILE} is removed." if own_cdi else "Everything was left unchanged."
        return Plan(
            actions=(RemoveCdi(),) if own_cdi else (),
            note=(
                f"The role did not install the NVIDIA container toolkit on {wanted.name}"
                f" (there is no {file['path'] if file else 'repository'} that the role wrote). {left}"
            ),
            warnings=_left_halfway(halfway, wanted),
        )
    names = tuple(package["name"] for package in host["packages"]["toolkit"])
    leave = bool(file["installed_before"])
    packages_go = bool(names) and not leave
    engine = _engine_at_removal(host, wanted)
    engine_gone = not engine["reachable"] and not engine["installed"]
    checks: list[Callable[[], str]] = [
        lambda: host["packages"]["error"],
        lambda: "" if engine_gone else _engine_problem(host, wanted).replace(f" {NOTHING_CHANGED}", ""),
        lambda: guard.removal_problem(wanted.name, engine),
        lambda: (
            guard.package_problem(wanted.name, engine["containers"])
            if packages_go and not wanted.allow_daemon_reload
            else ""
        ),
    ]
    problem = next((problem for check in checks if (problem := check())), "")
    if problem:
        return Plan(refusal=f"{problem} {NOTHING_CHANGED}")
    going_on = guard.with_devices(engine["containers"]) if packages_go else []
    note = (
        f"The containers {', '.join(going_on)} of {wanted.name} keep their GPUs and continue to run."
        " Once stopped they do not start again without the toolkit."
        if going_on
        else ""
    )
    release = (
        tuple(package["name"] for package in host["packages"]["toolkit"] if package["held"])
        if leave and manager == "apt"
        else ()
    )
    removal = RemoveToolkit(
        manager, names if packages_go else (), release, places(manager), tuple(file["set_aside"]), engine_gone
    )
    return Plan(actions=(removal,), note=note, warnings=_left_halfway(halfway, wanted) if leave else ())


def _engine_at_removal(host: Host, wanted: Wanted) -> EngineState:
    """The engine when the toolkit is removed. In check mode the services that go before are still there."""
    engine = host["engine"]
    if not (wanted.services_removed and wanted.check_mode):
        return engine
    return {**engine, "containers": [container for container in engine["containers"] if not container["service"]]}


def _left_halfway(packages: list[Package], wanted: Wanted) -> tuple[str, ...]:
    """A warning of packages that are not the role's and that dpkg left halfway."""
    if not packages:
        return ()
    names = " ".join(package["name"] for package in packages)
    return (
        (
            f"dpkg left packages of {wanted.name} halfway, and the role did not install them: {describe(packages)}."
            f" Finish them with dpkg --configure {names}, or remove them with dpkg --remove {names}."
        ),
    )

# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import singledispatchmethod

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils import openpgp_file
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.cdi import OWN_CDI_FILE
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.daemon_file import Diff
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host.commands import Commands
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host.look import Host, look
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host.packages import Package, describe
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host.packages import ask as ask_packages
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host.repositories import (
    apt_entries,
    located,
    read,
    without_credentials,
)
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host.toolkit import REFRESH_SERVICE
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.packages.errors import PackageError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.packages.locks import when_free
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.toolkit import (
    bundled_folder,
    guard,
    package_manager,
    repository,
)
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.toolkit.bundled_folder import BundledFolder
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.toolkit.decide import (
    DEFAULT_PROGRAM,
    NOTHING_CHANGED,
    cdi_current,
    cdi_problem,
    decide,
    usable,
)
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.toolkit.engine_runtime import EngineRuntime
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.toolkit.errors import Skipped, ToolkitError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.toolkit.kept_files import (
    KeptFiles,
    remove,
    restore_aside,
)
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

KEY_SECONDS = 30
# The specification that the service nvidia-cdi-refresh writes.
_SERVICE_CDI_FILE = "/var/run/cdi/nvidia.yaml"


@dataclass
class Outcome:
    """What was done on a host, and the host afterwards."""

    host: Host
    plan: Plan
    done: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    diffs: list[Diff] = field(default_factory=list)


class Toolkit:
    """The toolkit of this host. Each act follows from a look just before it, which shows containers that start late."""

    def __init__(
        self, module: AnsibleModule, commands: Commands, docker_host: str, wanted: Wanted, archive: str = ""
    ) -> None:
        self._module = module
        self._archive = archive
        self._commands = commands
        self._docker_host = docker_host
        self._wanted = wanted
        self._runtime = EngineRuntime(module, commands, docker_host, wanted)
        self._diffs: list[Diff] = []
        self._warnings: list[str] = []

    def reconcile(self) -> Outcome:
        """Bring the host to the declared state. Raises ToolkitError if that fails."""
        host = self._look()
        outcome = Outcome(host, self._decide(host))
        carried_out: set[type[Action]] = set()
        skipped: set[type[Action]] = set()
        while remaining := self._remaining(outcome, skipped):
            action = remaining[0]
            if type(action) in carried_out:
                raise ToolkitError(self._not_settled(action, outcome.host))
            reason = ""
            try:
                self._carry_out(action)
                carried_out.add(type(action))
                outcome.done.append(type(action).__name__)
            except Skipped as harm:
                skipped.add(type(action))
                reason = str(harm)
            former = outcome.plan
            outcome.host = self._look()
            outcome.plan = self._decide(outcome.host)
            if isinstance(action, (RemoveToolkit, RemoveCdi)):
                # The note of a removal about containers holds when nothing is left of the toolkit.
                outcome.plan = replace(outcome.plan, note=former.note)
            if reason and action in outcome.plan.actions:
                outcome.warnings.append(reason)
        outcome.warnings += [*outcome.plan.warnings, *self._warnings]
        packages_skipped = {InstallPackages, ConfigurePackages} & skipped
        if AddRuntime in skipped or (packages_skipped and not self._usable(outcome.host)):
            outcome.plan = replace(outcome.plan, mechanism="")
        outcome.diffs = self._diffs + self._runtime.diffs
        return outcome

    def _remaining(self, outcome: Outcome, skipped: set[type[Action]]) -> list[Action]:
        """What is still to be done. Without the packages, only a toolkit that works is configured."""
        if {InstallPackages, ConfigurePackages} & skipped:
            skipped = {*skipped, HoldPackages}
            if not self._usable(outcome.host):
                return []
        return [action for action in outcome.plan.actions if type(action) not in skipped]

    def _usable(self, host: Host) -> bool:
        return usable(host, self._wanted.minimum_version)

    def preview(self) -> Outcome:
        """What would be done, without doing it."""
        host = self._look()
        outcome = Outcome(host, self._decide(host))
        outcome.warnings = list(outcome.plan.warnings)
        for action in outcome.plan.actions:
            outcome.done.append(action.describe())
            self._preview(action)
        outcome.diffs = self._diffs + self._runtime.diffs
        return outcome

    def _look(self) -> Host:
        try:
            return look(self._commands, self._docker_host, [], [])
        except OSError as error:
            raise ToolkitError(str(error)) from error

    def _decide(self, host: Host) -> Plan:
        try:
            plan = decide(host, self._wanted)
        except ValueError as error:
            raise ToolkitError(str(error)) from error
        if plan.refusal:
            raise ToolkitError(plan.refusal)
        return plan

    def _not_settled(self, action: Action, host: Host) -> str:
        """Why an act did not bring what it should."""
        if isinstance(action, WriteCdi):
            return cdi_problem(host, self._wanted)
        packages = ", ".join(f"{package['name']}={package['version']}" for package in host["packages"]["toolkit"])
        return (
            f"The NVIDIA container toolkit of {self._wanted.name} is not as it should be after the change, and has"
            f" {packages or 'no package'}. {action.describe()}"
        )

    @singledispatchmethod
    def _preview(self, action: Action) -> None:
        """Keep the diffs of what an action would write."""

    @_preview.register
    def _preview_installation(self, action: InstallPackages) -> None:
        if action.key_before != action.key_fingerprint or not openpgp_file.is_url(self._wanted.key):
            self._key()
        self._show_installation(action, read(action.places.repository) or "")

    @_preview.register
    def _preview_runtime(self, action: AddRuntime) -> None:
        self._plan_runtime(action.program, "present")

    @_preview.register
    def _preview_removal(self, action: RemoveToolkit) -> None:
        self._diffs.append(_diff(action.places.repository, read(action.places.repository) or "", ""))
        self._plan_runtime(DEFAULT_PROGRAM, "absent")

    def _plan_runtime(self, program: str, state: str) -> None:
        try:
            self._runtime.planned(program, state)
        except (OSError, ValueError) as error:
            raise ToolkitError(str(error)) from error

    @singledispatchmethod
    def _carry_out(self, action: Action) -> None:
        """Do what an action says."""
        raise TypeError(type(action).__name__)

    @_carry_out.register
    def _install_packages(self, action: InstallPackages) -> None:
        wanted, url = self._wanted, repository.url(action.manager, self._wanted.repository_url)
        key = self._key()
        manager = package_manager.of(action.manager, self._commands, action.places.repository)
        files, folder = KeptFiles(), BundledFolder(url, self._archive)
        before, packages = read(action.places.repository) or "", ask_packages(self._commands)["toolkit"]
        try:
            problem_before = manager.sources_problem()
            folder.place()
            for path in action.set_aside:
                files.set_aside(path)
            files.write(action.places.key, key)
            files.write(action.places.repository, action.repository)
            self._check_sources(manager, problem_before)
            if action.packages_change:
                self._change_packages(manager, repository.file_names(action.manager, action.version), packages)
        except BaseException as error:
            files.put_back()
            folder.put_back()
            manager.forget()
            if not isinstance(error, (OSError, PackageError, ToolkitError)):
                raise
            raise ToolkitError(
                f"{', '.join(action.wanted)} cannot be installed on {wanted.name} from"
                f" {without_credentials(url)} ({_repository_option(url)},"
                " nvidia_container_toolkit_version). The previous repositories and key were restored:"
                f" {without_credentials(str(error))}"
            ) from error
        finally:
            manager.close()
        folder.settle()
        # From here on the installed version counts as declared: it is held, though the version was not asked for.
        self._wanted = replace(wanted, version=action.version)
        self._show_installation(action, before)

    def _check_sources(self, manager: package_manager.PackageManager, before: str) -> None:
        """Refuse a repository with which apt reads no other one, and name entries of others that apt cannot read."""
        problem = manager.sources_problem()
        if not problem:
            return
        text = located(problem, apt_entries("/etc/apt"))
        if not before:
            raise ToolkitError(f"apt would not read the repositories of the host with it: {text}")
        self._warnings.append(
            f"apt does not read the repositories of {self._wanted.name}: {text}"
            " The toolkit needs its own repository only."
        )

    def _change_packages(
        self, manager: package_manager.PackageManager, names: list[str], before: list[Package]
    ) -> None:
        """Install packages. If that fails, the former packages come back."""
        when_free(lambda: manager.download(names))
        when_free(lambda: manager.keep(before))
        changing = False

        def install() -> None:
            nonlocal changing
            self._guard_packages()
            changing = True
            manager.install(names)

        try:
            when_free(install)
        except Skipped:
            raise
        except BaseException as error:
            if not changing:
                raise
            left = self._packages_put_back(manager, before)
            if not isinstance(error, (OSError, PackageError, ToolkitError)):
                raise
            raise PackageError(f"{_sentence(error)} {left}") from error

    def _packages_put_back(self, manager: package_manager.PackageManager, before: list[Package]) -> str:
        """Put the former packages back; says what there is now."""

        def put_back() -> None:
            self._guard_packages("The packages stay as they are.")
            manager.put_back(before)

        now = ask_packages(self._commands)["toolkit"]
        problem = ""
        if now != before:
            try:
                when_free(put_back)
            except (OSError, PackageError, ToolkitError, Skipped) as error:
                problem = f" Restoring the previous packages failed too: {_sentence(error)}"
            now = ask_packages(self._commands)["toolkit"]
        if now == before:
            return f"The host has the same packages as before: {describe(before) or 'none'}."
        return (
            f"The host has now {describe(now) or 'none of the packages'},"
            f" and had {describe(before) or 'none'}.{problem}"
        )

    def _key(self) -> str:
        """The repository's key, which has the wanted fingerprint."""
        wanted = self._wanted
        try:
            return openpgp_file.armored(self._module, wanted.key, wanted.key_fingerprint, KEY_SECONDS)
        except OSError as error:
            raise ToolkitError(
                f"nvidia_container_toolkit_key on {wanted.name}: {error} A host without internet needs"
                " nvidia_container_toolkit_repository_url too: a mirror, or a folder of the host such as"
                f" file:///srv/nvidia. {NOTHING_CHANGED}"
            ) from error
        except ValueError as error:
            raise ToolkitError(f"nvidia_container_toolkit_key on {wanted.name}: {error} {NOTHING_CHANGED}") from error

    def _show_installation(self, action: InstallPackages, before: str) -> None:
        """Keep the diffs of the repository file and of the key, which is shown by its fingerprint."""
        self._diffs.append(_diff(action.places.repository, before, action.repository))
        if action.key_before != action.key_fingerprint:
            self._diffs.append(
                _diff(action.places.key, action.key_before and f"{action.key_before}\n", f"{action.key_fingerprint}\n")
            )

    def _guard_packages(self, left: str = NOTHING_CHANGED) -> None:
        """Stop if a container that has started meanwhile could lose its GPUs. `left` says what is left."""
        if self._wanted.allow_daemon_reload:
            return
        engine = self._runtime.state()
        if not engine["reachable"]:
            raise ToolkitError(
                f"the Docker engine no longer answers, so the containers that it runs are not known: {engine['error']}"
            )
        problem = guard.package_problem(self._wanted.name, engine["containers"])
        if problem:
            raise Skipped(f"{problem} {left}")

    @_carry_out.register
    def _configure_packages(self, action: ConfigurePackages) -> None:
        manager = package_manager.of("apt", self._commands, "")

        def configure() -> None:
            self._guard_packages()
            manager.configure(action.names)

        try:
            when_free(configure)
        except PackageError as error:
            raise ToolkitError(
                f"dpkg left {', '.join(action.names)} of {self._wanted.name} halfway, and cannot finish the"
                f" installation: {_sentence(error)} Set nvidia_container_toolkit_version to another version,"
                f" or remove the packages with dpkg --remove {' '.join(action.names)}."
            ) from error

    @_carry_out.register
    def _hold_packages(self, action: HoldPackages) -> None:
        self._hold(package_manager.of("apt", self._commands, ""), action.names, action.hold)

    def _hold(self, manager: package_manager.PackageManager, names: Sequence[str], hold: bool) -> None:
        try:
            when_free(lambda: manager.hold(names, hold))
        except PackageError as error:
            verb = "held" if hold else "released"
            raise ToolkitError(f"{', '.join(names)} of {self._wanted.name} cannot be {verb}: {error}") from error

    @_carry_out.register
    def _write_cdi(self, action: WriteCdi) -> None:
        if action.by_service:
            answer = self._commands.run(["systemctl", "restart", f"{REFRESH_SERVICE}.service"])
            if action.remove_own_file and answer.code == 0:
                remove(OWN_CDI_FILE)
        else:
            # The engine does not notice every file that is moved into the folder, but those that nvidia-ctk writes.
            answer = self._commands.run(["nvidia-ctk", "cdi", "generate", f"--output={OWN_CDI_FILE}"])
        if answer.code != 0:
            raise ToolkitError(
                f"The CDI specification of {self._wanted.name} cannot be written: {answer.text} Nothing else was"
                " changed."
            )
        if not cdi_current(host := self._look()):
            raise ToolkitError(cdi_problem(host, self._wanted))

    @_carry_out.register
    def _add_runtime(self, action: AddRuntime) -> None:
        self._runtime.add(action.program)

    @_carry_out.register
    def _remove_toolkit(self, action: RemoveToolkit) -> None:
        self._guard_removal(action, NOTHING_CHANGED)
        self._runtime.remove(engine_gone=action.engine_gone)
        manager = package_manager.of(action.manager, self._commands, action.places.repository)
        if action.packages:
            self._remove_packages(manager, action)
            remove(_SERVICE_CDI_FILE)
        if action.release:
            self._hold(manager, action.release, False)
        before = read(action.places.repository) or ""
        remove(bundled_folder.FOLDER)
        # The repository file goes last: by it the role knows that there is something to remove.
        for path in (OWN_CDI_FILE, action.places.key, action.places.repository):
            remove(path)
        for path in action.put_back:
            restore_aside(path)
        manager.forget()
        self._diffs.append(_diff(action.places.repository, before, ""))

    @_carry_out.register
    def _remove_cdi(self, action: RemoveCdi) -> None:
        remove(OWN_CDI_FILE)

    def _remove_packages(self, manager: package_manager.PackageManager, action: RemoveToolkit) -> None:
        def remove_guarded() -> None:
            self._guard_removal(action, "The packages were not removed. Run again to remove them.")
            manager.remove(action.packages)

        try:
            when_free(remove_guarded)
        except PackageError as error:
            now = describe(ask_packages(self._commands)["toolkit"])
            raise ToolkitError(
                f"{', '.join(action.packages)} of {self._wanted.name} cannot be removed: {_sentence(error)}"
                f" The host has {now or 'none of the packages'}. Fix the cause, and run again."
            ) from error

    def _guard_removal(self, action: RemoveToolkit, left: str) -> None:
        """Remove nothing that a container needs which has started meanwhile. `left` says what was not done."""
        engine = self._runtime.state()
        if action.engine_gone and not engine["reachable"]:
            return
        problem = (
            guard.removal_problem(self._wanted.name, engine)
            if engine["reachable"]
            else f"The Docker engine does not answer: {engine['error']}."
        )
        if not problem and action.packages and not self._wanted.allow_daemon_reload:
            problem = guard.package_problem(self._wanted.name, engine["containers"])
        if problem:
            raise ToolkitError(f"{problem} {left}")


def _repository_option(url: str) -> str:
    """The option by which a repository is taken."""
    return "gpu_monitoring_bundle" if bundled_folder.is_bundled(url) else "nvidia_container_toolkit_repository_url"


def _sentence(error: BaseException) -> str:
    """What an error says, as a sentence."""
    return f"{str(error).rstrip(' .')}."


def _diff(path: str, before: str, after: str) -> Diff:
    return {
        "before_header": path,
        "after_header": path,
        "before": without_credentials(before),
        "after": without_credentials(after),
    }

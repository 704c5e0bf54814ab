# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import os
import re
import tempfile
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle.errors import BundleError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.toolkit import bundled_folder
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.toolkit.decide import decide
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.toolkit.options import OPTIONS, wanted
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.toolkit.plan import InstallPackages, Plan
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils import bundled_toolkit, unreachable_hosts

_URL_OR_TEXT = re.compile(r"\s*https?://|.*-----BEGIN PGP", re.DOTALL)


class ActionModule(ActionBase):
    """Decides on the controller from what is known of the host, and runs the module if there is something to do."""

    _supports_check_mode = True
    _supports_diff = True

    @unreachable_hosts.fail_if_unreachable_is_ignored
    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """The plan of one host, and the result of carrying it out."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        _validation, options = self.validate_argument_spec(
            {
                **OPTIONS,
                "docker_host": {"type": "str", "default": "unix:///var/run/docker.sock"},
                "bundle": {"type": "path"},
                "bundle_archive": {"type": "path"},
            }
        )
        host, bundle = options.pop("host"), options.pop("bundle")
        options["bundle_archive"] = ""
        try:
            if bundle and options["state"] == "present":
                if host is None:
                    raise BundleError("bundle needs the option host.")
                self._take_from_bundle(bundle, host, options)
            if options["key"] and not _URL_OR_TEXT.match(options["key"]):
                options["key"] = self._key_file(options["key"])
            if host is not None:
                plan = decide(host, wanted(options, self._task.check_mode))
                if plan.refusal:
                    raise AnsibleActionFail(plan.refusal)
                if not plan.actions:
                    result.update(changed=False, actions=[], mechanism=plan.mechanism, msg=plan.note)
                    if plan.warnings:
                        result["warnings"] = list(plan.warnings)
                    return result
                if bundle:
                    options["bundle_archive"] = self._bring(bundle, host, plan)
        except ValueError as error:
            raise AnsibleActionFail(str(error)) from None
        except OSError as error:
            raise self._bundle_failure(options, f"{error.filename}: {error.strerror}.") from None
        except BundleError as error:
            raise self._bundle_failure(options, str(error)) from None
        result.update(
            self._execute_module(
                module_name="mlops.gpu_monitoring.nvidia_container_toolkit", module_args=options, task_vars=task_vars
            )
        )
        return result

    def _bundle_failure(self, options: dict[str, Any], reason: str) -> AnsibleActionFail:
        return AnsibleActionFail(f"gpu_monitoring_bundle on {options['name']}: {reason}")

    def _take_from_bundle(self, bundle: str, host: dict[str, Any], options: dict[str, Any]) -> None:
        """Take repository and key from a bundle."""
        manager = host["packages"]["manager"]
        if manager:
            options["repository_url"] = bundled_folder.url(options["version"] or options["default_version"])
            options["key"] = bundled_toolkit.key(bundle, bundled_toolkit.kind_of(manager))

    def _bring(self, bundle: str, host: dict[str, Any], plan: Plan) -> str:
        """Bring the packages of a plan to the host. Returns the path of their archive; empty if none is needed."""
        installation = next((action for action in plan.actions if isinstance(action, InstallPackages)), None)
        if installation is None:
            return ""
        kind = bundled_toolkit.kind_of(host["packages"]["manager"])
        bundled_toolkit.check(bundle, kind)
        machine, free = self._host_room()
        folder, paths = bundled_toolkit.files(bundle, kind, machine, installation.version)
        former = bundled_toolkit.former_files(folder, kind, host["packages"]["toolkit"])
        paths = list(dict.fromkeys([*paths, *former]))
        problem = bundled_toolkit.room_problem(free, sum(os.path.getsize(os.path.join(folder, path)) for path in paths))
        if problem:
            raise BundleError(f"{problem} Nothing was changed.")
        if self._task.check_mode:
            return ""
        shell = self._connection._shell
        archive = shell.join_path(shell.tmpdir, "toolkit.tar")
        with tempfile.NamedTemporaryFile() as local:
            bundled_toolkit.pack(folder, paths, local.name)
            self._transfer_file(local.name, archive)
        self._fixup_perms2((shell.tmpdir, archive))
        return str(archive)

    def _host_room(self) -> tuple[str, dict[str, int]]:
        """What `uname -m` says, and the free bytes of the folders to which packages are written."""
        if not self._connection._shell.tmpdir:
            self._make_tmp_path()
        folders = (self._connection._shell.tmpdir, "/var/lib", "/var/cache")
        answer = self._low_level_execute_command(f"uname -m && LC_ALL=C df -Pk {' '.join(folders)}")
        lines = answer["stdout"].splitlines()
        if answer["rc"] != 0 or len(lines) != len(folders) + 2:
            raise BundleError(f"the free room of the host is not known: {answer['stdout']} {answer['stderr']}".strip())
        rows = [line.split() for line in lines[2:]]
        return lines[0].strip(), {row[5]: int(row[3]) * 1024 for row in rows}

    def _key_file(self, path: str) -> str:
        """The text of a file of the controller."""
        # What is not text is not an armoured key either: the module says what to do with a binary one.
        with open(self._find_needle("files", path), encoding="utf-8", errors="replace") as file:
            return file.read()

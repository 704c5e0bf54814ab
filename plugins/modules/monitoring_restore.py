#!/usr/bin/python
# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: monitoring_restore
short_description: Restore the data of a monitoring host from a backup
version_added: "0.1.0"
author:
  - mlops.gpu_monitoring contributors (@mlops)
description:
  - >-
    Replaces the data of services on the host by the data of a backup of M(mlops.gpu_monitoring.monitoring_backup).
  - >-
    The whole backup is compared with its manifest, and secrets are decrypted. Versions and the free space of the host
    are checked. All files are sent beside the present data and compared again, and the integrity of Grafana's database
    is checked.
  - Only then each service is stopped, its files are renamed, and the service is started.
  - The previous data stays beside the new data, in the folder that RV(kept) names.
  - >-
    If a service does not run on the new data, its previous data is restored. After a killed run, the next run for the
    service restores the previous data, unless the service runs on the new data.
  - >-
    With O(controller_folder), the module only restores the certificate authority and the passwords, into that folder of
    the controller. No host is changed.
notes:
  - The services must be deployed first. Data of a newer version than the deployed one is refused.
  - >-
    The present samples of Prometheus are not in the restored data. Samples of at most the three hours before the backup
    are lost.
requirements:
  - Python on the host with the module C(sqlite3), where Grafana is restored.
attributes:
  check_mode:
    description: Checks the backup and the host, and changes nothing.
    support: full
  diff_mode:
    description: Has no differences to show.
    support: none
extends_documentation_fragment:
  - mlops.gpu_monitoring.service_data
options:
  backup:
    description: Absolute path of the folder with the file C(manifest.json).
    type: str
    required: true
  location:
    description: Whether O(backup) is on the controller or on the host.
    type: str
    choices: [controller, host]
    default: controller
  host:
    description: Name of the host whose backup this must be.
    type: str
    required: true
  services:
    description: The services whose data is restored. A service that is not in the backup is an error.
    type: list
    elements: str
    choices: [grafana, prometheus, alertmanager]
    default: [grafana, prometheus, alertmanager]
  vault_password:
    description: >-
      Password with which the secrets of the backup were encrypted. Required for Grafana and for O(controller_folder).
    type: str
  controller_folder:
    description:
      - Folder on the controller into which the certificate authority and the passwords of the backup are put.
      - An existing file that differs stays beside the new file, with C(.before_restore) and the time in its name.
    type: str
  step:
    description: The part that runs on the host. The action of the module sets it; leave it out.
    type: str
    choices: [look, find, prepare, copy, replace, discard]
  files:
    description: Files by service, for the steps. The action of the module sets them.
    type: dict
    default: {}
  images:
    description: Images of the backup by service, for the step V(find). The action of the module sets these.
    type: dict
    default: {}
  time:
    description: Time in the names of what is kept, for the step V(replace). The action of the module sets it.
    type: str
"""

EXAMPLES = r"""
- name: Restore Grafana from a backup on the controller
  mlops.gpu_monitoring.monitoring_restore:
    backup: /srv/backups/gpu_monitoring/monitor1/20261129T133000Z
    host: "{{ inventory_hostname }}"
    services: [grafana]
    vault_password: "{{ backup_vault_password }}"
    grafana_volume: grafana-storage
    grafana_secret_key_file: /etc/gpu_monitoring/grafana/secret_key

- name: Check a backup of Prometheus that is on the monitoring host, and change nothing
  mlops.gpu_monitoring.monitoring_restore:
    backup: /srv/backups/gpu_monitoring/monitor1/20261129T133000Z
    location: host
    host: "{{ inventory_hostname }}"
    services: [prometheus]
    prometheus_volume: prometheus-data
  check_mode: true
"""

RETURN = r"""
kept:
  description: For each service the folder on the host that has the previous data.
  returned: success, without check mode
  type: dict
  sample: {"grafana": "/var/lib/docker/volumes/grafana-storage/_data/.gpu_monitoring.before_restore.20261129T140000Z"}
written:
  description: Files of the controller that were written.
  returned: with O(controller_folder)
  type: list
  elements: str
"""

import contextlib
import os
import shutil
import sys
from dataclasses import asdict

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.backup import (
    digests,
    manifest,
    restore_options,
    restored_data,
    restored_service,
    store,
)
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.backup.errors import BackupError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service import apply, replaced_data
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.engine import Engine
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.errors import ServiceError


def _services(given, engine):
    return [
        restored_service.find(engine, name, given[f"{name}_volume"], given["grafana_secret_key_file"] or "")
        for name in given["services"]
    ]


def _look(given, engine):
    answer = {"python": sys.executable}
    if given["location"] == "host":
        backup_manifest = manifest.read(given["backup"])
        manifest.check(given["backup"], backup_manifest)
        answer["manifest"] = asdict(backup_manifest)
    return answer


def _find(given, engine):
    for name in given["services"] if not given["check_mode"] else []:
        if replaced_data.pending(name):
            with apply.lock(name):
                replaced_data.recover(engine, name)
    services = _services(given, engine)
    for service in services:
        restored_service.refuse_older(service, given["images"].get(service.name, []))
    restored_service.require_room(services, given["files"])
    return {"folders": {service.name: service.delivered for service in services}}


def _prepare(given, engine):
    for service in _services(given, engine):
        restored_data.prepare(service)
    return {}


def _copy(given, engine):
    for entry in given["files"]["all"]:
        target = store.make_folder_of(entry["folder"], entry["path"])
        with open(digests.open_file(os.path.join(given["backup"], entry["name"])), "rb") as read:
            with open(target, "xb") as written:
                shutil.copyfileobj(read, written, digests.PIECE_BYTES)
    return {}


def _replace(given, engine):
    kept = {}
    with contextlib.ExitStack() as locks:
        for name in given["services"]:
            locks.enter_context(apply.lock(name))
        services = _services(given, engine)
        for service in services:
            restored_data.check(service, given["files"][service.name])
        for service in services:
            try:
                kept[service.name] = restored_data.replace(engine, service, given["time"])
            except (BackupError, ServiceError, OSError) as error:
                done = "".join(
                    f" {name} was restored, and its previous data is in {folder}." for name, folder in kept.items()
                )
                raise BackupError(f"{error}{done}") from error
    return {"kept": kept}


def _discard(given, engine):
    for service in _services(given, engine):
        restored_data.discard(service)
    return {}


_STEPS = {
    "look": _look,
    "find": _find,
    "prepare": _prepare,
    "copy": _copy,
    "replace": _replace,
    "discard": _discard,
}


def main():
    """Runs one step."""
    module = AnsibleModule({**restore_options.ARGUMENTS, **restore_options.STEP_ARGUMENTS}, supports_check_mode=True)
    step = module.params["step"]
    if not step:
        module.fail_json(
            msg="step: the module runs only by its action. Name it mlops.gpu_monitoring.monitoring_restore."
        )
    try:
        given = {**module.params, "check_mode": module.check_mode}
        result = _STEPS[step](given, Engine(module.params["docker_host"]))
    except (BackupError, ServiceError) as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        problem = f"{error.filename or module.params['backup']}: {error.strerror}"
        module.fail_json(
            msg=f"backup on {module.params['host']}: {problem}. Correct the path or its rights, or name another backup."
        )
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()

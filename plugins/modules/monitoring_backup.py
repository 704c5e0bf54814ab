#!/usr/bin/python
# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: monitoring_backup
short_description: Back up the data of a running monitoring host
version_added: "0.1.0"
author:
  - mlops.gpu_monitoring contributors (@mlops)
description:
  - Backs up Grafana, Prometheus and Alertmanager of one host into a new folder. No service stops.
  - >-
    SQLite itself copies Grafana's database, and checks the integrity of the copy
    (U(https://www.sqlite.org/backup.html)). Grafana's plugins, the blocks of Prometheus, and Alertmanager's
    notification log and silences are hard-linked inside their volumes. After the copy the links are removed.
  - >-
    The blocks of Prometheus lack the samples that are only in the write-ahead log, of at most the last three hours
    (U(https://prometheus.io/docs/prometheus/latest/storage/)).
  - >-
    Secrets are compressed with gzip and encrypted in the format of C(ansible-vault), or left out. Grafana's database,
    Grafana's secret key, and files of the configuration that not all users of the host may read are secrets.
  - >-
    The free space of the host is checked first, then that of the destination, before any file is sent there. Files that
    an earlier backup has need no space. The remains of a killed run are removed before both checks.
  - >-
    The file C(manifest.json) lists each file with its size and SHA-256, and the containers with their images and
    digests. It also lists what is missing in the backup, with the reason.
  - Each file is read again and compared before the backup counts as successful.
  - A service without an option for its volume is left out. Grafana needs O(grafana_secret_key_file) too, unless
    O(secrets=excluded).
  - A failed backup is removed. The next run removes the remains of a killed run.
  - A Grafana without its database or its secret key is an error. So no incomplete backup replaces an earlier one.
notes:
  - Files of an earlier backup of the host that have not changed are hard-linked into the new one.
  - >-
    In a folder of the host on the file system of a volume, the files are hard links to those of the service. They need
    no additional space. A block that Prometheus deletes frees no space until the backup is removed.
  - >-
    The controller holds Grafana's database in memory while it encrypts the database. Plan for 12 times the size of the
    compressed database.
  - In check mode nothing is written, and the result has the size of the backup and what would be missing.
requirements:
  - Python on the host with the module C(sqlite3), if Grafana's database is backed up.
attributes:
  check_mode:
    description: Measures the backup.
    support: full
  diff_mode:
    description: Has no differences to show.
    support: none
extends_documentation_fragment:
  - mlops.gpu_monitoring.service_data
options:
  host:
    description: Name of the host in the backup, and of the folder in O(folder) that has the host's backups.
    type: str
    required: true
  folder:
    description: >-
      Absolute path of the folder for backups. A backup is the folder C(HOST/TIME) in this folder, with the time in UTC.
    type: str
    required: true
  location:
    description: Whether O(folder) is on the controller or on the host.
    type: str
    choices: [controller, host]
    default: controller
  keep:
    description:
      - Number of backups of the host to keep, including the new one. V(0) keeps all.
      - Only folders with a manifest of this collection for this host are removed, after the new backup was checked.
      - A backup with a service or secrets that the new one lacks stays.
    type: int
    default: 7
  secrets:
    description: >-
      V(encrypted) needs O(vault_password). V(excluded) leaves out secrets and Grafana's database, and the manifest
      names these as missing.
    type: str
    choices: [encrypted, excluded]
    default: encrypted
  vault_password:
    description: Password with which secrets are encrypted.
    type: str
  grafana_database_in_volume:
    description: >-
      Whether C(grafana.db) in the volume is Grafana's database. Otherwise the manifest names the database as missing.
    type: bool
    default: true
  grafana_content:
    description: >-
      The result of M(mlops.gpu_monitoring.grafana_resources) with C(state=gathered), stored as
      C(grafana/resources.json).
    type: dict
  configuration_folders:
    description: Folders on the host with the configuration of the services. Folders named C(textfile) are left out.
    type: list
    elements: path
    default: []
  controller_folder:
    description: >-
      Folder on the controller with the certificate authority and the passwords, which are secrets. Without this option
      both are left out.
    type: str
  metric_file:
    description: >-
      File on the host for the metrics C(gpu_monitoring_backup_last_success_timestamp_seconds) and
      C(gpu_monitoring_backup_max_age_seconds), which a node exporter reads. Without it no metric is written.
    type: path
  max_age:
    description: Value of C(gpu_monitoring_backup_max_age_seconds) in seconds. The default is two days.
    type: float
    default: 172800
  step:
    description: The part that runs on the host. The action of the module sets it; leave it out.
    type: str
    choices: [measure, stage, room, place, finish, clean]
  staged:
    description: Files for the steps V(room) and V(place). The action of the module sets them.
    type: list
    elements: dict
    default: []
  manifest:
    description: Manifest for the steps V(place) and V(finish). The action of the module sets it.
    type: dict
  more:
    description: >-
      Bytes of secrets, for which the step V(room) requires space in O(folder) too. The action of the module sets it.
    type: int
    default: 0
  made:
    description: Time of the backup for the step V(clean), in seconds. The action of the module sets it.
    type: float
"""

EXAMPLES = r"""
- name: Back up the monitoring host to the controller
  mlops.gpu_monitoring.monitoring_backup:
    host: "{{ inventory_hostname }}"
    folder: /srv/backups/gpu_monitoring
    vault_password: "{{ backup_vault_password }}"
    grafana_volume: grafana-storage
    grafana_secret_key_file: /etc/gpu_monitoring/grafana/secret_key
    prometheus_volume: prometheus-data
    alertmanager_volume: alertmanager-data
    configuration_folders: [/etc/gpu_monitoring]

- name: Back up only Prometheus, on the monitoring host itself
  mlops.gpu_monitoring.monitoring_backup:
    host: "{{ inventory_hostname }}"
    folder: /srv/backups/gpu_monitoring
    location: host
    keep: 3
    secrets: excluded
    prometheus_volume: prometheus-data
"""

RETURN = r"""
backup:
  description: Folder of the new backup.
  returned: success, without check mode
  type: str
  sample: /srv/backups/gpu_monitoring/monitor1/20261129T133000Z
size:
  description: Bytes of the backup. In check mode they are estimated.
  returned: success
  type: int
missing:
  description: What is not in the backup, with the reason.
  returned: success
  type: dict
  sample: {"grafana/grafana.db": "secrets are left out, as backup_secrets is 'excluded'"}
removed:
  description: Folders of earlier backups that were removed.
  returned: success, without check mode
  type: list
  elements: str
"""

import os
import sys

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.backup import (
    engine_data,
    metric,
    options,
    placing,
    staging,
    store,
)
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.backup.errors import BackupError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.backup.manifest import Manifest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service import replaced_data

# Hashing and copying leave the processors to the services.
_NICENESS = 10


def _refuse_restore(given):
    """Raise BackupError if the data of a service is being replaced: a volume may have none of it."""
    for service in options.volumes(given):
        if replaced_data.pending(service):
            raise BackupError(
                f"{service}_volume: a restore of {service} is at work or was interrupted. Wait until the restore has"
                " ended, or run the playbook site, which puts the previous data back."
            )


def _measure(given):
    _refuse_restore(given)
    sources = options.sources(given)
    measured = staging.measure(sources)
    if given["check_mode"]:
        staging.require_room(sources)
    containers = engine_data.containers(engine_data.connect(given["docker_host"]))
    return {
        "python": sys.executable,
        "clear": measured.clear,
        "secret": measured.secret,
        "missing": measured.missing,
        "images": containers,
    }


def _stage(given):
    return {"staged": staging.stage(options.sources(given))}


def _room(given):
    store.require_room(given["folder"], given["host"], given["staged"], given["more"])
    return {}


def _place(given):
    if given["manifest"]:
        store.begin(given["folder"], Manifest(**given["manifest"]))
    else:
        placing.place(given["folder"], given["host"], given["staged"])
    return {}


def _finish(given):
    return {"removed": store.finish(given["folder"], Manifest(**given["manifest"]), given["keep"])}


def _clean(given):
    staging.clean(options.sources(given))
    if given["made"] is None and given["location"] == "host":
        store.discard(given["folder"], given["host"])
    if given["made"] is not None and given["metric_file"]:
        metric.write(given["metric_file"], given["made"], given["max_age"])
    return {}


_STEPS = {
    "measure": _measure,
    "stage": _stage,
    "room": _room,
    "place": _place,
    "finish": _finish,
    "clean": _clean,
}


def main():
    """Runs one step."""
    module = AnsibleModule({**options.ARGUMENTS, **options.STEP_ARGUMENTS}, supports_check_mode=True)
    if not module.params["step"]:
        module.fail_json(
            msg="step: the module runs only by its action. Name it mlops.gpu_monitoring.monitoring_backup."
        )
    os.nice(_NICENESS)
    try:
        result = _STEPS[module.params["step"]]({**module.params, "check_mode": module.check_mode})
    except BackupError as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        problem = f"{error.filename or module.params['folder']}: {error.strerror}"
        module.fail_json(
            msg=f"folder on {module.params['host']}: {problem}. Correct the path or its rights, or name another folder."
        )
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()

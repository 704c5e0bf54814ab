# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""What the modules for datasources, folders and dashboards do: check, read, plan, write, report."""

from typing import Any, Optional, TypedDict

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import (
    check_folders,
    check_models,
    check_organization,
    check_rights,
    check_titles,
    check_uids,
    check_writes,
    complete_plan,
    declared,
    desired,
    mark,
    plan,
    present,
    prune,
)
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.apply import apply, forget_lost_key
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.change import Change, Report
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.client import Client
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.errors import GrafanaError, NotReachable

LOST_KEY = (
    "Grafana's secret_key differs from that of the last run. The secrets of the declared datasources are sent again."
    " Enter other secrets in Grafana again: those of other datasources, contact points and SSO settings."
)


class _Outcome(TypedDict):
    changed: bool
    objects: list[Report]
    requests: int
    grafana_version: str


class Result(_Outcome, total=False):
    """What the modules return. If an object failed, they have `failed` and `msg`. `diff` is returned on request."""

    spared: list[prune.Spared]
    diff: list[dict[str, str]]
    failed: bool
    msg: str


def patience(module: AnsibleModule) -> int:
    """Seconds to wait for Grafana: none in check mode."""
    if module.params["wait"] < 0:
        raise GrafanaError(f"wait: {module.params['wait']} is not a valid time. Give 0 or more seconds.")
    return 0 if module.check_mode else module.params["wait"]


def connect(module: AnsibleModule) -> Client:
    """The client that the module's connection options ask for."""
    return Client(module.params)


def run(
    module: AnsibleModule,
    datasources: Optional[list[declared.Datasource]] = None,
    folders: Optional[list[declared.Folder]] = None,
    dashboards: Optional[list[declared.Dashboard]] = None,
    prune_undeclared: bool = False,
    secret_key: Optional[str] = None,
) -> Result:
    """Bring these objects about, or say in check mode what that would change; returns the module's result.

    Raises GrafanaError for what is wrong before anything was written. What failed afterwards is in the result's `msg`,
    with `failed`.
    """
    owner = module.params.get("owner")
    wanted = declared.Declared(datasources or [], folders or [], dashboards or [], owner, prune_undeclared, secret_key)
    desired.complete(wanted)
    client, version, changes, spared = _carry_out(module, wanted)
    done = [change for change in changes if not change.error]
    result: Result = {
        "changed": any(change.changed for change in done),
        "objects": [change.report(client.url) for change in done],
        "requests": client.count,
        "grafana_version": version,
    }
    if prune_undeclared:
        result["spared"] = spared
    if module._diff:
        result["diff"] = [change.diff() for change in done if change.changed]
    problems = [change.error for change in changes if change.error]
    if problems:
        result["failed"], result["msg"] = True, " ".join(dict.fromkeys(problems))
    return result


def _carry_out(
    module: AnsibleModule, wanted: declared.Declared
) -> tuple[Client, str, list[Change], list[prune.Spared]]:
    """All steps from the first request to the last write. Nothing is written before the plan is made and checked."""
    client = connect(module)
    try:
        version = client.wait(patience(module))
    except NotReachable as error:
        if not module.check_mode:
            raise
        module.warn(f"{error} The plan is that for an empty Grafana.")
        return client, "", plan.make(wanted, present.Present(answered=False)), []
    existing = present.read(client, wanted)
    changes = complete_plan.make(client, wanted, existing, bool(module.params.get("allow_managed")))
    spared = prune.spared(wanted, existing, changes) if wanted.prune else []
    _warn_of_missing_permissions(module, wanted, existing)
    _warn_of_spared(module, wanted, spared)
    _check(module, client, version, changes, wanted, existing)
    if any(change.recreate and not change.error for change in changes):
        module.warn(LOST_KEY)
        if not module.check_mode:
            forget_lost_key(client)
    apply(client, changes, wanted, existing, write=not module.check_mode)
    return client, version, changes, spared


def _check(
    module: AnsibleModule,
    client: Client,
    version: str,
    changes: list[Change],
    wanted: declared.Declared,
    existing: present.Present,
) -> None:
    """Raise GrafanaError for a typing error. Set the error of each change that is impossible or loses something."""
    check_organization.check(client, module.params["org_id"], changes)
    check_folders.check_removals(client, changes)
    check_folders.refuse_to_nest(client, version, changes)
    check_uids.refuse_shared(version, changes)
    check_titles.refuse_taken(client, version, changes)
    check_models.refuse_bad_models(changes, wanted, existing)
    check_writes.check(client, changes, existing, module.warn)
    if module.check_mode:
        check_rights.check(client, changes)


def _warn_of_missing_permissions(module: AnsibleModule, wanted: declared.Declared, existing: present.Present) -> None:
    for item in wanted.folders:
        if item["state"] == "absent" and item["uid"] in existing.hidden:
            module.warn(
                f"folder '{item['uid']}': taken as absent, since Grafana does not say whether it exists:"
                f" {existing.hidden[item['uid']]}"
            )
    if existing.forbids_datasources and not wanted.datasources:
        left_out = "references to them are not checked" + (", and none is removed" if wanted.prune else "")
        module.warn(f"The datasources are not known, so {left_out}: {existing.forbids_datasources}")


def _warn_of_spared(module: AnsibleModule, wanted: declared.Declared, spared: list[prune.Spared]) -> None:
    """Warn of what `prune` leaves as it is although it has a mark, or is the owner's."""
    unexpected = [item for item in spared if not prune.is_expected(item)]
    if unexpected:
        first = [f"{item['kind']} '{item['uid']}' ({item['name']}): {item['reason']}" for item in unexpected[:5]]
        more = f"; and {len(unexpected) - 5} more" if len(unexpected) > 5 else ""
        module.warn(
            f"prune: left as they are: {'; '.join(first)}{more}. Remove in Grafana what nobody needs. Remove the tag"
            f" {mark.prefix(wanted.owner or '')}... from a dashboard that is to stay."
        )


def run_single(module: AnsibleModule, kind: str, item: declared.Item) -> None:
    """Bring one object of a list of `run` about and end the module."""
    lists: dict[str, Any] = {kind: [item]}
    try:
        result = run(module, **lists)
    except GrafanaError as error:
        # There, `url` is the address of Grafana.
        message = str(error).replace("datasources[0].url:", "ds_url:")
        module.fail_json(msg=message.replace(f"{kind}[0].", "").replace(f"{kind}[0]: ", ""))
    shown = {key: value for key, value in result.items() if key != "objects"}
    if result.get("failed"):
        module.fail_json(**shown)
    module.exit_json(object=result["objects"][0], **shown)

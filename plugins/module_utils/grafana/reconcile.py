# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""What the modules for datasources, folders and dashboards do: check, read, plan, write, report."""

from typing import Any, Optional

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import desired, plan, present
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.apply import apply
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.change import Change
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.client import Client
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.errors import GrafanaError, NotReachable


def patience(module: AnsibleModule) -> int:
    """Seconds to wait for Grafana: none in check mode."""
    return 0 if module.check_mode else module.params["wait"]


def connect(module: AnsibleModule) -> Client:
    """The client that the module's connection options ask for."""
    return Client(module.params)


def run(
    module: AnsibleModule,
    datasources: Optional[list[dict[str, Any]]] = None,
    folders: Optional[list[dict[str, Any]]] = None,
    dashboards: Optional[list[dict[str, Any]]] = None,
    prune: bool = False,
) -> dict[str, Any]:
    """Bring these objects about, or say in check mode what that would change; returns the module's result.

    Raises GrafanaError for what is wrong before anything was written. What failed afterwards is in the result's `msg`, with `failed`.
    """
    wanted: dict[str, Any] = {"datasources": datasources or [], "folders": folders or [], "dashboards": dashboards or []}
    wanted.update(owner=module.params.get("owner"), prune=prune)
    desired.complete(wanted)
    client, version, changes = _carry_out(module, wanted)
    done = [change for change in changes if not change.error]
    result: dict[str, Any] = {
        "changed": any(change.changed for change in done),
        "objects": [change.report(client.url) for change in done],
        "requests": client.count,
        "grafana_version": version,
    }
    if module._diff:
        result["diff"] = [change.diff() for change in done if change.changed]
    problems = [change.error for change in changes if change.error]
    if problems:
        result.update(failed=True, msg=" ".join(dict.fromkeys(problems)))
    return result


def _carry_out(module: AnsibleModule, wanted: dict[str, Any]) -> tuple[Client, str, list[Change]]:
    client = connect(module)
    try:
        version = client.wait(patience(module))
    except NotReachable as error:
        if not module.check_mode:
            raise
        module.warn(f"{error} So this is what would be created in an empty one.")
        return client, "", plan.make(wanted, present.Present(answered=False))
    there = present.read(client, wanted)
    changes = plan.make(wanted, there)
    _complete_datasources(client, changes, wanted, there)
    plan.refuse_bad_models(changes, wanted, there)
    _refuse_refresh(client, changes)
    if not module.check_mode:
        apply(client, changes, wanted, there)
    return client, version, changes


def _complete_datasources(client: Client, changes: list[Change], wanted: dict[str, Any], there: present.Present) -> None:
    """Plan again with the whole datasource where one changes of which only the list was read."""
    for number, change in enumerate(changes):
        if change.kind == "datasource" and change.body and change.action != "created" and "version" not in there.datasources[change.uid]:
            present.read_datasource(client, there, change.uid)
            changes[number] = plan.one("datasource", change.item, wanted, there)


def _refuse_refresh(client: Client, changes: list[Change]) -> None:
    """Grafana stores its minimum instead of a shorter refresh without a word; asked only where a dashboard is about to be written."""
    shortest = plan.shortest_refresh(changes)
    if shortest:
        settings = client.get("/api/frontend/settings") or {}
        plan.refuse_refresh(shortest, str(settings.get("minRefreshInterval") or ""))


def run_single(module: AnsibleModule, kind: str, item: dict[str, Any]) -> None:
    """Bring one object of a list of `run` about and end the module."""
    lists: dict[str, Any] = {kind: [item]}
    try:
        result = run(module, **lists)
    except GrafanaError as error:
        module.fail_json(msg=str(error).replace(f"{kind}[0].", ""))
    objects = result.pop("objects")
    if result.get("failed"):
        module.fail_json(**result)
    module.exit_json(object=objects[0], **result)

# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Writes the changes of a plan, one after the other, one request each if the API allows."""

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import plan, present, writes
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.change import Change
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.client import Client
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.declared import Declared
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.errors import (
    Conflict,
    GrafanaError,
    NotAllowed,
    NotReachable,
    TitleTaken,
    Unclear,
)

TRIES_AFTER_CONFLICT = 2
# Grafana waits five seconds for a locked SQLite database before it fails a write, as with "Failed to add datasource".
TRIES_AFTER_FAILURE = 4


def forget_lost_key(client: Client) -> None:
    """Make Grafana encrypt with new data keys: those of the lost key are in use for the day, and cannot be read."""
    writes.must_exist(client.post("/api/admin/encryption/rotate-data-keys", {}))


def apply(
    client: Client, changes: list[Change], wanted: Declared, existing: present.Present, write: bool = True
) -> None:
    """Write what has changed; what could not be written has its `error` set.

    Without `write`, an object in a folder that failed has its `error` set, as in a run, and nothing is written.

    One object's failure does not stop the others, but the content of a folder that failed is left out. If the server
    refuses the credentials or no longer answers, the rest is left out.
    """
    run = _Run(client, wanted, existing, write)
    for change in changes:
        if not _removes_folder(change):
            run.carry_out(change)
    run.carry_out_waiting()
    for change in changes:
        if _removes_folder(change):
            run.carry_out(change)


def _removes_folder(change: Change) -> bool:
    return change.kind == "folder" and change.action == "deleted"


class _Run:
    """One run over the changes."""

    def __init__(self, client: Client, wanted: Declared, existing: present.Present, write: bool) -> None:
        self._client, self._wanted, self._existing, self._write = client, wanted, existing, write
        self._failed_folders: set[str] = set()
        self._still_hold: dict[str, str] = {}
        self._waiting: list[Change] = []
        self._stopped = ""

    def carry_out(self, change: Change) -> None:
        """Write one change, or note why it is not written."""
        if not change.error and change.changed:
            self._carry_out(change)
        if change not in self._waiting:
            self._note(change)

    def carry_out_waiting(self) -> None:
        """Write the dashboards whose titles other dashboards had, which were renamed, moved or removed meanwhile."""
        while self._waiting:
            waiting, self._waiting = self._waiting, []
            for change in waiting:
                change.error = ""
                self.carry_out(change)
            if len(self._waiting) == len(waiting):
                break
        for change in self._waiting:
            self._note(change)

    def _carry_out(self, change: Change) -> None:
        if self._stopped:
            change.error = f"{change.kind} '{change.uid}': left out. {self._stopped}"
        elif change.folder_uid in self._failed_folders and change.action != "deleted":
            change.error = f"{change.kind} '{change.uid}': left out, since its folder '{change.folder_uid}' failed."
        elif _removes_folder(change) and change.uid in self._still_hold:
            change.error = (
                f"folder '{change.uid}': left unchanged, since {self._still_hold[change.uid]} is still in it."
            )
        elif self._write:
            self._try(change)

    def _try(self, change: Change) -> None:
        try:
            _settle(self._client, change, self._wanted, self._existing)
        except GrafanaError as error:
            change.error = f"{change.kind} '{change.uid}': {error}"
            self._stopped = str(error) if isinstance(error, (NotAllowed, NotReachable)) else ""
            if isinstance(error, TitleTaken):
                self._waiting.append(change)

    def _note(self, change: Change) -> None:
        """Remember what a failure means for folders."""
        if not change.error or change.kind == "datasource":
            return
        self._still_hold[_parent_before(change)] = f"{change.kind} '{change.uid}'"
        # A folder that the account may not read can be there all the same.
        if change.kind == "folder" and change.action != "deleted" and change.uid not in self._existing.hidden:
            self._failed_folders.add(change.uid)


def _parent_before(change: Change) -> str:
    """The folder in which the object is for as long as nothing was written."""
    return change.before.get("folder_uid") or change.before.get("parent_uid") or change.folder_uid


def _settle(client: Client, change: Change, wanted: Declared, existing: present.Present) -> None:
    """Write until the object is as declared: after a conflict again, after a server error with growing pauses.

    If somebody else, such as the same task on another host, has made the change, the change is theirs.
    """
    current, tries, is_own, repeats_own = change, 1, False, False
    while current.changed:
        try:
            is_own = writes.write(client, current, existing)
            break
        except TitleTaken:
            raise
        except Conflict as error:
            repeats_own = repeats_own or error.may_be_own
            if tries >= (TRIES_AFTER_FAILURE if isinstance(error, Unclear) else TRIES_AFTER_CONFLICT):
                raise
            if isinstance(error, Unclear):
                client.pause(tries)
        tries += 1
        current = _read_again(client, change, wanted, existing)
    change.path, change.version = current.path, current.version
    if is_own and not repeats_own:
        change.action, change.before, change.after = current.action, current.before, current.after
    elif not is_own and not repeats_own:
        change.action = "unchanged"


def _read_again(client: Client, change: Change, wanted: Declared, existing: present.Present) -> Change:
    """What is left of the change: the object was changed meanwhile, or the write had arrived."""
    if change.action == "deleted":
        return change
    reading = {
        "folder": present.read_folder,
        "datasource": present.read_datasource,
        "dashboard": present.read_dashboard,
    }
    reading[change.kind](client, existing, change.uid)
    if change.kind == "folder" and change.uid in existing.hidden:
        raise GrafanaError(existing.hidden[change.uid])
    left = plan.change_of(change.kind, change.item, wanted, existing)
    left.takes_name_of = change.takes_name_of
    if left.error:
        raise GrafanaError(left.error.partition(": ")[2])
    return left

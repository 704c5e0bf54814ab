# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional, TypedDict
from urllib.parse import urlsplit

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana import difference
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.answers import Json
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.declared import Item


class Report(TypedDict):
    """What happened to one object, as the modules return it."""

    kind: str
    uid: str
    name: str
    action: str
    url: str
    version: Optional[int]
    folder_uid: str


@dataclass
class Change:
    """What happens to one object, what is sent, and how the object looks before and after. `error` says why it
    could not be done.

    `item` is what was asked for; it is planned again if the server turns out to be different from what was read.
    `recreate` says that the server cannot update the object, so that it is removed and created. `takes_name_of` is the
    uid of a datasource that has the name until it is renamed later in the run.
    """

    kind: str
    uid: str
    name: str
    item: Item
    action: str = "unchanged"
    body: Json = field(default_factory=dict)
    before: Json = field(default_factory=dict)
    after: Json = field(default_factory=dict)
    folder_uid: str = ""
    path: str = ""
    version: Optional[int] = None
    error: str = ""
    recreate: bool = False
    takes_name_of: str = ""

    @property
    def changed(self) -> bool:
        """Whether a write is needed."""
        return self.action != "unchanged"

    def diff(self) -> dict[str, str]:
        """The changed paths in Ansible's form of a diff that is ready to be shown."""
        header = f"{self.kind} {self.uid}"
        strict = self.kind != "dashboard" or not (self.before and self.after)
        prepared = difference.text(header, self.before, self.after, strict)
        return {"before_header": header, "after_header": header, "prepared": prepared}

    def report(self, url: str) -> Report:
        """The change as the modules return it."""
        return {
            "kind": self.kind,
            "uid": self.uid,
            "name": self.name,
            "action": self.action,
            "url": _join(url, self.path),
            "version": self.version,
            "folder_uid": self.folder_uid,
        }


def _join(url: str, path: str) -> str:
    """The address of a path, which Grafana gives with its sub-path if it has one."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}{path}" if parts.path and path.startswith(f"{parts.path}/") else url + path

# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Which datasource a reference in a dashboard means (Grafana: datasource_srv.ts, SceneQueryRunner.ts). Pure."""

from typing import Any, NamedTuple, Optional

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.answers import Datasource, Json
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.grafana.contents import objects
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.verify.interpolation import Values, fill

MIXED = "-- Mixed --"
_EXPRESSIONS = ("__expr__", "-100", "Expression")
# What is part of Grafana: other panels' answers and Grafana's own data.
_OF_GRAFANA = ("-- Dashboard --", "-- Grafana --", "grafana")


class Reference(NamedTuple):
    """A reference, resolved: the datasource, None if Grafana has none, and what it was called by."""

    datasource: Optional[Datasource]
    name: str

    @property
    def is_expression(self) -> bool:
        """Whether Grafana computes the answer from those to other queries."""
        return self.name in _EXPRESSIONS

    @property
    def is_built_in(self) -> bool:
        """Whether Grafana itself has the data."""
        return self.name in _OF_GRAFANA


def resolve(given: Any, values: Values, datasources: list[Datasource]) -> Reference:
    """The datasource that is meant, by uid or by name. Of several in a variable Grafana takes the first.

    A variable without a value means no datasource, and not the default one.
    """
    written = given.get("uid") if isinstance(given, dict) else given
    if isinstance(given, dict) and given.get("type") == _EXPRESSIONS[0]:
        written = _EXPRESSIONS[0]
    first = {
        name: value._replace(chosen=value.chosen[0] if value.chosen else "")
        for name, value in values.items()
        if isinstance(value.chosen, list)
    }
    name = fill(str(written or ""), {**values, **first}, "raw")
    if written and not name:
        return Reference(None, str(written))
    if name in ("", "default"):
        meant = [datasource for datasource in datasources if datasource.get("isDefault")]
    else:
        meant = [datasource for key in ("uid", "name") for datasource in datasources if datasource.get(key) == name]
    return Reference(meant[0], meant[0]["uid"]) if meant else Reference(None, name or "default")


def of_target(panel: Json, target: Json) -> Any:
    """The reference of a target. The panel's own counts, unless it is mixed or the target is an expression."""
    given = panel.get("datasource")
    uid = given.get("uid") if isinstance(given, dict) else given
    own = target.get("datasource")
    if uid in (None, ""):
        references = [target.get("datasource") for target in objects(panel.get("targets"))]
        given = next(
            (reference for reference in references if reference and not resolve(reference, {}, []).is_expression), given
        )
    return own if own and (uid == MIXED or resolve(own, {}, []).is_expression) else None if uid == MIXED else given

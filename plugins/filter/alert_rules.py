# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any, Callable

import yaml
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.prometheus import alert_rules as rules

# With libyaml both take an eighth of the time.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DUMPER: Any = type("_Dumper", (getattr(yaml, "CSafeDumper", yaml.SafeDumper),), {})
# Texts of several lines are blocks, as people write expressions.
_DUMPER.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None),
)


def alert_rules(
    text: str,
    disabled: Collection[str],
    settings: Mapping[str, Mapping[str, Any]],
    reboot_grace: str,
    annotations: Mapping[str, str],
) -> str:
    """A file of the role's alerts as a site wants them, in the form of Prometheus."""
    groups = yaml.load(rules.with_grace(text, reboot_grace), Loader=_LOADER)["groups"]  # noqa: S506 - a safe loader
    # The values of variables are of Ansible's own types.
    filled = json.loads(json.dumps({"groups": rules.filled(groups, disabled, settings, reboot_grace, annotations)}))
    site_rules: str = yaml.dump(filled, Dumper=_DUMPER, sort_keys=False, width=160, allow_unicode=True)
    return site_rules


class FilterModule:
    """Makes the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Filters by name."""
        return {"alert_rules": alert_rules}

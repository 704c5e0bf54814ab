# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Callable

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.alertmanager.matchers import Matcher


def alertmanager_route_test_commands(tests: Sequence[Mapping[str, Any]], flags: Sequence[str] = ()) -> list[list[str]]:
    """The command that runs each test of routes; the receiver of a test is one name or a list of names."""
    return [
        [
            *("amtool", "config", "routes", "test"),
            *flags,
            f"--verify.receivers={_joined(test['receiver'])}",
            *_labels(test["labels"]),
        ]
        for test in tests
    ]


def _joined(receivers: Any) -> str:
    return receivers if isinstance(receivers, str) else ",".join(receivers)


def _labels(labels: Mapping[str, Any]) -> list[str]:
    return [str(Matcher(name, str(value))) for name, value in labels.items()]


class FilterModule:
    """Makes the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Filters by name."""
        return {"alertmanager_route_test_commands": alertmanager_route_test_commands}

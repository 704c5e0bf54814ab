"""How many samples of each series a server has."""

from __future__ import annotations

from collections import Counter
from typing import Any

from tests.scale.servers import Server

# Labels that Thanos Receive, or a site for an engine, adds.
ADDED = ("tenant_id", "receive_replica", "prometheus_replica")


def counts(server: Server, begin: float, end: float, **request: Any) -> Counter[tuple[tuple[str, str], ...]]:
    """The samples after `begin` and up to `end`, by name and labels."""
    counted: Counter[tuple[tuple[str, str], ...]] = Counter()
    # The function drops the name, so each name is asked for by itself.
    for name in server.names(**request):
        for labels, count in server.query(
            f'count_over_time({{__name__="{name}"}}[{end - begin:.0f}s])', end, **request
        ):
            own = {label: value for label, value in labels.items() if label not in ADDED}
            counted[tuple(sorted({**own, "__name__": name}.items()))] += int(count)
    return counted

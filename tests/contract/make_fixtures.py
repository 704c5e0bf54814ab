"""Makes the fixtures of the replay from a recording: `python make_fixtures.py transcripts.jsonl
fixtures/grafana-12.4.0.json`.

Keeps the exchanges of the groups that the stand-in speaks, and of each answer what matters to a client. A recording has
neither keys nor lasting ids: `Bearer <name>` and `<id of uid>` say which token and which dashboard's numeric id were
sent. Of polls, which wait for the real server's caches, the last one is kept.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from replay import GROUPS, compared_answer

OTHER_APIS = re.compile(r"/api/(orgs|user/using)\b")
_POLL = re.compile(r" \(poll \d+, \d+ s\)$")


def main(transcripts: Path, fixtures: Path) -> None:
    exchanges = [json.loads(line) for line in transcripts.read_text().splitlines()]
    kept: list[dict[str, Any]] = []
    dashboards: dict[int, str] = {}
    for number, exchange in enumerate(exchanges):
        request, answer = exchange["request"], exchange["response"]
        name = _name(exchange)
        if request["path"] == "/api/dashboards/db" and exchange["status"] == 200:
            dashboards.setdefault(answer["id"], answer["uid"])
        is_polled_again = name in [_name(following) for following in exchanges[number + 1 : number + 2]]
        if (
            exchange["group"] not in GROUPS
            or OTHER_APIS.match(request["path"])
            or exchange["trimmed"]
            or is_polled_again
        ):
            continue
        request = {
            key: request[key] for key in ("method", "path", "auth", "headers", "body", "raw_body") if request[key]
        }
        if request.get("auth") == "Bearer <token>":
            request["auth"] = f"Bearer <{_token(exchange)}>"
        _name_id(request.get("body"), dashboards)
        expected = compared_answer(request["method"], request["path"], exchange["status"], answer)
        kept.append({"name": name, "request": request, **expected})
    fixtures.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n")


def _name(exchange: dict[str, Any]) -> str:
    return _POLL.sub("", f"{exchange['group']}: {exchange['name']}")


def _token(exchange: dict[str, Any]) -> str:
    if exchange["group"] == "auth":
        return "unknown"
    return "short" if exchange["name"] == "expired token" else "tok"


def _name_id(body: Any, dashboards: dict[int, str]) -> None:
    dashboard = body.get("dashboard") if isinstance(body, dict) else None
    if isinstance(dashboard, dict) and dashboard.get("id") in dashboards:
        dashboard["id"] = f"<id of {dashboards[dashboard['id']]}>"


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

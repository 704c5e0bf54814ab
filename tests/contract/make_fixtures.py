"""Makes the fixtures of the replay from a recording: `python make_fixtures.py transcripts.jsonl fixtures/grafana-12.4.0.json`.

Keeps the administrator's exchanges of the groups that the stand-in speaks, and of each answer what matters to a client.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from replay import GROUPS, what_matters

ADMIN = ("basic admin:admin", "basic admin:wrong", "basic nobody:wrong", "Bearer <token>", None)


def main(transcripts: Path, fixtures: Path) -> None:
    kept = []
    for line in transcripts.read_text().splitlines():
        exchange = json.loads(line)
        request = exchange["request"]
        if exchange["group"] not in GROUPS or request["auth"] not in ADMIN or exchange["trimmed"]:
            continue
        request = {key: request[key] for key in ("method", "path", "auth", "headers", "body", "raw_body") if request[key]}
        expected = what_matters(request["method"], request["path"], exchange["status"], exchange["response"])
        kept.append({"name": f"{exchange['group']}: {exchange['name']}", "request": request, **expected})
    fixtures.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

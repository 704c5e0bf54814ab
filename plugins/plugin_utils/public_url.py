# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""URLs at which people open a service behind a proxy of the site. Pure."""

import re
from urllib.parse import urlsplit


def problem_of(url: str, example: str) -> tuple[str, str] | None:
    """Problem and fix of a URL; None for an empty one too. A login in a URL would be a secret."""
    return (
        None
        if not url or _is_usable(url)
        else ("the value is not a URL without login and query", f"Write it like {example}")
    )


def path_problem_of(path: str, example: str) -> tuple[str, str] | None:
    """Problem and fix of a path below which a service answers; None for an empty one too."""
    return (
        None
        if re.fullmatch(r"(/[A-Za-z0-9._~-]+)*/?", path)
        else (f"'{path}' is not a path", f"Write it like {example}")
    )


def _is_usable(url: str) -> bool:
    try:
        split = urlsplit(url)
        host = split.hostname if split.port != 0 else None
    except ValueError:
        return False
    return (
        bool(host) and split.scheme in ("http", "https") and "@" not in split.netloc and not re.search(r"[\s?#]", url)
    )

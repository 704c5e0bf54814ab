"""Ask the servers of other sites for every address that the built site links to: `make external-links`.

Needs the internet, so no part of `make test` runs this. Ends with 1 if a server says that an address does not exist.
"""

from __future__ import annotations

import sys
import urllib.error
import urllib.request
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urldefrag, urlsplit

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))

from tests.tools.site.html_links import links_of

SECONDS = 20
# What servers answer to programs although the page is there.
_REFUSED = {401, 403, 405, 406, 429}
_EXAMPLES = ("example.com", "127.0.0.1", "localhost", "192.0.2.10")


def addresses(site: Path) -> dict[str, list[str]]:
    """The pages by the address that they link to, without addresses of examples."""
    pages_by_address: dict[str, list[str]] = {}
    for page in sorted(site.rglob("*.html")):
        for link in sorted(links_of(page)):
            parts = urlsplit(link)
            host = parts.hostname or ""
            if parts.scheme in ("http", "https") and not host.endswith(_EXAMPLES):
                pages_by_address.setdefault(urldefrag(link).url, []).append(page.relative_to(site).as_posix())
    return pages_by_address


def problem(address: str) -> str:
    """Why nobody finds a page at the address; empty if somebody does."""
    request = urllib.request.Request(address, headers={"User-Agent": "mlops.gpu_monitoring link check"})
    try:
        with urllib.request.urlopen(request, timeout=SECONDS):
            return ""
    except urllib.error.HTTPError as error:
        return "" if error.code in _REFUSED else f"HTTP {error.code}"
    except OSError as error:
        return str(error)


def broken(pages_by_address: dict[str, list[str]], ignored: Iterable[str] = ()) -> list[str]:
    """A line for each address without a page. Addresses that begin with one of `ignored` are not asked."""
    asked = [address for address in pages_by_address if not address.startswith(tuple(ignored))]
    with ThreadPoolExecutor(8) as pool:
        problems = dict(zip(asked, pool.map(problem, asked)))
    return [
        f"{address}: {text} (in {', '.join(pages_by_address[address])})" for address, text in problems.items() if text
    ]


if __name__ == "__main__":
    lines = broken(addresses(ROOT / ".cache" / "site"), ignored=sys.argv[1:])
    print("\n".join(lines))
    sys.exit(1 if lines else 0)

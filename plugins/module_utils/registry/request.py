# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""One request to a registry, and the redirects to where the registry keeps what is read."""

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from typing import NamedTuple, Union
from urllib.parse import urljoin, urlsplit

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils import http_client
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.registry.connections import Connections

# After the last byte of a blob, a registry with object storage copies the blob before it answers.
_STORE_SECONDS = 900
Body = Union[bytes, Iterable[bytes], None]


class Request(NamedTuple):
    """What is asked for by a path or a URL. `login` are headers for the registry alone."""

    method: str
    path: str
    headers: Mapping[str, str]
    login: Mapping[str, str]
    body: Body


def send(stack: ExitStack, connections: Connections, registry: str, request: Request) -> http_client.Stream:
    """The answer, which `stack` closes. Raises RegistryError or http_client.HttpError."""
    base = connections.url(registry)
    url = urljoin(base, request.path)
    timeout = _STORE_SECONDS if request.method == "PUT" else None
    for _redirect in range(http_client.MOST_REDIRECTS + 1):
        is_own = server(url, base) == server(base, base)
        if is_own:
            # Behind a proxy that ends TLS, registries name themselves with http://.
            url = base + url[len(urlsplit(url).scheme) + 3 + len(urlsplit(url).netloc) :]
        headers = {**request.headers, **(request.login if is_own else {})}
        client, target = connections.to(url, registry)
        answer = stack.enter_context(client.stream(request.method, target, request.body, headers, timeout=timeout))
        redirected = http_client.redirect(url, answer) if request.method in ("GET", "HEAD") else ""
        if not redirected:
            return answer
        url = redirected
    raise http_client.RedirectRefused(http_client.shown_url(url), circle=True)


def server(url: str, base: str) -> str:
    """Host and port of a URL, without the port that the scheme of the registry has by default."""
    default = ":443" if base.startswith("https:") else ":80"
    netloc = urlsplit(url).netloc.lower()
    return netloc.removesuffix(default)

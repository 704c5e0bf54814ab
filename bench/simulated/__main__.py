"""Serves simulated hosts: each has an address of loopback, and its exporters have the ports given.

    python -m bench.simulated --hosts 200 --ports cadvisor=8088 nvidia-gpu=9400 node=9100 --certificate FILE

The first line of its output says how many series a host has.
"""

from __future__ import annotations

import argparse
import asyncio
import ssl
import time
import zlib
from functools import partial

from bench.simulated import addresses, served
from bench.simulated.host import Page, pages
from bench.simulated.notation import Values

# Fast, as that of exporters is.
LEVEL = 1


class Exporter(asyncio.Protocol):
    """A connection to an exporter, which answers each GET with its page."""

    def __init__(self, by_address: dict[str, Page]) -> None:
        self._pages = by_address
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._page = self._pages[transport.get_extra_info("sockname")[0]]

    def data_received(self, data: bytes) -> None:
        self._received += data
        while b"\r\n\r\n" in self._received:
            request, _end, self._received = self._received.partition(b"\r\n\r\n")
            self._answer(b"gzip" in request)

    def _answer(self, compressed: bool) -> None:
        body, encoding = self._page.render(time.time()), ""
        if compressed:
            packer = zlib.compressobj(LEVEL, wbits=31)
            body, encoding = packer.compress(body) + packer.flush(), "Content-Encoding: gzip\r\n"
        head = f"Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n{encoding}Content-Length: {len(body)}\r\n"
        self._transport.write(f"HTTP/1.1 200 OK\r\n{head}\r\n".encode() + body)


async def serve(hosts: int, ports: dict[str, int], tls: ssl.SSLContext) -> None:
    """Serve by HTTPS until the process ends. Passwords are not checked."""
    values = Values()
    answers = {
        served(address): pages(name, number, values) for number, (name, address) in enumerate(addresses(hosts).items())
    }
    loop = asyncio.get_running_loop()
    for job, port in ports.items():
        by_address = {address: answer[job] for address, answer in answers.items()}
        await loop.create_server(partial(Exporter, by_address), list(by_address), port, ssl=tls)
    print(sum(map(len, next(iter(answers.values())).values())), flush=True)
    await loop.create_future()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts", type=int, required=True)
    parser.add_argument("--ports", nargs="+", required=True, metavar="JOB=PORT")
    parser.add_argument("--certificate", required=True, help="file with the key, and a certificate of all addresses")
    given = parser.parse_args()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(given.certificate)
    ports = dict(text.split("=") for text in given.ports)
    asyncio.run(serve(given.hosts, {job: int(port) for job, port in ports.items()}, tls))


if __name__ == "__main__":
    main()

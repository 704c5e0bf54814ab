"""What each generation of the DCGM exporter answers for one GPU that is 37 % busy, and a web server that says it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

GPU = 'gpu="0",UUID="GPU-{host}",pci_bus_id="00000000:01:00.0",device="nvidia0",modelName="NVIDIA H100"'
LINK = (
    'nvlink="3",gpu="0",gpu_uuid="GPU-{host}",pci_bus_id="00000000:01:00.0",device="nvidia0",model_name="NVIDIA'
    ' H100",hostname="4f0c1a"'
)
LEGACY = {
    "DCGM_FI_DEV_GPU_UTIL": 37,
    "DCGM_FI_DEV_FB_USED": 4096,
    "DCGM_FI_DEV_SM_CLOCK": 1410,
    "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION": 5000000,
    "DCGM_FI_DEV_GPU_TEMP": 61,
    "DCGM_FI_DEV_POWER_USAGE": 310.5,
    "DCGM_FI_DEV_XID_ERRORS": 0,
    "DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS": 2,
    "DCGM_FI_PROF_GR_ENGINE_ACTIVE": 0.36,
}
BASE_UNITS = {
    "DCGM_FI_DEV_GPU_UTIL_RATIO": 0.37,
    "DCGM_FI_DEV_FB_USED_BYTES": 4294967296,
    "DCGM_FI_DEV_SM_CLOCK_HERTZ": 1410000000,
    "DCGM_FI_DEV_GPU_ENERGY_JOULES_TOTAL": 5000,
    "DCGM_FI_DEV_GPU_TEMP_CELSIUS": 61,
    "DCGM_FI_DEV_BOARD_POWER_WATTS": 310.5,
    "DCGM_FI_DEV_XID_ERROR": 0,
    "DCGM_FI_DEV_ROW_REMAP_UNCORRECTABLE_TOTAL": 2,
    "DCGM_FI_PROF_GR_ENGINE_UTIL_RATIO": 0.36,
}


# What differs from release to release: the exporter's name for the host, here a container's, and the row that became a
# label.
OWN = {
    "4.8.2": 'Hostname="4f0c1a",DCGM_FI_DRIVER_VERSION="580.95.05"',
    "4.8.3": 'hostname="4f0c1a",DCGM_FI_DRIVER_VERSION="580.95.05"',
    "4.9.0": 'hostname="4f0c1a",DCGM_FI_SYSTEM_DRIVER_VERSION="580.95.05"',
}


def answer(release: str, host: str) -> str:
    """The text of /metrics of exporter 4.8.2, 4.8.3 or 4.9.0 on a host, with one series of an NVLink as all of them
    name it.
    """
    values = BASE_UNITS if release == "4.9.0" else LEGACY
    labels = GPU.format(host=host) + "," + OWN[release]
    lines = [f"{name}{{{labels}}} {value}" for name, value in values.items()]
    return "\n".join([*lines, f"DCGM_FI_DEV_NVLINK_PPCNT_PLR_SYNC_EVENTS{{{LINK.format(host=host)}}} 7", ""])


@contextlib.contextmanager
def serve(pages: dict[str, str]) -> Iterator[int]:
    """A web server on 127.0.0.1 that answers with `pages` by path, as they are at that moment; yields its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = pages[self.path].encode()
            self.send_response(200)
            if content:
                text = "text/plain; version=0.0.4; charset=utf-8"
                self.send_header("Content-Type", "application/json" if self.path.endswith(".json") else text)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()

"""A small image of the distribution's busybox: a web server that loads a configuration, and a validator of it."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

PREFIX = f"gpu-monitoring-test-{os.getpid()}"
APPLETS = ["sh", "cat", "cp", "grep", "httpd", "kill", "mkdir", "sleep", "touch", "true", "wget"]
PROGRAMS = {
    # A web server that serves the configuration that it loaded, and reloads it on a SIGHUP or a POST.
    "serve": """#!/bin/sh
load() {
    if grep -q crash /etc/svc/app.conf; then cat /etc/svc/*; exit 3; fi
    if ! grep -q sick /etc/svc/app.conf; then cp /etc/svc/app.conf /www/loaded; fi
}
trap load HUP
trap 'exit 0' TERM
load
httpd -p 8080 -h /www
while :; do sleep 0.1 & wait $!; done
""",
    "check": """#!/bin/sh
if grep invalid /etc/svc/app.conf; then cat /etc/svc/*; exit 1; fi
grep -q . /etc/svc/by-hand.conf 2>/dev/null || echo "there is nothing by hand"
""",
}
RELOAD = "#!/bin/sh\nkill -HUP 1\necho 'Content-type: text/plain'\necho\n"


def image_root(busybox: Path) -> bytes:
    """A tar archive of the image's root."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:

        def add(name: str, content: bytes = b"", kind: bytes = tarfile.REGTYPE, target: str = "") -> None:
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode, entry.type, entry.linkname = len(content), 0o755, kind, target
            archive.addfile(entry, io.BytesIO(content))

        for folder in ("bin", "etc", "www", "www/cgi-bin"):
            add(folder, kind=tarfile.DIRTYPE)
        add("bin/busybox", busybox.read_bytes())
        for applet in APPLETS:
            add(f"bin/{applet}", kind=tarfile.SYMTYPE, target="busybox")
        for name, text in PROGRAMS.items():
            add(f"bin/{name}", text.encode())
        add("www/cgi-bin/reload", RELOAD.encode())
    return data.getvalue()

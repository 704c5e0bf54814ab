# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""The archive of the collection, as ansible-galaxy installs it, from an installed collection or from a checkout.

ansible-galaxy builds an archive from a checkout alone. An installed collection has the lists of an archive.
"""

import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from typing import Any

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle import layout
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle.errors import BundleError

INSTALLED = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
_MANIFEST, _FILES = "MANIFEST.json", "FILES.json"
_NAMED_FILES = 5


def write(collection: str, folder: str) -> tuple[str, bool]:
    """Write the archive of a collection into a folder; returns its path, and whether it changed.

    Raises BundleError or OSError.
    """
    os.makedirs(folder, exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        installed = os.path.exists(os.path.join(collection, _MANIFEST))
        made = _packed(collection, work) if installed else _built(collection, work)
        target = os.path.join(folder, os.path.basename(made))
        others = [name for name in os.listdir(folder) if name != os.path.basename(made)]
        for name in others:
            os.remove(os.path.join(folder, name))
        # A build has the time in it. The lists tell whether the content is the same.
        if os.path.exists(target) and _lists(target) == _lists(made):
            return target, bool(others)
        with open(made, "rb") as source, open(target + layout.PARTIAL, "wb") as output:
            output.write(source.read())
        os.replace(target + layout.PARTIAL, target)
    return target, True


def _built(collection: str, work: str) -> str:
    """The archive that ansible-galaxy builds from a checkout."""
    command = [sys.executable, "-m", "ansible", "galaxy", "collection", "build", collection, "--output-path", work]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    made = [name for name in os.listdir(work) if name.endswith(".tar.gz")]
    if done.returncode != 0 or not made:
        reason = " ".join((done.stderr or done.stdout).split()).rstrip(" .")
        raise BundleError(
            f"ansible-galaxy cannot build the collection in {collection}: {reason}. Install the collection."
        )
    return os.path.join(work, made[0])


def _packed(collection: str, work: str) -> str:
    """The archive of an installed collection: the same for the same content."""
    manifest, files = _json(collection, _MANIFEST), _json(collection, _FILES)
    information = manifest["collection_info"]
    target = os.path.join(work, f"{information['namespace']}-{information['name']}-{information['version']}.tar.gz")
    changed: list[str] = []
    with open(target, "wb") as raw, gzip.GzipFile(fileobj=raw, mode="wb", mtime=0) as packed:
        with tarfile.open(fileobj=packed, mode="w") as archive:
            for name in (_MANIFEST, _FILES):
                _add(archive, name, _read(collection, name), 0o644)
            for entry in files["files"]:
                if entry["ftype"] == "dir":
                    if entry["name"] != ".":
                        _add(archive, entry["name"], None, 0o755)
                    continue
                try:
                    content = _read(collection, entry["name"])
                    mode = 0o755 if os.access(os.path.join(collection, entry["name"]), os.X_OK) else 0o644
                except FileNotFoundError:
                    content, mode = b"", 0
                if hashlib.sha256(content).hexdigest() != entry["chksum_sha256"]:
                    changed.append(entry["name"])
                _add(archive, entry["name"], content, mode)
    if changed:
        more = f" and {len(changed) - _NAMED_FILES} more" if len(changed) > _NAMED_FILES else ""
        raise BundleError(
            f"The installed collection in {collection} was changed: {', '.join(changed[:_NAMED_FILES])}{more}. Install"
            " the collection again with ansible-galaxy collection install --force."
        )
    return target


def _add(archive: tarfile.TarFile, name: str, content: bytes | None, mode: int) -> None:
    """Add a file or, without content, a folder."""
    member = tarfile.TarInfo(name)
    member.mode = mode
    if content is None:
        member.type = tarfile.DIRTYPE
        archive.addfile(member)
        return
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


def _lists(path: str) -> list[bytes]:
    """The lists of an archive, with the sums of all its files; none if it is damaged."""
    try:
        with tarfile.open(path) as archive:
            members = [archive.extractfile(name) for name in (_MANIFEST, _FILES)]
            return [member.read() for member in members if member]
    except (OSError, EOFError, KeyError, tarfile.TarError):
        return []


def _json(collection: str, name: str) -> dict[str, Any]:
    return dict(json.loads(_read(collection, name)))


def _read(collection: str, name: str) -> bytes:
    with open(os.path.join(collection, name), "rb") as file:
        return file.read()

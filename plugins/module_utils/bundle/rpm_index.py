# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""The indices of a dnf repository: repomd.xml, which is signed, and the lists that it names."""

from xml.etree import ElementTree

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle.listed import (
    BadRepository,
    ListedFile,
    ListedPackage,
    listed_file,
)

REPOMD = "repodata/repomd.xml"
SIGNATURE = f"{REPOMD}.asc"
_REPO = "{http://linux.duke.edu/metadata/repo}"
_COMMON = "{http://linux.duke.edu/metadata/common}"


def lists(repomd: bytes) -> dict[str, ListedFile]:
    """The lists of a repository by their kind, such as primary. Raises BadRepository."""
    root = _parsed(REPOMD, repomd)
    files = {}
    for data in root.iter(f"{_REPO}data"):
        size = data.find(f"{_REPO}size")
        files[data.get("type", "")] = _file(data, _REPO, (size.text or "") if size is not None else "")
    if "primary" not in files:
        raise BadRepository(f"{REPOMD} names no list of kind primary")
    return files


def packages(primary: bytes) -> list[ListedPackage]:
    """The packages of the primary list. Raises BadRepository."""
    listed = []
    for package in _parsed("the primary list", primary).iter(f"{_COMMON}package"):
        name, version, size = (package.find(f"{_COMMON}{tag}") for tag in ("name", "version", "size"))
        if name is None or version is None:
            raise BadRepository("the primary list has a package without name or version")
        file = _file(package, _COMMON, size.get("package", "") if size is not None else "")
        listed.append(ListedPackage(name.text or "", f"{version.get('ver')}-{version.get('rel')}", file))
    return listed


def _file(element: ElementTree.Element, space: str, size: str) -> ListedFile:
    location, checksum = element.find(f"{space}location"), element.find(f"{space}checksum")
    if location is None or checksum is None:
        raise BadRepository("a list has a file without location or checksum")
    return listed_file(location.get("href", ""), size, checksum.get("type", ""), (checksum.text or "").strip())


def _parsed(name: str, content: bytes) -> ElementTree.Element:
    try:
        return ElementTree.fromstring(content)
    except ElementTree.ParseError as error:
        raise BadRepository(f"{name} is not XML: {error}") from error

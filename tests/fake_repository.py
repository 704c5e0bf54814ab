"""A vendor's repositories of apt and of dnf, with plain files as packages, signed by gpg."""

from __future__ import annotations

import gzip
import hashlib
import lzma
import os
import subprocess
from pathlib import Path

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils import openpgp
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host.packages import TOOLKIT_PACKAGES

_COMMON = 'xmlns="http://linux.duke.edu/metadata/common"'
_REPO = 'xmlns="http://linux.duke.edu/metadata/repo"'


class Vendor:
    """Signs repositories with a key of its own."""

    def __init__(self, folder: Path, kind: str = "rsa3072") -> None:
        self._environment = {**os.environ, "GNUPGHOME": str(folder)}
        folder.mkdir(mode=0o700)
        self._gpg("--passphrase", "", "--quick-generate-key", "vendor", kind, "sign", "never")
        ((self.fingerprint, self.key),) = openpgp.keys(self._gpg("--armor", "--export")).items()
        subprocess.run(["gpgconf", "--kill", "all"], env=self._environment, check=True)

    def clear_sign(self, text: str) -> str:
        """A text with its signature."""
        return self._gpg("--clearsign", given=text)

    def sign(self, text: str) -> str:
        """The signature of a text."""
        return self._gpg("--armor", "--detach-sign", given=text)

    def apt(self, folder: Path, *versions: str) -> None:
        """A flat repository in a folder."""
        stanzas = []
        for name in TOOLKIT_PACKAGES:
            for version in versions:
                path, content = self._package(folder, f"{name}_{version}-1_amd64.deb")
                stanzas.append(
                    f"Package: {name}\nVersion: {version}-1\nFilename: ./{path}\nSize: {len(content)}\n"
                    f"SHA256: {hashlib.sha256(content).hexdigest()}\nDescription: a package\n of some lines\n"
                )
        lists = {"Packages": "\n".join(stanzas).encode()}
        lists["Packages.xz"] = lzma.compress(lists["Packages"])
        # As in NVIDIA's, and one that the server does not have.
        sums = [f" {hashlib.sha512(content).hexdigest()} {len(content)} {name}" for name, content in lists.items()]
        release = "\n".join(["Codename: stable", "SHA512:", *sums, f" {'0' * 128} 5 Packages.gz", ""])
        for name, content in lists.items():
            (folder / name).write_bytes(content)
        (folder / "InRelease").write_text(self.clear_sign(release))

    def rpm(self, folder: Path, *versions: str) -> None:
        """A dnf repository in a folder."""
        packages = []
        for name in TOOLKIT_PACKAGES:
            for version in versions:
                path, content = self._package(folder, f"{name}-{version}-1.x86_64.rpm")
                packages.append(
                    f'<package type="rpm"><name>{name}</name><version epoch="0" ver="{version}" rel="1"/>'
                    f'<checksum type="sha256">{hashlib.sha256(content).hexdigest()}</checksum>'
                    f'<size package="{len(content)}"/><location href="{path}"/></package>'
                )
        lists = {"primary": f"<metadata {_COMMON}>{''.join(packages)}</metadata>", "filelists": "<filelists/>"}
        (folder / "repodata").mkdir(exist_ok=True)
        entries = []
        for kind, text in lists.items():
            content = gzip.compress(text.encode(), mtime=0)
            digest = hashlib.sha512(content).hexdigest()
            (folder / "repodata" / f"{digest}-{kind}.xml.gz").write_bytes(content)
            entries.append(
                f'<data type="{kind}"><checksum type="sha512">{digest}</checksum><size>{len(content)}</size>'
                f'<location href="repodata/{digest}-{kind}.xml.gz"/></data>'
            )
        repomd = f"<repomd {_REPO}>{''.join(entries)}</repomd>\n"
        (folder / "repodata" / "repomd.xml").write_text(repomd)
        (folder / "repodata" / "repomd.xml.asc").write_text(self.sign(repomd))

    def _package(self, folder: Path, name: str) -> tuple[str, bytes]:
        content = f"{name}\n".encode() * 1000
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
        return name, content

    def _gpg(self, *arguments: str, given: str = "") -> str:
        command = ["gpg", "--batch", "--quiet", *arguments]
        return subprocess.run(
            command, env=self._environment, input=given, capture_output=True, text=True, check=True
        ).stdout

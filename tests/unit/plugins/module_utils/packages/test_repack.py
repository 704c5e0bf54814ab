"""Packages that are rebuilt from installed ones: with real dpkg in a database of its own, and from its output."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Optional

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host.commands import Answer
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.packages.repack import (
    ConfigurationFile,
    configuration_files,
    control,
    repack,
)

STATUS = """\
Package: nvidia-container-toolkit-base
Status: hold ok installed
Priority: optional
Version: 1.20.0-1
Config-Version: 1.19.0-1
Triggers-Awaited: libc-bin
Depends: libc6
Conffiles:
 /etc/nvidia-container-toolkit/nvidia-cdi-refresh.env d41d8cd98f00b204e9800998ecf8427e
 /etc/nvidia-container-toolkit/old.env d41d8cd98f00b204e9800998ecf8427e obsolete
Description: NVIDIA container toolkit base
 It holds the programs.

""".splitlines()


def test_what_dpkg_added_is_left_out():
    assert control(STATUS) == [
        "Package: nvidia-container-toolkit-base",
        "Priority: optional",
        "Version: 1.20.0-1",
        "Depends: libc6",
        "Description: NVIDIA container toolkit base",
        " It holds the programs.",
    ]


def test_configuration_files_are_read_with_what_dpkg_knows_of_them():
    folder, empty = "/etc/nvidia-container-toolkit", "d41d8cd98f00b204e9800998ecf8427e"
    assert configuration_files(STATUS) == [
        ConfigurationFile(f"{folder}/nvidia-cdi-refresh.env", empty, False),
        ConfigurationFile(f"{folder}/old.env", empty, True),
    ]


class Dpkg:
    """The programs of dpkg with a database of their own. The files of the package `tool` are in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = folder / "database"
        for name in ("info", "updates", "triggers"):
            (self.database / name).mkdir(parents=True)
        for name in ("status", "available"):
            (self.database / name).touch()

    def path(self, program: str) -> Optional[str]:
        return shutil.which(program)

    def run(
        self, arguments: list[str], environment: Optional[dict[str, str]] = None, given: str = "", folder: str = ""
    ) -> Answer:
        program, *others = arguments
        database = [] if program == "dpkg-deb" else [f"--admindir={self.database}"]
        answer = subprocess.run([program, *database, *others], capture_output=True, text=True, check=False)
        return Answer(answer.returncode, answer.stdout, answer.stderr)

    def run_within(self, seconds: float, arguments: list[str]) -> Answer:
        return self.run(arguments)

    def build(self, version: str, configuration: dict[str, str]) -> str:
        """A package in this version, with these configuration files."""
        root = self.folder / f"tool_{version}"
        paths = {name: f"{self.folder}/etc/{name}" for name in configuration}
        for name, text in configuration.items():
            target = Path(f"{root}{paths[name]}")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
        (root / "DEBIAN").mkdir(mode=0o755)
        (root / "DEBIAN" / "control").write_text(
            f"Package: tool\nVersion: {version}\nArchitecture: all\nMaintainer:"
            " a <a@example.org>\nDescription: a tool\n"
        )
        (root / "DEBIAN" / "conffiles").write_text("".join(f"{path}\n" for path in paths.values()))
        subprocess.run(["dpkg-deb", "--build", root], capture_output=True, check=True)
        return f"{root}.deb"

    def install(self, package: str) -> None:
        options = ["--force-confdef", "--force-confold", "--force-bad-path", f"--log={self.folder}/log", "--install"]
        answer = self.run(["dpkg", *options, package])
        assert answer.code == 0, answer.text


@pytest.fixture
def dpkg(tmp_path):
    if os.geteuid() != 0 or not shutil.which("dpkg-deb"):
        pytest.skip("needs dpkg, as root")
    return Dpkg(tmp_path)


def test_a_package_is_restored_and_the_edits_of_the_site_outlive_the_next_upgrade(dpkg, tmp_path):
    """`edited` is in all versions, `dropped` is not in the second one, `plain` was never edited."""
    first = {"edited": "first\n", "dropped": "first\n", "plain": "first\n"}
    dpkg.install(dpkg.build("1", first))
    (tmp_path / "etc" / "edited").write_text("of the site\n")
    (tmp_path / "etc" / "dropped").write_text("of the site\n")
    dpkg.install(dpkg.build("2", {"edited": "second\n", "plain": "second\n"}))

    kept = tmp_path / "kept"
    kept.mkdir()
    copy = repack(dpkg, "tool", str(kept))
    dpkg.install(dpkg.build("3", {"edited": "third\n", "plain": "third\n"}))
    dpkg.install(copy)
    assert dpkg.run(["dpkg-query", "--show", "tool"]).output == "tool\t2\n"
    assert (tmp_path / "etc" / "plain").read_text() == "second\n"

    dpkg.install(dpkg.build("4", {"edited": "fourth\n", "dropped": "fourth\n", "plain": "fourth\n"}))
    contents = {path.name: path.read_text() for path in (tmp_path / "etc").iterdir() if ".dpkg-" not in path.name}
    assert contents == {"edited": "of the site\n", "dropped": "of the site\n", "plain": "fourth\n"}


def test_a_strict_umask_does_not_matter(dpkg, tmp_path):
    dpkg.install(dpkg.build("1", {"plain": "first\n"}))
    kept = tmp_path / "kept"
    kept.mkdir()
    umask = os.umask(0o077)
    try:
        copy = repack(dpkg, "tool", str(kept))
    finally:
        os.umask(umask)
    dpkg.install(copy)

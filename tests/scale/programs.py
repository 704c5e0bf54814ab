"""Real servers as programs of this machine: made once, into .cache/programs."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path

from tests.lab.shell import ROOT, run

FOLDER = ROOT / ".cache" / "programs"
PROMETHEUS = (ROOT / "tests" / "lab" / "images" / "prometheus" / "version.txt").read_text().strip()
THANOS = "0.42.4"


def prometheus() -> Path:
    """Prometheus of its Go module: the release 3.13.5 has the version v0.313.5."""
    major, minor, patch = PROMETHEUS.split(".")
    return _of_module(
        "prometheus", "github.com/prometheus/prometheus", f"0.{major}{minor:0>2}.{patch}", "remove_all_sd"
    )


def thanos() -> Path:
    """Thanos of its Go module. A receiver panics without the tag that .promu.yml has for releases."""
    return _of_module("thanos", "github.com/thanos-io/thanos", THANOS, "slicelabels,remove_all_sd")


def victoria_metrics() -> Path:
    """VictoriaMetrics of Debian sid."""
    program = FOLDER / "victoria-metrics"
    if not program.exists():
        with _staging() as name:
            _download_from_sid(Path(name), "victoria-metrics")
            os.replace(Path(name, "root", "usr", "bin", program.name), program)
    return program


def _of_module(name: str, module: str, version: str, tags: str) -> Path:
    """The program, which the module has in cmd/NAME."""
    program = FOLDER / f"{name}-{version}"
    if not program.exists():
        said = run("go", "mod", "download", "-json", f"{module}@v{version}")
        # Go may say first what it downloads.
        downloaded = json.loads(said[said.index("{") :])
        with _staging() as work:
            source, made = Path(work, "source"), Path(work, name)
            # Files of Go's cache are read-only.
            shutil.copytree(downloaded["Dir"], source, copy_function=shutil.copyfile)
            run("chmod", "-R", "u+w", str(source))
            own = {"CGO_ENABLED": "0", "GOWORK": "off", "GOFLAGS": "-mod=readonly -buildvcs=false"}
            build = ["go", "build", "-C", str(source), "-trimpath", f"-tags={tags},netgo", "-ldflags=-s -w"]
            run(*build, f"-o={made}", f"./cmd/{name}", environment={**os.environ, **own})
            os.replace(made, program)
    return program


def _download_from_sid(folder: Path, package: str) -> None:
    """Unpack a package of Debian sid into root/, with lists of packages of its own."""
    (folder / "sources.list").write_text("deb http://deb.debian.org/debian sid main\n")
    (folder / "lists" / "partial").mkdir(parents=True)
    settings = {
        "Dir::Etc::sourcelist": folder / "sources.list",
        "Dir::Etc::sourceparts": "-",
        "Dir::State::lists": folder / "lists",
        "Dir::Cache": folder,
        "Acquire::Check-Valid-Until": "false",
        "Acquire::Languages": "none",
        "APT::Sandbox::User": "root",
    }
    apt = ["apt-get", "-q", *(f"--option={name}={value}" for name, value in settings.items())]
    run(*apt, "update")
    run("env", f"--chdir={folder}", *apt, "download", package)
    [archive] = folder.glob("*.deb")
    run("dpkg", "-x", str(archive), str(folder / "root"))


def _staging() -> tempfile.TemporaryDirectory[str]:
    FOLDER.mkdir(parents=True, exist_ok=True)
    return tempfile.TemporaryDirectory(dir=FOLDER, prefix="staged-")

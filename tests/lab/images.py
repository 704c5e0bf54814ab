"""The lab's images and packages: built when their sources change, pushed to its registry, the upstream images if
their registries answer.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import http.client
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.lab import driver
from tests.lab.shell import CACHE, LabError, run, succeeds
from tests.tools import image_table
from tests.tools.image_table import DefaultImage

FOLDER = Path(__file__).resolve().parent / "images"
TOOLKIT = Path(__file__).resolve().parent / "toolkit"
FAILING_TOOLKIT = Path(__file__).resolve().parent / "failing_toolkit"
TOOLKIT_VERSION = (TOOLKIT / "version.txt").read_text().strip()
PREFIX = "gpu-monitoring-lab"


IMAGES = image_table.read()


@dataclass(frozen=True)
class Service:
    """An image that the roles deploy: folder here, name in the roles' table, and the role's version variable."""

    folder: str
    name: str
    variable: str
    stands_in: str
    needs_gpu: bool = False

    @property
    def image(self) -> DefaultImage:
        """The image in the roles' table."""
        return IMAGES[self.name]

    @property
    def path(self) -> str:
        """The path in a mirror of all registries."""
        return self.image.repositories[-1].partition("/")[2]

    def reference(self, version: str) -> str:
        """Path and tag."""
        return f"{self.path}:{self.image.tag_of(version)}"


SERVICES = (
    Service("prometheus", "prometheus", "prometheus_version", "real, from its Go module; without its web page"),
    Service("alertmanager", "alertmanager", "alertmanager_version", "real, from its Go module; without its web page"),
    Service("victoria_metrics", "victoria_metrics", "victoria_metrics_version", "real, from Debian"),
    Service("node_exporter", "node_exporter", "node_exporter_version", "real, from Debian"),
    Service("cadvisor", "cadvisor", "cadvisor_version", "the real library with a main of the lab"),
    Service("nginx", "nginx", "cadvisor_proxy_version", "real, from Debian"),
    Service("python_slim", "python", "container_gpu_collector_python_version", "real, from Debian"),
    Service(
        "dcgm_exporter", "dcgm_exporter", "dcgm_exporter_version", "a stand-in with made-up values", needs_gpu=True
    ),
    Service("grafana", "grafana", "grafana_version", "a stand-in, checked against recordings of the real one"),
)


def content_tag(folder: Path, *bases: str) -> str:
    """Twelve hexadecimal digits that change with the folder's files and with what it is built on."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts):
        digest.update(f"{path.relative_to(folder)}\0".encode())
        digest.update(path.read_bytes())
    for base in bases:
        digest.update(base.encode())
    return digest.hexdigest()[:12]


def build(name: str, environment: dict[str, str]) -> str:
    """Name of the built image of a folder; built only if it does not exist."""
    image = f"{PREFIX}/{name}:{content_tag(FOLDER / name, *environment.values())}"
    with _alone(name):
        if not succeeds("docker", "image", "inspect", image):
            print(f"building {name}", flush=True)
            complete = {**os.environ, **environment, "DOCKER_BUILDKIT": "0"}
            run(str(FOLDER / name / "build.sh"), image, environment=complete)
    return image


@contextlib.contextmanager
def _alone(name: str) -> Iterator[None]:
    """Wait for a process that builds the same: other tests run beside molecule."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def need_go() -> None:
    """LabError if there is no Go to build with."""
    if not shutil.which("go"):
        raise LabError(
            "The lab builds the NVIDIA container toolkit and stand-ins with Go 1.24 or newer,"
            " which is not in the search path: install it first."
        )


def upstream_answers(registry: str) -> bool:
    """Whether an upstream registry can be reached."""
    connection = http.client.HTTPSConnection("registry-1.docker.io" if registry == "docker.io" else registry, timeout=4)
    try:
        connection.request("GET", "/v2/")
        return connection.getresponse().status in (200, 401)
    except OSError:
        return False
    finally:
        connection.close()


def bases() -> dict[str, str]:
    """Names of the images that others are built on."""
    base = build("base", {})
    return {"LAB_BASE": base, "LAB_PYTHON_BASE": build("python", {"LAB_BASE": base})}


def service(folder: str, on: dict[str, str]) -> str:
    """Name of a service's image: the upstream one if its registry answers, otherwise built on these bases."""
    service_image = next(candidate for candidate in SERVICES if candidate.folder == folder)
    if not service_image.needs_gpu and upstream_answers(service_image.image.repository.partition("/")[0]):
        reference = f"{service_image.image.repository}:{service_image.image.tag_of(service_image.image.version)}"
        run("docker", "pull", "--quiet", reference)
        return reference
    return build(service_image.folder, on)


def build_all() -> dict[str, str]:
    """Names of all images by folder, and the folders of the apt repository as `toolkit` and of the emulated driver as
    `driver`.
    """
    need_go()
    on = bases()
    with ThreadPoolExecutor(max_workers=2) as pool:
        pending = {service_image.folder: pool.submit(service, service_image.folder, on) for service_image in SERVICES}
        pending |= {name: pool.submit(build, name, on) for name in ("host", "services")}
        pending |= {"toolkit": pool.submit(apt_repository), "driver": pool.submit(emulated_driver)}
        built = {name: future.result() for name, future in pending.items()}
    return built | {"host_cdi": build("host_cdi", {"LAB_HOST": built["host"]})}


def debian_host(release: str) -> str:
    """Name of the image of a host with a Debian release, with that release's Docker engine and Python."""
    return build("host_debian", {"LAB_RELEASE": release})


def apt_repository() -> str:
    """Folder of the signed apt repository with the toolkit's packages."""
    folder = CACHE / f"apt-{content_tag(TOOLKIT)}"
    if not (folder / "key.asc").exists():
        print("building the NVIDIA container toolkit's packages", flush=True)
        run(str(TOOLKIT / "build.sh"), str(folder))
    return str(folder)


def failing_repository() -> str:
    """Folder of a signed apt repository with packages of the toolkit whose installation fails."""
    packages = apt_repository()
    folder = CACHE / f"failing-{content_tag(FAILING_TOOLKIT, packages)}"
    if not (folder / "key.asc").exists():
        run(str(FAILING_TOOLKIT / "build.sh"), packages, str(folder))
    return str(folder)


def emulated_driver() -> str:
    """Folder with the files of the emulated driver, to be laid over a host's root."""
    folder = CACHE / f"driver-{content_tag(driver.SOURCES, TOOLKIT_VERSION)}"
    if not folder.exists():
        print("building the emulated driver", flush=True)
        CACHE.mkdir(parents=True, exist_ok=True)
        run(str(driver.SOURCES / "build.sh"), str(folder), TOOLKIT_VERSION)
    return str(folder)


def versions(images: dict[str, str]) -> dict[str, str]:
    """The roles' version variables for what the lab has: a built image says its own."""
    versions_by_variable = {"nvidia_container_toolkit_version": TOOLKIT_VERSION}
    for service_image in SERVICES:
        built = run(
            "docker", "inspect", "--format", '{{index .Config.Labels "lab.version"}}', images[service_image.folder]
        )
        versions_by_variable[service_image.variable] = built or service_image.image.version
    return versions_by_variable


def variables(images: dict[str, str]) -> dict[str, str]:
    """What a site with these mirrors sets: versions, the toolkit's key and the image that shows whether containers get
    GPUs.
    """
    lab_versions = versions(images)
    exporter = next(service_image for service_image in SERVICES if service_image.folder == "dcgm_exporter")
    reference = exporter.reference(lab_versions[exporter.variable])
    return lab_versions | {
        "nvidia_container_toolkit_key_fingerprint": (Path(images["toolkit"]) / "fingerprint").read_text().strip(),
        "nvidia_container_toolkit_verify_image": f"registry.lab:5000/{reference}",
    }


def push(images: dict[str, str], registry: str) -> None:
    """Put every service's image into the lab's registry."""
    lab_versions = versions(images)
    for service_image in SERVICES:
        target = f"{registry}/{service_image.reference(lab_versions[service_image.variable])}"
        run("docker", "tag", images[service_image.folder], target)
        run("docker", "push", "--quiet", target)


def rpm_repositories(image: str, apt_folder: str) -> str:
    """Folder of the dnf repositories with the packages of an apt repository, made on the image of a host with dnf."""
    folder = CACHE / f"rpm-{apt_folder.rpartition('-')[2]}-{image.rpartition(':')[2]}"
    if not (folder / "tampered" / "key.asc").exists():
        print("building the packages of the NVIDIA container toolkit for dnf", flush=True)
        volumes = [f"--volume={TOOLKIT}:/toolkit:ro", f"--volume={apt_folder}:/apt:ro", f"--volume={folder}:/rpm"]
        run("docker", "run", "--rm", "--network=none", *volumes, image, "/toolkit/build_rpm.sh", "/apt", "/rpm")
    return str(folder)


def table(images: dict[str, str]) -> str:
    """What is real in this lab and what stands in."""
    rows = [
        (
            service_image.path,
            "upstream image" if not images[service_image.folder].startswith(PREFIX) else service_image.stands_in,
        )
        for service_image in SERVICES
    ]
    rows += [
        (
            "systemd, SSH, apt, Docker engine",
            "real: Debian trixie in a container for each host; on gpu2 with the engine of Debian sid",
        ),
        (
            "NVIDIA container toolkit",
            "real, built from NVIDIA's Go module; libnvidia-container1 and -tools are empty stand-ins",
        ),
        (
            "NVIDIA driver and GPUs",
            "a stand-in: libnvidia-ml and nvidia-smi that report made-up GPUs, device nodes without a device",
        ),
    ]
    return "\n".join(f"  {part:<42} {kind}" for part, kind in rows)

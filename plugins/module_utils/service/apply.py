# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Reads what is there, plans, and carries the plan out in an order in which whatever can fail fails before anything that runs is touched."""

import errno
import http.client
import os
import shutil
from dataclasses import dataclass
from typing import Any, Optional

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service import files, health, plan, spec
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.engine import Engine, bind_problem
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.errors import ServiceError

VALIDATE_TIMEOUT_SECONDS = 120


@dataclass
class Service:
    """One service of one host: what is wanted, what is there, and what to do about it."""

    options: dict[str, Any]
    body: dict[str, Any]
    inspected: Optional[dict[str, Any]]
    wanted: dict[str, Any]
    present: Optional[dict[str, Any]]
    image: Optional[dict[str, Any]]
    missing_networks: list[str]
    plan: plan.Plan
    pulled: str

    @property
    def name(self) -> str:
        """Name of the container."""
        return self.options["name"]

    def actions(self) -> list[str]:
        """The plan in words."""
        return plan.actions(self.name, self.plan, self.pulled, self.missing_networks)

    def diff(self) -> list[dict[str, str]]:
        """What changes, in Ansible's form of a diff."""
        return [change.diff() for change in self.plan.files] + plan.container_diff(self.name, self.wanted, self.present, self.plan)


def read(engine: Optional[Engine], options: dict[str, Any], check_mode: bool) -> Service:
    """Compare what is wanted with what is there; pulls the image unless in check mode. `engine` is None where there is none yet."""
    image, pulled = _image(engine, options, check_mode) if engine else (None, "")
    abilities = engine.gpu_abilities() if engine and options["gpus"] not in ("none", "cdi") else (False, [])
    gpus = spec.gpu_mechanism(options["gpus"], *abilities) if engine else "none"
    body = spec.create_body(options, gpus)
    inspected = engine.container(options["name"]) if engine else None
    if inspected:
        _refuse_foreign(inspected, options["name"])
    wanted = plan.container_view(body, options["networks"], image, image["Id"] if image else options["image"])
    present = None
    if engine and inspected:
        present = plan.present_view(inspected, engine.image(inspected["Image"]), wanted)
    running = bool(inspected and inspected["State"]["Running"])
    changed_files = files.changes(options["files"], options["secret_files"])
    decided = plan.decide(present, running, plan.differences(wanted, present) if present else [], changed_files)
    have = engine.networks() if engine else set()
    missing = [network for network in options["networks"] if network not in have]
    return Service(options, body, inspected, wanted, present, image, missing, decided, pulled)


def _image(engine: Engine, options: dict[str, Any], check_mode: bool) -> tuple[Optional[dict[str, Any]], str]:
    """The image and, where it is or would be pulled, its reference."""
    reference = options["image"]
    image = engine.image(reference)
    if image and options["pull"] != "always":
        return image, ""
    if options["pull"] == "never":
        raise ServiceError(f"image: {reference} is not on this host and pull is 'never'. Load it, or set pull to 'missing'.")
    if check_mode:
        return image, "" if image else reference
    new = engine.pull(reference)
    return new, reference if not image or new["Id"] != image["Id"] else ""


def _refuse_foreign(inspected: dict[str, Any], name: str) -> None:
    if (inspected["Config"]["Labels"] or {}).get(spec.OWNER_LABEL) != name:
        raise ServiceError(
            f"name: a container named {name} is there that mlops.gpu_monitoring did not make (image {inspected['Config']['Image']}); it is left as it is."
            " Rename or remove it first."
        )


def check_ports(engine: Engine, service: Service) -> None:
    """Refuse a port of the host that somebody else has, before anything is touched."""
    own = (service.inspected or {}).get("HostConfig", {}).get("PortBindings") or {}
    running = bool(service.inspected and service.inspected["State"]["Running"])
    held = {(one.get("HostIp"), one["HostPort"]) for hosts in own.values() for one in hosts or []} if running else set()
    for port in service.options["ports"]:
        address, number = port["address"], port["host_port"]
        if (address, str(number)) in held:
            continue
        owner = engine.publisher(address, number)
        problem = bind_problem(address, number)
        if owner and owner != service.name:
            raise ServiceError(f"ports: port {number} of {address}, wanted for {service.name}, is taken by the container {owner}. Stop it or choose another port.")
        if problem and problem.errno == errno.EADDRNOTAVAIL:
            raise ServiceError(f"ports: {address}, wanted for {service.name}, is no address of this host. Set gpu_monitoring_address to one that is.")
        if problem and problem.errno == errno.EADDRINUSE and not owner:
            raise ServiceError(
                f"ports: port {number} of {address}, wanted for {service.name}, is taken by another process (see ss -ltnp). Stop it or choose another port."
            )


def validate(engine: Engine, service: Service) -> None:
    """Run the validator in the new image over the staged files; raise ServiceError with what it says."""
    command = (service.options["validate"] or {}).get("command")
    if not command or service.plan.container == "start" or not service.plan.changed:
        return
    paths = [item["path"] for item in service.options["files"] + service.options["secret_files"]]
    staged: dict[str, str] = {}
    try:
        mounts = []
        for mount in service.body["HostConfig"]["Mounts"]:
            holds_files = any(path.startswith(mount["Source"].rstrip("/") + "/") for path in paths)
            if mount["Type"] == "bind" and holds_files:
                staged[mount["Source"]] = files.stage(mount["Source"], service.plan.files)
                mounts.append(dict(mount, Source=staged[mount["Source"]], ReadOnly=True))
        body = {
            "Image": service.options["image"],
            "Entrypoint": command[:1],
            "Cmd": command[1:],
            "User": service.body.get("User", ""),
            "Labels": {spec.OWNER_LABEL: f"{service.name} validation"},
            "HostConfig": {"Mounts": mounts, "NetworkMode": "none", "CapDrop": ["ALL"]},
        }
        code, output = engine.run(body, VALIDATE_TIMEOUT_SECONDS)
    finally:
        for folder in staged.values():
            shutil.rmtree(folder)
    if code != 0:
        raise ServiceError(f"validate: {' '.join(command)} refuses the new files of {service.name}, which were not put in place:\n{output}")


def carry_out(engine: Engine, service: Service) -> dict[str, Any]:
    """Carry the plan out and return the container. What ran before runs again where that fails."""
    for network in service.missing_networks:
        engine.create_network(network)
    if service.plan.container in ("create", "recreate", "start"):
        check_ports(engine, service)
    validate(engine, service)
    for mount in service.body["HostConfig"]["Mounts"]:
        if mount["Type"] == "bind" and any(item["path"].startswith(mount["Source"].rstrip("/") + "/") for item in _all_files(service)):
            os.makedirs(mount["Source"], mode=0o755, exist_ok=True)
    written: list[files.FileChange] = []
    try:
        for change in service.plan.files:
            files.write(change.path, change.wanted)
            written.append(change)
        return _bring_up(engine, service)
    except Exception as error:
        for change in reversed(written):
            files.restore(change)
        if written and service.plan.container == "reload":
            _reload(engine, service)
        if isinstance(error, OSError):
            raise ServiceError(f"files: {error.filename}: {error.strerror}") from error
        raise


def _all_files(service: Service) -> list[dict[str, Any]]:
    return service.options["files"] + service.options["secret_files"]


def _bring_up(engine: Engine, service: Service) -> dict[str, Any]:
    """Do what the plan says of the container, wait until it is healthy, and put the old one back if it does not become so."""
    options, kind = service.options, service.plan.container
    if kind == "keep":
        return engine.container(service.name) or {}
    if kind == "reload":
        _reload(engine, service)
        return health.wait(engine, service.name, options["health"], options["networks"])
    if kind == "start":
        engine.api.start(service.name)
        return health.wait(engine, service.name, options["health"], options["networks"])

    aside = f"{service.name}-replaced"
    was_running = bool(service.inspected and service.inspected["State"]["Running"])
    if service.inspected:
        engine.api.stop(service.name)
        engine.api.rename(service.name, aside)
    try:
        engine.create(service.name, service.body, options["networks"])
        engine.api.start(service.name)
        container = health.wait(engine, service.name, options["health"], options["networks"])
    except Exception:
        if engine.container(service.name):
            engine.api.remove_container(service.name, force=True)
        if service.inspected:
            engine.api.rename(aside, service.name)
            if was_running:
                engine.api.start(service.name)
        raise
    if service.inspected:
        engine.api.remove_container(aside, force=True)
    return container


def _reload(engine: Engine, service: Service) -> None:
    """Have the running service read its files again."""
    how = service.options["reload"] or {}
    if how.get("signal"):
        engine.api.kill(service.name, how["signal"])
        return
    if not how.get("http"):
        raise ServiceError(f"reload: files of {service.name} have on_change 'reload' but no reload is given. Set reload.signal or reload.http.")
    probe = how["http"]
    address = health.address_of(engine.container(service.name) or {}, service.options["networks"])
    try:
        status, answer = health.request(address, probe["port"], probe["method"], probe["path"], timeout=60)
    except (OSError, http.client.HTTPException) as error:
        raise ServiceError(f"reload: {service.name} does not answer {probe['method']} {probe['path']} on port {probe['port']}: {error}") from error
    if status >= 300:
        raise ServiceError(f"reload: {service.name} answers {probe['method']} {probe['path']} with {status}: {answer}")


def remove(engine: Optional[Engine], options: dict[str, Any], check_mode: bool) -> tuple[list[str], list[dict[str, str]]]:
    """Remove the container and the files; volumes and networks stay. Returns actions and diff."""
    name = options["name"]
    inspected = engine.container(name) if engine else None
    said, diff = [], []
    if engine and inspected:
        _refuse_foreign(inspected, name)
        said.append(f"remove container {name}")
        diff.append({"before_header": f"container {name}", "after_header": f"container {name}", "before": "present\n", "after": ""})
        if not check_mode:
            engine.api.stop(name)
            engine.api.remove_container(name, force=True)
    for item in options["files"] + options["secret_files"]:
        if os.path.exists(item["path"]):
            said.append(f"remove {item['path']}")
            if not check_mode:
                os.unlink(item["path"])
    return said, diff

# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import http.client
import os
from dataclasses import dataclass, field
from typing import Any, Optional

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service import files, health, plan, ports, spec
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.engine import Engine
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.errors import ServiceError

VALIDATE_TIMEOUT_SECONDS = 120
ASIDE = "-replaced"


@dataclass
class Service:
    """One service of one host: what is wanted, what is there, and what to do about it."""

    options: dict[str, Any]
    body: dict[str, Any]
    wanted: dict[str, Any]
    present: Optional[dict[str, Any]] = None
    inspected: Optional[dict[str, Any]] = None
    image: Optional[dict[str, Any]] = None
    plan: plan.Plan = field(default_factory=lambda: plan.Plan("keep"))

    @property
    def name(self) -> str:
        """Name of the container."""
        return self.options["name"]

    @property
    def mounted(self) -> list[str]:
        """Folders of the host that are mounted."""
        return [mount["Source"] for mount in self.body["HostConfig"]["Mounts"] if mount["Type"] == "bind"]

    def diff(self) -> list[dict[str, str]]:
        """What changes, in Ansible's form of a diff."""
        return [change.diff() for change in self.plan.files] + plan.container_diff(self.name, self.wanted, self.present, self.plan)


def read(engine: Optional[Engine], given: dict[str, Any], check_mode: bool) -> Service:
    """Compare what is wanted with what is there. Pulls the image unless in check mode. `engine` is None where there is none yet."""
    options = spec.checked(given)
    changed = files.changes(options["files"], options["secret_files"])
    if engine is None:
        body = spec.create_body(options, "none", [])
        wanted = plan.wanted_view(body, options["networks"], None, options["image"])
        return Service(options, body, wanted, plan=plan.Plan("create", [], changed, options["networks"], pull=True))

    inspected = engine.container(options["name"])
    if inspected:
        refuse_foreign(inspected, options["name"])
    image, pulls = _image(engine, options, check_mode)
    abilities = engine.abilities()
    gpus = spec.gpu_mechanism(options["gpus"], abilities["cdi_enabled"], abilities["cdi_spec"], abilities["runtimes"])
    body = spec.create_body(options, gpus, ((image or {}).get("Config") or {}).get("Env") or [])
    wanted = plan.wanted_view(body, options["networks"], image, image["Id"] if image else "not here yet")
    networks = engine.networks()
    present, running = None, False
    if inspected:
        present = plan.present_view(inspected, engine.image(inspected["Image"]), wanted, networks, abilities["default_runtime"])
        running = inspected["State"]["Running"]
    kind, reasons = plan.decide(bool(inspected), running, plan.differences(wanted, present) if present else [], changed)
    missing = [network for network in options["networks"] if network not in networks]
    left = [options["name"] + ASIDE] if engine.container(options["name"] + ASIDE) else []
    return Service(options, body, wanted, present, inspected, image, plan.Plan(kind, reasons, changed, missing, left, pulls))


def _image(engine: Engine, options: dict[str, Any], check_mode: bool) -> tuple[Optional[dict[str, Any]], bool]:
    """The image, and whether it is, or in check mode would be, a new one."""
    reference = options["image"]
    image = engine.image(reference)
    if image and options["pull"] != "always":
        return image, False
    if options["pull"] == "never":
        raise ServiceError(f"image: {reference} is not on this host and pull is 'never'. Load it, or set pull to 'missing'.")
    if check_mode:
        return image, not image
    new = engine.pull(reference)
    return new, not image or new["Id"] != image["Id"]


def refuse_foreign(inspected: dict[str, Any], name: str) -> None:
    """Raise ServiceError for a container that this module did not make."""
    if (inspected["Config"]["Labels"] or {}).get(spec.OWNER_LABEL) != name:
        raise ServiceError(
            f"name: a container named {name} is there that mlops.gpu_monitoring did not make (image {inspected['Config']['Image']}); it is left as it is."
            " Rename or remove it first."
        )


def carry_out(engine: Engine, service: Service) -> dict[str, Any]:
    """Carry the plan out and return the container. What can fail fails before anything that runs is touched; after that, what ran before is put back."""
    work = service.plan
    for name in work.leftovers:
        _take_back(engine, service, name)
    for network in work.networks:
        engine.create_network(network)
    if work.replaces or work.container == "start":
        ports.check(service.name, service.options["ports"], engine.published(), ports.bind_error)
    staging = files.Staging(service.name, work.files, service.mounted)
    validates = bool(service.options["validate"]) and (work.replaces or bool(work.files))
    try:
        staging.stage(whole=validates)
        for item in service.options["files"] + service.options["secret_files"]:
            files.make_folder(os.path.dirname(item["path"]))
        if validates:
            _validate(engine, service, staging)
        return _swap(engine, service, staging)
    finally:
        staging.remove()


def _take_back(engine: Engine, service: Service, aside: str) -> None:
    """A run that was interrupted left the old container beside the new one: keep the new one where it is there, else put the old one back."""
    if engine.container(service.name):
        engine.api.remove_container(aside, force=True)
        return
    engine.api.rename(aside, service.name)
    service.inspected = engine.container(service.name)
    service.plan.container = "recreate"


def _validate(engine: Engine, service: Service, staging: files.Staging) -> None:
    """Run the validator in the new image over the staged files."""
    code, output = engine.run(spec.validator_body(service.options, service.body, staging.folders), VALIDATE_TIMEOUT_SECONDS)
    if code != 0:
        command = " ".join(service.options["validate"]["command"])
        raise ServiceError(f"validate: `{command}` refuses the new files of {service.name}; nothing was changed. It says:", output)


def _swap(engine: Engine, service: Service, staging: files.Staging) -> dict[str, Any]:
    """Put the files in place and bring the container up; both are put back where that fails."""
    put: list[files.FileChange] = []
    try:
        for change in service.plan.files:
            staging.put(change)
            put.append(change)
        return _bring_up(engine, service)
    except Exception:
        for change in reversed(put):
            files.restore(change)
        if put and service.plan.container == "reload":
            _reload(engine, service)
        raise


def _bring_up(engine: Engine, service: Service) -> dict[str, Any]:
    """Do what the plan says of the container and wait until it is healthy."""
    options, kind = service.options, service.plan.container
    if kind == "keep":
        return engine.container(service.name) or {}
    if kind == "reload":
        _reload(engine, service)
    elif kind == "start":
        engine.start(service.name)
    else:
        return _replace(engine, service)
    return health.wait(engine, service.name, options["health"], options["networks"])


def _replace(engine: Engine, service: Service) -> dict[str, Any]:
    """A new container in place of the old one, which waits aside until the new one is healthy."""
    options, aside = service.options, service.name + ASIDE
    was_running = bool(service.inspected and service.inspected["State"]["Running"])
    if service.inspected:
        engine.api.stop(service.name)
        engine.api.rename(service.name, aside)
    try:
        engine.create(service.name, service.body, options["networks"])
        engine.start(service.name)
        container = health.wait(engine, service.name, options["health"], options["networks"])
    except Exception:
        if engine.container(service.name):
            engine.api.remove_container(service.name, force=True)
        if service.inspected:
            engine.api.rename(aside, service.name)
            if was_running:
                engine.start(service.name)
        raise
    if service.inspected:
        engine.api.remove_container(aside, force=True)
    return container


def _reload(engine: Engine, service: Service) -> None:
    """Have the running service read its files again."""
    how = service.options["reload"]
    if how.get("signal"):
        engine.api.kill(service.name, how["signal"])
        return
    probe = how["http"]
    address = health.address_of(engine.container(service.name) or {}, service.options["networks"])
    request = f"{probe['method']} {probe['path']} on port {probe['port']}"
    try:
        status, answer = health.request(address, probe["port"], probe["method"], probe["path"], timeout=60)
    except (OSError, http.client.HTTPException) as error:
        raise ServiceError(f"reload: {service.name} does not answer {request}: {error}") from error
    if status >= 300:
        raise ServiceError(f"reload: {service.name} answers {request} with {status}:", answer)


def remove(engine: Optional[Engine], options: dict[str, Any], check_mode: bool) -> list[str]:
    """Remove the container and the files, never volumes or networks; returns what was, or in check mode would be, done."""
    name = options["name"]
    inspected = engine.container(name) if engine else None
    said = []
    if engine and inspected:
        refuse_foreign(inspected, name)
        said.append("remove container")
        if not check_mode:
            engine.api.stop(name)
            engine.api.remove_container(name, force=True)
    for item in options["files"] + options["secret_files"]:
        if os.path.exists(item["path"]):
            said.append(f"remove {item['path']}")
            if not check_mode:
                files.remove(item["path"])
    return said

# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import fcntl
import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Optional

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service import (
    bundled,
    files,
    health,
    held_mounts,
    image_pull,
    journal,
    manifest,
    networks,
    plan,
    ports,
    replaced_data,
    spec,
    state,
    undo,
    volume_data,
)
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.engine import Engine
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.engine_types import (
    Container,
    ContainerBody,
    Image,
)
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.errors import ServiceError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.options import Data, ServiceSpec
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.plan import Plan, View
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.reload import reload
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.secrets import masked, secret_parts
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.shared import SharedAnswers
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service_containers import NEXT, PREVIOUS, VALIDATOR

VALIDATE_SECONDS = 120
VALIDATE_LINES = 100


@dataclass
class Service:
    """One service of one host: its declared state, its present state, and the steps from one to the other."""

    options: ServiceSpec
    body: ContainerBody
    inspected: Optional[Container]
    wanted: View
    present: Optional[View]
    plan: Plan
    warnings: list[str]

    @property
    def name(self) -> str:
        """Name of the service."""
        return self.options.name

    def diff(self) -> list[dict[str, str]]:
        """What changes, in Ansible's form of a diff."""
        return [change.diff() for change in self.plan.files] + plan.container_diff(
            self.name, self.wanted, self.present, self.plan
        )


@contextmanager
def lock(name: str) -> Iterator[None]:
    """Keep other runs from changing the same service of this host."""
    path = os.path.join(state.MEMORY_FOLDER, f"{name}.lock")
    try:
        os.makedirs(state.MEMORY_FOLDER, mode=0o700, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ServiceError(
            f"name: the lock {path} cannot be opened: {error.strerror}. Run this as root (become: true)."
        ) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ServiceError(
                f"name: another run is changing {name} on this host right now. Run this again when it has ended."
            ) from error
        yield
    finally:
        os.close(descriptor)


def deploy(engine: Engine, options: ServiceSpec, shared: SharedAnswers) -> tuple[Service, Container]:
    """Make the service as declared; returns what was decided and the container. A service that is as declared must only
    be healthy.

    The remains of a killed run come first, so the service runs again even if its present options are wrong.
    """
    name, pulled = options.name, False
    if replaced_data.pending(name):
        with lock(name):
            replaced_data.recover(engine, name)
    if not journal.pending(name):
        service = read(engine, options, shared, check_mode=False)
        if not service.plan.changed:
            container = look(engine, service, service.inspected)
            if not manifest.settled(options):
                with lock(name):
                    manifest.settle(options)
            return service, container
        pulled = service.plan.pull
    with lock(name), shared.asked_again():
        interrupted, problems = undo.recover(engine, name, options)
        if problems:
            _refuse_unrestored_data(name, problems)
        service = read(engine, options, shared, check_mode=False)
        service.plan.pull = service.plan.pull or pulled
        container = carry_out(engine, service)
        service.plan.interrupted = interrupted
        service.warnings += [f"An interrupted change of {name} could not be undone: {problem}" for problem in problems]
        return service, container


def _refuse_unrestored_data(name: str, problems: Sequence[str]) -> None:
    """Raise ServiceError if data could not be restored: another change would lose the record of the copy."""
    left = journal.read(name)
    if left and left.data and volume_data.has_copy(left.data):
        raise ServiceError(
            f"name: the data of {name} could not be restored after an interrupted change: {' '.join(problems)}"
            f" The copy stays in {volume_data.copies_to(left.data.folder)}."
            " Correct the cause, and run the playbook site again."
        )


def read(engine: Optional[Engine], options: ServiceSpec, shared: SharedAnswers, check_mode: bool) -> Service:
    """Compare declared with present state; pulls the image unless in check mode. `engine` is None if missing."""
    warnings: list[str] = []
    moved = manifest.moved(options)
    options = spec.with_owners(options, shared.confinement())
    changed_files = files.changes(options.files, moved)
    if engine is None:
        body = spec.create_body(options, "none", [])
        wanted = plan.wanted_view(body, options.container, options.networks, None, "not pulled yet")
        return Service(
            options,
            body,
            None,
            wanted,
            None,
            Plan("create", files=changed_files, networks=options.networks, pull=True),
            warnings,
        )

    _refuse_foreign_volumes(engine, options)
    last_version = _last_version(engine, options, _noted(options.name, check_mode))
    image, pulled = _image(engine, options, shared, check_mode, warnings)
    for reference in options.also_pull:
        if not check_mode and not bundled.accepted(shared.image(reference), options.bundled.get(reference)):
            _pull(engine, reference, options, shared)
    if image and options.health.image and not health.has_healthcheck(image):
        raise ServiceError(
            f"health: image is true, but {options.image} has no health check of its own."
            " Set health.http or health.command."
        )
    inspected = _inspect(engine, options)
    known = shared.networks()
    warnings += [
        problem
        for name in options.networks
        if name in known
        and name not in networks.PREDEFINED
        and (problem := networks.difference(name, known[name], engine.network_options))
    ]
    own_image = _own_image(engine, inspected, image)
    image_id = image["Id"] if image else "not pulled yet"
    if image is None and inspected and inspected["Config"]["Image"] == options.image:
        image, image_id = own_image, inspected["Image"]

    gpus = _gpus(options, shared, check_mode, warnings)
    image_env = ((image or {}).get("Config") or {}).get("Env") or []
    body = spec.create_body(options, gpus, image_env, shared.confinement())
    wanted = plan.wanted_view(body, options.container, options.networks, image, image_id)
    present, replaced = None, {}
    if inspected:
        default_runtime = engine.default_runtime(inspected["HostConfig"].get("Runtime") or "")
        replaced = _replaced_mounts(inspected, options.name, warnings)
        present = plan.present_view(
            inspected,
            own_image,
            wanted,
            {name: network["Id"] for name, network in known.items()},
            default_runtime,
            replaced,
        )
    different = plan.differences(wanted, present) if present else []
    effects = {change.path: change.on_change for change in changed_files}
    container, reasons = plan.decide(inspected is not None, _runs(inspected), different, effects)
    explanations = {f"mounts.{target}": reason for target, reason in replaced.items()}
    missing = [network for network in options.networks if network not in known]
    orphans = [*manifest.orphans(options), *moved.values()]
    decided = Plan(
        container, reasons, explanations, changed_files, missing, orphans, journal.pending(options.name), pulled
    )
    differing_images = (
        [inspected["Config"]["Image"], options.image] if inspected and inspected["Image"] != image_id else []
    )
    if options.data and decided.replaces and volume_data.changes_version(options.data, last_version, differing_images):
        volume = engine.volume(options.data.volume)
        decided.data_of = last_version
        decided.copies_data = bool(volume and volume_data.can_be_copied(options.data, volume))
        with _warning_in(check_mode, warnings):
            if volume:
                volume_data.refuse_full_disk(options.data, volume)
    if container in ("create", "recreate", "start"):
        own = {options.name + PREVIOUS, *([_name(inspected)] if inspected else [])}
        with _warning_in(check_mode, warnings):
            ports.check(options.name, own, options.ports, engine.published(), ports.bind_error)
    return Service(options, body, inspected, wanted, present, decided, warnings)


def _replaced_mounts(inspected: Container, name: str, warnings: list[str]) -> dict[str, str]:
    try:
        return held_mounts.replaced(inspected)
    except PermissionError as error:
        warnings.append(
            f"mounts: the mounts of {name} were not compared with the folders and files of the host:"
            f" {error.filename}: {error.strerror}. Run this as root of the host."
        )
        return {}


def _own_image(engine: Engine, inspected: Optional[Container], image: Optional[Image]) -> Optional[Image]:
    """The image that the container was made from, which is the declared `image` unless that was replaced meanwhile."""
    if inspected is None or (image and image["Id"] == inspected["Image"]):
        return image if inspected else None
    return engine.image(inspected["Image"])


def _staging(options: ServiceSpec) -> files.Staging:
    return files.Staging(options.name, [file.path for file in options.files], options.bind_sources)


def _runs(inspected: Optional[Container]) -> bool:
    return bool(inspected and inspected["State"]["Running"] and not inspected["State"]["Paused"])


def _image(
    engine: Engine, options: ServiceSpec, shared: SharedAnswers, check_mode: bool, warnings: list[str]
) -> tuple[Optional[Image], bool]:
    """The image, and whether it was or would be pulled."""
    reference, pull = options.image, options.pull
    of_bundle = options.bundled.get(reference)
    image = bundled.accepted(shared.image(reference), of_bundle)
    problem = ""
    if pull == "never" and image is None:
        problem = f"image: {reference} is not on this host and pull is 'never'. Load it, or set pull to 'missing'."
    elif of_bundle and not of_bundle.pull:
        pull = "never"
        problem = "" if image else bundled.missing(reference, shared.image(reference))
    if problem:
        if not check_mode:
            raise ServiceError(problem)
        warnings.append(problem)
    if pull == "never" or (pull == "missing" and image) or (check_mode and image):
        return image, False
    if check_mode:
        return None, True
    new = _pull(engine, reference, options, shared)
    return new, image is None or new["Id"] != image["Id"]


def _pull(engine: Engine, reference: str, options: ServiceSpec, shared: SharedAnswers) -> Image:
    image = image_pull.pull(engine, reference, options.bundled.get(reference))
    shared.forget()
    return image


def _gpus(options: ServiceSpec, shared: SharedAnswers, check_mode: bool, warnings: list[str]) -> str:
    """How the container gets GPUs."""
    mechanism = "none"
    if options.gpus != "none":
        with _warning_in(check_mode, warnings):
            mechanism = spec.gpu_mechanism(options.gpus, *shared.gpu_abilities())
    return mechanism


@contextmanager
def _warning_in(check_mode: bool, warnings: list[str]) -> Iterator[None]:
    """In check mode a refusal is a warning: an earlier task of the run may provide what is missing, or free a port."""
    try:
        yield
    except ServiceError as error:
        if not check_mode:
            raise
        warnings.append(error.reason)


def _inspect(engine: Engine, options: ServiceSpec) -> Optional[Container]:
    """The service's container, which may have another name, and which a killed run may have put aside."""
    inspected, left = engine.container(options.container), journal.read(options.name)
    if inspected:
        _refuse_foreign(inspected, options)
    put_aside = engine.container(options.name + PREVIOUS) if left and left.phase == journal.CHANGING else None
    if left and put_aside:
        put_aside["Name"] = f"/{left.previous_name}"
    return put_aside or inspected or _of_another_name(engine, options.name)


def _of_another_name(engine: Engine, service: str) -> Optional[Container]:
    """The service's container if somebody renamed it, or its prefix was another one."""
    temporary = {service + suffix for suffix in (NEXT, PREVIOUS, VALIDATOR)}
    names = [name for name in engine.owned(service) if name not in temporary]
    return engine.container(names[0]) if names else None


def _name(inspected: Container) -> str:
    return inspected["Name"].lstrip("/")


def _refuse_foreign(inspected: Container, options: ServiceSpec) -> None:
    if (inspected["Config"]["Labels"] or {}).get(spec.OWNER_LABEL) != options.name:
        raise ServiceError(
            f"name: a container named {options.container} exists that mlops.gpu_monitoring did not create"
            f" (image {inspected['Config']['Image']}). It is left unchanged."
            " Rename or remove it, or choose another container_name (gpu_monitoring_container_prefix)."
        )


def _refuse_foreign_volumes(engine: Engine, options: ServiceSpec) -> None:
    """Refuse a volume of another owner if the mount does not adopt it. A volume that the service has had already
    counts as its own.
    """
    own = manifest.read(options.name).volumes
    for mount in options.mounts:
        if mount.type == "volume" and not mount.adopt and mount.source not in own:
            volume = engine.volume(mount.source)
            if volume and (volume.get("Labels") or {}).get(spec.OWNER_LABEL) != options.name:
                raise ServiceError(
                    f"mounts: the volume {mount.source} exists, and mlops.gpu_monitoring did not make it for"
                    f" {options.name}. It is left unchanged. Choose another name, or set adopt: true for the mount."
                )


def _noted(name: str, check_mode: bool) -> manifest.Manifest:
    """What is noted of a service. Check mode leaves out a change that the next run takes back."""
    left = journal.read(name) if check_mode else None
    if left and left.phase == journal.CHANGING and not left.data_is_lost:
        return left.manifest
    return manifest.read(name)


def _last_version(engine: Engine, options: ServiceSpec, noted: manifest.Manifest) -> str:
    """The version that last ran on the data; empty if none is known.

    Raises ServiceError for a version that does not read the data. Data that no older version reads may come from
    another owner, who must not use them meanwhile.
    """
    if not options.data or engine.volume(options.data.volume) is None:
        return ""
    last = noted.versions.get(options.data.volume, "")
    if not last and not options.data.oldest_reader:
        users = engine.users_of_volume(options.data.volume)
        for user in users:
            if user.get("State") == "running" and (user.get("Labels") or {}).get(spec.OWNER_LABEL) != options.name:
                container = user["Names"][0].lstrip("/")
                raise ServiceError(
                    f"data: the container {container} runs on the volume {options.data.volume}."
                    " Stop that container first."
                )
        last = volume_data.version_of(user["Image"] for user in users)
    volume_data.refuse_older(options.data, last, noted.readers.get(options.data.volume, ""))
    return last


def carry_out(engine: Engine, service: Service) -> Container:
    """Carry the plan out and return the container. If that fails, the previous files and container are restored."""
    options, planned = service.options, service.plan
    parts = secret_parts(options.secrets)
    staging = _staging(options)
    ran = planned.container in ("reload", "recreate") and _runs(service.inspected)
    if options.data and engine.volume(options.data.volume) is None:
        manifest.forget_data(service.name, options.data.volume)
    record = journal.Journal(
        journal.reloadable(options),
        planned.container,
        ran,
        staging.kept(planned.files),
        staging.folders(),
        manifest.read(service.name),
        _name(service.inspected) if service.inspected else options.container,
        restarts=_restarts(service),
        previous_id=service.inspected["Id"] if service.inspected else "",
    )
    try:
        record.enter(journal.PREPARING)
        manifest.begin(options)
        for network in planned.networks:
            engine.create_network(network)
        staged = staging.stage(planned.files, with_folders=bool(options.validate))
        _validate(engine, service, staged)
        for file in options.files:
            files.make_folder(os.path.dirname(file.path))
        record.enter(journal.CHANGING)
        for change in planned.files:
            staging.put(change)
        container = _bring_up(engine, service, record)
        record.enter(journal.DONE)
    except ServiceError as error:
        problems = undo.take_back(engine, record)
        raise ServiceError(
            masked(f"{error.reason} {_outcome(service, record, problems)}", parts), masked(error.output, parts)
        ) from error
    except BaseException:
        undo.take_back(engine, record)
        raise
    try:
        undo.finish(engine, record)
        for path in planned.orphans:
            files.remove(path)
        manifest.settle(options)
    except ServiceError as error:
        raise ServiceError(
            f"{error.reason} {service.name} runs as declared."
            " The next run removes the remains of the previous container."
        ) from error
    return container


def look(engine: Engine, service: Service, inspected: Optional[Container] = None) -> Container:
    """Return a container that needs no change once it is healthy; raise ServiceError if it is not."""
    try:
        return health.wait(engine, service.options, _restarts(service), 0, inspected)
    except ServiceError as error:
        parts = secret_parts(service.options.secrets)
        raise ServiceError(masked(error.reason, parts), masked(error.output, parts)) from error


def _restarts(service: Service) -> int:
    """How often the engine had restarted the container when it was looked at."""
    return service.inspected["RestartCount"] if service.inspected else 0


def _outcome(service: Service, record: journal.Journal, problems: list[str]) -> str:
    if problems:
        return f"Restoring the previous state failed too: {' '.join(problems)} The next run tries again."
    if service.plan.container == "start":
        return f"The container {service.name} was only started."
    if record.data and record.data_is_lost:
        return (
            f"The previous container {record.previous_name} exists and is not started. The new version may have changed"
            f" the data in the volume {record.data.volume}, of which no copy could be made. Deploy the new version"
            " again, or restore a backup of the data before you start that container."
        )
    if service.inspected:
        and_data = " and its data" if record.data else ""
        return f"The files and the container {service.name}{and_data} are as they were before."
    return f"There was no container {service.name} before, and none is left."


def _validate(engine: Engine, service: Service, staged: dict[str, str]) -> None:
    """Run each validator in the new image over the staged files; raise ServiceError with what the first that refuses
    them says.
    """
    if not (service.plan.files or service.plan.replaces):
        return
    for command in service.options.validate:
        body = spec.validator_body(service.options, service.body, staged, command)
        body["HostConfig"]["Mounts"] = [
            mount for mount in body["HostConfig"]["Mounts"] if os.path.exists(mount["Source"])
        ]
        code, output = engine.run(service.name + VALIDATOR, body, VALIDATE_SECONDS, VALIDATE_LINES)
        if code != 0:
            advice = f" {service.options.validate_advice}" if service.options.validate_advice else ""
            raise ServiceError(
                f"validate: `{' '.join(command)}` refuses the new files of {service.name} with exit code {code};"
                f" they were not put in place.{advice}",
                output,
            )


def _bring_up(engine: Engine, service: Service, record: journal.Journal) -> Container:
    """Apply the plan to the container and wait until it is healthy."""
    options = service.options
    restarts, steady = 0, health.steady_seconds(options.health)
    if service.plan.container == "keep":
        return look(engine, service)
    if service.plan.container == "reload":
        restarts = _restarts(service)
        steady = health.STEADY_SECONDS
        reload(engine, journal.reloadable(options))
    elif service.plan.container == "start":
        engine.start(options.container)
    else:
        _replace(engine, service, record)
    return health.wait(engine, options, restarts, steady)


def _replace(engine: Engine, service: Service, record: journal.Journal) -> None:
    """Make the new container and give it the name while the old one still runs, so that only stop and start lie between
    the two.
    """
    name = service.name
    engine.create(name + NEXT, service.body, service.options.networks)
    for mount in service.options.mounts:
        volume = engine.volume(mount.source) if mount.owner else None
        if volume:
            volume_data.give(volume, mount.owner)
    if service.inspected:
        engine.rename(_name(service.inspected), name + PREVIOUS)
    engine.rename(name + NEXT, service.options.container)
    if service.inspected:
        engine.stop(name + PREVIOUS)
    if service.options.data:
        _keep_data(engine, service.options.data, service.plan.data_of, record)
    engine.start(service.options.container)


def _keep_data(engine: Engine, kept: Data, last_version: str, record: journal.Journal) -> None:
    """Copy what another version is about to change, and note that version."""
    volume = engine.volume(kept.volume)
    if volume and last_version:
        record.folders.append(volume_data.copies_to(volume_data.folder_of(volume)))
        record.enter(journal.CHANGING)
        record.data = volume_data.copy(kept, volume, last_version)
        record.enter(journal.CHANGING)
    manifest.note_data(record.service.name, kept)


@dataclass
class Removal:
    """What is to go of a service: names of containers, volumes and networks, and paths of files.

    `left` says what stays although it is of the service, and why.
    """

    containers: list[str]
    files: list[str]
    kept: list[str]
    volumes: list[str]
    networks: list[str]
    left: list[str] = field(default_factory=list)

    def descriptions(self) -> list[str]:
        """All of it in words, in the order in which it goes."""
        return [
            *(f"container {name}" for name in self.containers),
            *self.files,
            *self.data(),
            *(f"network {name}" for name in self.networks),
        ]

    def data(self) -> list[str]:
        """What of it is data, in words."""
        return [*self.kept, *(f"volume {name}" for name in self.volumes)]


def plan_removal(engine: Optional[Engine], options: ServiceSpec, removed: Collection[str] = ()) -> Removal:
    """Present parts of the service; its data only if asked for. `engine` is None on a host that no longer has one.

    A container of the name that somebody else made does not count, nor does such a volume. A file or a network counts
    only if nobody but this service and those that are removed before has it.
    """
    name, data = options.name, options.remove_data
    known = manifest.read(name).with_all_of(manifest.wanted(options))
    of_others = manifest.files_of_others(name, removed)
    removal = Removal(
        [],
        [path for path in known.files if path not in of_others and os.path.lexists(path)],
        [path for path in known.kept if data and os.path.lexists(path)],
        [],
        [],
    )
    if engine is not None:
        removal.containers = engine.owned(name)
        removal.volumes = [volume for volume in known.volumes if data and engine.owned_volume(volume)]
        # A removal without the engine forgot the networks.
        networks = sorted({*known.networks, *_attached(engine, removal.containers)})
        removal.networks, removal.left = _networks_to_remove(engine, networks, {name, *removed})
    if unknown := manifest.unknown_keys(name):
        removal.left.append(
            f"{state.path(name, manifest.KIND)} is left, because a newer version of the collection wrote its keys"
            f" {', '.join(unknown)}. Remove {name} with that version too."
        )
    return removal


def _attached(engine: Engine, names: list[str]) -> Iterator[str]:
    """The networks of these containers."""
    for name in names:
        if container := engine.container(name):
            yield from container["NetworkSettings"]["Networks"]


def _networks_to_remove(engine: Engine, networks: list[str], services: set[str]) -> tuple[list[str], list[str]]:
    """The networks that only these services have, and why others are left."""
    free, left = [], []
    for network in networks:
        users = engine.network_users(network)
        foreign = sorted(container for container, service in (users or {}).items() if not service)
        if foreign:
            left.append(f"The network {network} is left, because these containers use it: {', '.join(foreign)}.")
        elif users is not None and set(users.values()) <= services:
            free.append(network)
    return free, left


def remove(engine: Optional[Engine], options: ServiceSpec) -> Removal:
    """Remove what `plan_removal` finds, and the folders that were made for it and are empty."""
    name = options.name
    with lock(name):
        if engine is not None:
            replaced_data.recover(engine, name)
            undo.recover(engine, name)
        elif interrupted := journal.read(name):
            interrupted.close()
        removal = plan_removal(engine, options)
        if engine is not None:
            _remove_containers(engine, removal.containers)
        for path in removal.files + removal.kept:
            files.remove(path)
        if engine is not None:
            _remove_volumes_and_networks(engine, removal)
        # Without the engine the volumes stay, and a later removal needs their names.
        manifest.leave(name, options.remove_data and engine is not None)
        return removal


def _remove_containers(engine: Engine, names: list[str]) -> None:
    for name in names:
        engine.stop(name)
        engine.remove(name)


def _remove_volumes_and_networks(engine: Engine, removal: Removal) -> None:
    for volume in removal.volumes:
        engine.remove_volume(volume)
    for network in removal.networks:
        engine.remove_network(network)

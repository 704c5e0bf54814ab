"""Data in a volume never meets a version older than the one that changed it, wherever an upgrade fails or is killed."""

from __future__ import annotations

import copy
import shutil
from collections import namedtuple
from pathlib import Path

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service import apply, spec, volume_data
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.engine import EngineRefusal
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.errors import ServiceError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.options import Data, parse
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.shared import SharedAnswers
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.version_numbers import numbers
from fake_engine import IMAGE_CONFIG, Killed

ADVICE = "Set the version of the test."


def deploy(engine, options, check=False):
    service = spec.checked(parse(options))
    if check:
        return apply.read(engine, service, SharedAnswers(engine), check_mode=True)
    return apply.deploy(engine, service, SharedAnswers(engine))


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "volume"
    made.mkdir()
    return made


@pytest.fixture
def program(engine, folder, monkeypatch):
    """Versions 1.9.0, 1.10.0 and 2.0.0 of a program that migrates its database when it starts, and does not start on a
    newer one.
    """
    engine.mountpoints["data"] = str(folder)
    for version in ("1.9.0", "1.10.0", "2.0.0"):
        engine.images[f"app:{version}"] = {"Id": f"sha256:{version}", "Config": IMAGE_CONFIG}
    start = engine.start

    def start_and_migrate(name):
        start(name)
        version = engine._find(name)["Config"]["Image"].partition(":")[2]
        database = folder / "app.db"
        before = database.read_text().split()[-1] if database.exists() else version
        assert numbers(before) <= numbers(version), f"{version} started on the data of {before}"
        database.write_text(
            f"{database.read_text() if database.exists() else ''}{version}\n" if before != version else f"{version}\n"
        )
        if version == "2.0.0":
            (folder / "app.db-wal").write_text("of 2.0.0")

    monkeypatch.setattr(engine, "start", start_and_migrate)
    return engine


@pytest.fixture
def at(options):
    """The options of the service in a version."""

    def make(version, **changes):
        mounts = [*options["mounts"], {"type": "volume", "source": "data", "target": "/data", "read_only": False}]
        data = {"version": version, "volume": "data", "files": ["app.db", "app.db-wal"], "advice": ADVICE}
        return dict(copy.deepcopy(options), image=f"app:{version}", mounts=mounts, data=data, **changes)

    return make


def contents(folder):
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_an_upgrade_works_and_leaves_no_copy(program, at, folder):
    deploy(program, at("1.9.0"))
    service, _container = deploy(program, at("2.0.0"))
    assert "copy the data of version 1.9.0" in service.plan.actions()
    assert contents(folder) == {"app.db": "1.9.0\n2.0.0\n", "app.db-wal": "of 2.0.0"}
    assert not deploy(program, at("2.0.0"))[0].plan.changed


@pytest.mark.parametrize("check", [True, False])
def test_an_older_version_is_refused_before_anything_changes(program, at, folder, check):
    deploy(program, at("1.10.0"))
    program.calls.clear()
    del program.images["app:1.9.0"]
    for _times in range(2):
        with pytest.raises(
            ServiceError, match=f"version 1.10.0 ran on the volume data last, and 1.9.0 is older.*{ADVICE}"
        ):
            deploy(program, at("1.9.0"), check)
    assert program.calls == []
    assert program.container("app")["State"]["Running"]


def test_an_older_version_is_refused_after_the_service_was_removed(program, at):
    deploy(program, at("2.0.0"))
    apply.remove(program, parse(at("2.0.0", state="absent")))
    with pytest.raises(ServiceError, match="version 2.0.0 ran on the volume data last"):
        deploy(program, at("1.10.0"))
    program.volumes.clear()
    assert deploy(program, at("1.10.0", check=True), check=True).plan.container == "create"


def test_an_older_version_after_a_restored_backup(program, at, folder):
    deploy(program, at("2.0.0"))
    program.stop("app")
    (folder / "app.db").write_text("1.9.0\n")
    older = at("1.9.0")
    older["data"]["allow_older"] = True
    deploy(program, older)
    assert not deploy(program, at("1.9.0"))[0].plan.changed


def test_an_older_version_starts_on_a_new_volume(engine, at):
    """The way back of docs/upgrade.md. The data of the newer version stays."""
    for version in ("1.9.0", "2.0.0"):
        engine.images[f"app:{version}"] = {"Id": f"sha256:{version}", "Config": IMAGE_CONFIG}
    deploy(engine, at("2.0.0"))
    older = at("1.9.0")
    older["data"]["volume"] = older["mounts"][-1]["source"] = "other"
    service, container = deploy(engine, older)
    assert (service.plan.data_of, container["Config"]["Image"]) == ("", "app:1.9.0")
    with pytest.raises(ServiceError, match="version 2.0.0 ran on the volume data last"):
        deploy(engine, at("1.9.0"))


def test_a_failed_upgrade_restores_the_data(program, at, folder):
    deploy(program, at("1.9.0"))
    program.sick = {"sha256:2.0.0"}
    with pytest.raises(ServiceError, match="The files and the container app and its data are as they were before"):
        deploy(program, at("2.0.0"))
    assert contents(folder) == {"app.db": "1.9.0\n"}
    assert program.container("app")["State"]["Running"]
    assert not deploy(program, at("1.9.0"))[0].plan.changed


def test_the_previous_container_waits_for_its_data(program, at, folder, monkeypatch):
    """A person must not find the container under the name of the service before its data is back."""
    deploy(program, at("1.9.0"))
    program.sick = {"sha256:2.0.0"}

    def refuse(made):
        raise ServiceError("files: app.db: Input/output error.")

    with (
        monkeypatch.context() as patch,
        pytest.raises(ServiceError, match="Restoring the previous state failed too: files: app.db"),
    ):
        patch.setattr(volume_data, "put_back", refuse)
        deploy(program, at("2.0.0"))
    assert program.container("app") is None
    assert not program.container("app.previous")["State"]["Running"]
    deploy(program, at("1.9.0"))
    assert contents(folder) == {"app.db": "1.9.0\n"}
    assert program.container("app")["State"]["Running"]


@pytest.mark.parametrize("wanted", ["1.9.0", "1.10.0", "2.0.0"])
def test_no_other_change_begins_before_the_data_is_restored(program, at, folder, wanted, monkeypatch):
    """Another change would forget the copy."""
    deploy(program, at("1.9.0"))
    kill_before_healthy(program, at, monkeypatch)
    program.sick = {"sha256:2.0.0"}

    def refuse(made):
        raise ServiceError("files: app.db: Input/output error.")

    with monkeypatch.context() as patch:
        patch.setattr(volume_data, "put_back", refuse)
        for _run in range(2):
            with pytest.raises(ServiceError, match="could not be restored .*: app.db: Input.* The copy"):
                deploy(program, at(wanted))
    assert contents(folder / volume_data.COPY_FOLDER) == {"0": "1.9.0\n"}
    deploy(program, at("1.9.0"))
    assert contents(folder) == {"app.db": "1.9.0\n"}


@pytest.mark.parametrize("linked", [False, True])
def test_folders_that_the_new_version_derived_are_removed(program, at, folder, tmp_path, linked, monkeypatch):
    """As the search index of Grafana. A link to a folder of the host is not followed."""
    elsewhere = tmp_path / "of the host"
    elsewhere.mkdir()
    (elsewhere / "kept").write_text("of the host")
    deploy(program, at("1.9.0"))
    start = program.start

    def start_and_index(name):
        start(name)
        if program._find(name)["Config"]["Image"] != "app:2.0.0":
            return
        if linked:
            (folder / "index").symlink_to(elsewhere)
        else:
            (folder / "index" / "deep").mkdir(parents=True)
            (folder / "index" / "deep" / "file").write_text("of 2.0.0")

    program.sick = {"sha256:2.0.0"}
    newer = at("2.0.0")
    newer["data"]["derived"] = ["index", "missing"]
    with monkeypatch.context() as patch, pytest.raises(ServiceError, match="its data are as they were before"):
        patch.setattr(program, "start", start_and_index)
        deploy(program, newer)
    assert (folder / "index").exists() is linked
    assert (elsewhere / "kept").exists()
    assert (folder / "app.db").read_text() == "1.9.0\n"


# The calls of a recreation: create, rename, rename, stop, start, and remove once the new version counts.
STEPS = 6


@pytest.mark.parametrize("step", range(1, STEPS + 1))
@pytest.mark.parametrize("rerun", ["1.9.0", "2.0.0"])
def test_a_kill_at_any_step_of_an_upgrade(program, at, folder, step, rerun, monkeypatch):
    """The program itself asserts that it is not older than its data."""
    deploy(program, at("1.9.0"))
    program.kill_at = len(program.calls) + step
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(apply.undo, "take_back", lambda engine, record: [])
        deploy(program, at("2.0.0"))
    program.kill_at = None
    if rerun == "1.9.0" and step == STEPS:
        with pytest.raises(ServiceError, match="version 2.0.0 ran on the volume data last"):
            deploy(program, at(rerun))
        rerun = "2.0.0"
    deploy(program, at(rerun))
    assert contents(folder)["app.db"].split()[-1] == rerun
    assert not (folder / volume_data.COPY_FOLDER).exists()
    assert not deploy(program, at(rerun))[0].plan.changed


def kill_before_healthy(program, at, monkeypatch):
    """A run that dies after the start of version 2.0.0, before it knows that this version is healthy."""

    def die(*given):
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(apply.health, "wait", die)
        patch.setattr(apply.undo, "take_back", lambda engine, record: [])
        deploy(program, at("2.0.0"))


@pytest.mark.parametrize("visible", [True, False])
def test_an_upgrade_that_became_healthy_after_a_kill_keeps_what_users_changed(
    program, at, folder, visible, monkeypatch
):
    """Also if there is no copy of the data."""
    deploy(program, at("1.9.0"))
    if not visible:
        program.mountpoints.clear()
    kill_before_healthy(program, at, monkeypatch)
    with (folder / "app.db").open("a") as database:
        database.write("of a user since 2.0.0\n")
    program.calls.clear()
    service, container = deploy(program, at("2.0.0"))
    assert service.plan.interrupted
    assert (container["Config"]["Image"], container["State"]["Running"]) == ("app:2.0.0", True)
    assert contents(folder)["app.db"] == "1.9.0\n2.0.0\nof a user since 2.0.0\n"
    assert program.calls == [("remove", "app.previous")]
    assert not (folder / volume_data.COPY_FOLDER).exists()
    assert not deploy(program, at("2.0.0"))[0].plan.changed
    with pytest.raises(ServiceError, match="version 2.0.0 ran on the volume data last"):
        deploy(program, at("1.9.0"))


@pytest.mark.parametrize("rerun", ["1.9.0", "2.0.0"])
def test_an_upgrade_that_is_not_healthy_or_not_wanted_after_a_kill_is_taken_back(
    program, at, folder, rerun, monkeypatch
):
    deploy(program, at("1.9.0"))
    kill_before_healthy(program, at, monkeypatch)
    program.sick = {"sha256:2.0.0"} if rerun == "2.0.0" else set()
    if rerun == "2.0.0":
        with pytest.raises(ServiceError, match="are as they were before"):
            deploy(program, at(rerun))
    else:
        deploy(program, at(rerun))
    assert contents(folder) == {"app.db": "1.9.0\n"}
    assert program.container("app")["Config"]["Image"] == "app:1.9.0"
    assert program.container("app")["State"]["Running"]


def test_a_kill_after_the_previous_version_runs_again(program, at, folder, monkeypatch):
    """A run does not take the previous version for a new version that became healthy. Check mode does not refuse it."""

    def die(*given):
        raise Killed

    deploy(program, at("1.9.0"))
    program.sick = {"sha256:2.0.0"}
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(apply.undo.manifest, "restore", die)
        deploy(program, at("2.0.0"))
    program.sick = set()
    assert program.container("app")["Config"]["Image"] == "app:1.9.0"
    deploy(program, at("1.9.0"), check=True)
    deploy(program, at("1.9.0"))
    assert contents(folder) == {"app.db": "1.9.0\n"}
    assert not deploy(program, at("1.9.0"))[0].plan.changed
    deploy(program, at("2.0.0"))


@pytest.fixture(params=["copy", "copy and previous container"])
def removed(request, program, at, folder, monkeypatch):
    """What somebody removed after a killed upgrade."""
    deploy(program, at("1.9.0"))
    kill_before_healthy(program, at, monkeypatch)
    shutil.rmtree(folder / volume_data.COPY_FOLDER)
    if request.param != "copy":
        program.remove("app.previous")


@pytest.mark.usefixtures("removed")
def test_a_new_version_whose_copy_somebody_removed_is_kept(program, at, folder, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(apply.undo, "take_back", lambda engine, record: pytest.fail("the new version is taken back"))
        deploy(program, at("2.0.0"))
    assert program.container("app")["Config"]["Image"] == "app:2.0.0"
    assert contents(folder)["app.db"] == "1.9.0\n2.0.0\n"


@pytest.mark.usefixtures("removed")
def test_a_previous_version_without_its_data_does_not_start(program, at, folder):
    for _run in range(2):
        with pytest.raises(ServiceError, match="version 2.0.0 ran on the volume data last"):
            deploy(program, at("1.9.0"))
    deploy(program, at("2.0.0"))
    assert contents(folder)["app.db"] == "2.0.0\n"


@pytest.mark.parametrize("wanted", ["1.9.0", "2.0.0"])
def test_a_previous_container_that_somebody_removed(program, at, folder, wanted, monkeypatch):
    """A new version that is still declared keeps its data. Otherwise no program runs while the data is restored."""
    deploy(program, at("1.9.0"))
    kill_before_healthy(program, at, monkeypatch)
    program.remove("app.previous")
    put_back = volume_data.put_back

    def put_back_alone(made):
        assert program.container("app") is None
        put_back(made)

    monkeypatch.setattr(volume_data, "put_back", put_back_alone)
    deploy(program, at(wanted))
    assert program.container("app")["Config"]["Image"] == f"app:{wanted}"
    assert program.container("app")["State"]["Running"]
    assert contents(folder)["app.db"] == "1.9.0\n" + ("2.0.0\n" if wanted == "2.0.0" else "")
    assert not (folder / volume_data.COPY_FOLDER).exists()
    assert not deploy(program, at(wanted))[0].plan.changed


@pytest.mark.parametrize(
    ("previous", "new"), [("latest", "1.9.0"), ("1.9.0", "latest"), ("latest", "main"), ("1.9.0", "1.9.0")]
)
def test_another_image_of_an_unknown_version_counts_as_another_version(engine, at, folder, previous, new, monkeypatch):
    """A tag such as `latest`, and a tag that was moved. The option `version` is unchanged then, that of a variable."""
    engine.mountpoints["data"] = str(folder)
    database = folder / "app.db"
    database.write_text("of the previous image")
    start = engine.start

    def start_and_migrate(name):
        start(name)
        if engine._find(name)["Image"] == "sha256:new":
            database.write_text("of the new image")

    monkeypatch.setattr(engine, "start", start_and_migrate)
    engine.images[f"app:{previous}"] = {"Id": "sha256:previous", "Config": IMAGE_CONFIG}
    deploy(engine, {**at("1.9.0"), "image": f"app:{previous}"})
    engine.images[f"app:{new}"] = {"Id": "sha256:new", "Config": IMAGE_CONFIG}
    engine.sick = {"sha256:new"}
    with pytest.raises(ServiceError, match="The files and the container app and its data are as they were before"):
        deploy(engine, {**at("1.9.0"), "image": f"app:{new}"})
    assert contents(folder) == {"app.db": "of the previous image"}


def test_other_settings_of_the_same_image_copy_nothing(program, at):
    """Also if no tag tells the version."""
    program.images["app:latest"] = program.images["app:1.9.0"]
    deploy(program, {**at("1.9.0"), "image": "app:latest"})
    service, _container = deploy(program, {**at("1.9.0", env={"TZ": "CET"}), "image": "app:latest"})
    assert (service.plan.container, service.plan.data_of) == ("recreate", "")


def test_a_volume_that_somebody_removed_has_data_of_no_version(program, at, folder):
    """Also if the first deployment on the new volume fails."""
    deploy(program, at("2.0.0"))
    program.remove("app")
    program.volumes.clear()
    for path in folder.iterdir():
        path.unlink()
    program.sick = {"sha256:1.9.0"}
    with pytest.raises(ServiceError, match="There was no container app before"):
        deploy(program, at("1.9.0"))
    program.volumes.add("data")
    program.sick = set()
    assert deploy(program, at("1.9.0"))[1]["State"]["Running"]


def test_data_that_cannot_be_copied_does_not_meet_the_older_version(program, at, folder, monkeypatch):
    """As in a volume that only a container can see, such as one on a server."""
    deploy(program, at("1.9.0"))
    program.mountpoints.clear()
    program.sick = {"sha256:2.0.0"}
    with pytest.raises(
        ServiceError, match="The previous container app exists and is not started.*no copy could be made"
    ):
        deploy(program, at("2.0.0"))
    container = program.container("app")
    assert (container["Config"]["Image"], container["State"]["Running"]) == ("app:1.9.0", False)
    with pytest.raises(ServiceError, match="version 2.0.0 ran on the volume data last"):
        deploy(program, at("1.9.0"))
    program.sick = set()
    assert deploy(program, at("2.0.0"))[1]["State"]["Running"]


def test_the_plan_says_that_data_is_not_copied(program, at):
    """As for a database in PostgreSQL: a failed upgrade has no way back then."""
    deploy(program, at("1.9.0"))
    elsewhere = at("2.0.0")
    elsewhere["data"]["files"] = []
    assert "change without a copy the data of version 1.9.0" in deploy(program, elsewhere, check=True).plan.actions()


def test_a_link_in_the_volume_is_not_followed(tmp_path, folder):
    """The program can write its volume, and must not get a file of the host by it."""
    (tmp_path / "secret").write_text("of the host")
    (folder / "app.db").symlink_to(tmp_path / "secret")
    (folder / "app.db-wal").write_text("of 1.9.0")
    made = volume_data.copy(Data("2.0.0", "data", ["app.db", "app.db-wal"]), {"Mountpoint": str(folder)}, "1.9.0")
    assert not made.exists
    volume_data.put_back(made)
    assert sorted(path.name for path in folder.iterdir()) == ["app.db", "app.db-wal"]
    assert (folder / "app.db").is_symlink()


@pytest.mark.parametrize("killed", [False, True])
def test_data_without_a_copy_is_unchanged_where_the_new_version_never_ran(program, at, folder, killed, monkeypatch):
    """For example, its port was taken in between. The engine knows that the container never ran."""
    deploy(program, at("1.9.0"))
    program.mountpoints.clear()
    start = program.start

    def refuse_new(name):
        container = program._find(name)
        if container["Config"]["Image"] == "app:2.0.0":
            container["State"]["StartedAt"] = "0001-01-01T00:00:00Z"
            raise (
                Killed
                if killed
                else EngineRefusal("The Docker engine could not start the container app: port is taken.")
            )
        start(name)

    with monkeypatch.context() as patch:
        patch.setattr(program, "start", refuse_new)
        if killed:
            patch.setattr(apply.undo, "take_back", lambda engine, record: [])
        with pytest.raises(Killed if killed else ServiceError, match=None if killed else "are as they were before"):
            deploy(program, at("2.0.0"))
    service, container = deploy(program, at("1.9.0"))
    assert service.plan.interrupted is killed
    assert container["State"]["Running"]
    assert not deploy(program, at("1.9.0"))[0].plan.changed


def test_no_room_for_the_copy(program, at, folder, monkeypatch):
    deploy(program, at("1.9.0"))

    def full(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(volume_data.shutil, "copy2", full)
    with pytest.raises(ServiceError, match="No space left on device.*are as they were before"):
        deploy(program, at("2.0.0"))
    assert contents(folder) == {"app.db": "1.9.0\n"}
    assert program.container("app")["State"]["Running"]


@pytest.mark.parametrize("check", [True, False])
def test_a_copy_that_would_fill_the_disk_is_refused_before_anything_changes(program, at, folder, check, monkeypatch):
    deploy(program, at("1.9.0"))
    (folder / "app.db").write_bytes(b"1.9.0\n" + bytes(10 << 20))
    monkeypatch.setattr(volume_data.shutil, "disk_usage", lambda path: namedtuple("Usage", "free")(275 << 20))
    program.calls.clear()
    words = f"need 276 MiB in {folder}, and 275 MiB are free. Free disk space there."
    if check:
        assert words in " ".join(deploy(program, at("2.0.0"), check).warnings)
    else:
        with pytest.raises(ServiceError, match=words):
            deploy(program, at("2.0.0"))
    assert program.calls == []
    assert program.container("app")["State"]["Running"]


@pytest.fixture
def readable(at):
    """A program whose older versions read the data from one on, as Prometheus."""

    def make(version, reader, **changes):
        made = at(version, **changes)
        made["data"] |= {"files": [], "oldest_reader": reader}
        return made

    return make


@pytest.fixture
def reads_all(engine):
    for version in ("2.55.1", "3.5.3", "3.11.0", "3.13.5", "4.0.0"):
        engine.images[f"app:{version}"] = {"Id": f"sha256:{version}", "Config": IMAGE_CONFIG}
    return engine


def test_an_older_version_that_reads_the_data_gets_them(reads_all, readable):
    deploy(reads_all, readable("3.5.3", "2.55"))
    for version in ("3.13.5", "3.5.3"):
        service, container = deploy(reads_all, readable(version, "2.55"))
        assert container["Config"]["Image"] == f"app:{version}"
        assert service.plan.data_of == ""


def test_a_failed_upgrade_of_data_that_the_older_version_reads(reads_all, readable):
    deploy(reads_all, readable("3.5.3", "2.55"))
    reads_all.sick = {"sha256:3.13.5"}
    with pytest.raises(ServiceError, match="The files and the container app are as they were before"):
        deploy(reads_all, readable("3.13.5", "2.55"))
    assert reads_all.container("app")["State"]["Running"]
    assert not deploy(reads_all, readable("3.5.3", "2.55"))[0].plan.changed


def test_an_older_version_that_does_not_read_the_data_is_refused(reads_all, readable):
    """Also if the older version itself writes what others read, and after the service was removed."""
    deploy(reads_all, readable("4.0.0", "4.0"))
    words = (
        "version 4.0.0 ran on the volume data last, and 3.13.5 does not read the data of that version,"
        f" which needs 4.0 or newer. {ADVICE}"
    )
    with pytest.raises(ServiceError, match=words):
        deploy(reads_all, readable("3.13.5", "2.55"))
    apply.remove(reads_all, parse(readable("4.0.0", "4.0", state="absent")))
    with pytest.raises(ServiceError, match=words):
        deploy(reads_all, readable("3.13.5", "2.55"))
    reads_all.volumes.clear()
    assert deploy(reads_all, readable("3.13.5", "2.55", check=True), check=True).plan.container == "create"


def test_a_format_that_was_used_once_stays_in_the_data(reads_all, readable):
    deploy(reads_all, readable("3.13.5", "3.11"))
    deploy(reads_all, readable("3.13.5", "2.55", env={"TZ": "CET"}))
    with pytest.raises(ServiceError, match="3.5.3 does not read the data of that version, which needs 3.11 or newer"):
        deploy(reads_all, readable("3.5.3", "2.55"))
    assert deploy(reads_all, readable("3.11.0", "2.55"))[1]["State"]["Running"]


def test_a_format_that_was_used_once_goes_with_the_volume(reads_all, readable):
    deploy(reads_all, readable("3.13.5", "3.11"))
    reads_all.remove("app")
    reads_all.volumes.clear()
    deploy(reads_all, readable("3.5.3", "2.55"))
    reads_all.volumes.add("data")
    assert not deploy(reads_all, readable("3.5.3", "2.55"))[0].plan.changed


def test_a_failed_upgrade_of_data_that_the_older_version_does_not_read(reads_all, readable):
    deploy(reads_all, readable("3.13.5", "2.55"))
    reads_all.sick = {"sha256:4.0.0"}
    with pytest.raises(
        ServiceError, match="The previous container app exists and is not started.*no copy could be made"
    ):
        deploy(reads_all, readable("4.0.0", "4.0"))
    with pytest.raises(ServiceError, match="3.13.5 does not read the data"):
        deploy(reads_all, readable("3.13.5", "2.55"))


def test_another_reader_of_readable_data_is_left_alone(reads_all, readable):
    """Such as a Thanos sidecar, which has Prometheus' volume, or a backup of the volume."""
    other_program(reads_all, "sidecar", "4.0.0", {})
    reads_all.start("sidecar")
    assert deploy(reads_all, readable("3.5.3", "2.55"))[1]["State"]["Running"]


def other_program(engine, name, version, labels):
    mounts = [{"Type": "volume", "Source": "data", "Target": "/data", "ReadOnly": False}]
    body = {"Image": f"app:{version}", "Env": [], "Labels": labels, "HostConfig": {"Mounts": mounts}}
    engine.create(name, body, [])


def test_a_volume_of_another_newer_program(program, at):
    """If the collection never deployed the volume, images of containers tell the version."""
    other_program(program, "theirs", "2.0.0", {})
    with pytest.raises(ServiceError, match="version 2.0.0 ran on the volume data last"):
        deploy(program, at("1.10.0"))
    program.start("theirs")
    with pytest.raises(ServiceError, match="the container theirs runs on the volume data. Stop that container first"):
        deploy(program, at("2.0.0"))


@pytest.mark.parametrize(
    ("images", "version"),
    [
        (["docker.io/grafana/grafana:12.4.10"], "12.4.10"),
        (["registry:5000/grafana:v9.5.1", "grafana:10.0.0-ubuntu"], "10.0.0-ubuntu"),
        (["registry:5000/grafana", "grafana:latest", "sha256:0123", "grafana@sha256:0123"], ""),
        ([f"grafana:12.4.10@sha256:{'0' * 64}"], "12.4.10"),
    ],
)
def test_the_version_that_images_name(images, version):
    assert volume_data.version_of(images) == version


@pytest.mark.parametrize(
    ("wanted", "last", "refused"),
    [
        ("1.9", "1.10", True),
        ("1.10", "1.9", False),
        ("main", "2.0", False),
        ("1.0", "", False),
        ("11.2", "11.2.3", False),
        ("11.2.0", "11.2", False),
        ("11.1", "11.2.3", True),
        ("11", "11.2.3", False),
    ],
)
def test_what_counts_as_older(wanted, last, refused):
    data = Data(wanted, "data", [])
    try:
        volume_data.refuse_older(data, last, "")
    except ServiceError:
        assert refused
    else:
        assert not refused


@pytest.mark.parametrize("has_data", [False, True])
def test_only_an_empty_volume_is_given_to_a_user(engine, at, folder, has_data, monkeypatch):
    given = []
    monkeypatch.setattr(volume_data.os, "chown", lambda path, uid, gid: given.append((path, uid, gid)))
    engine.mountpoints["data"] = str(folder)
    if has_data:
        (folder / "app.db").touch()
    mount = {"type": "volume", "source": "data", "target": "/data", "owner": "65534:65533"}
    deploy(engine, {**at("1.10.0"), "image": "app:1", "files": [], "data": None, "mounts": [mount]})
    assert given == ([] if has_data else [(str(folder), 65534, 65533)])


def test_a_volume_that_binds_a_folder():
    bound = {
        "Mountpoint": "/var/lib/docker/volumes/data/_data",
        "Options": {"type": "none", "o": "bind", "device": "/srv/grafana"},
    }
    assert volume_data.folder_of(bound) == "/srv/grafana"
    assert (
        volume_data.folder_of({"Mountpoint": "/x", "Options": {"type": "nfs", "o": "addr=nas", "device": ":/srv"}})
        == "/x"
    )
    assert Path(volume_data.copies_to("/x")).parent == Path("/x")

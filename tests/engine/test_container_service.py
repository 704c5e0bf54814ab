"""The module container_service against a real Docker engine."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.engine.failed import Failed
from tests.engine.image import PREFIX
from tests.engine.service import with_content
from tests.engine.watch import free_port

ROOT = Path(__file__).resolve().parents[2]
SECRET = "correct-horse-battery"


def loaded(result):
    """The configuration that the service runs with."""
    with urllib.request.urlopen(f"http://{result['container']['ip']}:8080/loaded", timeout=5) as answer:
        return answer.read().decode()


def tree(folder):
    """Everything in a folder with content and times."""
    return {
        str(path): (path.stat().st_mtime_ns, path.stat().st_ino, path.is_file() and path.read_bytes())
        for path in sorted(folder.rglob("*"))
    }


def started(api, name):
    """What changes whenever a container is made, started or stopped."""
    container = api.inspect_container(name)
    return container["Id"], container["State"]["StartedAt"], container["State"]["Running"]


@pytest.fixture
def deployed(run, options):
    return run(**options)


@pytest.fixture
def untouched(api, name, deployed, tmp_path):
    """The test leaves the container running as it was, the files as they were, and nothing beside them."""
    before = started(api, name), {path: state[2] for path, state in tree(tmp_path).items()}
    yield
    assert (started(api, name), {path: state[2] for path, state in tree(tmp_path).items()}) == before
    assert [container["Names"] for container in api.containers(all=True, filters={"name": PREFIX})] == [[f"/{name}"]]


def test_first_deployment(api, options, deployed, tmp_path):
    assert deployed["actions"] == [
        f"create network {PREFIX}",
        f"write {tmp_path}/etc/app.conf",
        f"write {tmp_path}/etc/secret",
        "create container",
    ]
    facts = deployed["container"]
    assert (facts["name"], facts["image"], facts["status"], list(facts["networks"])) == (
        options["name"],
        options["image"],
        "running",
        [PREFIX],
    )
    assert loaded(deployed) == "one\n"
    assert (tmp_path / "etc").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "etc" / "secret").stat().st_mode & 0o777 == 0o600
    inspected = api.inspect_container(options["name"])
    assert inspected["HostConfig"]["LogConfig"] == {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}}
    assert inspected["Config"]["Labels"]["mlops.gpu_monitoring.spec-hash"]
    assert SECRET not in json.dumps([inspected, deployed])
    assert [path.name for path in tmp_path.iterdir()] == ["etc"]


def test_a_second_run_changes_nothing(api, run, options, deployed, tmp_path):
    before = started(api, options["name"]), tree(tmp_path)
    result = run(**options)
    assert (result["changed"], result["actions"], result["diff"]) == (False, [], [])
    assert result["container"] == deployed["container"]
    assert (started(api, options["name"]), tree(tmp_path)) == before


def test_check_mode_on_a_fresh_host(api, run, options, tmp_path):
    result = run(check=True, **options)
    assert result["actions"][-1] == "create container"
    assert not list(tmp_path.iterdir())
    assert not api.containers(all=True, filters={"name": PREFIX})
    assert not api.networks(names=[PREFIX])


@pytest.mark.usefixtures("untouched")
def test_check_mode_makes_the_same_plan(run, options, images, tmp_path):
    new = with_content(options, "two\n", image=images[1])
    planned = run(check=True, **new)
    assert planned["actions"] == [f"write {tmp_path}/etc/app.conf", "recreate container: env.VERSION, image"]
    texts = [(change["before"], change["after"]) for change in planned["diff"]]
    assert texts[0] == ("one\n", "two\n")
    assert f"image: {images[1]}" in texts[1][1]


def test_check_mode_without_an_engine(run, options, capfd):
    result = run(check=True, docker_host="unix:///nonexistent.sock", **options)
    assert result["changed"]
    assert result["actions"][-1] == "create container"
    assert "no Docker engine answers" in json.dumps(result) + capfd.readouterr().err


def test_no_engine(run, options):
    with pytest.raises(Failed, match="docker_host: no Docker engine answers at unix:///nonexistent.sock"):
        run(docker_host="unix:///nonexistent.sock", **options)


@pytest.mark.parametrize("by", ["http", "signal"])
def test_a_reloadable_file_is_reloaded(api, run, options, deployed, by):
    new = with_content(options, "two\n")
    if by == "signal":
        new["reload"] = {"signal": "HUP"}
    before = started(api, options["name"])
    result = run(**new)
    assert result["actions"][1:] == ["reload"]
    assert loaded(result) == "two\n"
    assert started(api, options["name"]) == before
    # The engine starts no container at boot that has this mark.
    state = Path(
        api.info()["DockerRootDir"], "containers", api.inspect_container(options["name"])["Id"], "config.v2.json"
    )
    assert json.loads(state.read_text())["HasBeenManuallyStopped"] is False


def test_other_files_are_written_or_recreate(api, run, options, deployed):
    options["secret_files"][0]["content"] += "user: somebody\n"
    before = started(api, options["name"])
    assert run(**options)["actions"] == [f"write {options['secret_files'][0]['path']}"]
    assert started(api, options["name"]) == before
    options["files"][0] |= {"content": "two\n", "on_change": "recreate"}
    result = run(**options)
    assert result["actions"][1:] == [f"recreate container: {options['files'][0]['path']}"]
    assert started(api, options["name"])[0] != before[0]
    assert loaded(result) == "two\n"


@pytest.mark.parametrize(
    ("change", "action"), [("stop", "start container"), ("pause", "start container"), ("remove", "create container")]
)
def test_a_container_that_does_not_run_runs_again(api, run, options, deployed, change, action):
    {"stop": api.stop, "pause": api.pause, "remove": lambda name: api.remove_container(name, force=True)}[change](
        options["name"]
    )
    assert run(**options)["actions"] == [action]
    assert not run(**options)["changed"]


def test_a_renamed_container_and_another_name(api, run, options, deployed, images):
    api.rename(options["name"], f"{PREFIX}-mine")
    assert run(**options)["actions"] == ["recreate container: container_name"]
    foreign = api.create_container(images[0], name=f"{PREFIX}-taken")["Id"]
    with pytest.raises(Failed, match=f"a container named {PREFIX}-taken exists.*gpu_monitoring_container_prefix"):
        run(**options, container_name=f"{PREFIX}-taken")
    port = [{"container_port": 8080, "host_port": free_port()}]
    run(**options, ports=port)
    named = {**options, "ports": port, "container_name": f"{PREFIX}-prefixed"}
    assert run(**named)["actions"] == ["recreate container: aliases, container_name"]
    assert not run(**named)["changed"]
    client = api.create_container(
        images[0], command=["wget", "-qO-", f"http://{options['name']}:8080/loaded"], name=f"{PREFIX}-client"
    )
    api.connect_container_to_network(client["Id"], PREFIX)
    api.start(client["Id"])
    assert api.wait(client["Id"])["StatusCode"] == 0
    assert api.logs(client["Id"]) == b"one\n"
    api.remove_container(client["Id"])
    assert run(name=options["name"], state="absent")["actions"][0] == f"remove container {PREFIX}-prefixed"
    assert [container["Id"] for container in api.containers(all=True, filters={"name": PREFIX})] == [foreign]


def test_a_log_that_cannot_be_read(run, options, deployed):
    with pytest.raises(Failed, match="it ended (with exit code 3|and was restarted).*") as failure:
        run(**with_content(options, "crash\n", log_driver="none"))
    assert "cannot be read with its log driver" in str(failure.value)
    assert "are as they were before" in str(failure.value)
    assert not run(**options)["changed"]


def test_limits_changed_by_hand_are_repaired(api, run, options, deployed):
    api.update_container(
        options["name"], mem_limit="32m", memswap_limit="64m", cpu_shares=512, restart_policy={"Name": "no"}
    )
    assert run(**options)["actions"] == ["recreate container: memory, restart_policy, settings.CpuShares"]
    assert not run(**options)["changed"]


def test_a_file_changed_by_hand_is_repaired(run, options, deployed):
    path = Path(options["files"][0]["path"])
    path.write_text("by hand\n")
    path.chmod(0o666)
    result = run(**options)
    assert result["actions"] == [f"write {path}", "reload"]
    assert result["diff"][0]["before"] == "by hand\n"
    assert loaded(result) == "one\n"
    path.chmod(0o666)
    assert run(**options)["diff"] == [
        {
            "before_header": str(path),
            "after_header": str(path),
            "before": "mode: 0666\nowner: 0\ngroup: 0\n",
            "after": "mode: 0644\nowner: 0\ngroup: 0\n",
        }
    ]


def test_a_network_left_by_hand_is_joined_again(api, run, options, deployed):
    api.disconnect_container_from_network(options["name"], PREFIX)
    assert run(**options)["actions"] == ["recreate container: networks"]
    api.stop(options["name"])
    api.remove_network(PREFIX)
    assert run(**options)["actions"] == [f"create network {PREFIX}", "recreate container: networks"]
    assert not run(**options)["changed"]


@pytest.mark.parametrize(
    ("changes", "reasons"),
    [
        ({"env": {"TZ": "CET", "NEW": 1}}, "env.NEW, env.TZ"),
        ({"command": ["sh", "-c", "serve"]}, "command"),
        ({"user": "0:0"}, "user"),
        ({"hostname": "app"}, "hostname"),
        ({"cap_add": ["NET_RAW"]}, "cap_add"),
        ({"read_only": False, "tmpfs": []}, "tmpfs./run"),
        ({"labels": {"team": "ml"}}, "labels.team"),
        ({"log_options": {"max-size": "1m"}}, "log_options.max-size"),
        ({"log_driver": "local"}, "log_driver"),
        ({"cpus": 0.5}, "cpus"),
        ({"ulimits": {}}, "spec"),
        ({"devices": ["/dev/null:/dev/gpu"]}, "devices"),
        ({"stop_timeout": 3}, "stop_timeout"),
        ({"networks": [PREFIX, "bridge"]}, "networks"),
    ],
    # The processes of `pytest -n` must agree on the names of tests, and PREFIX has the number of a process.
    ids=lambda value: str(value).replace(PREFIX, "PREFIX"),
)
def test_a_changed_option_recreates_once(run, options, deployed, changes, reasons):
    new = {**options, **changes}
    assert run(**new)["actions"] == [f"recreate container: {reasons}"]
    assert not run(**new)["changed"]


def test_two_bindings_of_one_port_and_a_changed_address(run, options, deployed):
    ports = [
        {"container_port": 8080, "host_port": free_port(), "address": address} for address in ("127.0.0.1", "127.0.0.2")
    ]
    assert run(**options, ports=ports)["actions"] == ["recreate container: ports.8080/tcp"]
    assert not run(**options, ports=ports)["changed"]
    everywhere = [dict(ports[0], address="0.0.0.0")]
    assert run(**options, ports=everywhere)["actions"] == ["recreate container: ports.8080/tcp"]
    assert not run(**options, ports=everywhere)["changed"]


def held(path, target):
    return f"recreate container: mounts.{target} (the container holds a folder that is no longer at {path})"


def test_a_folder_that_was_restored_under_the_container(run, options, deployed, tmp_path):
    folder = tmp_path / "etc"
    folder.rename(tmp_path / "moved")
    shutil.copytree(tmp_path / "moved", folder)
    new = with_content(options, "two\n")
    planned = run(check=True, **new)
    assert planned["actions"] == [f"write {folder}/app.conf", held(folder, "/etc/svc")]
    assert f"/etc/svc: bind {folder} read-only (the container holds" in planned["diff"][-1]["before"]
    result = run(**new)
    assert result["actions"] == planned["actions"]
    assert loaded(result) == "two\n"
    assert not run(**new)["changed"]


def test_a_folder_that_was_removed_under_the_container(run, options, deployed, tmp_path):
    folder = tmp_path / "etc"
    shutil.rmtree(folder)
    gone = f"recreate container: mounts./etc/svc ({folder} no longer exists on the host)"
    assert run(check=True, **options)["actions"][-1] == gone
    result = run(**options)
    assert (result["actions"][-1], loaded(result)) == (gone, "one\n")
    assert not run(**options)["changed"]


def test_every_kind_of_mount_that_was_replaced(api, run, options, tmp_path):
    mounted, proc = tmp_path / "mounted", tmp_path / "with blank"
    mounted.mkdir()
    proc.mkdir()
    file = tmp_path / "file"
    file.write_text("1")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "sock"))
    sources = {"/": "/rootfs", "/sys": "/sys", "/proc/1/net": "/procfs/net", "/proc/meminfo": "/procfs/meminfo"}
    sources |= {
        str(file): "/file",
        str(tmp_path / "sock"): "/var/run/app.sock",
        str(mounted): "/mounted",
        str(proc): "/with blank",
    }
    options["mounts"] += [{"source": source, "target": target, "read_only": True} for source, target in sources.items()]
    run(**options)
    assert not run(**options)["changed"]

    listener.close()
    (tmp_path / "sock").unlink()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "sock"))
    (tmp_path / "new").write_text("2")
    (tmp_path / "new").rename(file)
    proc.rename(tmp_path / "previous")
    proc.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", mounted], check=True)
    try:
        reasons = run(check=True, **options)["actions"]
        assert reasons == [
            f"recreate container: mounts./file (the container holds a file that is no longer at {file}),"
            f" mounts./mounted (the container holds a folder that is no longer at {mounted}),"
            f" mounts./var/run/app.sock (the container holds a socket that is no longer at {tmp_path / 'sock'}),"
            f" mounts./with blank (the container holds a folder that is no longer at {proc})"
        ]
        assert run(**options)["actions"] == reasons
        assert not run(**options)["changed"]
    finally:
        api.remove_container(options["name"], force=True)
        subprocess.run(["umount", mounted], check=True)
        listener.close()


def test_a_volume_that_was_replaced_under_the_container(api, run, options, deployed):
    data = Path(api.inspect_volume(f"{PREFIX}-data")["Mountpoint"])
    data.rename(data.with_name("previous"))
    data.mkdir()
    assert run(**options)["actions"] == [held(data, "/data")]
    assert not run(**options)["changed"]


def test_a_tag_that_points_to_another_image(api, run, options, images, deployed):
    api.tag(images[0], PREFIX, "moving")
    try:
        options["image"] = f"{PREFIX}:moving"
        assert run(**options)["actions"] == ["recreate container: image"]
        api.tag(images[1], PREFIX, "moving")
        assert run(**options)["actions"] == ["recreate container: env.VERSION, image"]
        assert not run(**options)["changed"]
    finally:
        api.remove_image(f"{PREFIX}:moving", force=True)


@pytest.mark.usefixtures("untouched")
def test_a_missing_image(run, options):
    with pytest.raises(
        Failed, match=r"image: localhost:1/none:v9 cannot be pulled.*connection refused.*gpu_monitoring_registry"
    ):
        run(**with_content(options, "two\n", image="localhost:1/none:v9"))
    with pytest.raises(Failed, match="image: none:v9 is not on this host and pull is 'never'"):
        run(**with_content(options, "two\n", image="none:v9", pull="never"))


@pytest.mark.usefixtures("untouched")
def test_a_port_of_another_process(run, options):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        with pytest.raises(
            Failed,
            match=rf"ports: port {port} of 127.0.0.1, which {options['name']} needs, is taken by another process",
        ):
            run(**with_content(options, "two\n", ports=[{"container_port": 8080, "host_port": port}]))


def test_a_port_of_another_container(api, run, options, deployed):
    ports = [{"container_port": 8080, "host_port": free_port(), "address": "0.0.0.0"}]
    run(**options, ports=ports)
    other = {**options, "name": f"{PREFIX}-other", "ports": [dict(ports[0], address="127.0.0.1")]}
    before = started(api, options["name"])
    with pytest.raises(
        Failed, match=f"is taken by the container {options['name']}. Stop that container or choose another host_port"
    ):
        run(**other)
    assert started(api, options["name"]) == before
    assert not run(**options, ports=ports)["changed"]


@pytest.mark.usefixtures("untouched")
def test_an_address_of_another_host(run, options):
    with pytest.raises(Failed, match=r"ports: 192.0.2.1, which .* needs, is not an address of this host"):
        run(
            **with_content(
                options, "two\n", ports=[{"container_port": 8080, "host_port": free_port(), "address": "192.0.2.1"}]
            )
        )


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("secret", [SECRET, "another-secret-word"])
def test_a_configuration_that_the_validator_refuses(run, options, secret):
    new = with_content(options, "invalid line 7\n")
    new["secret_files"][0]["content"] = f"password: {secret}\n"
    with pytest.raises(Failed, match="validate: `check` refuses") as failure:
        run(**new)
    assert "invalid line 7" in str(failure.value)
    assert secret not in str(failure.value)


def test_the_validator_sees_files_made_by_hand(run, options, deployed, tmp_path):
    options["validate"] = {"command": ["grep", "two", "/etc/svc/by-hand.conf", "/etc/svc/app.conf"]}
    (tmp_path / "etc" / "by-hand.conf").write_text("two\n")
    assert run(**with_content(options, "two\n"))["changed"]


@pytest.mark.parametrize(
    ("content", "changes", "reason"),
    [
        ("crash\n", {"env": {"TZ": "CET"}}, "it ended (with exit code 3|and was restarted)"),
        ("sick\n", {"env": {"TZ": "CET"}}, "GET /loaded on port 8080 answers 404, not 200"),
        ("one\n", {"command": ["nonexistent"]}, "could not start"),
        ("one\n", {"command": ["true"], "health": None}, "it ended (with exit code 0|and was restarted)"),
        ("one\n", {"mounts": [{"source": "/nonexistent/folder", "target": "/etc/svc"}]}, "could not create"),
        (
            "one\n",
            {"health": {"command": ["grep", "nothing", "/etc/svc/app.conf"], "timeout": 1}, "user": "0"},
            "grep nothing .* ends with 1",
        ),
    ],
    ids=["crash", "sick", "command", "exit", "mount", "health"],
)
def test_what_ran_runs_again(run, api, options, deployed, tmp_path, content, changes, reason):
    name = options["name"]
    before = api.inspect_container(name)["Id"]
    new = with_content(options, content, **changes)
    new["files"][0]["on_change"] = "recreate"
    new["secret_files"][0]["content"] = "password: a-new-secret-word\n"
    if new["health"]:
        new["health"]["timeout"] = 1
    with pytest.raises(Failed, match=reason) as failure:
        run(**new)
    assert f"The files and the container {name} are as they were before." in str(failure.value)
    assert ("Last lines" in str(failure.value)) == (content == "crash\n")
    assert "a-new-secret-word" not in str(failure.value)
    assert api.inspect_container(name)["Id"] == before
    assert [path.name for path in tmp_path.iterdir()] == ["etc"]
    result = run(**options)
    assert not result["changed"]
    assert loaded(result) == "one\n"


@pytest.mark.parametrize("by", ["http", "signal"])
def test_a_reload_that_kills_is_taken_back(api, run, options, deployed, by):
    new = with_content(
        options, "crash\n", validate=None, reload={"signal": "HUP"} if by == "signal" else options["reload"]
    )
    with pytest.raises(
        Failed, match="it ended (with exit code 3|and was restarted)|does not answer POST /cgi-bin/reload"
    ) as failure:
        run(**new)
    assert "are as they were before" in str(failure.value)
    assert Path(options["files"][0]["path"]).read_text() == "one\n"
    result = run(**options)
    assert not result["changed"], result
    assert loaded(result) == "one\n"


def test_a_failed_first_deployment_leaves_nothing(api, run, options, tmp_path):
    with pytest.raises(Failed, match="There was no container .* before, and none is left"):
        run(**with_content(options, "crash\n"))
    assert not api.containers(all=True, filters={"name": PREFIX})
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_service_that_became_ill_is_not_called_fine(api, run, options, deployed):
    api.exec_start(api.exec_create(options["name"], ["cp", "/bin/true", "/www/other"])["Id"])
    options["health"] = {"http": {"port": 8080, "path": "/nothing"}, "timeout": 1}
    with pytest.raises(Failed, match="health: .* GET /nothing on port 8080 answers 404"):
        run(**options)


def test_the_health_check_of_the_image(api, run, options, images):
    options["health"] = {"image": True, "timeout": 20}
    with pytest.raises(Failed, match=f"{images[0]} has no health check of its own"):
        run(**options)
    container = api.create_container(images[0], command=["true"])["Id"]
    check = 'HEALTHCHECK --interval=1s CMD ["grep", "one", "/www/loaded"]'
    api.commit(container, repository=PREFIX, tag="checked", changes=[check, 'CMD ["serve"]'])
    api.remove_container(container)
    try:
        options["image"] = f"{PREFIX}:checked"
        assert run(**options)["changed"]
        with pytest.raises(Failed, match="the image's health check says"):
            run(**with_content(options, "two\n", env={"NEW": "1"}, health={"image": True, "timeout": 2}))
        assert not run(**options)["changed"]
    finally:
        api.remove_container(options["name"], force=True)
        api.remove_image(f"{PREFIX}:checked", force=True)


def test_a_foreign_container_is_left_alone(api, run, options, images):
    identifier = api.create_container(images[0], name=options["name"])["Id"]
    with pytest.raises(Failed, match="mlops.gpu_monitoring did not create"):
        run(**options)
    assert not run(name=options["name"], state="absent")["changed"]
    assert api.inspect_container(options["name"])["Id"] == identifier


def test_a_volume_of_somebody_else_is_no_data_of_ours(api, run, options):
    api.create_volume(f"{PREFIX}-data")
    run(**options)
    assert run(name=options["name"], state="absent", remove_data=True)["data"] == []
    assert api.inspect_volume(f"{PREFIX}-data")


def test_a_volume_of_another_owner_is_refused(api, run, options, tmp_path):
    options["mounts"][1]["adopt"] = False
    for labels in ({}, {"mlops.gpu_monitoring.service": "another"}):
        api.create_volume(f"{PREFIX}-data", labels=labels)
        for check in (True, False):
            with pytest.raises(Failed, match=f"the volume {PREFIX}-data exists.*adopt: true"):
                run(check=check, **options)
        assert not list(tmp_path.iterdir())
        api.remove_volume(f"{PREFIX}-data")
    api.create_volume(f"{PREFIX}-data")
    options["mounts"][1]["adopt"] = True
    assert run(**options)["changed"]
    options["mounts"][1]["adopt"] = False
    assert not run(**options)["changed"]


def test_a_volume_of_the_service_is_not_refused(run, options, tmp_path):
    options["mounts"][1]["adopt"] = False
    run(**options)
    assert run(name=options["name"], state="absent")["changed"]
    assert run(**options)["changed"]


def test_removal_of_what_is_remembered(api, run, options, deployed, tmp_path):
    absent = {"name": options["name"], "state": "absent", "networks": options["networks"]}
    objects = [
        f"container {options['name']}",
        f"{tmp_path}/etc/app.conf",
        f"{tmp_path}/etc/secret",
        f"network {PREFIX}",
    ]
    for check in (True, False):
        result = run(check=check, **absent)
        assert result["actions"] == [f"remove {removed_object}" for removed_object in objects]
        assert SECRET not in json.dumps(result)
        assert bool(api.containers(all=True, filters={"name": PREFIX})) == bool(api.networks(names=[PREFIX])) == check
    assert not run(**absent)["changed"]
    assert not list(tmp_path.iterdir())
    assert api.inspect_volume(f"{PREFIX}-data")
    assert run(check=True, **absent, remove_data=True)["actions"] == [f"remove volume {PREFIX}-data"]
    assert run(**absent, remove_data=True)["changed"]
    assert not api.volumes(filters={"name": PREFIX})["Volumes"]
    assert not run(**absent, remove_data=True)["changed"]


def test_a_network_of_somebody_else_stays(api, run, options):
    api.create_network(PREFIX)
    run(**options)
    assert f"remove network {PREFIX}" not in run(name=options["name"], state="absent", networks=[PREFIX])["actions"]
    assert api.networks(names=[PREFIX])


def test_a_gpu_that_the_engine_cannot_give(run, options):
    for gpus in ("auto", "cdi", "runtime"):
        with pytest.raises(Failed, match="gpus: .*nvidia_container_toolkit"):
            run(**options, gpus=gpus)
        assert run(check=True, **options, gpus=gpus)["changed"]


def test_through_ansible(options, tmp_path):
    """As people run it: the secret is nowhere in the output, even with all details."""
    task = {"name": "Deploy", "mlops.gpu_monitoring.container_service": {"services": [options]}}
    play = [
        {
            "hosts": "localhost",
            "connection": "local",
            "gather_facts": False,
            "vars": {"ansible_python_interpreter": sys.executable},
            "tasks": [task],
        }
    ]
    path = tmp_path / "play.json"
    path.write_text(json.dumps(play))
    ansible = str(Path(sys.executable).with_name("ansible-playbook"))
    environment = {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".cache" / "collections"),
        "ANSIBLE_NOCOLOR": "1",
    }

    def run_play(*arguments):
        done = subprocess.run(
            [ansible, "-i", "localhost,", "-vvvv", "--diff", path, *arguments],
            capture_output=True,
            text=True,
            check=False,
            env=environment,
        )
        assert SECRET not in done.stdout + done.stderr
        assert done.returncode == 0, done.stdout
        return done.stdout

    assert "changed=1" in run_play("--check")
    output = run_play()
    assert "changed=1" in output
    assert "<secret changed>" in output
    assert "changed=0" in run_play()
    options["files"][0]["content"] = "invalid\n"
    options["secret_files"][0]["content"] = "token=another-secret-word"
    path.write_text(json.dumps(play))
    done = subprocess.run(
        [ansible, "-i", "localhost,", "-vvvv", "--diff", path],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert done.returncode == 2
    assert "refuses the new files" in done.stdout
    assert "another-secret-word" not in done.stdout + done.stderr

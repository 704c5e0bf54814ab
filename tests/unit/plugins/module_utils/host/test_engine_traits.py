"""What an engine is, and why the roles cannot use it, from its own answers."""

from __future__ import annotations

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils import engine_confinement
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.engine_confinement import Confinement, Remapping
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host import engine, engine_traits
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host.engine_traits import OtherEngines
from engines import DOCKER_19, DOCKER_20, DOCKER_28, PODMAN, REMAPPED, RHEL, ROOTLESS, SNAP, UBUNTU


def traits(answer, daemon=None):
    return engine_traits.of_answers(answer["version"], answer["info"], daemon or {})


@pytest.mark.parametrize(
    ("answer", "kind"),
    [(DOCKER_20, "docker"), (DOCKER_28, "docker"), (REMAPPED, "docker"), (UBUNTU, "docker"), (RHEL, "docker")],
)
def test_engines_that_the_roles_can_use(answer, kind):
    assert (traits(answer)["kind"], traits(answer)["problem"], traits(answer)["warnings"]) == (kind, "", [])


def test_control_groups_of_containers():
    systemd = {**UBUNTU, "info": {**UBUNTU["info"], "CgroupDriver": "systemd"}}
    shown = traits(systemd, {"cgroup-parent": "jobs.slice"})
    assert (shown["cgroup_driver"], shown["cgroup_parent"]) == ("systemd", "jobs.slice")
    assert traits(systemd)["cgroup_parent"] == ""


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (PODMAN, "podman", ("Podman 4.3.1 answers there, not Docker", "podman-docker", "docker-ce")),
        (ROOTLESS, "rootless", ("rootless", "control groups", "continue to run")),
        (SNAP, "snap", ("snap", "/etc", "snap remove docker", "save the data first")),
        (DOCKER_19, "docker", ("Docker 19.03.15 is too old", "20.10 or newer")),
    ],
)
def test_engines_that_the_roles_refuse_with_the_fix(answer, kind, words):
    assert traits(answer)["kind"] == kind
    assert all(word in traits(answer)["problem"] for word in words), traits(answer)["problem"]


def test_what_confines_containers():
    shown = {
        name: tuple(traits(answer)[key] for key in ("apparmor", "selinux", "user_remapping", "cgroup_version"))
        for name, answer in {"ubuntu": UBUNTU, "rhel": RHEL, "remapped": REMAPPED, "old": DOCKER_19}.items()
    }
    assert shown == {
        "ubuntu": (True, False, False, "2"),
        "rhel": (False, True, False, "2"),
        "remapped": (False, False, True, "1"),
        "old": (False, False, False, "1"),
    }
    assert engine_confinement.of_info(REMAPPED["info"]) == Confinement(Remapping(100000, 100000))
    assert engine_confinement.of_info(RHEL["info"]) == Confinement(None, selinux=True)
    assert engine_confinement.of_info(DOCKER_20["info"]) == Confinement()


def test_a_remapping_that_is_not_known_is_refused():
    strange = {**REMAPPED, "info": {**REMAPPED["info"], "DockerRootDir": "/data/docker"}}
    assert "userns-remap is on, but the data folder /data/docker" in traits(strange)["problem"]


def test_settings_that_make_services_unreachable_are_reported():
    assert traits(DOCKER_28, {"iptables": True, "userland-proxy": False})["warnings"] == []
    [line] = traits(DOCKER_28, {"iptables": False})["warnings"]
    assert "Prometheus reaches other hosts only if the site's own rules masquerade" in line
    assert "published ports" in traits(DOCKER_28, {"iptables": False, "userland-proxy": False})["warnings"][1]


def test_engines_beside_a_socket_that_does_not_answer(tmp_path, monkeypatch):
    assert engine_traits.without_answer(OtherEngines()) == ""
    sockets = OtherEngines(rootless_sockets=("/run/user/1000/docker.sock",))
    assert "rootless Docker engine runs at /run/user/1000/docker.sock" in engine_traits.without_answer(sockets)
    assert "snap remove docker" in engine_traits.without_answer(OtherEngines(snap=True))

    (tmp_path / "1000").mkdir()
    (tmp_path / "1000" / "docker.sock").touch()
    monkeypatch.setattr(engine, "_ROOTLESS_SOCKETS", f"{tmp_path}/*/docker.sock")
    state = engine.ask(f"unix://{tmp_path}/missing.sock", installed=False)
    assert not state["reachable"] and f"{tmp_path}/1000/docker.sock" in state["problem"]

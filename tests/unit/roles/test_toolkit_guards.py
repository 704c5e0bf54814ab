"""What the role nvidia_container_toolkit refuses, decides and takes for its own, from what it learned of a host."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

ROOT = Path(__file__).resolve().parents[3]
ROLE = ROOT / "roles" / "nvidia_container_toolkit"
VARIABLES = (ROLE / "defaults" / "main.yml", ROLE / "vars" / "main.yml")
ENGINE = {
    "reachable": True,
    "installed": True,
    "error": "",
    "live_restore": False,
    "root_dir": "/var/lib/docker",
    "default_runtime": "runc",
    "runtimes": {"runc": "runc"},
    "nvidia_runtimes": [],
    "containers": [],
}
UNKNOWN = {**ENGINE, "reachable": False, "error": "unix:///var/run/docker.sock: timed out"}


def container(name: str, gpu_access: str = "none", runtime: str = "runc") -> dict[str, str]:
    return {"name": name, "gpu_access": gpu_access, "runtime": runtime}


# File of tasks, the engine, other variables, and words of the refusal; none where it goes on.
CASES: dict[str, tuple[str, dict[str, Any], dict[str, Any], tuple[str, ...]]] = {
    "answers": ("engine", ENGINE, {}, ()),
    "silent": ("engine", UNKNOWN, {}, ("does not answer", "timed out", "Nothing was changed")),
    "snap": ("engine", {**ENGINE, "root_dir": "/var/snap/docker/common/var-lib-docker"}, {}, ("from a snap", "Nothing was changed")),
    "restart-forbidden": ("restart", ENGINE, {}, ("docker_engine_allow_restart is false",)),
    "restart-stops": (
        "restart",
        {**ENGINE, "containers": [container("job")]},
        {"docker_engine_allow_restart": True},
        ("would stop the running containers job", "live-restore"),
    ),
    "restart-silent": ("restart", UNKNOWN, {"docker_engine_allow_restart": True}, ("does not answer any more", "timed out")),
    "reload-hooked": (
        "daemon_reload",
        {**ENGINE, "containers": [container("a", "hook"), container("b", "devices")]},
        {},
        ("running containers a,", "allow_daemon_reload"),
    ),
    "reload-allowed": ("daemon_reload", {**ENGINE, "containers": [container("a", "hook")]}, {"nvidia_container_toolkit_allow_daemon_reload": True}, ()),
    "reload-safe": ("daemon_reload", {**ENGINE, "containers": [container("b", "devices"), container("c")]}, {}, ()),
    "absent-used": (
        "absent_own",
        {**ENGINE, "nvidia_runtimes": ["gpu"], "containers": [container("job", runtime="gpu"), container("other")]},
        {},
        ("running containers job of", "Stop them first"),
    ),
    "absent-default": ("absent_own", {**ENGINE, "nvidia_runtimes": ["gpu"], "default_runtime": "gpu"}, {}, ("is gpu, NVIDIA's", "default-runtime")),
    "absent-hooked": (
        "absent_own",
        {**ENGINE, "containers": [container("job", "hook")]},
        {"nvidia_container_toolkit_present": ["nvidia-container-toolkit=1.0"]},
        ("running containers job,", "allow_daemon_reload", "Nothing was changed"),
    ),
}


@pytest.fixture(scope="module")
def refusals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Why each case was refused, from one dry run of Ansible with a host for each."""
    folder = tmp_path_factory.mktemp("guards")
    own = {"content": ""}
    hosts = {
        name: {"file": file, "nvidia_container_toolkit_docker": {"engine": engine}, "nvidia_container_toolkit_own": own, **variables}
        for name, (file, engine, variables, _words) in CASES.items()
    }
    (folder / "inventory.yml").write_text(yaml.safe_dump({"all": {"vars": {"ansible_connection": "local"}, "hosts": hosts}}))
    (folder / "group_vars" / "all").mkdir(parents=True)
    for number, path in enumerate((*VARIABLES, ROOT / "roles" / "docker_engine" / "defaults" / "main.yml")):
        (folder / "group_vars" / "all" / f"{number}.yml").symlink_to(path)
    play = {"hosts": "all", "gather_facts": False, "tasks": [{"ansible.builtin.include_tasks": f"{ROLE}/tasks/{{{{ file }}}}.yml"}]}
    (folder / "play.yml").write_text(yaml.safe_dump([play]))
    environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".cache" / "collections"), "ANSIBLE_NOCOLOR": "1", "ANSIBLE_FORCE_COLOR": "0"}
    command = [str(Path(sys.executable).parent / "ansible-playbook"), "--check", "-i", str(folder / "inventory.yml"), str(folder / "play.yml")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    found = {host: json.loads(result)["msg"] for host, result in re.findall(r"^fatal: \[(\S+)\]: FAILED! => (\{.*\})$", done.stdout, re.MULTILINE)}
    assert all(f"{name} " in done.stdout.partition("PLAY RECAP")[2] for name in CASES), done.stdout + done.stderr
    return {host: " ".join(text.split()) for host, text in found.items()}


@pytest.mark.parametrize("case", CASES)
def test_what_could_harm_a_container_is_refused_and_nothing_else(refusals: dict[str, str], case: str) -> None:
    words = CASES[case][3]
    assert bool(words) == (case in refusals)
    for word in words:
        assert word in refusals[case]


def decided(variable: str, **known: Any) -> Any:
    """A variable of the role, rendered from what it has learned."""
    loader = DataLoader()
    variables = {key: value for path in VARIABLES for key, value in loader.load_from_file(str(path), trusted_as_template=True).items()}
    return Templar(loader=loader, variables={**variables, **known}).template(variables[variable])


EXAMPLES = {
    "nvidia.list": [("https://nvidia.github.io/libnvidia-container/stable/deb/$(ARCH)", True)],
    "old.list": [("https://nvidia.github.io/nvidia-docker/ubuntu18.04/amd64", True), ("https://nvidia.github.io/libnvidia-container/ubuntu18.04/amd64", True)],
    "mirror.list": [("http://mirror/nvidia/", True)],
    "site.list": [("http://mirror/debian", False), ("http://mirror/nvidia", True)],
    "cuda.list": [("http://mirror/nvidia-cuda", False), ("http://proxy/?http://mirror/nvidia", False)],
    "nvidia-container-toolkit.sources": [("http://mirror/nvidia", False)],
}
ENTRIES = [
    {"path": f"/etc/apt/sources.list.d/{name}", "line": number, "uri": uri}
    for name, uris in EXAMPLES.items()
    for number, (uri, _same) in enumerate(uris, start=1)
]


def test_only_entries_of_the_same_repository_conflict_and_only_whole_files_go() -> None:
    known = {"nvidia_container_toolkit_repository_url": "http://mirror/nvidia", "nvidia_container_toolkit_apt": {"entries": ENTRIES}}
    found = [entry["uri"] for entry in decided("nvidia_container_toolkit_conflicts", **known)]
    assert found == [uri for uris in EXAMPLES.values() for uri, same in uris if same]
    assert decided("nvidia_container_toolkit_mixed", **known) == [{"path": "/etc/apt/sources.list.d/site.list", "line": 2, "uri": "http://mirror/nvidia"}]


def test_no_entry_conflicts_where_apt_was_not_asked() -> None:
    assert decided("nvidia_container_toolkit_conflicts", nvidia_container_toolkit_apt={"skipped": True}) == []


GPU = {"uuids": ["GPU-aaaa", "GPU-bbbb"], "driver_version": "580.95.05"}
FRESH = {"path": "/var/run/cdi/nvidia.yaml", "uuids": ["GPU-aaaa", "GPU-bbbb"], "drivers": ["580.95.05"]}


@pytest.mark.parametrize(
    ("specifications", "current"),
    [
        ([], False),
        ([FRESH], True),
        ([{**FRESH, "drivers": ["570.86.10"]}], False),
        ([{**FRESH, "uuids": ["GPU-aaaa"]}], False),
        ([{**FRESH, "uuids": ["GPU-bbbb"]}, {**FRESH, "uuids": ["GPU-aaaa"]}], True),
        ([{**FRESH, "uuids": [], "drivers": []}], True),
        ([FRESH, {**FRESH, "uuids": ["GPU-cccc"]}], False),
    ],
)
def test_cdi_specifications_are_current_where_they_are_of_these_gpus_and_this_driver(specifications: list[dict[str, Any]], current: bool) -> None:
    engine = {"cdi_gpus": bool(specifications), "cdi_specifications": specifications}
    known = {"nvidia_container_toolkit_docker": {"engine": engine}, "nvidia_container_toolkit_gpu": GPU}
    assert decided("nvidia_container_toolkit_cdi_current", **known) is current

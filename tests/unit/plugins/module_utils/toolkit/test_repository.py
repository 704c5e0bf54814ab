"""The repository file of the toolkit, and entries of the same repository in other files."""

from __future__ import annotations

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host import repositories
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host.nvidia_repository import conflicts
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.host.repositories import AptEntry
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.toolkit import repository

OWN = "/etc/apt/sources.list.d/nvidia-container-toolkit.sources"
EXAMPLES = {
    "nvidia.list": [("https://nvidia.github.io/libnvidia-container/stable/deb/$(ARCH)", True)],
    "old.list": [
        ("https://nvidia.github.io/nvidia-docker/ubuntu18.04/amd64", True),
        ("https://nvidia.github.io/libnvidia-container/ubuntu18.04/amd64", True),
    ],
    "mirror.list": [("http://mirror/nvidia/", True)],
    "site.list": [("http://mirror/debian", False), ("http://mirror/nvidia", True)],
    "cuda.list": [("http://mirror/nvidia-cuda", False), ("http://proxy/?http://mirror/nvidia", False)],
    "nvidia-container-toolkit.sources": [("http://mirror/nvidia", False)],
}
ENTRIES: list[AptEntry] = [
    {"path": f"/etc/apt/sources.list.d/{name}", "line": number, "uri": uri}
    for name, uris in EXAMPLES.items()
    for number, (uri, _same) in enumerate(uris, start=1)
]


def test_only_entries_of_the_same_repository_conflict_and_only_whole_files_go() -> None:
    for url in ("http://mirror/nvidia", "http://user:secret@mirror/nvidia/"):
        same = [entry["uri"] for entry in conflicts(ENTRIES, OWN, url)]
        assert same == [uri for uris in EXAMPLES.values() for uri, is_same in uris if is_same]
        assert repository.mixed(ENTRIES, OWN, url) == [
            {"path": "/etc/apt/sources.list.d/site.list", "line": 2, "uri": "http://mirror/nvidia"}
        ]


def test_no_entry_conflicts_where_apt_has_none() -> None:
    assert conflicts([], OWN, "http://mirror/nvidia") == []


def test_what_was_there_before_is_noted_once_and_kept() -> None:
    places = repositories.places("apt")
    first = repository.history(repositories.repository_file(OWN, None), ["a=1.18.0", "b=1.18.0"], ["/guide.list"])
    assert first == ["# Installed before: a=1.18.0", "# Installed before: b=1.18.0", "# Set aside: /guide.list"]
    own = repositories.repository_file(OWN, repository.text("apt", "1.20.1", "http://mirror/nvidia", places, first))
    assert repository.history(own, ["a=1.20.1"], ["/later.list"]) == [*first, "# Set aside: /later.list"]


def test_nvidias_own_repository_by_package_manager() -> None:
    assert repository.url("apt", "") == "https://nvidia.github.io/libnvidia-container/stable/deb/$(ARCH)"
    assert repository.url("dnf5", "") == "https://nvidia.github.io/libnvidia-container/stable/rpm/$basearch"
    assert repository.url("apt", "http://mirror/nvidia") == "http://mirror/nvidia"


def test_only_a_copy_in_a_folder_may_be_older_than_its_list_says() -> None:
    places = repositories.places("apt")
    for url, expected in (("file:///srv/nvidia", True), ("http://mirror/nvidia", False)):
        text = repository.text("apt", "1.20.1", url, places, [])
        assert ("Check-Valid-Until: no" in text.splitlines()) == expected
        assert f"Signed-By: {places.key}" in text.splitlines()


def test_a_dnf_repository_is_limited_to_the_packages_in_one_version() -> None:
    text = repository.text("dnf", "1.20.1", "http://mirror/nvidia", repositories.places("dnf"), [])
    assert (
        "includepkgs=libnvidia-container-tools-1.20.1-1, libnvidia-container1-1.20.1-1,"
        " nvidia-container-toolkit-1.20.1-1,"
    ) in text
    assert {"priority=1", "repo_gpgcheck=1", "skip_if_unavailable=0"} <= set(text.splitlines())
    assert repositories.repository_file("", text)["written_by_role"]

from __future__ import annotations

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service import plan
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.files import FileChange, FileState


def change(on_change, path="/etc/svc/a", secret=False):
    return FileChange(path, FileState(b"new\n", 0o644, 0, 0), FileState(b"old\n", 0o644, 0, 0), on_change, secret)


@pytest.mark.parametrize(
    ("exists", "running", "different", "effects", "container"),
    [
        (False, False, [], [], "create"),
        (False, False, [], ["reload"], "create"),
        (True, True, [], [], "keep"),
        (True, True, [], ["none"], "keep"),
        (True, True, [], ["none", "reload"], "reload"),
        (True, True, [], ["reload", "recreate"], "recreate"),
        (True, True, ["image"], ["reload"], "recreate"),
        (True, False, [], ["reload"], "start"),
        (True, False, ["env.A"], [], "recreate"),
    ],
)
def test_what_is_done_with_the_container(exists, running, different, effects, container):
    assert plan.decide(exists, running, different, [change(effect) for effect in effects])[0] == container


def test_differences_name_option_and_key():
    wanted = {"env": {"A": "1", "B": "2"}, "image": "x", "spec": "1"}
    assert plan.differences(wanted, {"env": {"A": "1", "C": "3"}, "image": "y", "spec": "2"}) == ["env.B", "env.C", "image"]
    assert plan.differences(wanted, {**wanted, "spec": "2"}) == ["spec"]
    assert plan.differences(wanted, wanted) == []


def test_actions_are_in_the_order_in_which_they_are_done():
    made = plan.Plan("recreate", ["image"], [change("recreate")], ["monitoring"], [], True)
    assert made.actions() == ["pull image", "create network monitoring", "write /etc/svc/a", "recreate container: image"]
    assert made.changed
    assert not plan.Plan("keep").changed


def test_the_diff_of_a_secret_does_not_hold_it():
    shown = change("none", secret=True).diff()
    assert (shown["before"], shown["after"]) == ("<secret>\n", "<secret changed>\n")


def test_the_diff_of_a_file_holds_its_text():
    shown = change("none").diff()
    assert (shown["before"], shown["after"]) == ("old\n", "new\n")

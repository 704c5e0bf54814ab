"""What a module with secrets in suboptions writes to the host's log."""

from __future__ import annotations

import importlib.util

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.testing import patch_module_args
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.module import Module

SECRET = "-----BEGIN PRIVATE KEY-----\nplanted\n-----END PRIVATE KEY-----\n"
FILE = {"path": {"type": "str"}, "content": {"type": "str", "no_log": True}}
ARGUMENTS = {
    "name": {"type": "str"},
    "files": {"type": "list", "elements": "dict", "no_log": False, "options": FILE},
    "outer": {"type": "dict", "options": {"inner": {"type": "dict", "options": FILE}}},
}
GIVEN = {
    "name": "app",
    "files": [{"path": "/key", "content": SECRET}],
    "outer": {"inner": {"path": "/key", "content": SECRET}},
}


@pytest.fixture
def logged(monkeypatch):
    """Runs a kind of module and returns what reaches Ansible's own log function."""

    def run(kind):
        written = []
        monkeypatch.setattr(AnsibleModule, "log", lambda self, msg, log_args=None: written.append((msg, log_args)))
        with patch_module_args(GIVEN):
            kind(ARGUMENTS)
        return str(written)

    return run


def test_options_with_secrets_are_left_out(logged):
    text = logged(Module)
    assert "Invoked with" in text
    assert "name=app" in text
    assert "planted" not in text
    assert "/key" not in text


@pytest.mark.skipif(
    importlib.util.find_spec("ansible.module_utils.secrets") is not None,
    reason="ansible-core 2.22 masks secrets itself",
)
def test_ansible_alone_would_log_a_secret_of_several_lines(logged):
    assert "planted" in logged(AnsibleModule)

"""The options that a module takes, as its own code declares these."""

from __future__ import annotations

import importlib
import inspect
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.testing import patch_module_args
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.action import ActionBase

from tests.examples import PREFIX, ROOT

_RULES = ("mutually_exclusive", "required_together", "required_one_of", "required_if", "required_by")


class _Declared(Exception):
    """Ends a module or an action where it declares its options."""


def validator(module: str) -> ArgumentSpecValidator:
    """Checks options as the action of the module does, or as the module does if no action checks options."""
    action = ROOT / "plugins" / "action" / f"{module}.py"
    if action.exists() and "validate_argument_spec(" in action.read_text():
        return _of_action(module)
    return _of_module(module)


def _of_module(module: str) -> ArgumentSpecValidator:
    def declare(*arguments: Any, **named: Any) -> None:
        declared = inspect.signature(initialize).bind(*arguments, **named).arguments
        raise _Declared(declared["argument_spec"], {rule: declared.get(rule) for rule in _RULES})

    initialize = AnsibleModule.__init__
    code = _code("modules", module)
    with patch.object(AnsibleModule, "__init__", declare), patch_module_args({}):
        return _validator(code.main)


def _of_action(module: str) -> ArgumentSpecValidator:
    def declare(_action: Any, argument_spec: dict[str, Any], **rules: Any) -> None:
        raise _Declared(argument_spec, rules)

    task = SimpleNamespace(args={}, check_mode=False, diff=False, async_val=0, action=PREFIX + module)
    connection = SimpleNamespace(_shell=SimpleNamespace(tmpdir=None))
    action = _code("action", module).ActionModule(task, connection, None, DataLoader(), None, None)
    with patch.object(ActionBase, "validate_argument_spec", declare):
        return _validator(action.run)


def _code(kind: str, module: str) -> Any:
    return importlib.import_module(f"ansible_collections.mlops.gpu_monitoring.plugins.{kind}.{module}")


def _validator(run: Any) -> ArgumentSpecValidator:
    try:
        run()
    except _Declared as declared:
        argument_spec, rules = declared.args
        return ArgumentSpecValidator(argument_spec, **rules)
    raise LookupError("no options are declared")

# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""The filters of the collection, loaded once for all workers.

Ansible loads an action plugin before it forks a worker. A worker loads all filters of the collection to use one.
"""

from importlib import import_module
from pkgutil import iter_modules

from ansible_collections.mlops.gpu_monitoring.plugins import filter as filters


def load() -> None:
    """Load the filters, so that workers share them."""
    for module in iter_modules(filters.__path__):
        import_module(f"{filters.__name__}.{module.name}")

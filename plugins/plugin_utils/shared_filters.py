# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""Filters and tests of Jinja, loaded once for all workers.

Ansible loads an action plugin before it forks a worker. A worker loads all filters of a collection to use one.
"""

from ansible.plugins.loader import filter_loader, test_loader


def load() -> None:
    """Load Ansible's filters and tests and the filters of the collection, so that workers share them."""
    filter_loader.get("mlops.gpu_monitoring.image_reference")
    test_loader.get("ansible.builtin.version")

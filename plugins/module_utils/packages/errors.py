# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations


class PackageError(Exception):
    """What a package manager refused, in its own words."""


class Locked(PackageError):
    """Another process holds the locks of the package manager."""

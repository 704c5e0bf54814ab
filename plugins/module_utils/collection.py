# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The version of this collection, also on hosts, which have no file that names the version."""

from __future__ import annotations

VERSION = "0.2.0"

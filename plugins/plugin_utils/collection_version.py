# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

"""The version of the collection on the controller."""

import json
import os

import yaml

FOLDER = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))


def installed() -> str:
    """The version of an installed collection, or of a checkout of its repository."""
    manifest = os.path.join(FOLDER, "MANIFEST.json")
    if os.path.exists(manifest):
        with open(manifest, encoding="utf-8") as file:
            return str(json.load(file)["collection_info"]["version"])
    with open(os.path.join(FOLDER, "galaxy.yml"), encoding="utf-8") as file:
        return str(yaml.safe_load(file)["version"])

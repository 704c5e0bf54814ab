#!/usr/bin/python
# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: openpgp_key
short_description: Put the signing key of a package repository on a host, if it is the right one
version_added: "0.1.0"
author:
  - mlops.gpu_monitoring contributors (@mlops)
description:
  - Writes an ASCII-armoured OpenPGP key to a file, for C(Signed-By) of apt or C(gpgkey) of dnf.
  - The key is compared with its fingerprint before anything is written, with nothing but Python's standard library.
  - What is written is that key alone, armoured anew, and nothing else of the text.
  - A URL is asked only where the file does not hold the key yet.
attributes:
  check_mode:
    description: Fetches and compares the key, and writes nothing.
    support: full
  diff_mode:
    description: Shows the fingerprints before and after.
    support: full
options:
  key:
    description: The key, or the URL from which the host fetches it. Text begins with C(-----BEGIN PGP PUBLIC KEY BLOCK-----), a URL with C(http).
    type: str
    required: true
  fingerprint:
    description: Fingerprint of the key, 40 or 64 hexadecimal digits; white space is ignored. The text may hold no other key.
    type: str
    required: true
  dest:
    description: The file. Its folder is made where it is missing. Everyone may read it.
    type: path
    required: true
  timeout:
    description: Seconds for fetching the key.
    type: int
    default: 30
"""

EXAMPLES = r"""
- name: Trust the key of NVIDIA's package repository
  mlops.gpu_monitoring.openpgp_key:
    key: https://nvidia.github.io/libnvidia-container/gpgkey
    fingerprint: C95B 321B 61E8 8C18 09C4 F759 DDCA E044 F796 ECB0
    dest: /usr/share/keyrings/nvidia-container-toolkit-keyring.asc

- name: The same from a file of the controller
  mlops.gpu_monitoring.openpgp_key:
    key: "{{ lookup('ansible.builtin.file', 'nvidia.asc') }}"
    fingerprint: C95B321B61E88C1809C4F759DDCAE044F796ECB0
    dest: /usr/share/keyrings/nvidia-container-toolkit-keyring.asc
"""

RETURN = r"""
fingerprint:
  description: Fingerprint of the key, in upper-case digits.
  returned: success
  type: str
  sample: C95B321B61E88C1809C4F759DDCAE044F796ECB0
"""

import os
import tempfile

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils import openpgp, openpgp_file


def _present(path: str) -> str:
    """The file's text; empty where there is none."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def _held(text: str) -> dict[str, str]:
    """The keys in a text by fingerprint; none where it is no key."""
    try:
        return openpgp.keys(text)
    except ValueError:
        return {}


def main() -> None:
    """Runs the module."""
    module = AnsibleModule(
        {
            "key": {"type": "str", "required": True, "no_log": False},
            "fingerprint": {"type": "str", "required": True},
            "dest": {"type": "path", "required": True},
            "timeout": {"type": "int", "default": 30},
        },
        supports_check_mode=True,
    )
    key, dest = module.params["key"].strip(), module.params["dest"]
    before = _present(dest)
    held = _held(before)
    try:
        wanted = openpgp_file.fingerprint(module.params["fingerprint"])
        if openpgp_file.is_url(key) and held == {wanted: before}:
            module.exit_json(changed=False, fingerprint=wanted)
        text = openpgp_file.armored(module, key, wanted, module.params["timeout"])
    except (OSError, ValueError) as error:
        module.fail_json(msg=str(error))
    if text == before:
        module.exit_json(changed=False, fingerprint=wanted)
    if not module.check_mode:
        os.makedirs(os.path.dirname(dest), mode=0o755, exist_ok=True)
        descriptor, staged = tempfile.mkstemp(dir=module.tmpdir)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(staged, 0o644)
        module.atomic_move(staged, dest)
        os.chmod(dest, 0o644)
    diff = {"before_header": dest, "after_header": dest, "before": "".join(f"{fingerprint}\n" for fingerprint in held), "after": f"{wanted}\n"}
    module.exit_json(changed=True, fingerprint=wanted, diff=diff)


if __name__ == "__main__":
    main()

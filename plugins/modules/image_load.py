#!/usr/bin/python
# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: image_load
short_description: Load the images of a bundle into the Docker engine of a host
version_added: "0.1.0"
author:
  - mlops.gpu_monitoring contributors (@mlops)
description:
  - Loads the images that the roles' variables make for the host. The images are in a bundle of
    M(mlops.gpu_monitoring.image_bundle) on the controller, and come over the connection to the host. No registry is
    asked.
  - Sends only images whose id differs from that in the bundle, for the platform of the host. A run after an
    interrupted run sends only the layers that are missing.
  - >-
    Before anything is sent, checks that the host has room for the archives and for the unpacked layers. The error names
    the folder, the bytes that are free and the bytes that are needed.
  - Afterwards the id of each image is compared with the bundle, for the graph drivers and for the image store of
    containerd.
  - Neither removes images nor touches containers.
attributes:
  check_mode:
    description: Says which images would be loaded, and checks the room.
    support: full
  diff_mode:
    description: There is nothing to show.
    support: none
  idempotent:
    description: Changes nothing if the host has the images of the bundle.
    support: full
options:
  path:
    description: Folder of the bundle on the controller. Required in tasks.
    type: path
  transfer_dir:
    description:
      - Folder on the host in which the module makes the folder C(gpu_monitoring_transfer) for what is sent. Only the
        user of the connection can read it. It is removed after the load. A symbolic link or a folder of another user in
        its place is refused.
    type: path
    default: /var/lib
  docker_host:
    description: The engine's Unix socket, as C(unix:///path).
    type: str
    default: unix:///var/run/docker.sock
  images:
    description: What the controller found in the bundle for the host. Tasks leave it out.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name and tag of the image on the host.
        type: str
        required: true
      accepted:
        description: Ids of the image.
        type: list
        elements: str
        required: true
      media_type:
        description: Media type of the manifests.
        type: str
        required: true
      platforms:
        description: The image for each platform, as in C(bundle.json).
        type: list
        elements: dict
        required: true
  host:
    description: Name of the host in errors. Tasks leave it out.
    type: str
    default: localhost
  owner:
    description: User id of the connection. Tasks leave it out.
    type: int
    default: 0
  step:
    description: V(prepare) lists what must be sent, and V(load) loads it. Tasks leave it out.
    type: str
    choices: [prepare, load]
    default: prepare
"""

EXAMPLES = r"""
- name: Load the images
  mlops.gpu_monitoring.image_load:
    path: /srv/gpu-monitoring-bundle
  become: true

- name: Load the images, and keep what is sent on a larger disk
  mlops.gpu_monitoring.image_load:
    path: /srv/gpu-monitoring-bundle
    transfer_dir: /scratch
  become: true
"""

RETURN = r"""
images:
  description: Names of the images that were missing.
  returned: success
  type: list
  elements: str
  sample: ["docker.io/grafana/grafana:12.4.10"]
blobs:
  description: Digests of the blobs that were sent, or in check mode would be.
  returned: success
  type: list
  elements: str
sent_bytes:
  description: Bytes that were sent.
  returned: success, not in check mode
  type: int
  sample: 120000000
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils import docker_socket
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle import layout
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle.errors import BundleError
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.bundle.load import ImageLoad, WantedImage

IMAGE = {
    "name": {"type": "str", "required": True},
    "accepted": {"type": "list", "elements": "str", "required": True},
    "media_type": {"type": "str", "required": True},
    "platforms": {"type": "list", "elements": "dict", "required": True},
}
OPTIONS = {
    "path": {"type": "path"},
    "transfer_dir": {"type": "path", "default": "/var/lib"},
    "docker_host": {"type": "str", "default": "unix:///var/run/docker.sock"},
    "images": {"type": "list", "elements": "dict", "default": [], "options": IMAGE},
    "host": {"type": "str", "default": "localhost"},
    "owner": {"type": "int", "default": 0},
    "step": {"type": "str", "choices": ["prepare", "load"], "default": "prepare"},
}


def main():
    """Run the module."""
    module = AnsibleModule(OPTIONS, supports_check_mode=True)
    options = module.params
    host = options["host"]
    try:
        api = docker_socket.Api(options["docker_host"])
        images = [WantedImage(**image) for image in options["images"]]
        loading = ImageLoad(api, host, images, os.path.join(options["transfer_dir"], layout.TRANSFER))
        result = {"images": [image.name for image, _platform in loading.missing], "blobs": []}
        if options["step"] == "load":
            loading.carry_out()
        else:
            result["blobs"] = loading.prepare(options["owner"], module.check_mode)
    except BundleError as error:
        module.fail_json(msg=str(error))
    except docker_socket.EngineError as error:
        module.fail_json(
            msg=f"docker_host on {host}: the Docker engine at {options['docker_host']} cannot load images ({error})."
            " Install and start Docker before the playbook load."
        )
    except OSError as error:
        module.fail_json(
            msg=f"bundle_transfer_dir on {host}: {error.filename or options['transfer_dir']}: {error.strerror}."
            " Run this as root (become: true), or name another folder."
        )
    module.exit_json(changed=bool(result["images"]), **result)


if __name__ == "__main__":
    main()

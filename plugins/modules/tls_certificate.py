#!/usr/bin/python
# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: tls_certificate
short_description: A TLS certificate for a host, signed by a private CA on the controller
version_added: "0.1.0"
author:
  - mlops.gpu_monitoring contributors (@mlops)
description:
  - >-
    Makes a certificate and its key for one host, and once a CA that signs them, in a folder of the controller. It
    returns them and puts nothing on the host.
  - >-
    A certificate is kept while it has exactly the wanted names, is signed by this CA and lasts for more than
    O(renew_days). Otherwise a new one is made, with a new key.
  - >-
    A CA that would end before a new certificate gets a new certificate with the same name and key. Clients that trust
    the old or the new certificate of the CA accept all hosts until the old one ends. So no connection is lost,
    whichever host a run reaches first.
  - Keys are ECDSA keys with P-256, which all programs with TLS 1.3 accept.
  - The module needs only ansible-core, which depends on the Python package C(cryptography).
notes:
  - >-
    The result has a private key, and is therefore never shown or logged, as with C(no_log). A registered variable has
    it nonetheless; give tasks that use it C(no_log).
  - >-
    Back O(folder) up, and keep it from others. Who has C(ca.key) in it can pretend to be any host to whoever trusts the
    CA.
  - Hosts may be handled at the same time; a lock in O(folder) makes them wait for each other.
  - Move C(hosts/<name>.crt) away to have a new certificate for a host, or the whole folder to begin with a new CA.
attributes:
  check_mode:
    description: Makes the same certificate in memory and returns it, and writes nothing.
    support: full
  diff_mode:
    description: >-
      Prints names, end and serial number before and after, since Ansible shows no diff of a result that is not logged.
    support: full
options:
  folder:
    description: >-
      Folder on the controller with C(ca.crt) and C(ca.key), and below C(hosts) the same for each host. It is made if it
      is missing, with mode 0700. A relative path begins at the playbook.
    type: path
    default: ~/.config/gpu_monitoring/ca
  name:
    description: >-
      DNS name or IP address of the host, the first of its names. By default the host's name in the inventory.
    type: str
  alternative_names:
    description: The other DNS names and IP addresses under which clients reach the host.
    type: list
    elements: str
    default: []
  valid_days:
    description: >-
      Days for which a certificate is made. Apple's systems refuse more than 825
      (U(https://support.apple.com/en-us/103769)).
    type: int
    default: 365
  renew_days:
    description: A run so many days before the end, or fewer, makes a new certificate.
    type: int
    default: 30
  ca_valid_days:
    description: Days for which the CA's certificate is made, more than O(valid_days).
    type: int
    default: 3650
"""

EXAMPLES = r"""
- name: Make a certificate for this host
  mlops.gpu_monitoring.tls_certificate:
    alternative_names:
      - "{{ gpu_monitoring_address }}"
      - localhost
  register: my_certificate

- name: Write the key
  ansible.builtin.copy:
    content: "{{ my_certificate.private_key }}"
    dest: /etc/exporter/tls.key
    mode: "0600"
  no_log: true

- name: Give the host a certificate with a further name
  mlops.gpu_monitoring.tls_certificate:
    folder: ~/.config/gpu_monitoring/ca
    name: "{{ inventory_hostname }}"
    alternative_names: [grafana.example.com]
    valid_days: 90
  register: certificate
"""

RETURN = r"""
certificate:
  description: The host's certificate as PEM, without that of the CA.
  returned: success
  type: str
private_key:
  description: Its key as PEM, without a passphrase.
  returned: success
  type: str
ca:
  description: The CA's certificate as PEM, for clients to trust.
  returned: success
  type: str
not_after:
  description: The end of the host's certificate, in UTC.
  returned: success
  type: str
  sample: "2027-11-26T18:00:00Z"
"""

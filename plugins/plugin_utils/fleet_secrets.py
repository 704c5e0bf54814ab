# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING, NamedTuple, TypedDict

from ansible.errors import AnsibleError
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils import (
    certificate_metrics,
    certificates,
    secret_values,
    victoria_metrics,
)
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.certificate_folder import CertificateFolder, Days
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.certificate_problems import certificate_problem
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.given_authority import GivenAuthority
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.host_variables import HostVariables, VariableError
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.password_hashes import web_password_hash

if TYPE_CHECKING:
    from cryptography import x509

_USER = "prometheus"
_OWN = ("tls_certificate", "tls_private_key", "tls_ca_certificate")
_UNCHANGED = "Nothing was changed"
_ALERTMANAGER = "alertmanager"


class HostSecrets(TypedDict, total=False):
    """What a host's services need to speak TLS and to ask for passwords."""

    certificate: str
    private_key: str
    ca_certificate: str
    certificate_metrics: str
    exporter_password: str
    exporter_password_bcrypt: str
    exporter_password_sha512: str
    prometheus_password: str
    prometheus_password_bcrypt: str


class TlsInputs(NamedTuple):
    """The variables of a host about its certificate and passwords."""

    passwords: bool
    own: tuple[str, str, str]
    ca_private_key: str
    days: Days
    names: list[str]
    client: bool
    alternative_names: list[str]
    ca_dir: str
    exporter_password: str
    exporter_password_file: str
    prometheus_password: str
    prometheus_password_file: str

    def files(self) -> list[str]:
        """The files on the controller without which new secrets would be made."""
        files = [] if self.own[2] else [os.path.join(self.ca_dir, "ca.crt")]
        files += [] if self.exporter_password else [self.exporter_password_file]
        return files + ([] if self.prometheus_password else [self.prometheus_password_file])


class Fleet(NamedTuple):
    """The part of the fleet that the certificates are made of."""

    tls: bool
    addresses: dict[str, str]
    # The hosts whose Alertmanagers show each other their certificates.
    cluster: Sequence[str] = ()


def inputs_of(variables: HostVariables, fleet: Fleet, host: str) -> TlsInputs | None:
    """What the variables of a host say; None if nothing of it speaks TLS. Raises VariableError for what cannot be
    used.
    """
    grafana_https = variables.is_set(host, "grafana_protocol") and variables.get(host, "grafana_protocol") == "https"
    if not fleet.tls and not grafana_https:
        return None

    def text(name: str) -> str:
        return str(variables.get(host, name) or "")

    folder = text("tls_secrets_dir")
    if not folder.startswith(("/", "~")):
        problem = f"'{folder}' would be another folder for each playbook"
        raise VariableError(
            "tls_secrets_dir (gpu_monitoring_secrets_dir)", host, problem, f"Begin it with / or ~. {_UNCHANGED}"
        )
    reached = text("tls_address") if variables.is_set(host, "tls_address") else fleet.addresses[host]
    inputs = TlsInputs(
        fleet.tls,
        (text(_OWN[0]), text(_OWN[1]), text(_OWN[2])),
        text("tls_ca_private_key"),
        _days(variables, host),
        [reached, *_containers(variables, host)],
        host in fleet.cluster,
        [str(name) for name in variables.get(host, "tls_alternative_names")],
        os.path.expanduser(text("tls_ca_dir")),
        text("tls_exporter_password"),
        os.path.expanduser(text("tls_exporter_password_file")),
        text("tls_prometheus_password"),
        os.path.expanduser(text("tls_prometheus_password_file")),
    )
    _check_own(host, inputs)
    return inputs


def missing(inputs: TlsInputs) -> list[str]:
    """The files of secrets that are not on this controller."""
    return [path for path in inputs.files() if inputs.passwords and not os.path.exists(path)]


class SecretMaker:
    """Makes and reads the secrets of hosts; each password is hashed once, and each folder opened once."""

    def __init__(self, password_of: Callable[[str], str], check_mode: bool) -> None:
        self._password_of = functools.cache(password_of)
        self._hash = functools.cache(web_password_hash)
        self._authority = functools.cache(functools.partial(GivenAuthority, now=datetime.now(timezone.utc)))
        self._check_mode = check_mode
        self.changed = False
        self.diffs: list[str] = []

    def make(self, inputs: dict[str, TlsInputs]) -> dict[str, HostSecrets]:
        """The secrets of the hosts. Raises VariableError for a folder or a value that cannot be used."""
        secrets: dict[str, HostSecrets] = {}
        of_folders: dict[tuple[str, Days], dict[str, TlsInputs]] = {}
        for host, host_inputs in inputs.items():
            secrets[host] = dict(zip(("certificate", "private_key", "ca_certificate"), host_inputs.own))  # type: ignore[assignment]
            if host_inputs.ca_private_key and not host_inputs.own[0]:
                self._derive(host, host_inputs, secrets[host])
            elif not host_inputs.own[2]:
                of_folders.setdefault((host_inputs.ca_dir, host_inputs.days), {})[host] = host_inputs
        for (folder, days), of_folder in of_folders.items():
            self._issue(folder, days, of_folder, secrets)
        for host, host_inputs in inputs.items():
            secrets[host]["certificate_metrics"] = certificate_metrics.text(
                secrets[host]["certificate"], secrets[host]["ca_certificate"]
            )
            if host_inputs.passwords:
                self._add_passwords(host, host_inputs, secrets[host])
        return secrets

    def _derive(self, host: str, inputs: TlsInputs, secrets: HostSecrets) -> None:
        try:
            authority = self._authority(inputs.own[2], inputs.ca_private_key, inputs.days)
            secrets["certificate"], secrets["private_key"] = authority.certificate(host, _content(host, inputs))
        except VariableError:
            raise
        except ValueError as error:
            fix = (
                "Set tls_ca_private_key to the key of the first certificate of tls_ca_certificate, for RSA or ECDSA,"
                f" without a passphrase. {_UNCHANGED}"
            )
            raise VariableError("tls_ca_private_key", host, f"it cannot be used: {error}", fix) from error

    def _issue(self, path: str, days: Days, inputs: dict[str, TlsInputs], secrets: dict[str, HostSecrets]) -> None:
        folder = CertificateFolder(path, days, self._check_mode)
        try:
            with folder.opened():
                for host, host_inputs in inputs.items():
                    pair = folder.reconcile(host, _content(host, host_inputs))
                    self.changed = self.changed or pair.changed
                    self.diffs += [pair.diff] if pair.changed else []
                    secrets[host]["certificate"] = certificates.certificate_pem(pair.host).decode()
                    secrets[host]["private_key"] = certificates.key_pem(pair.host).decode()
                    secrets[host]["ca_certificate"] = certificates.certificate_pem(pair.ca).decode()
        except VariableError:
            raise
        except ValueError as error:
            problem, _stop, fix = str(error).partition(". ")
            raise VariableError(
                "tls_ca_dir", next(iter(inputs)), problem, fix or "Correct it on the controller"
            ) from error

    def _add_passwords(self, host: str, inputs: TlsInputs, secrets: HostSecrets) -> None:
        exporter = self._password(
            host, "tls_exporter_password", inputs.exporter_password, inputs.exporter_password_file
        )
        prometheus = self._password(
            host, "tls_prometheus_password", inputs.prometheus_password, inputs.prometheus_password_file
        )
        secrets["exporter_password"], secrets["prometheus_password"] = exporter, prometheus
        secrets["exporter_password_bcrypt"] = self._hashed("tls_exporter_password", host, exporter, "bcrypt")
        secrets["exporter_password_sha512"] = self._hashed("tls_exporter_password", host, exporter, "sha512")
        secrets["prometheus_password_bcrypt"] = self._hashed("tls_prometheus_password", host, prometheus, "bcrypt")

    def _password(self, host: str, variable: str, given: str, file: str) -> str:
        password = given or self._password_of(file)
        problem = secret_values.password_problem(password, secret_values.BCRYPT_BYTES)
        if problem:
            raise VariableError(variable if given else f"{variable}_file ({file})", host, problem.problem, problem.fix)
        return password

    def _hashed(self, variable: str, host: str, password: str, algorithm: str) -> str:
        try:
            return self._hash(password, _USER, algorithm)
        except AnsibleError as error:
            problem, _stop, fix = str(error).partition(". ")
            raise VariableError(variable, host, problem, fix) from error


def _containers(variables: HostVariables, host: str) -> list[str]:
    """The names of containers by which a monitoring host reaches its own services."""
    if host not in variables.groups.get("monitoring", [host]):
        return []
    alertmanager = [_ALERTMANAGER] if variables.is_true(host, "alertmanager_enabled") else []
    store = [victoria_metrics.CONTAINER] if victoria_metrics.is_enabled(variables, host) else []
    exporters = ["cadvisor-proxy", "dcgm-exporter"] if host in variables.in_groups("gpu_hosts") else []
    return [*alertmanager, "prometheus", *store, "node-exporter", *exporters]


def _days(variables: HostVariables, host: str) -> Days:
    days = Days(*(int(variables.get(host, f"tls_{name}_days")) for name in Days._fields))
    out_of_range = days.problem("tls_")
    if out_of_range:
        option, problem, fix = out_of_range
        raise VariableError(option, host, problem, fix)
    return days


def _check_own(host: str, inputs: TlsInputs) -> None:
    given = [name for name, value in zip(_OWN, inputs.own) if value]
    if inputs.ca_private_key and not inputs.own[2]:
        raise VariableError(
            "tls_ca_private_key",
            host,
            "tls_ca_certificate is not set",
            f"Set it to the certificate of the same authority. {_UNCHANGED}",
        )
    if inputs.ca_private_key and given == ["tls_ca_certificate"]:
        return
    if given and len(given) < len(_OWN):
        problem = f"of tls_certificate, tls_private_key and tls_ca_certificate only {' and '.join(given)} is set"
        raise VariableError(
            given[0],
            host,
            problem,
            f"Set all three to PEM text, or none to have a private authority made. {_UNCHANGED}",
        )
    if given:
        _general_names(host, inputs.names)
        if not certificates.certificates_of(inputs.own[2]):
            raise VariableError(
                "tls_ca_certificate",
                host,
                "it is not PEM text of certificates",
                f"Set it to the authorities of tls_certificate. {_UNCHANGED}",
            )
        problem = certificate_problem(inputs.own[0], inputs.own[1], inputs.names)
        if problem:
            problem = (
                f"it cannot be used: {problem}. Prometheus and Grafana reach the host by {', '.join(inputs.names)}"
            )
            others = [name for name in inputs.names if name != _ALERTMANAGER]
            without = (
                ", or set alertmanager_enabled to false"
                if not certificate_problem(inputs.own[0], inputs.own[1], others)
                else ""
            )
            fix = (
                "Set another tls_certificate with its tls_private_key, or leave both and tls_ca_certificate"
                f" empty{without}. {_UNCHANGED}"
            )
            raise VariableError("tls_certificate", host, problem, fix)
        if inputs.client and not certificates.is_for_clients(certificates.certificates_of(inputs.own[0])[0]):
            fix = (
                "Set a tls_certificate with the extended key usages clientAuth and serverAuth, or set"
                f" alertmanager_enabled to false on all monitoring hosts but one. {_UNCHANGED}"
            )
            problem = "it is not for clients, and Alertmanager shows it as a client to the other Alertmanagers"
            raise VariableError("tls_certificate", host, problem, fix)


def _content(host: str, inputs: TlsInputs) -> certificates.Content:
    """What the certificate of a host has. The name in the inventory is a label, which belongs there only if it
    is a DNS name or an address.
    """
    names = _general_names(host, [*inputs.names, "localhost", "127.0.0.1", *inputs.alternative_names])
    with contextlib.suppress(ValueError):
        names.insert(0, certificates.general_name(host))
    return certificates.Content(names, inputs.client)


def _general_names(host: str, names: Sequence[str]) -> list[x509.GeneralName]:
    try:
        return [certificates.general_name(name) for name in names]
    except ValueError as error:
        fix = "Write names like gpu1.example.org, gpu_1, 192.0.2.11 or 2001:db8::11"
        raise VariableError(
            "tls_alternative_names", host, f"{error}, as each name in a certificate must be", fix
        ) from error

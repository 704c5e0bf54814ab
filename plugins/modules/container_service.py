#!/usr/bin/python
# Copyright: (c) 2026, mlops.gpu_monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
module: container_service
short_description: Deploy the services of a host, each with its files and its container as one transaction
version_added: "0.1.0"
author:
  - mlops.gpu_monitoring contributors (@mlops)
description:
  - Compares the files and the container of each service with the options, and does only what is needed.
    Changes made by hand are undone.
  - The services are deployed in the given order, all in one remote execution. Each service is a separate transaction,
    with its own result. A service that fails does not stop the next ones. The task fails at its end, and names every
    service that failed with its reason.
  - Before it changes anything that runs, the module pulls the image, checks the ports and validates the new files in
    the new image.
  - After a change, the module waits until the service is healthy. If the service does not become healthy, the module
    restores the previous files and the previous container. The service then fails with the reason and its last lines.
  - A service that needs no change must be healthy too.
  - If the engine stops during a change, the module waits up to a minute for it before it restores the previous state.
  - A journal in C(/var/lib/gpu_monitoring) records each change. If a run was killed, the next run for the service first
    reads the journal. It completes the change if the service was healthy already, and otherwise restores the previous
    state. It does so even if it fails itself afterwards.
  - The previous container stops before the new one starts, because both use the same ports and data. If the run is
    killed between the two, neither runs until the next run. At any other moment one of them runs.
  - Two runs for one service at the same time do not mix. The second one fails.
  - If the start of a container fails at boot, the engine does not try again. An example is a published address or a CDI
    specification that comes late. With systemd, the module installs the unit C(gpu-monitoring-services.service), which
    starts such a container again. systemd reads the unit at the next boot, without a daemon-reload.
  - The module does not touch a container of the same name that it did not create. With O(services[].state=present)
    such a container is an error.
attributes:
  check_mode:
    description:
      - Makes the same plan and changes nothing. On a host without an engine, the result says what would be created.
      - If a run was killed, the result says that its change would be cleared up, and compares with the files as they
        are.
    support: full
  diff_mode:
    description: Shows files as text, and changed options of the container. Secret files appear without their content.
    support: full
  idempotent:
    description:
      - Changes nothing if the files and the container match the options. The module compares with what the Docker
        engine reports, not only with the options of the last run.
    support: full
options:
  services:
    description: The services, in the order in which they are deployed.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the service.
        type: str
        required: true
      container_name:
        description:
          - Name of the container, by default O(services[].name). Containers of the same networks reach the service
            by both names.
          - The module finds the service's container by its label. A container that somebody renamed, or that had
            another name before, is replaced.
        type: str
      state:
        description:
          - V(absent) removes the container, the files and the networks that nobody else has, and volumes only with
            O(services[].remove_data).
          - V(present) removes no volume.
          - >-
            On a host that no longer has an engine, V(absent) removes the files, and warns of what cannot be looked for.
            A host whose engine is installed and does not answer is an error.
        type: str
        choices: [present, absent]
        default: present
      remove_data:
        description:
          - With O(services[].state=absent), whether the volumes that were made for the service, and its files with
            C(force=false), go too.
        type: bool
        default: false
      image:
        description: Image reference, with a tag or a digest. Required if O(services[].state=present).
        type: str
      pull:
        description: When to pull the image.
        type: str
        choices: [missing, always, never]
        default: missing
      also_pull:
        description:
          - Images of other services that this service needs. If they cannot be pulled, nothing is changed.
        type: list
        elements: str
        default: []
      bundled_images:
        description: The images of O(bundle) by their names on the host. Tasks leave it out.
        type: dict
        default: {}
      command:
        description: Command of the container. The default is the command of the image.
        type: list
        elements: str
      env:
        description:
          - Environment variables, as text or numbers. They are shown by C(docker inspect), so secrets belong in
            O(services[].secret_files).
        type: dict
        default: {}
      user:
        description: User and group that the container runs as. The default is the user of the image.
        type: str
      userns_mode:
        description:
          - V(host) leaves the container out of the engine's C(userns-remap), for a service that reads files of the
            host. It changes nothing if the engine has no C(userns-remap).
        type: str
        choices: [host]
      pid_mode:
        description:
          - >-
            V(host) shows the container the processes of the host with their ids. A service needs this to ask the driver
            of the GPUs for processes.
        type: str
        choices: [host]
      hostname:
        description: Host name inside the container.
        type: str
      mounts:
        description: Directories and volumes in the container.
        type: list
        elements: dict
        default: []
        suboptions:
          type:
            description: Kind of the mount.
            type: str
            choices: [bind, volume]
            default: bind
          source:
            description:
              - >-
                Path on the host or name of the volume. A missing volume is created, and so is a folder that holds
                O(services[].files).
            type: str
            required: true
          target:
            description: Path in the container.
            type: str
            required: true
          read_only:
            description: Whether the container can only read it.
            type: bool
            default: false
          adopt:
            description:
              - Whether to use an existing volume that the module did not create for this service. V(false) fails
                instead, before anything changes.
              - A volume that the service has used before is never refused.
            type: bool
            default: true
          recursive:
            description:
              - >-
                Whether the container sees what is mounted below a folder of the host too. With V(true) the container
                can keep such a file system mounted after the host unmounted the file system.
            type: bool
            default: true
          create_mountpoint:
            description:
              - Whether the engine creates a missing folder of the host at each start of the container. Without this
                option, the start fails. A folder below C(/run) does not survive a boot.
              - Docker 22 and older ignore the option. See C(BindOptions.CreateMountpoint) of
                U(https://docs.docker.com/reference/api/engine/version/v1.47/).
            type: bool
            default: false
          owner:
            description:
              - User and group of the container, as C(UID:GID), to whom an empty volume is given before the container
                starts. Set it if the image has no folder of that user at the path. A volume with data is left
                unchanged.
            type: str
            default: ""
      tmpfs:
        description: Paths in the container that are kept in memory, as C(path[:options]).
        type: list
        elements: str
        default: []
      networks:
        description:
          - >-
            Docker networks of the container. Missing networks are created as bridges. O(services[].health) and
            O(services[].reload) use the first network.
          - V(none) as the only network leaves the container without a network.
        type: list
        elements: str
        default: []
      ports:
        description: Ports that the host publishes.
        type: list
        elements: dict
        default: []
        suboptions:
          container_port:
            description: Port in the container.
            type: int
            required: true
          host_port:
            description: Port of the host.
            type: int
            required: true
          address:
            description: IP address of the host to listen on.
            type: str
            default: 127.0.0.1
          variable:
            description: Name of the variable that sets C(host_port), for errors.
            type: str
            default: host_port
      cap_add:
        description: Capabilities to add.
        type: list
        elements: str
        default: []
      cap_drop:
        description: Capabilities to drop.
        type: list
        elements: str
        default: []
      read_only:
        description: Whether the root filesystem is read-only.
        type: bool
        default: false
      security_opts:
        description:
          - Security options, such as C(no-new-privileges).
          - If the engine has SELinux enabled, a container with a folder of the host gets C(label=disable), unless
            an option here begins with C(label). With O(services[].pid_mode=host) Docker itself adds C(label=disable).
        type: list
        elements: str
        default: []
      devices:
        description: Devices of the host, as C(source[:target[:permissions]]).
        type: list
        elements: str
        default: []
      gpus:
        description:
          - How the container gets all NVIDIA GPUs of the host.
          - >-
            V(auto) uses CDI if the engine reads CDI specifications and has one for NVIDIA GPUs, otherwise the runtime
            C(nvidia).
          - With the runtime, C(NVIDIA_VISIBLE_DEVICES) and C(NVIDIA_DRIVER_CAPABILITIES) are set if neither the
            image nor O(services[].env) does.
        type: str
        choices: [none, auto, cdi, runtime]
        default: none
      memory:
        description: Memory limit in Docker's notation, such as V(512m).
        type: str
      cpus:
        description: How many CPUs the container may use, such as V(1.5). V(0) sets no limit.
        type: float
        default: 0
      pids_limit:
        description: Limit of processes.
        type: int
      ulimits:
        description: Limits of the kernel by name, such as C(nofile). The value is the soft and the hard limit.
        type: dict
        default: {}
      labels:
        description: Labels of the container.
        type: dict
        default: {}
      log_driver:
        description:
          - >-
            Log driver of the container, as in C(docker run --log-driver). With a driver whose logs cannot be read,
            errors do not show the output of the container.
        type: str
        default: json-file
      log_options:
        description:
          - >-
            Options of O(services[].log_driver). With V(json-file) and V(local), the default of C(max-size) is 10m, and
            the default of C(max-file) is 3.
        type: dict
        default: {}
      restart_policy:
        description: When the engine starts the container again.
        type: str
        choices: ['no', always, on-failure, unless-stopped]
        default: unless-stopped
      stop_timeout:
        description: Seconds to wait for the end of the service before it is killed.
        type: int
        default: 10
      files:
        description:
          - Files of the service. They should be in directories that are mounted whole, since a single mounted file
            does not follow a rename.
        type: list
        elements: dict
        default: []
        suboptions:
          path:
            description: Path on the host.
            type: path
            required: true
          content:
            description: Content of the file.
            type: str
            required: true
          mode:
            description: Permission bits, octal.
            type: str
            default: "0644"
          owner:
            description:
              - Owner, a name that the host knows, or the number of a user of the container. The number is that of the
                host too, unless C(userns-remap) makes another of it.
            type: str
            default: root
          group:
            description: Group, a name that the host knows, or the number of a group of the container.
            type: str
            default: root
          force:
            description: V(false) writes the file only if it does not exist, and never changes its content.
            type: bool
            default: true
          on_change:
            description: What the service needs when the file changes.
            type: str
            choices: [none, reload, recreate]
            default: recreate
      secret_files:
        description: The same for files whose content is never shown.
        type: list
        elements: dict
        default: []
        suboptions:
          path:
            description: Path on the host.
            type: path
            required: true
          content:
            description: Content of the file. It is never shown.
            type: str
            required: true
          mode:
            description: Permission bits, octal.
            type: str
            default: "0600"
          owner:
            description:
              - Owner, a name that the host knows, or the number of a user of the container. The number is that of the
                host too, unless C(userns-remap) makes another of it.
            type: str
            default: root
          group:
            description: Group, a name that the host knows, or the number of a group of the container.
            type: str
            default: root
          force:
            description: V(false) writes the file only if it does not exist, and never changes its content.
            type: bool
            default: true
          on_change:
            description: What the service needs when the file changes.
            type: str
            choices: [none, reload, recreate]
            default: recreate
      validate:
        description:
          - A check of the new files before they are put in place. It sees the mounted folders as they will be, but no
            volume and no network.
        type: dict
        suboptions:
          command:
            description:
              - Program and arguments, run in a container of the new image with the staged files where the mounts put
                them.
            type: list
            elements: str
            required: true
          further_commands:
            description:
              - >-
                Further programs with their arguments, which run one after the other if O(services[].validate.command)
                accepts the files. The first one that ends with an error decides.
            type: list
            elements: list
            default: []
          advice:
            description: What the error says after the command, such as the variables to correct. Whole sentences.
            type: str
            default: ""
      reload:
        description: How to reload files whose C(on_change) is V(reload).
        type: dict
        suboptions:
          signal:
            description: Signal to the container's first process.
            type: str
          http:
            description: A request to the container.
            type: dict
            suboptions:
              port:
                description: Port in the container.
                type: int
                required: true
              path:
                description: Path of the URL.
                type: str
                required: true
              scheme:
                description:
                  - V(https) for a service that speaks TLS. Its certificate is not checked, since it is this host's own
                    container that is asked.
                type: str
                choices: [http, https]
                default: http
              username:
                description: Name for basic authentication.
                type: str
              password_file:
                description:
                  - File of the host that holds the password of C(username), such as one of O(services[].secret_files).
                type: path
              method:
                description: Method of the request.
                type: str
                default: POST
      health:
        description:
          - When the service counts as healthy, by one of C(http), C(command) and C(image). Without them, when it has
            stayed up for a second.
        type: dict
        suboptions:
          http:
            description: A request from the host to the container's own address.
            type: dict
            suboptions:
              port:
                description: Port in the container.
                type: int
                required: true
              path:
                description: Path of the URL.
                type: str
                required: true
              scheme:
                description:
                  - V(https) for a service that speaks TLS. Its certificate is not checked, since it is this host's own
                    container that is asked.
                type: str
                choices: [http, https]
                default: http
              username:
                description: Name for basic authentication.
                type: str
              password_file:
                description:
                  - File of the host that holds the password of C(username), such as one of O(services[].secret_files).
                type: path
              status:
                description: Status of the answer.
                type: int
                default: 200
          command:
            description: A command in the container that ends with 0.
            type: list
            elements: str
          image:
            description: Whether the image's own health check decides.
            type: bool
            default: false
          log_hints:
            description:
              - >-
                Explanations of lines of the container's log. If the service does not become healthy, the first one that
                matches is added to the error.
            type: list
            elements: dict
            default: []
            suboptions:
              pattern:
                description: Regular expression that is searched for in the lines.
                type: str
                required: true
              text:
                description: The sentences to add.
                type: str
                required: true
          timeout:
            description:
              - >-
                Seconds to wait. With O(services[].health.progress), seconds without progress, and the wait has no other
                limit.
              - A container that ends or that the engine restarts fails at once.
            type: int
            default: 60
          progress:
            description:
              - >-
                Regular expression for lines of the container's log that show that a start makes progress, such as steps
                of a migration. After such a line O(services[].health.timeout) begins again.
              - A text that the expression matched since the container's start does not count a second time. So the
                expression must match what differs from step to step, and no time of day.
              - >-
                Lines count that the container wrote since its start. If the log driver does not let logs be read, no
                line counts.
            type: str
            default: ""
          variable:
            description: Name of the variable that sets O(services[].health.timeout), for errors.
            type: str
            default: health.timeout
      data:
        description:
          - Data in a volume that the program changes for a new version. A version that does not read the data of the
            version that last ran on the volume is refused before anything changes. Without
            O(services[].data.oldest_reader), that is every older version.
          - If the versions differ, O(services[].data.files) are copied while neither container runs. When the
            deployment fails, the copy is restored together with the previous container. If the host does not see the
            files, the previous container is restored and not started.
          - >-
            An image whose tag names no version, such as V(latest), counts as another version than any other image. So
            does an image to which the tag was moved.
          - >-
            An interrupted deployment of another version is not undone if O(services[].image) is the same again and the
            container is healthy. The data may have changed since.
          - >-
            The copy needs twice the size of the files and 256 MiB on the disk of the volume. With less free space, the
            deployment is refused before anything changes.
          - If the previous version reads the data of the new version, nothing is copied, and the data stays.
          - The version is kept in C(/var/lib/gpu_monitoring). If no version is known and
            O(services[].data.oldest_reader) is not given, tags of the images of containers with that volume count.
        type: dict
        suboptions:
          version:
            description: >-
              Version of the program in O(services[].image), such as V(12.4.10). Others than numbers are not compared.
            type: str
            required: true
          volume:
            description: Volume of O(services[].mounts) with the data.
            type: str
            required: true
          files:
            description: >-
              Paths in the volume of the files that a new version changes, such as a database and its journals.
            type: list
            elements: str
            required: true
          derived:
            description:
              - >-
                Paths in the volume of folders that the program makes again from O(services[].data.files), such as a
                search index. They are removed when the copy of the files is restored.
            type: list
            elements: str
            default: []
          oldest_reader:
            description:
              - >-
                Oldest version that reads the data that O(services[].data.version) writes, such as V(2.55). The newest
                such version of all deployments counts until the volume is removed.
            type: str
            default: ""
          allow_older:
            description: Whether an older version may start on the data, such as after a restored backup.
            type: bool
            default: false
          advice:
            description: What to do, at the end of the error about an older version.
            type: str
            default: ""
  deferred:
    description:
      - V(true) only collects the services, without a remote execution. A later task of the same play with
        O(deferred=false) deploys the collected services of the host and its own, all in one remote execution.
      - Collected services are kept in the temporary folder of the run on the controller, which only its user can read.
      - A play must have such a task itself, not in an included file. Its conditions must be true already when services
        are collected.
      - O(docker_host), O(registry) with its login, and the options of networks must be the same for all services of one
        remote execution.
    type: bool
    default: false
  warnings:
    description: Sentences that the task shows as warnings, such as why a role leaves a service out.
    type: list
    elements: str
    default: []
  bundle:
    description:
      - >-
        Folder on the controller with a bundle of M(mlops.gpu_monitoring.image_bundle). An image of a service then
        counts as present only with a digest of the bundle. An image that the bundle lacks is an error.
      - >-
        An image is pulled only from a registry of C(gpu_monitoring_registry) or C(gpu_monitoring_registries). A pulled
        image must be that of the bundle.
      - O(services[].image) must come from the variable of a role, such as C(prometheus_image).
    type: path
    default: ""
  docker_host:
    description: The engine's Unix socket, as C(unix:///path).
    type: str
    default: unix:///var/run/docker.sock
  registry:
    description:
      - >-
        Registry to log in to with O(registry_username), as C(host[:port]), or with the path of its images. If empty,
        Docker Hub.
      - Another registry never gets this login. It gets what C(docker login) left in C(~/.docker/config.json) of the
        user that the module runs as, credential helpers included. A helper that does not work is a warning, and the
        pull continues without credentials.
    type: str
    default: ""
  registry_username:
    description:
      - User of O(registry), for pulling images. If empty, C(~/.docker/config.json) is used for all registries.
    type: str
    default: ""
  registry_password:
    description: Password or access token of O(registry_username).
    type: str
    default: ""
  registry_ca:
    description:
      - >-
        PEM text of the authorities that signed the certificates of O(registry) and O(mirrors). The module writes them
        to C(/etc/docker/certs.d/HOST[:PORT]/ca.crt), which the engine reads at each pull, without a restart.
      - >-
        A file there that the module did not write is never changed. It is an error if the file lacks the certificate.
      - If empty, the module removes the file that it wrote.
    type: str
    default: ""
  mirrors:
    description:
      - Registries from which images come instead of upstream ones, as C(host[:port]) or with a path. O(registry_ca) is
        for them too, and O(registry_username) if O(registry) is empty and all of them are one registry.
    type: list
    elements: str
    default: []
  network_subnet:
    description:
      - >-
        IPv4 subnet of networks of O(services[].networks) that the module makes, such as V(10.213.0.0/24). If empty, the
        engine chooses a subnet. An existing network is never changed, and a warning reports a difference.
    type: str
    default: ""
  network_mtu:
    description: MTU of networks that the module makes. With V(0), the engine's MTU is used.
    type: int
    default: 0
"""

EXAMPLES = r"""
- name: Deploy Prometheus
  mlops.gpu_monitoring.container_service:
    services:
      - name: prometheus
        image: docker.io/prom/prometheus:v3.13.5
        command:
          - --config.file=/etc/prometheus/prometheus.yml
          - --storage.tsdb.path=/prometheus
          - --web.enable-lifecycle
        files:
          - path: /etc/gpu_monitoring/prometheus/prometheus.yml
            content: "{{ lookup('ansible.builtin.template', 'prometheus.yml.j2') }}"
            on_change: reload
        mounts:
          - {type: bind, source: /etc/gpu_monitoring/prometheus, target: /etc/prometheus, read_only: true}
          - {type: volume, source: prometheus-data, target: /prometheus}
        networks: [monitoring]
        ports:
          - {container_port: 9090, host_port: 9090}
        validate:
          command: [promtool, check, config, /etc/prometheus/prometheus.yml]
        reload:
          http: {port: 9090, path: /-/reload}
        health:
          http: {port: 9090, path: /-/ready}

- name: Collect a service that a later task deploys
  mlops.gpu_monitoring.container_service:
    services:
      - name: node-exporter
        image: docker.io/prom/node-exporter:v1.12.1
    deferred: true

- name: Deploy the collected services
  mlops.gpu_monitoring.container_service:
    services: []

- name: Remove two services
  mlops.gpu_monitoring.container_service:
    services:
      - {name: prometheus, state: absent}
      - {name: node-exporter, state: absent}
"""

RETURN = r"""
collected:
  description: Names of all services of the host that the play has collected so far.
  returned: O(deferred=true)
  type: list
  elements: str
  sample: [node-exporter, cadvisor]
services:
  description: The result of each service, in the order of O(services), the collected ones first.
  returned: O(deferred=false)
  type: list
  elements: dict
  contains:
    name: {description: Name of the service., type: str, sample: prometheus}
    changed: {description: Whether the service changed., type: bool, sample: true}
    failed: {description: Whether the service failed. It is then as it was before., type: bool, sample: false}
    msg: {description: Why the service failed; empty if it did not., type: str, sample: ""}
    actions:
      description: What was done, or in check mode would be, in order.
      type: list
      elements: str
      sample: ["write /etc/gpu_monitoring/prometheus/prometheus.yml", "reload"]
    data:
      description: Which of the actions delete data permanently. Empty unless O(services[].state=absent).
      type: list
      elements: str
      sample: ["volume prometheus-data"]
    diff:
      description: What changed, in Ansible's form of a diff. The task's own diff has those of all services.
      type: list
      elements: dict
      sample: []
    container:
      description: The container; in check mode as it was before, and empty if it did not exist.
      type: dict
      contains:
        id: {description: Id of the container., type: str, sample: 4f0c1a}
        name: {description: Name of the container., type: str, sample: prometheus}
        image: {description: Image reference., type: str, sample: "docker.io/prom/prometheus:v3.13.5"}
        image_id: {description: Id of the image., type: str, sample: "sha256:0d1e"}
        status: {description: State of the container., type: str, sample: running}
        ip: {description: "IP address on the first of O(services[].networks).", type: str, sample: 172.18.0.2}
        networks: {description: IP addresses by network., type: dict, sample: {monitoring: 172.18.0.2}}
"""

from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.module import Module
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service import (
    boot_unit,
    bundled,
    deployment,
    networks,
    options,
    registry_ca,
    registry_login,
    state,
)
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.engine import Engine, EngineUnreachable
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.service.errors import ServiceError


def _http(**more):
    return {
        "type": "dict",
        "required_together": [("username", "password_file")],
        "options": {
            "port": {"type": "int", "required": True},
            "path": {"type": "str", "required": True},
            "scheme": {"type": "str", "choices": ["http", "https"], "default": "http"},
            "username": {"type": "str"},
            "password_file": {"type": "path", "no_log": False},
            **more,
        },
    }


def _file(mode, secret):
    return {
        "path": {"type": "path", "required": True},
        "content": {"type": "str", "required": True, "no_log": secret},
        "mode": {"type": "str", "default": mode},
        "owner": {"type": "str", "default": "root"},
        "group": {"type": "str", "default": "root"},
        "force": {"type": "bool", "default": True},
        "on_change": {"type": "str", "choices": ["none", "reload", "recreate"], "default": "recreate"},
    }


SERVICE = {
    "name": {"type": "str", "required": True},
    "container_name": {"type": "str"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "remove_data": {"type": "bool", "default": False},
    "image": {"type": "str"},
    "pull": {"type": "str", "choices": ["missing", "always", "never"], "default": "missing"},
    "also_pull": {"type": "list", "elements": "str", "default": []},
    "bundled_images": bundled.OPTION,
    "command": {"type": "list", "elements": "str"},
    "env": {"type": "dict", "default": {}},
    "user": {"type": "str"},
    "userns_mode": {"type": "str", "choices": ["host"]},
    "pid_mode": {"type": "str", "choices": ["host"]},
    "hostname": {"type": "str"},
    "mounts": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "type": {"type": "str", "choices": ["bind", "volume"], "default": "bind"},
            "source": {"type": "str", "required": True},
            "target": {"type": "str", "required": True},
            "read_only": {"type": "bool", "default": False},
            "adopt": {"type": "bool", "default": True},
            "recursive": {"type": "bool", "default": True},
            "create_mountpoint": {"type": "bool", "default": False},
            "owner": {"type": "str", "default": ""},
        },
    },
    "tmpfs": {"type": "list", "elements": "str", "default": []},
    "networks": {"type": "list", "elements": "str", "default": []},
    "ports": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "container_port": {"type": "int", "required": True},
            "host_port": {"type": "int", "required": True},
            "address": {"type": "str", "default": "127.0.0.1"},
            "variable": {"type": "str", "default": "host_port"},
        },
    },
    "cap_add": {"type": "list", "elements": "str", "default": []},
    "cap_drop": {"type": "list", "elements": "str", "default": []},
    "read_only": {"type": "bool", "default": False},
    "security_opts": {"type": "list", "elements": "str", "default": []},
    "devices": {"type": "list", "elements": "str", "default": []},
    "gpus": {"type": "str", "choices": ["none", "auto", "cdi", "runtime"], "default": "none"},
    "memory": {"type": "str"},
    "cpus": {"type": "float", "default": 0},
    "pids_limit": {"type": "int"},
    "ulimits": {"type": "dict", "default": {}},
    "labels": {"type": "dict", "default": {}},
    "log_driver": {"type": "str", "default": "json-file"},
    "log_options": {"type": "dict", "default": {}},
    "restart_policy": {
        "type": "str",
        "choices": ["no", "always", "on-failure", "unless-stopped"],
        "default": "unless-stopped",
    },
    "stop_timeout": {"type": "int", "default": 10},
    "files": {"type": "list", "elements": "dict", "default": [], "options": _file("0644", False)},
    "secret_files": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "no_log": False,
        "options": _file("0600", True),
    },
    "validate": {
        "type": "dict",
        "options": {
            "command": {"type": "list", "elements": "str", "required": True},
            "further_commands": {"type": "list", "elements": "list", "default": []},
            "advice": {"type": "str", "default": ""},
        },
    },
    "reload": {
        "type": "dict",
        "mutually_exclusive": [("signal", "http")],
        "options": {
            "signal": {"type": "str"},
            "http": _http(method={"type": "str", "default": "POST"}),
        },
    },
    "health": {
        "type": "dict",
        "mutually_exclusive": [("http", "command")],
        "options": {
            "http": _http(status={"type": "int", "default": 200}),
            "command": {"type": "list", "elements": "str"},
            "image": {"type": "bool", "default": False},
            "log_hints": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {name: {"type": "str", "required": True} for name in ("pattern", "text")},
            },
            "timeout": {"type": "int", "default": 60},
            "progress": {"type": "str", "default": ""},
            "variable": {"type": "str", "default": "health.timeout"},
        },
    },
    "data": {
        "type": "dict",
        "options": {
            "version": {"type": "str", "required": True},
            "volume": {"type": "str", "required": True},
            "files": {"type": "list", "elements": "str", "required": True},
            "derived": {"type": "list", "elements": "str", "default": []},
            "oldest_reader": {"type": "str", "default": ""},
            "allow_older": {"type": "bool", "default": False},
            "advice": {"type": "str", "default": ""},
        },
    },
}

ARGUMENTS = {
    "services": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": SERVICE,
        "required_if": [("state", "present", ["image"])],
    },
    "bundle": {"type": "path", "default": ""},
    "deferred": {"type": "bool", "default": False},
    "warnings": {"type": "list", "elements": "str", "default": []},
    "docker_host": {"type": "str", "default": "unix:///var/run/docker.sock"},
    **registry_login.OPTIONS,
    **networks.OPTIONS,
}


def _connect(module):
    """The engine; None on a host that has none: in check mode, and if services are only removed."""
    try:
        return Engine(module.params["docker_host"], registry_login.given(module.params), networks.given(module.params))
    except EngineUnreachable as error:
        if any(service["state"] == "present" for service in module.params["services"]):
            if not module.check_mode:
                raise
            module.warn(f"{error} The result says what would be created on a host without services.")
            return None
        if module.get_bin_path("dockerd") and not module.check_mode:
            raise ServiceError(
                f"{error.reason} A Docker engine is installed, and may have containers of the services."
                " Nothing was removed."
            ) from error
        module.warn(
            "No Docker engine answers on this host, so the containers, networks and volumes of the"
            " services were not removed. Data in the folder of an engine, such as /var/lib/docker, stays."
            " The files of the services are removed."
        )
        return None


def _settle_boot_unit(module, services):
    """The changes of the unit that starts services after a boot. A host on which it cannot be written is warned of."""
    socket_path = module.params["docker_host"].partition("://")[2]
    try:
        return boot_unit.settle(socket_path, state.MEMORY_FOLDER, services, module.check_mode)
    except ServiceError as error:
        module.warn(f"{error} A service whose start fails at the next boot is not started again.")
        return []


def main():
    """Runs the module."""
    module = Module(ARGUMENTS, supports_check_mode=True)
    try:
        deployment.refuse_duplicates(service["name"] for service in module.params["services"])
        engine = _connect(module)
        trusted = registry_ca.of_options(module.params, module.check_mode)
    except ServiceError as error:
        module.fail_json(msg=str(error))
    services = [options.parse(service) for service in module.params["services"]]
    results = deployment.deploy(engine, services, module.check_mode)
    boot_changes = _settle_boot_unit(module, services)
    warnings = [*(engine.warnings if engine else []), *(line for result in results for line in result.pop("warnings"))]
    for warning in dict.fromkeys(warnings):
        module.warn(warning)
    outcome = {
        "changed": any(result["changed"] for result in results) or bool(trusted) or bool(boot_changes),
        "services": results,
        "diff": trusted + [change for result in results for change in result["diff"]] + boot_changes,
    }
    failure = deployment.failure(results)
    if failure:
        module.fail_json(msg=failure, **outcome)
    module.exit_json(**outcome)


if __name__ == "__main__":
    main()

"""The real Alertmanager and amtool with the files of the role: accepted settings, receivers of notifications, and
suppressed alerts.
"""

from __future__ import annotations

import http.server
import json
import re
import subprocess
import threading
from pathlib import Path

import pytest
import requests
import yaml
from ansible_collections.mlops.gpu_monitoring.plugins.plugin_utils.specifications import check

from tests.lab import images
from tests.rules.servers import free_address, wait_until
from tests.unit.plugins.plugin_utils.inventory import host_variables
from tests.unit.roles.rendering import fleet, service

ROOT = Path(__file__).resolve().parents[2]
MONITOR = {"monitor1": {"ansible_host": "10.0.0.9"}}
ONCALL = {"name": "oncall", "webhook": {"url_file": "secrets/hook"}}
XID = {"alertname": "GpuXidRestartHost", "severity": "page", "host": "gpu1", "UUID": "GPU-1", "gpu": "3"}
TEXTS = {
    "summary": 'XID 79 on GPU 3 ("H100") of gpu1: it fell <off>',
    "description": "Move work away: restart.\nThen look.",
}


@pytest.fixture(scope="session")
def image():
    """The lab's Alertmanager, built if it does not exist."""
    return images.build("alertmanager", {"LAB_BASE": images.build("base", {})})


@pytest.fixture
def deployed(tmp_path):
    """The role's service, and the folder with its files as the container gets it."""

    def render(**variables):
        options = service(
            "alertmanager",
            "alertmanager",
            fleet({}, MONITOR, {"gpu_monitoring_tls": False, **variables}),
            "monitor1",
            tmp_path,
        )
        folder = tmp_path / "etc"
        for file in options["files"] + options["secret_files"]:
            path = folder / Path(file["path"]).relative_to("/etc/gpu_monitoring/alertmanager")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(file["content"])
        folder.chmod(0o755)
        return options, folder

    tmp_path.chmod(0o755)
    return render


def validated(image, options, folder):
    """What the first command that refuses the files says; empty if all accept them."""
    for command in [options["validate"]["command"], *options["validate"]["further_commands"]]:
        start = [
            "docker",
            "run",
            "--rm",
            "--network=none",
            "--read-only",
            f"--volume={folder}:/etc/alertmanager:ro",
            f"--entrypoint={command[0]}",
            image,
        ]
        run = subprocess.run(
            [*start, *command[1:]], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=60
        )
        if run.returncode:
            return run.stdout
    return ""


EVERYTHING = {
    "alertmanager_secret_files": {"hook": "http://127.0.0.1:9/"},
    "alertmanager_receivers": [
        {
            "name": "oncall",
            "email": {
                "to": ["a@example.com", "b@example.com"],
                "auth_username": "a",
                "auth_password_file": "secrets/hook",
            },
            "slack": {"api_url_file": "secrets/hook", "channel": "#gpu"},
            "teams": {"webhook_url_file": "secrets/hook"},
            "webhook": {"url_file": "secrets/hook"},
            "pagerduty": {"routing_key_file": "secrets/hook"},
            "telegram": {"bot_token_file": "secrets/hook", "chat_id": "-1001"},
            "ntfy": {"url": "https://ntfy.example.com", "topic": "gpu", "token_file": "secrets/hook"},
        },
        {"name": "chat", "discord_configs": [{"webhook_url_file": "secrets/hook"}]},
    ],
    "alertmanager_global": {"smtp_smarthost": "mail.example.com:587", "smtp_from": "a@example.com"},
    "alertmanager_time_intervals": [
        {"name": "night", "time_intervals": [{"times": [{"start_time": "22:00", "end_time": "24:00"}]}]}
    ],
    "alertmanager_route": {
        "receiver": "chat",
        "routes": [
            {"matchers": ['severity="page"'], "receiver": "oncall", "continue": True},
            {"matchers": ["team=ml"], "mute_time_intervals": ["night"]},
        ],
    },
    "alertmanager_route_tests": [
        {"labels": {"severity": "page", "host": 'a "b"'}, "receiver": "oncall"},
        {"labels": {"severity": "page", "team": "ml"}, "receiver": ["oncall", "chat"]},
        {"labels": {"alertname": "Watchdog"}, "receiver": "nobody"},
    ],
    "alertmanager_inhibit_rules_extra": [{"source_matchers": ["a=b"], "target_matchers": ["c=d"], "equal": ["host"]}],
    "alertmanager_templates": {"site": '{% raw %}{{ define "site.title" }}x{{ end }}{% endraw %}'},
}


def examples():
    """The variables of each example of the documentation with receivers, and the secrets that they name."""
    text = (ROOT / "docs" / "alertmanager.md").read_text()
    loader = type("Loader", (yaml.SafeLoader,), {})
    # The inventory of the test is plain YAML, in which a text is a template.
    loader.add_constructor("!unsafe", lambda _loader, node: "{% raw %}" + node.value + "{% endraw %}")
    secrets = dict.fromkeys(re.findall(r"\bvault_\w+", text), "x")
    blocks = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    return [{**yaml.load(block, loader), **secrets} for block in blocks if "alertmanager_receivers:" in block]  # noqa: S506


@pytest.mark.parametrize("variables", [{}, EVERYTHING], ids=["without receivers", "everything"])
def test_the_configuration_is_accepted(image, deployed, variables):
    assert validated(image, *deployed(**variables)) == ""


@pytest.mark.parametrize("example", examples(), ids=lambda example: ",".join(example["alertmanager_receivers"][0]))
def test_every_example_of_the_documentation_is_accepted(image, deployed, tmp_path, example):
    check(host_variables(tmp_path, {}, MONITOR, example), ["alertmanager"], ["monitor1"])
    assert validated(image, *deployed(**example)) == ""


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        (
            {"alertmanager_route_tests": [{"labels": {"severity": "page"}, "receiver": "chat"}]},
            "oncall\nWARNING: Expected receivers did not match",
        ),
        ({"alertmanager_templates": {"site": "{% raw %}{{ define {% endraw %}"}}, "site.tmpl"),
        (
            {"alertmanager_route": {"receiver": "chat", "group_wiat": "1s"}, "alertmanager_route_tests": []},
            "group_wiat not found",
        ),
    ],
    ids=["test of a route", "template", "unknown setting"],
)
def test_a_mistake_is_refused(image, deployed, variables, words):
    assert words in validated(image, *deployed(**{**EVERYTHING, **variables}))


@pytest.fixture
def rendered(image, deployed, tmp_path):
    """Renders a template of the role for a message about so many alerts that fire and that are resolved."""
    _options, folder = deployed()

    def render(template, firing, resolved):
        urls = {
            "dashboard_url": f"https://monitoring.example.com/{'d' * 70}",
            "runbook_url": f"https://example.com/{'r' * 90}",
        }
        texts = {"summary": f'GPU 3 ("H100"): {"s" * 130}', "description": f"Look: {'d' * 450}.\nThen reset.", **urls}
        states = ["firing"] * firing + ["resolved"] * resolved
        alerts = [{"status": state, "labels": {"alertname": "GpuHot"}, "annotations": texts} for state in states]
        data = {
            "status": states[0],
            "alerts": alerts,
            "groupLabels": {"host": "gpu1"},
            "commonLabels": {},
            "commonAnnotations": {},
            "receiver": "oncall",
        }
        (folder / "data.json").write_text(json.dumps({**data, "externalURL": "https://10.0.0.9:9093"}))
        start = [
            "docker",
            "run",
            "--rm",
            "--network=none",
            f"--volume={folder}:/etc/alertmanager:ro",
            "--entrypoint=amtool",
            image,
        ]
        options = ["--template.glob=/etc/alertmanager/templates/*.tmpl", "--template.data=/etc/alertmanager/data.json"]
        command = [
            *start,
            "template",
            "render",
            *options,
            f'--template.text={{{{ template "gpu_monitoring.{template}" . }}}}',
        ]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout

    return render


def test_a_message_about_many_alerts_is_as_short_as_services_want_it(rendered):
    text = rendered("text", 40, 40)
    assert len(text.encode()) < 24 * 1024
    assert (
        "These are 15 of 40 alerts that fire.\n\nResolved: " in text
        and "These are 15 of 40 alerts that are resolved." in text
    )
    # https://docs.ntfy.sh/publish/#limitations
    message = json.loads(rendered("json_text", 40, 40))
    assert len(message.encode()) < 4096
    assert message.count("GPU 3") == 6 and message.count("These are 3 of 40 alerts") == 2


def test_a_message_about_few_alerts_has_all_of_them(rendered):
    text, message = rendered("text", 2, 1), json.loads(rendered("json_text", 2, 1))
    assert [part.partition("\n")[0].partition(" (")[0] for part in message.split("\n\n")] == [
        "GPU 3",
        "GPU 3",
        "Resolved: GPU 3",
    ]
    assert text.partition("\n\nAlertmanager: ")[0] == message and "These are" not in text


@pytest.fixture
def hook():
    """An HTTP server of this test, and the requests that it got: path, login and body."""
    got = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            got.append((self.path, self.headers.get("Authorization"), body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_arguments):
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", got
    server.shutdown()
    server.server_close()


@pytest.fixture
def running(image, deployed):
    """Starts Alertmanager with the role's files and command, and returns a function that sends it alerts."""
    containers = []

    def start(**variables):
        options, folder = deployed(**variables)
        address = free_address()
        command = [
            "docker",
            "run",
            "--rm",
            "--detach",
            "--network=host",
            f"--volume={folder}:/etc/alertmanager:ro",
            image,
            *options["command"],
        ]
        started = subprocess.run(
            [*command, f"--web.listen-address={address}"], check=True, capture_output=True, text=True
        )
        containers.append(started.stdout.strip())
        wait_until(lambda: requests.get(f"http://{address}/-/ready", timeout=10).ok, "Alertmanager is not ready")

        def send(*alerts):
            body = [{"labels": labels, "annotations": TEXTS} for labels in alerts]
            requests.post(f"http://{address}/api/v2/alerts", json=body, timeout=10).raise_for_status()

        return send

    yield start
    for container in containers:
        subprocess.run(["docker", "rm", "--force", container], check=True, capture_output=True)


@pytest.mark.long
def test_one_message_for_a_gpu_that_fell_off_the_bus_and_one_heartbeat(running, hook):
    url, got = hook
    send = running(
        alertmanager_receivers=[
            {
                "name": "oncall",
                "webhook": {"url_file": "secrets/page"},
                "ntfy": {"url": f"{url}/", "topic": "12", "token_file": "secrets/token"},
            },
            {"name": "judge", "webhook": {"url_file": "secrets/judge"}},
        ],
        alertmanager_watchdog_receiver="judge",
        alertmanager_secret_files={"page": f"{url}/page", "token": "word\n", "judge": f"{url}/judge"},
    )
    follows = [{**XID, "alertname": name} for name in ("GpuMissing", "GpuEccUncorrected")]
    info = {"alertname": "HostRebooted", "severity": "info", "host": "gpu2"}
    send(
        {"alertname": "Watchdog", "severity": "info"},
        XID,
        *follows,
        info,
        {**XID, "alertname": "GpuHot", "UUID": "GPU-2"},
    )
    wait_until(lambda: {"/page", "/", "/judge"} <= {path for path, *_rest in got}, "somebody was not told", 20)
    by_path = {path: (login, body) for path, login, body in got}
    assert sorted(alert["labels"]["alertname"] for alert in by_path["/page"][1]["alerts"]) == [
        "GpuHot",
        "GpuXidRestartHost",
    ]
    login, message = by_path["/"]
    assert (login, message["topic"], message["title"], message["priority"]) == (
        "Bearer word",
        "12",
        "PAGE: gpu1: 2 alerts",
        5,
    )
    assert message["message"].split("\n\n")[0] == f"{TEXTS['summary']}\n{TEXTS['description']}"
    assert len([path for path, *_rest in got if path == "/judge"]) == 1
    assert not [body for path, _login, body in got if path != "/judge" and "HostRebooted" in json.dumps(body)]


@pytest.mark.long
def test_a_changed_secret_is_used_without_a_reload(running, hook, tmp_path):
    url, got = hook
    send = running(alertmanager_receivers=[ONCALL], alertmanager_secret_files={"hook": f"{url}/previous"})
    send(XID)
    wait_until(lambda: [path for path, *_rest in got] == ["/previous"], "nobody was told", 20)
    (tmp_path / "etc/secrets/hook").write_text(f"{url}/changed")
    send({**XID, "host": "gpu2"})
    wait_until(
        lambda: [path for path, *_rest in got] == ["/previous", "/changed"], "the changed path was not called", 20
    )


@pytest.mark.long
def test_nothing_is_sent_for_what_follows_from_a_host_that_is_down(running, hook):
    url, got = hook
    send = running(alertmanager_receivers=[ONCALL], alertmanager_secret_files={"hook": url})
    down = {"alertname": "HostDown", "severity": "page", "host": "gpu1"}
    exporter = {**down, "alertname": "GpuExporterDown"}
    send(down, XID, exporter, {**exporter, "host": "gpu2"}, {**XID, "host": "gpu2", "alertname": "GpuHot"})
    wait_until(lambda: len(got) == 2, "no notification names the two hosts", 20)
    told = sorted(
        (alert["labels"]["host"], alert["labels"]["alertname"])
        for _path, _login, body in got
        for alert in body["alerts"]
    )
    assert told == [("gpu1", "HostDown"), ("gpu2", "GpuExporterDown")]


@pytest.mark.long
def test_an_xid_that_pages_hides_what_is_less_of_the_same_gpu(running, hook):
    url, got = hook
    route = {"receiver": "oncall", "group_by": ["host"], "group_wait": "2s"}
    send = running(alertmanager_receivers=[ONCALL], alertmanager_route=route, alertmanager_secret_files={"hook": url})

    def alert(name, xid="", gpu="GPU-1"):
        return {"alertname": name, "severity": "warn", "host": "gpu1", "UUID": gpu, **({"xid": xid} if xid else {})}

    shown = [
        alert("GpuXidResetGpu", "48"),
        alert("GpuXidWatch", "157"),
        alert("GpuHot"),
        alert("GpuXidApplication", "45", "GPU-2"),
    ]
    hidden = [
        alert("GpuXidApplication", "45"),
        alert("GpuXidOther", "171"),
        alert("GpuXidWatch", "63"),
        alert("GpuRowRemapPending"),
    ]
    send(*shown, *hidden)
    wait_until(lambda: got, "nobody was told", 20)
    told = [
        (entry["labels"]["alertname"], entry["labels"]["UUID"], entry["labels"].get("xid"))
        for entry in got[0][2]["alerts"]
    ]
    assert sorted(told, key=str) == sorted(
        ((entry["alertname"], entry["UUID"], entry.get("xid")) for entry in shown), key=str
    )

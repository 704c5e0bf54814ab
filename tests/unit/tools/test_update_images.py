"""What `make update-images` makes of the answers of registries, of which a stand-in gives some."""

from __future__ import annotations

import json

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.registry import waits
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.registry.connections import Connections
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.registry.errors import RegistryError

from tests.fake_registry import FakeRegistry, store
from tests.tools.update_images import Answer, Registries, updated
from tests.unit.tools.test_image_table import TEXT

CHANGED = TEXT.replace("3.13.5", "3.13.6").replace('digest: ""  #', 'digest: "sha256:2"  #')
TAGS = ["v3.13.5", "v3.13.7-rc.0", "v3.13.6", "v3.14.0", "latest"]


@pytest.fixture(autouse=True)
def pauses(monkeypatch):
    """The seconds that were waited, without waiting."""
    seconds = []
    monkeypatch.setattr(waits.time, "sleep", seconds.append)
    return seconds


class Upstream:
    """A stand-in for the registry of all images of a table. `answers` has what it says about tags, by repository."""

    def __init__(self):
        self.fake = FakeRegistry()
        self.table = TEXT.replace("quay.io/", f"{self.fake.name}/").replace("nvcr.io/", f"{self.fake.name}/")
        self.digest = store(self.fake, ["amd64", "arm64"], "a/first", "v3.13.6")
        self.answers = {"a/first": [self._page(TAGS)], "b/second": [(404, b"", {})]}
        self.fake.faults = [self._answer]

    @staticmethod
    def _page(tags, following=""):
        return 200, json.dumps({"tags": tags}).encode(), {"Link": f'<{following}>; rel="next"'} if following else {}

    def pages(self, repository):
        """Each tag on a page of its own."""
        following = [f"/v2/{repository}/tags/list?last={number}" for number in range(1, len(TAGS))]
        self.answers[repository] = [self._page([tag], link) for tag, link in zip(TAGS, [*following, ""])]

    def _answer(self, request):
        repository, is_list, _query = request.path.removeprefix("/v2/").partition("/tags/list")
        if not is_list:
            return False
        answers = self.answers[repository]
        status, content, headers = answers.pop(0) if len(answers) > 1 else answers[0]
        request.reply(status, content, **headers)
        return True

    def update(self):
        connections = Connections(plain_http=frozenset([self.fake.name]))
        update = updated(self.table, Registries(connections).look_up)
        connections.close()
        return update


@pytest.fixture
def upstream():
    stand_in = Upstream()
    yield stand_in
    stand_in.fake.close()


def test_the_table_takes_what_registries_answer_and_keeps_the_rest():
    def look_up(image):
        if image.repository.startswith("quay.io/"):
            return Answer("3.13.6", "sha256:2")
        raise RegistryError("nvcr.io: no route to host.")

    update = updated(TEXT, look_up)
    assert update.text == CHANGED
    assert update.report == ["first: 3.13.5 without a digest -> 3.13.6 sha256:2"]
    assert update.unanswered == ["second: nvcr.io: no route to host."]


@pytest.mark.parametrize("digest", ["sha256:1", "sha256:9"])
def test_a_digest_that_changed_behind_its_tag_is_reported(digest):
    update = updated(TEXT, lambda image: Answer(image.version, digest if image.name == "second" else image.digest))
    moved = "second: 4.6.0-4.8.3-distroless sha256:1 -> 4.6.0-4.8.3-distroless sha256:9"
    current = "second: 4.6.0-4.8.3-distroless is current"
    assert update.report == ["first: 3.13.5 is current", moved if digest == "sha256:9" else current]


def test_the_newest_release_of_all_pages_comes_with_the_digest_of_its_index(upstream):
    upstream.pages("a/first")
    update = upstream.update()
    assert update.report == [f"first: 3.13.5 without a digest -> 3.13.6 {upstream.digest}"]
    assert update.text == upstream.table.replace("3.13.5", "3.13.6").replace('""  #', f'"{upstream.digest}"  #')


def test_an_image_that_its_registry_does_not_have_keeps_its_lines(upstream):
    (line,) = upstream.update().unanswered
    assert line.startswith(f"second: {upstream.fake.name}/b/second: it answers 404. Check the version")


@pytest.mark.parametrize("content", [b"<html>Log in to the network</html>", b'["v3.13.6"]', b'{"errors": []}'])
def test_an_answer_that_is_no_list_of_tags_keeps_all_lines(upstream, content):
    upstream.answers["a/first"] = [(200, content, {})]
    update = upstream.update()
    assert (update.text, update.report) == (upstream.table, [])
    assert (
        update.unanswered[0]
        == f"first: {upstream.fake.name}/a/first: the answer is not a list of tags. Check the proxy."
    )


def test_a_registry_that_limits_requests_is_waited_for_two_minutes_once(upstream, pauses):
    upstream.answers["a/first"] = [(429, b"", {"Retry_After": "50"})]
    update = upstream.update()
    assert pauses == [50, 50]
    assert update.text == upstream.table
    assert ["answers 429" in line for line in update.unanswered] == [True, True]
    assert upstream.fake.count("GET", "b/second") == 0


def test_a_list_of_tags_whose_connection_breaks_is_asked_for_again(upstream, pauses):
    upstream.answers["a/first"].insert(0, (200, b'{"tags": ["v3.13', {"Content_Length": "400"}))

    def cut(request):
        answered = upstream._answer(request)
        request.close_connection = True
        return answered

    upstream.fake.faults = [cut]
    assert upstream.update().report == [f"first: 3.13.5 without a digest -> 3.13.6 {upstream.digest}"]
    assert pauses == [1]

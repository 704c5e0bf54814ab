"""Matchers in Alertmanager's notation, and the plan for a silence."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.alertmanager import matchers, silences
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.alertmanager.client import moment
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.alertmanager.matchers import Matcher
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.prometheus.errors import PrometheusError

NOW = datetime(2026, 3, 1, 12, tzinfo=timezone.utc)
GPU1 = frozenset({Matcher("host", "gpu1")})


@pytest.mark.parametrize(
    ("text", "matcher"),
    [
        ('host="gpu1"', Matcher("host", "gpu1")),
        (" host = gpu1 ", Matcher("host", "gpu1")),
        ('host!="gpu1"', Matcher("host", "gpu1", is_equal=False)),
        ('alertname=~"Gpu.*|Host.*"', Matcher("alertname", "Gpu.*|Host.*", is_regex=True)),
        ("alertname!~Gpu.*", Matcher("alertname", "Gpu.*", is_regex=True, is_equal=False)),
        ('host=""', Matcher("host", "")),
        ("host=", Matcher("host", "")),
        ('a="say \\"hi\\"\\n\\\\"', Matcher("a", 'say "hi"\n\\')),
        ('host=~"gpu\\.1"', Matcher("host", "gpu\\.1", is_regex=True)),
        ('a="x=y,{z}"', Matcher("a", "x=y,{z}")),
        ('"größe von"="ü"', Matcher("größe von", "ü")),
    ],
)
def test_a_matcher_is_read_and_written(text, matcher):
    assert matchers.parse(text) == matcher
    assert matchers.parse(str(matcher)) == matcher


@pytest.mark.parametrize(
    "text", ["", "host", "=x", '""="x"', 'host=="x"', 'host="x', 'host="x" y', "host=x y", "a=b,c=d"]
)
def test_what_is_no_matcher_is_refused(text):
    with pytest.raises(PrometheusError, match=r"^matchers: '.*' is not a matcher\. Write it like "):
        matchers.parse(text)


@pytest.mark.parametrize("texts", [["host=a"], ["host!="], ["host=~.+"], ["host!~.*"], ["host!=a", "gpu=0"]])
def test_matchers_that_need_a_label_are_taken(texts):
    matchers.check(matchers.parse_all(texts))


@pytest.mark.parametrize(
    "texts", [[], ["host="], ["host!=a"], ["host=~.*"], ["host=~a|"], ["host!~a"], ["a!=b", "c=~.*"]]
)
def test_matchers_of_every_alert_are_refused(texts):
    with pytest.raises(PrometheusError, match="silences alerts without these labels as well"):
        matchers.check(matchers.parse_all(texts))


def test_a_regular_expression_that_python_cannot_read_is_left_to_alertmanager():
    matchers.check(matchers.parse_all(['host=~"\\\\pL+"']))


def silence(identity="a", ends=60, state="active", author="ansible", comment="work", of=GPU1):
    end = NOW + timedelta(minutes=ends)
    return silences.Silence(identity, of, NOW - timedelta(hours=1), end, author, comment, state)


def planned(*existing, minutes=60, comment="work"):
    return silences.present(existing, silences.Wanted(GPU1, timedelta(minutes=minutes), "ansible", comment), NOW)


def test_a_new_silence_begins_now():
    assert planned() == silences.Change(None, silence("", 60)._replace(starts_at=NOW))


@pytest.mark.parametrize(
    "existing",
    [
        silence(state="expired"),
        silence(state="pending"),
        silence(author="alice"),
        silence(of=GPU1 | {Matcher("gpu", "0")}),
        silence(of=frozenset({Matcher("host", "gpu1", is_regex=True)})),
    ],
)
def test_what_is_not_this_silence_now_is_left_alone(existing):
    assert planned(existing).before is None


@pytest.mark.parametrize(("left", "ends"), [(60, 60), (54, 54), (53, 60), (1, 60), (600, 600)])
def test_a_silence_is_extended_once_a_tenth_is_spent(left, ends):
    change = planned(silence(ends=left))
    assert change == silences.Change(silence(ends=left), silence(ends=ends))


def test_of_several_the_longest_counts():
    change = planned(silence("a", 10), silence("b", 90), silence("c", 50))
    assert change.before == change.after == silence("b", 90)


@pytest.mark.parametrize(
    ("text", "second", "microsecond"),
    [
        ("2026-03-01T12:00:05Z", 5, 0),
        ("2026-03-01T12:00:05.25Z", 5, 250000),
        ("2026-03-01T14:00:05.123456789+02:00", 5, 123456),
    ],
)
def test_moments_of_alertmanager_and_prometheus_are_read(text, second, microsecond):
    assert moment(text) == NOW.replace(second=second, microsecond=microsecond)

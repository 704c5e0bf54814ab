"""Matchers of a configuration, as amtool takes them in UTF-8 strict mode."""

from __future__ import annotations

import pytest
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.alertmanager import matchers
from ansible_collections.mlops.gpu_monitoring.plugins.module_utils.alertmanager.matchers import Matcher


@pytest.mark.parametrize(
    "text",
    [
        *(
            'severity="page"',
            "severity=page",
            'host!~"gpu[0-9]+|x"',
            ' a = "b" ',
            '{a="b",c!="d"}',
            'a="b",c="d"',
            '"süd"="x"',
        ),
        *('a=""', 'a="\\"\\\\"', 'a="b",'),
    ],
)
def test_a_matcher_is_accepted(text):
    assert matchers.problem_of([text], "matchers") is None


@pytest.mark.parametrize(
    "text", ["severity", "severity=", "severity==page", "=page", 'a="b', "a=b c", '{a="b"', 'a="b" c="d"', "a={b}", ""]
)
def test_what_is_no_matcher_is_refused_with_its_place(text):
    problem, fix = matchers.problem_of(['x="y"', text], "routes[0].matchers")
    assert problem == f"routes[0].matchers[1] is not a matcher: {text}"
    assert fix == """Write it like 'severity="page"', with =, !=, =~ or !~"""


@pytest.mark.parametrize("pattern", ["gpu(.*", "gpu).*", "[gpu"])
def test_a_regular_expression_with_an_unbalanced_bracket_is_refused_with_its_place(pattern):
    problem, fix = matchers.problem_of([f'{{x="y", host=~"{pattern}"}}'], "matchers")
    assert problem == f"matchers[0] has a regular expression with an unbalanced bracket: {pattern}"
    assert fix == "Add or remove a bracket"


@pytest.mark.parametrize(
    "matcher",
    [
        r'host=~"[[:^alpha:](]"',
        r'host=~"\\Q(\\E"',
        r'host=~"a(?i)b"',
        r'host=~"\\pL+"',
        'host="gpu("',
        'host=~"gpu[(]"',
    ],
)
def test_a_regular_expression_that_python_alone_refuses_passes(matcher):
    assert matchers.problem_of([matcher], "matchers") is None


def test_a_text_has_one_or_several_matchers():
    listed = matchers.parse_list('{ host =~ "gpu.*", team!="a,b=c" ,}')
    assert listed == [matchers.Matcher("host", "gpu.*", True), matchers.Matcher("team", "a,b=c", is_equal=False)]
    assert matchers.parse_list("severity=page") == [matchers.Matcher("severity", "page")]
    assert matchers.parse_list("severity==page") == []


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("a=b", "matchers is not a list"),
        ({"a": "b"}, "matchers is not a list"),
        ([{"a": "b"}], "matchers[0] is not text"),
    ],
)
def test_another_form_is_refused(value, problem):
    assert matchers.problem_of(value, "matchers")[0] == problem


def test_a_value_is_quoted():
    assert str(Matcher("host", 'a"b\\c\nd')) == 'host="a\\"b\\\\c\\nd"'
    assert matchers.problem_of([str(Matcher("host", 'a"b\\c\nd'))], "") is None

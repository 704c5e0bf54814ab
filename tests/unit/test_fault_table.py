"""The table of faults in the documentation is that of the tests."""

from __future__ import annotations

from tests.engine import fault_table


def test_the_documentation_has_a_row_for_each_fault_that_is_tested():
    assert fault_table.faults_of_the_page() == fault_table.faults_of_the_tests()


def test_a_row_says_what_ran_and_the_longest_time():
    table = fault_table.FaultTable()
    assert table.text() == ""
    for runs, seconds in (("old", 0.04), ("new", 1.26), ("old", 0.5)):
        table.add("Cable cut", runs, seconds)
    assert table.text() == fault_table.HEAD + "| Cable cut | 3 | old or new | 1.3 |\n"

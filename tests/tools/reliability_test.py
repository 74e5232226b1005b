"""The table of what a run survives: every fault has a test, and cases are counted as they ended."""

import ast
from pathlib import Path
from xml.etree import ElementTree

from tests.support.faults import FAULTS, Fault
from tools.reliability import Row, by_signal, called, node, of_fault

ROOT = Path(__file__).parents[2]
RESULTS = """<testsuites><testsuite>
<testcase classname="tests.a_test" name="test_one[x]"/>
<testcase classname="tests.a_test" name="test_one[y]"><failure/></testcase>
<testcase classname="tests.a_test" name="test_one_more"><failure/></testcase>
<testcase classname="tests.b.c_test" name="test_two"><skipped/></testcase>
<testcase classname="tests.b.c_test" name="test_three">
  <properties><property name="cases" value="7"/></properties></testcase>
</testsuite></testsuites>"""


def test_every_fault_has_its_tests() -> None:
    for test in (test for fault in FAULTS for test in fault.tests):
        path, _, name = node(test).partition("::")
        tree = ast.parse((ROOT / path).read_text())
        assert name in {part.name for part in tree.body if isinstance(part, ast.FunctionDef)}, test


def test_a_fault_counts_its_cases_and_those_that_ended_well() -> None:
    cases = list(ElementTree.fromstring(RESULTS).iter("testcase"))
    assert called(cases[0]) == "tests/a_test.py::test_one" == node("a_test.py one")
    tests = ("a_test.py one", "b/c_test.py two", "b/c_test.py three")
    fault = Fault("Disk", "what", "goes on", "nothing", tests)
    assert of_fault(fault, cases) == Row("Disk", "what", 9, 8, "goes on", "nothing")


def test_kills_are_counted_by_signal_and_stage() -> None:
    kills = [
        {"signal": "SIGKILL", "stage": "step", "outcome": "same bits"},
        {"signal": "SIGKILL", "stage": "ledger", "outcome": "differs: metrics.jsonl"},
        {"signal": "SIGKILL", "stage": "step", "outcome": "same bits"},
    ]
    killed, asked = by_signal("tests/support/cheap_method.py", kills)
    assert (killed.cases, killed.survived, asked.cases) == (3, 2, 0)
    assert killed.what.endswith(": step 2, ledger 1")

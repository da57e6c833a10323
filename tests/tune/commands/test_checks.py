"""How the doctor runs a check: one that hangs, raises or crashes is a finding, with the way out of an error of ours."""

import time

from tune.commands.checks import Check, broken, imports, ok, probe, result_of
from tune.core.study import StudyError


def test_a_check_that_hangs_or_raises_is_a_finding():
    stuck = result_of(Check("x", lambda: time.sleep(60), limit_s=0.05))
    assert stuck.stuck and stuck.finding.verdict == "broken" and "no answer within 0.05 s" in stuck.finding.text
    raised = result_of(Check("x", lambda: {}["key"]))
    assert not raised.stuck and "KeyError" in raised.finding.text
    assert result_of(Check("x", lambda: ok("fine"))).finding == ok("fine")


def test_a_probe_that_hangs_is_ended_and_one_that_crashes_is_told():
    assert probe("imports", "json", "no_such_module", limit_s=30)["failed"].keys() == {"no_such_module"}
    assert "error" in probe("nonsense", limit_s=30)
    assert probe("imports", "json", limit_s=0.0) == {"error": "no answer within 0 s"}


def test_an_error_of_this_project_is_its_own_text_with_the_checks_way_out():
    def refuse():
        raise StudyError("--storage must be writable")

    result = result_of(Check("storage", refuse, way_out="give another"))
    assert result.finding == broken("--storage must be writable", "give another") and not result.stuck


def test_a_module_that_cannot_be_imported_is_named_with_the_reason():
    failed = imports("json", "no_such_module")["failed"]
    assert failed == {"no_such_module": "ModuleNotFoundError: No module named 'no_such_module'"}

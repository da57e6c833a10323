"""The doctor's checks of Python and the packages, against the project's bounds and the lock."""

import pytest

from tune.commands import installation


def test_versions_that_are_not_the_locks_are_a_warning(monkeypatch, tmp_path):
    lock = tmp_path / "requirements.lock"
    lock.write_text("# a lock\npackaging==0.1\npytest==0.2 ; sys_platform == 'linux'\nx==1 ; sys_platform == 'win32'\n")
    monkeypatch.setattr(installation, "LOCK", lock)
    finding = installation.packages()
    assert finding.verdict == "warning" and "the lock has 0.1" in finding.text and "the lock has 0.2" in finding.text
    assert "x " not in finding.text


def test_packages_outside_the_projects_bounds_are_broken_and_the_first_four_are_named(monkeypatch):
    wanted = ["pytest<1", *(f"no-such-thing-{number}" for number in range(5))]
    monkeypatch.setattr(installation, "requirements", lambda: wanted)
    finding = installation.packages()
    assert finding.verdict == "broken" and finding.way_out == installation.INSTALL
    assert "must be <1" in finding.text and finding.text.endswith("no-such-thing-2 is missing; and 2 more")


def test_a_package_without_its_lock_has_nothing_to_compare_with(monkeypatch, tmp_path):
    monkeypatch.setattr(installation, "LOCK", tmp_path / "nowhere")
    monkeypatch.setattr(installation, "requirements", lambda: ["pytest"])
    assert installation.packages().verdict == "ok" and "no requirements.lock" in installation.packages().text


@pytest.mark.parametrize(("version", "verdict"), [((3, 10, 9), "broken"), ((3, 12, 1), "ok"), ((3, 13, 0), "broken")])
def test_only_a_python_with_wheels_for_all_packages_will_do(version, verdict, monkeypatch):
    monkeypatch.setattr("sys.version_info", version)
    assert installation.python().verdict == verdict


@pytest.mark.parametrize(
    ("answer", "verdict", "text"),
    [
        ({"failed": {}}, "ok", "packages can be imported"),
        ({"failed": {"cv2": "ImportError: libGL"}}, "broken", "opencv cannot be imported: ImportError: libGL"),
        ({"error": "no answer within 120 s"}, "broken", "importing the packages failed: no answer within 120 s"),
    ],
)
def test_a_package_that_cannot_be_imported_is_broken(answer, verdict, text, monkeypatch):
    monkeypatch.setattr(installation, "probe", lambda *_, **__: answer)
    finding = installation.imports()
    assert finding.verdict == verdict and text in finding.text

"""The measures by name, and what they find of a study."""

from tune.measures.registry import MEASURES, measured_results


def test_every_measure_has_its_name_and_a_word_for_each_thing_it_shows():
    assert all(name == measure.name for name, measure in MEASURES.items())
    assert len({measure.command for measure in MEASURES.values()}) == len(MEASURES)


def test_a_study_without_rows_has_no_measurement():
    assert measured_results(None, []) == []

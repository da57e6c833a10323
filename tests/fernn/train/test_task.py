"""Metrics know which way is better."""

from fernn.train.task import ACCURACY, ERROR


def test_metrics_know_which_way_is_better():
    assert ACCURACY.rank(0.7) > ACCURACY.rank(0.6) > ACCURACY.rank(ACCURACY.worst)
    assert ERROR.rank(0.1) > ERROR.rank(0.2) > ERROR.rank(ERROR.worst)
    assert ACCURACY.spread(0.5, 0.25) == "0.500 ± 0.250" and ERROR.spread(1.5e-4, None) == "0.00015"

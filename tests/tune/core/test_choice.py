import pytest

from tune.core.choice import Choice


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ((("optim.lr", 1e-3),), "lr 0.001"),
        ((("optim.lr", 3e-4), ("model.hidden_channels", 32)), "lr 0.0003, hidden_channels 32"),
        ((("optim.lr", 3e-4), ("model.decoder", None)), "lr 0.0003, decoder None"),
    ],
)
def test_text_names_each_field_by_its_last_part(values, text):
    assert Choice(values).text == text


def test_choices_are_sorted_by_number_field_by_field_and_absent_fields_come_first():
    def choice(rate, width):
        return Choice((("optim.lr", rate), ("model.hidden_channels", width)))

    wanted = [choice(1e-4, 2), choice(1e-4, 10), choice(3e-3, None), choice(3e-3, 1), choice(3e-3, "wide")]
    assert sorted(reversed(wanted), key=lambda one: one.order) == wanted

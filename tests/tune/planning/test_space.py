"""What ``--search`` names: typed values and ranges, of all models or of one, in a grid or for a sampler."""

import pytest

from fernn.train.task import ACCURACY
from tune.core.choice import Domain
from tune.core.study import RATE
from tune.kth_search import SEARCH
from tune.planning.options import Clips, Grid, Options, Strategy, Training, chosen_settings
from tune.planning.space import check_goals, chosen_sampler, search_space

WIDTH = "model.hidden_channels"


def space_of(*search, preset="paper", models=("fernn-v2", "grnn", "3dcnn"), sampler="grid", **given):
    training, clips = Training(set=given.pop("set", ())), Clips(data_velocity=given.pop("velocity", None))
    options = Options(
        Grid(preset, models, given.pop("lrs", None), search=search), Strategy(sampler, **given), training, clips
    )
    chosen = SEARCH.presets[preset]
    searched = search_space(chosen, SEARCH.base, options, chosen_settings(chosen, options))
    return searched, chosen_sampler(options, searched)


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("optim.lr=log:1e-5:1e-2", Domain((), 1e-5, 1e-2, True)),
        ("optim.clip_norm=lin:0.5:2", Domain((), 0.5, 2.0)),
        ("optim.clip_norm=null,1", Domain((None, 1.0))),
        ("batch_size=32,64,64", Domain((32, 64))),
        ("batch_size=1..4", Domain((1, 2, 3, 4))),
        ("batch_size=log:8:64", Domain((), 8, 64, True)),
        ("precision=float32,bf16", Domain(("float32", "bf16"))),
        ("model.embedding_channels=[[4],[8,8]]", Domain(((4,), (8, 8)))),
        ("grnn.model.hidden_channels=16", Domain((16,))),
    ],
)
def test_values_have_the_type_of_their_field(text, domain):
    searched, _ = space_of(text, sampler="tpe")
    assert searched.domains[text.partition("=")[0]] == domain
    assert [type(value) for value in domain.values] == [type(v) for v in searched.domains[text.split("=")[0]].values]


def test_a_grid_is_the_product_for_each_model_of_the_fields_that_it_has():
    searched, sampler = space_of(f"fernn-v2.{WIDTH}=16,32", "batch_size=8,16", "data.velocity_range=0..1", lrs=(1e-3,))
    assert sampler is None and searched.tuned == ("batch_size", f"fernn-v2.{WIDTH}")
    names = ["model", RATE, "data.velocity_range", "batch_size", f"fernn-v2.{WIDTH}", "seed"]
    assert [*searched.space] == names and searched.space["data.velocity_range"] == (0, 1)
    points = searched.grid()
    assert len(points) == (2 + 1 + 1) * 2 * 2 * 3
    assert {point.get(WIDTH) for point in points if point["model"] == "fernn-v2"} == {16, 32}
    assert not any(WIDTH in point for point in points if point["model"] != "fernn-v2")
    shared, _ = space_of(f"{WIDTH}=16,32", lrs=(1e-3,))
    assert [sum(p["model"] == name for p in shared.grid()) for name in ("grnn", "3dcnn")] == [6, 3]  # one has no width


def test_without_searched_fields_a_grid_is_the_presets():
    searched, _ = space_of(preset="figure5", models=None)
    assert searched.space == SEARCH.presets["figure5"].space
    cells = SEARCH.presets["figure5"].cells(SEARCH.base, searched.space, "hash")
    assert SEARCH.presets["figure5"].cells_at(SEARCH.base, searched.grid(), "hash") == cells


def test_the_values_of_a_dimension_of_the_preset_make_rows():
    searched, _ = space_of("data.velocity_range=0,3", preset="figure5", models=("grnn",))
    assert searched.tuned == () and searched.space["data.velocity_range"] == (0, 3)
    assert searched.rows() == [{"model": "grnn", "data.velocity_range": value} for value in (0, 3)]


def test_a_sampler_takes_its_range_of_rates_from_the_preset():
    low, high = min(SEARCH.presets["paper"].space[RATE]), max(SEARCH.presets["paper"].space[RATE])
    searched, sampler = space_of(sampler="tpe")
    assert (sampler.num_samples, sampler.domains) == (12, {RATE: Domain((), low, high, True)})
    assert searched.space[RATE] == ()
    _, sampler = space_of(f"{WIDTH}=8,16", sampler="gp", num_samples=5, lr_range=(1e-3, 1e-1))
    assert sampler.name == "gp" and sampler.num_samples == 5
    assert sampler.domains == {RATE: Domain((), 1e-3, 1e-1, True), WIDTH: Domain((8, 16))}


@pytest.mark.parametrize(
    ("search", "given", "message"),
    [
        (["batch_size"], {}, "--search must read FIELD=VALUES, as in optim.lr=log:1e-5:1e-2, got 'batch_size'"),
        (
            ["model.hiden_channels=4"],
            {},
            "--search model.hiden_channels: unknown field .* did you mean",
        ),
        (["unet.model.hidden_channels=4"], {}, "unet must be a model of this search, fernn-v2, grnn, 3dcnn"),
        (["3dcnn.model.hidden_channels=4"], {}, "unknown field 'model.hidden_channels'"),
        (["batch_size=0,4"], {}, "--search batch_size=0,4: batch_size must be 1 or more, got 0"),
        (["batch_size=x"], {}, "--search batch_size=x: batch_size must be of type int, got 'x'"),
        (["precision=float32,f16"], {}, "precision must be one of float32, bf16, got 'f16'"),
        (["precision=lin:0:1"], {"sampler": "tpe"}, "precision must be one of"),
        (["batch_size=log:0.5:4"], {"sampler": "tpe"}, "batch_size must be of type int, got 0.5"),
        (["batch_size=log:8:4"], {"sampler": "tpe"}, "a range must be LOW:HIGH with 0 < LOW < HIGH, got 8:4"),
        (["batch_size=4..1"], {}, "FIRST..LAST must be 1 to 1000 whole numbers"),
        (
            ["optim.clip_norm=lin:1:2"],
            {},
            "must list values for a grid, got a range: it goes with --sampler tpe, cmaes",
        ),
        (["data.velocity_range=lin:0:3"], {"sampler": "tpe"}, "must list values, since each makes rows of its own"),
        (["batch_size=4", "batch_size=8"], {}, "--search batch_size must be given once, it is given 2 times"),
        (
            ["batch_size=4", "grnn.batch_size=8"],
            {},
            "must be for all models or for one, batch_size is searched for both",
        ),
        (["seed=0,1"], {}, "--search seed must be left out: use --seeds"),
        (["model=grnn"], {}, "use --models"),
        (["epochs=3,4"], {}, "use --epochs"),
        (["data.size=16,32"], {}, "--search data.size must be left out: give it by --set"),
        (["grnn.data.flip=true,false"], {}, "must be without grnn: all models share data.flip"),
        (["optim.lr=1e-3"], {"lrs": (1e-2,)}, "--search optim.lr replaces --lrs and --lr-range"),
        (["optim.clip_norm=1,2"], {"set": ("optim.clip_norm=1",)}, "--search optim.clip_norm and another option give"),
        (["data.velocity_range=0,1"], {"velocity": 1}, "and another option give data.velocity_range"),
        ([], {"sampler": "tpe", "lrs": (1e-3,)}, "--lrs goes with --sampler grid"),
        ([], {"sampler": "qmc", "lr_range": (1e-2, 1e-3)}, "--lr-range must be LOW HIGH with 0 < LOW < HIGH"),
        ([], {"num_samples": 3}, "--num-samples goes with --sampler tpe"),
        ([], {"lr_range": (1e-3, 1e-2)}, "--lr-range goes with --sampler tpe"),
    ],
)
def test_what_cannot_be_searched_is_refused_with_the_way_out(search, given, message):
    with pytest.raises((KeyError, TypeError, ValueError), match=message):
        space_of(*search, **given)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"objective": ("time/gpu_seconds", "min:time/gpu_seconds")}, "--objective must be given once for each name"),
        (
            {"constraint": ("law_error<=1",), "scheduler": "halving"},
            "compares by the validation metric",
        ),
        ({"objective": ("test/accuracy",)}, "must not be of test clips"),
        ({"constraint": ("law_error",)}, "--constraint must read NAME<=NUMBER"),
    ],
)
def test_goals_that_mean_nothing_are_refused(given, message):
    with pytest.raises(ValueError, match=message):
        check_goals(Options(strategy=Strategy(**given)), ACCURACY)

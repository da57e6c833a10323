"""Named seeds are the same numbers everywhere."""

from fernn.seeding import generator, seed_of, seeds_of


def test_a_seed_depends_on_its_name_alone():
    assert seed_of("clip-start", 0, 1, "person01_boxing_d1-0") == 2990541795665065334
    assert len({seed_of("a", 1), seed_of("a", 2), seed_of("b", 1), seed_of("a", "1"), seed_of("a1")}) == 5
    assert all(0 <= seed_of("x", n) < 2**63 for n in range(100))


def test_seeds_of_many_names_are_those_of_each():
    names = ["clip-1", "", "é", 'quoted " and \\', "two]\nlines", "clip-1"]
    assert seeds_of("flip", 0, 7, each=names).tolist() == [seed_of("flip", 0, 7, name) for name in names]
    assert seeds_of(each=names).tolist() == [seed_of(name) for name in names] and not len(seeds_of("flip", each=[]))


def test_generators_of_one_name_draw_the_same():
    assert (generator("order", 0).permutation(9) == generator("order", 0).permutation(9)).all()

"""What a study trains next: a function of the records, the same however often it was interrupted."""

from __future__ import annotations

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.findings.synthetic import changed
from tests.studies.worlds import MINIMAL, SIZES, World, grid, names, rises, sizes, tuned

EVERYTHING = {"coarse": 3, "learning_rates": 3, "epoch_doublings": 2, "fresh_seeds": 4}


def keys(members):
    return [member.key for member in members]


def test_the_stages_of_a_whole_grid():
    seen, records = World(grid(), extent="all", coarse=3).play()
    assert names(seen) == ["coarse", "refinement", "rest"]
    assert sorted({m.point.num_params for m in seen[0].members}) == [100, 800, 6400, 51200, SIZES[-1]]
    assert len(records) == 5 * len(SIZES)


def test_the_knee_is_found_without_the_rest_and_without_the_largest():
    world = World(grid(), coarse=1)
    seen, records = world.play()
    assert names(seen) == ["climb"]
    assert world.answer(records) == MINIMAL
    assert max(sizes(records)) == SIZES[8]  # two sizes beyond the last that gains
    assert [note.stage for note in world.stages.notes] == ["climb"]
    assert "dnn-1-equal-25600, 25,600 parameters" in world.stages.notes[0].text


def test_coarse_sizes_are_climbed_and_the_gaps_around_the_answer_filled():
    world = World(grid(), coarse=3)
    seen, records = world.play()
    assert names(seen) == ["climb", "refinement"]
    assert world.answer(records) == MINIMAL
    assert {SIZES[5], SIZES[7]} <= sizes(records)


def test_all_stages_in_their_order():
    world = World(grid(), tuned(0.1), **EVERYTHING)
    seen, records = world.play()
    assert names(seen) == ["climb", "refinement", "more epochs", "fresh"]
    assert world.stages.asked == {name: sum(len(s.left) for s in seen if s.name == name) for name in names(seen)}
    assert len({(one.point, one.seed) for one in records}) == len(records)
    fresh = [one for one in records if one.fresh]
    assert {one.seed for one in fresh} == {10_000, 10_001, 10_002, 10_003}
    assert {one.fresh for one in records if one.seed < 10_000} == {False}


@pytest.mark.slow
@settings(max_examples=10, deadline=None, phases=(Phase.generate,))
@given(st.data())
def test_an_interruption_anywhere_changes_nothing(data):
    """Whatever part of a round is recorded, in whatever order, the same members are asked for in the same order."""
    rules = EVERYTHING | data.draw(st.sampled_from([{}, {"learning_rates": 1}, {"extent": "all"}, {"target": 0.8}]))
    world = World(grid() + grid(family="cnn"), tuned(0.3), **rules)
    seen, records = world.play()
    asked = [key for stage in seen for key in keys(stage.members)]
    cut = data.draw(st.integers(0, len(seen) - 1))
    before = [one for stage in seen[:cut] for one in world.train(stage.left)]
    left = data.draw(st.permutations(seen[cut].left))
    part = world.train(left[: data.draw(st.integers(0, len(left) - 1))])
    rest, after = world.play(records=[*before, *part])
    assert keys(rest[0].members) == keys(seen[cut].members)
    assert [key for stage in rest for key in keys(stage.members)] == asked[len(before) :]
    assert {(one.point, one.seed) for one in after} == {(one.point, one.seed) for one in records}


@pytest.mark.parametrize("cut", [0, 3, 9])
def test_half_of_a_round_is_half_of_a_round(cut):
    world = World(grid(), **EVERYTHING)
    seen, records = world.play()
    before = [one for stage in seen[:cut] for one in world.train(stage.left)]
    part = world.train(seen[cut].left[::2])
    rest, after = world.play(records=[*before, *part])
    assert keys(rest[0].members) == keys(seen[cut].members)
    assert keys(rest[0].left) == keys(seen[cut].left[1::2])
    assert {(one.point, one.seed) for one in after} == {(one.point, one.seed) for one in records}


def test_a_member_that_is_missing_is_asked_for_again():
    world = World(grid(), coarse=3)
    seen, records = world.play()
    now = world.again().stage(records[1:])
    assert (now.name, keys(now.left)) == ("climb", [(records[0].point, records[0].seed)])
    assert keys(now.members) == keys(seen[0].members)


def test_failed_members_count_as_done():
    world = World(grid(), coarse=3)
    _, records = world.play()
    failed = [changed(one, status="failed", final=None) if one.num_params == 100 else one for one in records]
    assert world.again().stage(failed) is None


def test_a_family_is_refined_only_where_it_could_hold_the_answer():
    """Of a family that needs sixteen times the parameters only the climb is trained."""
    accuracy = lambda point, *rest: rises(point, *rest, minimal=SIZES[2] if point.family == "cnn" else SIZES[6])  # noqa: E731
    world = World(grid() + grid(family="cnn"), accuracy, coarse=3)
    seen, records = world.play()
    assert world.answer(records) == SIZES[2]
    climbed = {m.point.num_params for s in seen if s.name == "climb" for m in s.members if m.point.family == "dnn"}
    assert {one.num_params for one in records if one.family == "dnn"} == climbed


def test_a_linear_classifier_does_not_end_the_climb_of_the_others():
    linear = grid(sizes=(650,), depth=0)

    def accuracy(point, *rest):
        return 0.9 if point.num_params == 650 else rises(point, *rest)

    world = World(linear + grid(), accuracy)
    _, records = world.play()
    assert world.answer(records) == MINIMAL


def test_a_plateau_at_chance_does_not_end_a_climb():
    world = World(grid(), lambda *about: max(0.1, rises(*about, minimal=SIZES[9])), coarse=1)
    _, records = world.play()
    assert world.answer(records) == SIZES[9]


def test_with_a_target_nothing_far_above_it_is_climbed():
    world = World(grid(), lambda p, r, e, s: rises(p, r, e, s, minimal=SIZES[11]), coarse=1, target=0.5)
    _, records = world.play()
    answer = world.answer(records)
    assert answer is not None
    assert max(sizes(records)) <= 2 * answer < SIZES[-1]
    assert f"{answer:,} parameters reach the target" in world.stages.notes[0].text


def test_a_target_that_is_not_reached_refines_about_the_best():
    world = World(grid(), coarse=3, target=0.99)
    _, records = world.play()
    now = world.stages.standing(records)
    assert now.winner is None
    assert now.focus == now.best


@pytest.mark.parametrize("start", [0.03, 0.1, 0.3])
def test_the_best_learning_rate_is_found_from_wherever_it_starts(start):
    world = World(grid(rate=start), tuned(0.1), coarse=3, learning_rates=3)
    _, records = world.play()
    now = world.stages.standing(records)
    rate = float(now.winner.hyperparameters.removeprefix("learning_rate="))
    assert now.winner.num_params == MINIMAL
    assert 0.05 < rate < 0.2
    full = [p for p in {r.point for r in records} if sum(r.point == p for r in records) == 5]
    assert len(full) == len({r.name for r in records})  # each network has all seeds at one rate


def test_networks_that_diverge_at_every_rate_end_nothing():
    def accuracy(point, rate, epochs, seed):
        return None if point.num_params > SIZES[4] else rises(point, rate, epochs, seed, minimal=SIZES[3])

    world = World(grid(), accuracy, coarse=1, learning_rates=3)
    seen, records = world.play()
    assert world.answer(records) == SIZES[3]
    assert {one.settings["optimizer.learning_rate"] for one in records if one.status == "diverged"} == {
        0.0316,
        0.1,
        0.316,
    }
    assert seen


def test_epochs_are_doubled_until_the_answer_stays():
    """With twice the epochs half the size is enough, up to 120 epochs."""

    def accuracy(point, rate, epochs, seed):
        return rises(point, rate, epochs, seed, minimal=SIZES[6] * 30 / min(epochs, 120))

    world = World(grid(), accuracy, coarse=3, epoch_doublings=5)
    seen, records = world.play()
    assert world.answer(records) == SIZES[4]
    assert names(seen)[-1] == "more epochs"
    assert {one.settings.get("epochs") for one in records} == {None, 60, 120, 240}
    (note,) = [note for note in world.stages.notes if note.stage == "more epochs"]
    assert note.text == "the answer stays the same with 240 epochs"


def test_doublings_that_are_used_up_are_said():
    world = World(grid(), lambda p, r, e, s: rises(p, r, e, s, minimal=SIZES[6] * 30 / e), coarse=3, epoch_doublings=1)
    _, records = world.play()
    assert world.answer(records) == SIZES[5]
    assert "ended by study.epoch_doublings=1" in world.stages.notes[-1].text


def test_the_search_can_be_ended_and_fresh_seeds_still_follow():
    world = World(grid(), **EVERYTHING)
    seen, _ = world.play()
    some = [one for stage in seen[:6] for one in world.train(stage.left)]
    stages = world.again()
    now = stages.stage(some, explore=False)
    assert now.name == "fresh"
    records = list(some)
    while (now := stages.stage(records, explore=False)) is not None:
        assert now.name == "fresh"
        records += world.train(now.left)
    assert any(one.fresh for one in records)
    assert stages.stage(records).name in ("climb", "refinement")  # with a larger budget it goes on where it was


@pytest.mark.parametrize("cut", [1, 3, 4])
def test_a_search_that_ends_before_any_network_has_all_seeds_gives_them_to_one(cut):
    world = World(grid(), **EVERYTHING)
    (first, *_), _ = world.play()
    records = world.train(first.left)  # every learning rate of the first networks, with two seeds each
    assert world.again().standing(records) is None
    stages = world.again()
    asked = []
    while (now := stages.stage(records, explore=False)) is not None:
        asked.append(now)
        records += world.train(now.left[:cut] if len(asked) == 1 else now.left)
        if len(asked) == 1:
            stages = world.again()  # killed in the middle
    assert len({member.point.id for member in asked[0].members}) == 1
    answer = world.again().standing(records)
    assert answer is not None
    assert answer.winner.id == asked[0].members[0].point.id
    assert len(answer.winner.fresh) == world.rules.fresh_seeds


def test_too_little_is_known_at_first():
    world = World(grid())
    assert world.stages.standing([]) is None
    (one, *_) = world.stages.stage([]).left
    assert world.stages.standing(world.train([one])) is None

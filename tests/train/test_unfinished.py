"""Members in training that are kept: a killed training goes on in the middle of them, to the same bits."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from minjax.errors import UserError
from minjax.models import padded
from minjax.train import unfinished
from minjax.train.pace import Pace
from minjax.train.unfinished import Kept, Unfinished
from tests.train.populations import EPOCHS, NEVER, SHAPE, network, partitions, population

MEMBERS = [((3, 5), 4), ((8, 8), 1), ((5, 2), 4)]
SEEDS = np.array([seed for _, seed in MEMBERS])
STEPS = EPOCHS * 5
LIKE = {"a": jax.ShapeDtypeStruct((2,), "float32"), "b": jax.ShapeDtypeStruct((), "bfloat16")}


class KilledError(Exception):
    """Training ends here, and nothing more is done."""


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    monkeypatch.setattr(unfinished, "EVERY", 0.0)
    monkeypatch.setattr(unfinished, "SHARE", float("inf"))


@pytest.fixture(name="kept")
def _kept(tmp_path):
    """Makes what keeps members in a folder; its notes are an attribute."""

    def make(names=("a-4", "b-1", "c-4"), directory=tmp_path / "unfinished"):
        notes = []
        made = Unfinished(directory, names, notes.append)
        made.notes = notes
        return made

    return make


def trained(many, keeper, *, most=None, stop=NEVER):
    """Histories and parameters of the members; `most` dispatches are done, and then it is killed."""
    asked, found, shares = [], [], []

    def killing():
        asked.append(None)
        if len(asked) - 1 == most:
            raise KilledError
        return stop()

    for one in many.train(SEEDS, traits(), partitions(SEEDS), stop=killing, tick=shares.append, unfinished=keeper):
        slots = many.slots(one.first, one.count)
        found.append((one.first, one.history, jax.tree.map(lambda x: np.asarray(x)[slots], one.carry.state.params)))  # noqa: B023
    return found, len(asked), sum(shares)


def traits():
    return jax.tree.map(lambda *x: np.stack(x), *[padded.live(network(widths), SHAPE) for widths, _ in MEMBERS])


def slow(together):
    many = population((8, 8), together=together, capacity=3)
    many.pace = Pace(fixed=3)
    return many


def same(some, others):
    assert [first for first, *_ in some] == [first for first, *_ in others]
    for mine, other in zip(jax.tree.leaves(some), jax.tree.leaves(others), strict=True):
        np.testing.assert_array_equal(mine, other)


@pytest.mark.parametrize("together", [False, True])
def test_killed_after_every_dispatch_it_ends_with_the_same_bits(kept, together):
    many, keeper = slow(together), kept()
    whole, dispatches, share = trained(many, None)
    assert dispatches > 4
    assert share == pytest.approx(1.0)
    for _ in range(dispatches - 1):
        with pytest.raises(KilledError):
            trained(many, keeper, most=1)
    for left in (1, 0):  # of the dispatches; at last all have ended, and nothing is trained again
        found, asked, share = trained(many, keeper)
        same(whole, found)
        assert (asked, keeper.notes) == (left, [])
        assert share == pytest.approx(1.0)


def test_told_to_stop_it_saves_first(kept, monkeypatch):
    monkeypatch.setattr(unfinished, "EVERY", 1e9)
    many, keeper, answers = slow(together=False), kept(), iter([False, False, True])
    found, *_ = trained(many, keeper, stop=lambda: next(answers))
    assert found == []
    _, asked, share = trained(many, keeper)
    assert share == pytest.approx(1.0)
    assert asked == trained(many, None)[1] - 2


def test_what_is_trained_in_less_than_a_minute_is_not_kept(kept, monkeypatch):
    monkeypatch.setattr(unfinished, "EVERY", 60.0)
    keeper = kept()
    trained(slow(together=False), keeper)
    assert not keeper.directory.exists()


def carry(count=2):
    return {"a": np.arange(2.0 * count, dtype=np.float32).reshape(count, 2), "b": np.ones(count, LIKE["b"].dtype)}


def test_what_is_read_back_is_what_was_written(kept):
    keeper = kept()
    keeper.save(1, Kept(7, 61.5, carry()))
    found = kept().load(1, 2, LIKE, steps=10)
    assert (found.step, found.seconds) == (7, 61.5)
    assert found.carry["b"].dtype == LIKE["b"].dtype
    same([(0, carry())], [(0, found.carry)])
    assert kept().load(0, 2, LIKE, steps=10) is None  # others
    assert kept(("a-4", "b-1", "d-4")).load(1, 2, LIKE, steps=10) is None


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda path, keeper: path.write_bytes(path.read_bytes()[:-40]), "is damaged"),
        (
            lambda path, keeper: path.write_bytes(path.read_bytes().replace(b"\0\0\x80\x3f", b"\0\0\x81\x3f")),
            "is damaged",
        ),
        (lambda path, keeper: path.write_text("no arrays"), "is damaged"),
        (lambda path, keeper: keeper.save(0, Kept(11, 1.0, carry())), "is damaged: step 11 of 10"),
        (lambda path, keeper: keeper.save(0, Kept(3, -1.0, carry())), "-1 seconds"),
        (lambda path, keeper: keeper.save(0, Kept("three", 1.0, carry())), "is damaged: a number is"),
        (lambda path, keeper: keeper.save(0, Kept(3, 1.0, {"a": carry()["a"]})), "is damaged"),
        (
            lambda path, keeper: keeper.save(0, Kept(3, 1.0, {**carry(), "a": np.zeros((2, 3), np.float32)})),
            r"is of another program: float32 \[2, 3\], not float32 \[2, 2\]",
        ),
    ],
)
def test_what_cannot_be_read_back_begins_anew(kept, change, why):
    keeper = kept()
    keeper.save(0, Kept(3, 1.0, carry()))
    (path,) = keeper.directory.iterdir()
    change(path, keeper)
    assert keeper.load(0, 2, LIKE, steps=10) is None
    (note,) = keeper.notes
    assert str(path) in note
    with pytest.raises(UserError, match=why):
        raise UserError(note)


def test_where_nothing_can_be_written_that_is_said_once_and_training_goes_on(kept, tmp_path):
    (tmp_path / "file").write_text("in the way")
    keeper = kept(directory=tmp_path / "file" / "unfinished")
    whole, *_ = trained(slow(together=False), None)
    found, *_ = trained(slow(together=False), keeper)
    same(whole, found)
    (note,) = keeper.notes
    assert "networks in training are not kept from here on" in note


def test_what_has_ended_is_swept_away(kept):
    keeper = kept()
    keeper.save(0, Kept(3, 1.0, carry()))
    keeper.save(2, Kept(3, 1.0, carry(1)))
    (keeper.directory / "damaged.npz").write_bytes(b"no arrays")
    unfinished.sweep(keeper.directory, {"a-4", "c-4"})
    assert keeper.load(0, 2, LIKE, steps=10) is not None
    assert keeper.load(2, 1, LIKE, steps=10) is None
    (keeper.directory / "damaged.npz").unlink()
    unfinished.sweep(keeper.directory, {"a-4", "b-1"})
    assert not keeper.directory.exists()
    unfinished.sweep(keeper.directory, {"a-4"})  # nor does it have to be there
    keeper.save(0, Kept(3, 1.0, carry()))
    unfinished.discard(keeper.directory)
    assert not keeper.directory.exists()

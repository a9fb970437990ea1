"""Which measurements make one curve, and what they are called."""

from __future__ import annotations

from minjax.records.compression import TRAINED, read_compression
from minjax.report.compression.curves import (
    RECIPE,
    aware_pairs,
    joined,
    method_name,
    ordered,
    phases_of,
    pruned,
    quantized,
    recipe,
    scheme_name,
    series_name,
    values,
    with_statistics,
)
from minjax.report.compression.pruning import method_styles
from tests.report.compressions import FIRST, HALVES, SCHEMES, point


def test_what_is_not_pruned_or_not_quantized_belongs_to_every_grid():
    lines = [point("joint", 0.9)]  # the dense network names neither
    for method in ("l1", "global_l1"):
        lines.append(point("joint", 0.8, method=method, amount=0.5))
        lines.append(point("joint", 0.7, method=method, amount=0.5, bits=4, scheme=SCHEMES[0]))
    lines.append(point("joint", 0.85, bits=4, scheme=SCHEMES[0]))
    groups = joined(lines, *RECIPE)
    assert [(key[0], key[2]) for key in groups] == [("l1", SCHEMES[0]), ("global_l1", SCHEMES[0])]
    for group in groups.values():
        assert [line.accuracy for line in group] == [0.9, 0.8, 0.7, 0.85]


def test_a_curve_has_its_own_phases(compressed):
    compression = read_compression(compressed)
    line = next(line for line in compression.measurements if line.method == "l1_structured" and line.exclude)
    (found,) = phases_of(compression, line)
    assert (found.method, found.exclude, found.batch_norm) == ("l1_structured", (FIRST,), TRAINED)
    assert phases_of(compression, point("pruning", 0.5, method="unheard", amount=0.5)) == []


def test_quantization_in_training_stands_beside_the_same_bits_after_it(compressed):
    pairs = aware_pairs(read_compression(compressed))
    assert [key[0] for key, _, _ in pairs] == list(SCHEMES[:2])
    for _, aware, after in pairs:
        assert {line.bits for line in aware} == {line.bits for line in after} == {2, 3, 4, 8}


def test_values_are_sorted_and_without_gaps():
    lines = [point("pruning", 0.5, amount=0.2), point("pruning", 0.9, amount=0.1), point("pruning", 0.7)]
    x, y = values(lines, "amount", "accuracy")
    assert (x.tolist(), y.tolist()) == ([0.1, 0.2], [0.9, 0.5])


def test_names():
    assert scheme_name("asymmetric_tensor_percentile", 8) == "asymmetric, per tensor, percentile, activations 8 bits"
    assert scheme_name("float8_e4m3") == "float8_e4m3"
    assert method_name("l1", (FIRST,)) == f"l1 except {FIRST}"
    assert [pruned("l1", amount) for amount in (0, 0.8, 1 / 3)] == ["not pruned", "l1 at 80 %", "l1 at 33.3 %"]
    assert [quantized(bits, SCHEMES[0]) for bits in (None, 1)] == [
        "not quantized",
        "1 bit, symmetric, per channel, minmax",
    ]
    assert quantized(16, "float16") == "float16"
    assert with_statistics("l1", TRAINED, [TRAINED]) == "l1"
    assert with_statistics("l1", TRAINED, ["re-estimated"]) == "l1, batch norm as trained"
    keys = [("lottery", "l1", (), TRAINED), ("lottery", "random", (), TRAINED)]
    assert series_name(keys[0], keys) == "lottery, l1"


def test_a_recipe_says_how_a_network_was_made():
    assert recipe(point("dense", 0.9), [TRAINED]) == "the dense network"
    whole = point("joint", 0.9, method="l1", amount=0.5, bits=4, scheme=SCHEMES[0])
    assert recipe(whole, [TRAINED]) == "l1 at 50 %; 4 bits, symmetric, per channel, minmax"
    again = point("rounds", 0.9, method="l1", amount=0.5, series="lottery", round=3)
    assert recipe(again, [TRAINED]) == "l1 at 50 %; round 3 of lottery"
    assert recipe(point("aware", 0.9, bits=16, scheme="float16"), [TRAINED]) == "float16; quantized in training"


def test_methods_have_an_order_and_a_look_each():
    keys = [("zeta", ()), ("random", ()), ("l1", (FIRST,)), ("l1", ())]
    assert ordered(keys) == [("l1", ()), ("l1", (FIRST,)), ("random", ()), ("zeta", ())]
    looks = method_styles(ordered(HALVES))
    assert len({(look["color"], str(look["linestyle"])) for look in looks.values()}) == len(looks)

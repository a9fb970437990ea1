"""TFLite, float and int8, and the C code made from it; all families are converted in one process."""

from __future__ import annotations

import pickle
import re
import shutil
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from minjax.deploy import building
from minjax.deploy.formats import FORMATS, Source, c, tflite
from minjax.deploy.formats.c_code import Multiplier, literal
from minjax.errors import UserError
from tests.deploy.networks import FAMILIES, images, network, reference

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Path:
    """FAMILY.tflite and FAMILY_int8.tflite."""
    directory = tmp_path_factory.mktemp("tflite")
    paths = []
    for family in FAMILIES:
        given = source(family)
        for name, inputs in ((family, None), (f"{family}_int8", given.inputs)):
            (directory / name).write_bytes(pickle.dumps((given.graph, inputs)))
            paths += [str(directory / name), str(directory / f"{name}.tflite")]
    command = [sys.executable, "-m", "minjax.deploy.formats.tflite_conversion", *paths]
    subprocess.run(command, check=True, capture_output=True, timeout=550)
    return directory


def source(family: str) -> Source:
    made = network(family)
    graph = building.build(made.model, made.variables, made.image_shape, mean=made.mean, std=made.std)
    return Source(made, graph, images(made.image_shape))


def difference(logits: np.ndarray, wanted: np.ndarray) -> float:
    return float(np.abs(logits - wanted).max() / np.abs(wanted).max())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("family", FAMILIES)
def test_float_and_int8_in_litert(family, files):
    given = source(family)
    pixels = given.calibration[:12]
    wanted = reference(given.network, pixels)
    run = tflite.load_litert(files / f"{family}.tflite", given)
    assert difference(run.logits(pixels), wanted) < 2e-6
    assert difference(tflite.load_litert(files / f"{family}_int8.tflite", given).logits(pixels), wanted) < 0.06


@pytest.mark.parametrize("family", [family for family in FAMILIES if family != "vit"])
def test_c_has_the_bits_of_tflite_micros_reference_kernels(family, files, tmp_path):
    pytest.importorskip("tflite_micro", reason=f"needs tflite_micro: {tflite.MICRO.command}")
    given = source(family)
    given.converted["tflite_int8"] = (files / f"{family}_int8.tflite").read_bytes()
    c.write(given, tmp_path / "c")
    pixels = images(given.graph.image_shape, 200)
    micro = tflite.load_micro(files / f"{family}_int8.tflite", given)
    np.testing.assert_array_equal(c.load_beside_micro(tmp_path / "c", given).logits(pixels), micro.logits(pixels))
    np.testing.assert_array_equal(c.load(tmp_path / "c", given).logits(pixels), micro.logits(pixels))
    assert micro.arena_bytes


def test_c_stands_alone(files, tmp_path):
    given = source("cnn")
    given.converted["tflite_int8"] = (files / "cnn_int8.tflite").read_bytes()
    c.write(given, tmp_path / "c")
    text = (tmp_path / "c" / "model.c").read_text() + (tmp_path / "c" / "model.h").read_text()
    assert set(re.findall(r"#include [<\"](.+?)[>\"]", text)) == {"model.h", "stddef.h", "stdint.h", "string.h"}
    assert "malloc" not in text
    run = c.load(tmp_path / "c", given)  # compiles with -std=c99 -Wall -Wextra -Werror and runs test.c
    assert run.operators == {"convolution": 2, "linear": 1, "max_pool": 2}
    assert difference(run.logits(given.calibration), reference(given.network, given.calibration)) < 0.06


@pytest.mark.parametrize("family", ["dnn", "cnn", "small_resnet"])
def test_c_compiles_for_a_cortex_m4(family, files, tmp_path):
    build = c.PROCESSORS["Cortex-M4"][0]
    if not shutil.which(build):
        pytest.skip(f"needs {build}: apt install gcc-arm-none-eabi libnewlib-arm-none-eabi")
    given = source(family)
    given.converted["tflite_int8"] = (files / f"{family}_int8.tflite").read_bytes()
    c.write(given, tmp_path / "c")
    weights = sum(leaf.size for leaf in jax.tree.leaves(given.network.variables["params"]))
    assert weights < c.object_bytes(tmp_path / "c", "Cortex-M4") < weights + 20_000
    assert re.fullmatch(rf"Cortex-M4, {build} \d+\.\d+\.\d+", c.named("Cortex-M4"))
    with open(tmp_path / "c" / "model.c", "a") as code:
        code.write("static int unused(void) { return 0; }\n")  # only a warning, if it were not for -Werror
    with pytest.raises(UserError, match="the C compiler for Cortex-M4 refused the code"):
        c.object_bytes(tmp_path / "c", "Cortex-M4")


def test_c_whose_logits_are_others_fails_its_own_test(files, tmp_path):
    given = source("dnn")
    given.converted["tflite_int8"] = (files / "dnn_int8.tflite").read_bytes()
    c.write(given, tmp_path / "c")
    code = tmp_path / "c" / "model.c"
    code.write_text(code.read_text().replace("sum += ", "sum -= "))
    with pytest.raises(UserError, match=r"test\.c fails: wrong logits"):
        c.load(tmp_path / "c", given)


def test_c_with_other_integers_than_tflite_micro_is_found(files, tmp_path):
    pytest.importorskip("tflite_micro", reason=f"needs tflite_micro: {tflite.MICRO.command}")
    given = source("dnn")
    given.converted["tflite_int8"] = (files / "dnn_int8.tflite").read_bytes()
    c.write(given, tmp_path / "c")
    run = c.load_beside_micro(tmp_path / "c", given)
    code = tmp_path / "c" / "model.c"
    code.write_text(code.read_text().replace("(mask >> 1)", "(mask >> 2)"))  # rounds up too often
    with pytest.raises(ValueError, match="images have other logits in TFLite Micro"):
        run.logits(given.calibration)


def test_a_vision_transformer_has_no_c():
    assert "layer norm" in FORMATS["c"].refuses(source("vit").graph)
    assert FORMATS["c"].refuses(source("cnn").graph) is None


class Unreadable:
    """What the converter's process fails to read, before it imports TensorFlow."""

    def __reduce__(self):
        return int, ("no graph",)


def test_the_converter_that_fails_says_why():
    message = r"the TFLite converter failed \(exit code 1\): ValueError: invalid literal for int.*: 'no graph'"
    with pytest.raises(UserError, match=message):
        tflite._converted(Unreadable(), None)


def test_names_of_classes_reach_c_as_their_bytes(tmp_path):
    names = ["plain", "é 日本 😀", 'a"b\\c', "what??/", "1\x01\x85\n2", "\udcff"]
    octets = [name.encode(errors="surrogateescape") for name in names]
    lines = "".join(f"  puts({literal(name)});\n" for name in names)
    (tmp_path / "a.c").write_text(f"#include <stdio.h>\nint main(void) {{\n{lines}  return 0;\n}}\n")
    c.compiled([str(tmp_path / "a.c"), "-o", str(tmp_path / "a")])
    printed = subprocess.run([str(tmp_path / "a")], capture_output=True, check=True).stdout
    assert printed == b"".join(one + b"\n" for one in octets)


@pytest.mark.parametrize("count", [1, 3, 16, 20, 49])
def test_a_multiplier_over_a_count(count):
    made = Multiplier.of(0.7).over(count)
    assert made.value * 2.0 ** (made.shift - 31) == pytest.approx(0.7 / count, rel=1e-8)
    assert made.value < 2**31


@pytest.mark.parametrize("real", [1.0, 0.5, 0.7, 1e-4, 3.25, 2**-31 * 1.4])
def test_multipliers(real):
    made = Multiplier.of(real)
    assert made.value * 2.0 ** (made.shift - 31) == pytest.approx(real, rel=1e-9)

"""Exporting: what is verified is kept, what is not is gone, and the record says which and why."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from minjax.data import Split
from minjax.deploy import export, verification
from minjax.deploy.formats import FORMATS, Source
from minjax.deploy.formats.format import Checker, Format, Package, Runtime
from minjax.errors import UserError
from minjax.records.export import Export, read_export
from minjax.records.record import Provenance
from tests.deploy.networks import images, network, reference

NETWORK = network("dnn")
PIXELS = images(NETWORK.image_shape, 50)
TEST = Split(PIXELS, reference(NETWORK, PIXELS).argmax(-1).astype(np.int32))
FROM = Provenance(device="cpu", device_count=1, versions={"minjax": "0"}, git_commit=None, command="minjax")


def exported(directory: Path, *formats: Format, **changes) -> Export:
    given = {"test": TEST, "calibration": PIXELS[:20], "max_accuracy_drop": 0.005, "dataset": "random"} | changes
    return export.export(NETWORK, formats, directory, provenance=FROM, **given)


def fake(kind: str, logits, package: Package | None = None, **fields) -> Format:
    """A format whose file says nothing and whose runtime gives logits(pixels, true logits)."""

    def load(path: Path, source: Source) -> Runtime:
        assert path.read_bytes() == b"file"
        return Runtime("fake", "1", lambda pixels: logits(reference(source.network, pixels)))

    return Format(
        f"fake_{kind}",
        "model.fake",
        kind,
        (),
        lambda source, path: path.write_bytes(b"file"),
        (Checker("fake", package, load),),
        **fields,
    )


def test_a_verified_file_is_kept_and_recorded(tmp_path):
    record = exported(tmp_path, FORMATS["stablehlo"], FORMATS["safetensors"])
    assert record == read_export(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["export.json", "model.safetensors", "model.stablehlo"]
    for file in record.files:
        (check,) = file.checks
        assert (file.status, check.status, check.accuracy, check.agreement, check.images) == (
            "verified",
            "verified",
            1.0,
            1.0,
            50,
        )
        assert file.bytes == (tmp_path / str(file.file)).stat().st_size
        assert check.largest_difference < 1e-6
    assert (record.accuracy, record.test_images, record.calibration_images) == (1.0, 50, 20)
    assert record.input.mean == [0.3, 0.45, 0.6]
    # 90 pixels x 11, 11 x 7, 7 x 5; the pixels and the first layer are alive at once.
    assert (record.sheet.num_params, record.sheet.macs) == (90 * 11 + 11 + 11 * 7 + 7 + 7 * 5 + 5, 90 * 11 + 77 + 35)
    assert (record.sheet.ram_bytes_float32, record.sheet.ram_bytes_int8) == (4 * 101, 101)


def test_float_logits_that_differ_fail_and_the_others_go_on(tmp_path):
    (tmp_path / "model.fake").write_bytes(b"of an earlier export")
    record = exported(tmp_path, fake("float", lambda x: x + 2e-4 * np.abs(x).max()), FORMATS["safetensors"])
    failed, kept = record.files
    assert (failed.status, failed.file, kept.status) == ("failed", None, "verified")
    assert failed.reason == "fake: its logits differ by 2.0e-04 of the largest one; at most 1e-04 is allowed"
    assert not (tmp_path / "model.fake").exists()
    assert exported(tmp_path, fake("float", lambda x: x + 0.5e-4 * np.abs(x).max())).files[0].status == "verified"


def lost(count: int):
    """Logits that give another class for the first `count` images."""
    return lambda x: np.where(np.arange(len(x))[:, None] < count, -x, x)


def test_int8_may_lose_so_much_and_no_more(tmp_path):
    bad, good = (exported(tmp_path, fake("int8", lost(n)), max_accuracy_drop=0.02).files[0] for n in (2, 1))
    assert bad.status == "failed"
    assert "its accuracy is 96.00 %, the network's 100.00 %: it drops by 4.00 points" in str(bad.reason)
    assert (good.status, good.checks[0].agreement) == ("verified", 0.98)


def test_logits_that_are_no_numbers_fail(tmp_path):
    (file,) = exported(tmp_path, fake("int8", lambda x: x * np.nan)).files
    assert file.reason == "fake: it gives logits that are NaN or infinite"


def test_a_runtime_that_is_not_there_is_said_and_the_file_is_kept(tmp_path):
    package = Package("no_such_module", "minjax[none]", limits="wheels for the Moon only")
    (file,) = exported(tmp_path, fake("float", lambda x: x, package)).files
    assert (file.status, file.file) == ("not verified", "model.fake")
    assert file.reason == "fake is not installed: pip install 'minjax[none]' (wheels for the Moon only)"
    assert "not verified: fake is not installed" in export.line(file)


def test_a_runtime_that_breaks_fails_the_file(tmp_path):
    def broken(path, source):
        raise RuntimeError("cannot\nread it")

    kind = dataclasses.replace(fake("float", lambda x: x), checkers=(Checker("fake", None, broken),))
    (file,) = exported(tmp_path, kind).files
    assert file.reason == "fake: RuntimeError: cannot read it"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["export.json"]


def test_what_a_format_cannot_is_refused_with_the_reason(tmp_path):
    (file,) = exported(tmp_path, fake("int8", lambda x: x, refuses=lambda graph: f"not a {graph.family}")).files
    assert (file.status, file.reason, file.file) == ("refused", "not a dnn", None)
    assert export.line(file) == "fake_int8: refused: not a dnn"


def test_unknown_formats_and_ones_that_are_not_installed(monkeypatch):
    assert [kind.name for kind in export.known(["safetensors", "stablehlo", "safetensors"])] == [
        "safetensors",
        "stablehlo",
    ]
    with pytest.raises(UserError, match=r"unknown export.formats 'onx' \(did you mean 'onnx'\?\)"):
        export.known(["onx"])
    monkeypatch.setattr(Package, "installed", property(lambda self: False))
    with pytest.raises(UserError, match=r"export.formats=onnx needs onnx: pip install 'minjax\[onnx\]'"):
        export.known(["stablehlo", "onnx"])


def test_a_slow_runtime_is_run_on_as_many_images_as_there_is_time_for(tmp_path, monkeypatch):
    def load(path, source):
        return Runtime("slow", "1", lambda pixels: reference(source.network, pixels), slow=True)

    kind = dataclasses.replace(fake("float", lambda x: x), checkers=(Checker("slow", None, load),))
    assert exported(tmp_path, kind).files[0].checks[0].images == 50
    monkeypatch.setattr(verification, "SLOW_SECONDS", 0.0)
    assert exported(tmp_path, kind).files[0].checks[0].images == verification.FIRST_IMAGES


def test_too_few_images_to_calibrate_on():
    labels = np.arange(30, dtype=np.int32) % 3
    train = Split(images((2, 2, 1), 30), labels)
    assert len(export.calibration_images(train, 500, 0)) == 30
    assert len(export.calibration_images(train, 12, 0)) == 12
    with pytest.raises(UserError, match="9 images to calibrate int8 on"):
        export.calibration_images(train, 9, 0)


def test_bfloat16_networks_are_exported_in_float32(tmp_path):
    made = network("dnn", dtype="bfloat16")
    given = {"test": TEST, "calibration": PIXELS[:20], "max_accuracy_drop": 0.005, "dataset": "random"}
    record = export.export(made, [FORMATS["safetensors"]], tmp_path, provenance=FROM, **given)
    assert record.accuracy == 1.0  # that of the float32 network of the same weights
    assert record.files[0].status == "verified"

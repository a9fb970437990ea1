"""The page of the records of `benchmarks/accelerator.py`, and the kernels that a profile saw."""

from __future__ import annotations

import json

import pytest

from benchmarks import accelerator_table, kernels

SHARED = {
    "device": "H200", "platform": "gpu", "git_commit": "abc", "versions": {"jax": "1"}, "scale": "full",
    "date": "2026-11-25", "load_at_start": 0.5,
}  # fmt: skip


def test_kernels_by_kind():
    found = kernels.summary([("fusion.1", 2e-6), ("fusion.27", 4e-6), ("conv_3", 1e-6), ("fusion.1", 2e-6)], steps=2)
    assert (found["kernels_a_step"], found["kernel_seconds_a_step"]) == (2, pytest.approx(4.5e-6))
    assert found["kinds"][0] == {"kind": "fusion", "a_step": 1.5, "seconds_a_step": pytest.approx(4e-6)}
    with pytest.raises(ValueError, match="no kernels"):
        kernels.summary([], 1)


def record(part: str, work: str, sides: dict, network=None, **more) -> dict:
    whole = {side: {"status": "done", "seconds": 1.0, "lines": lines} for side, lines in sides.items()}
    about = {"network": {"model": network, "batch": 128, "fields": {}}} if network else {}
    return {"part": part, "work": work, "status": "done", "conditions": SHARED, "sides": whole, **about, **more}


def population(form: str, members: int, speed: float) -> dict:
    about = {"dtype": "bfloat16", "compile_seconds": 20.0, "peak_bytes_so_far": 2.5e9}
    return {"form": form, "members": members, "steps_per_second": speed, **about}


EVERY = [
    record(
        "speed-resnet18_s-128",
        "speed",
        {
            "minjax": [{"variant": "bfloat16", "median": 900.0}, {"variant": "float32", "median": 700.0}],
            "PyTorch": [
                {"variant": "eager float32", "median": 100.0},
                {"variant": "eager bfloat16", "failure": "RuntimeError: no"},
                {"variant": "CUDA graphs bfloat16", "median": 300.0},
            ],
        },
        "resnet18_s",
    ),
    record(
        "populations-resnet18_s",
        "populations",
        {
            "minjax": [
                population("one after the other", 4, 10.0),
                population("groups", 16, 30.0),
                population("products", 16, 50.0),
                {"form": "groups", "members": 64, "not_run": "does not fit the memory"},
            ]
        },
        "resnet18_s",
    ),
    record(
        "determinism-resnet18_s",
        "determinism",
        {
            "deterministic": [{"digests": ["a", "a"], "median": 80.0}],
            "deterministic again": [{"digests": ["a", "b"], "median": 70.0}],
            "default": [{"digests": ["c", "d"], "median": 100.0}],
        },
        "resnet18_s",
    ),
    record(
        "golden",
        "golden",
        {"minjax": [{"what": "logits", "case": "vit_s", "dtype": "float32", "error": 1, "tolerance": 0, "passed": 0}]},
    ),
    record("study", "study", {}, status="out of time", reason="minjax: killed after 90 s"),
]


def test_the_page_says_what_was_reached_and_what_was_not(tmp_path):
    (tmp_path / "h200").mkdir()
    for one in EVERY:
        (tmp_path / "h200" / f"{one['part']}.json").write_text(json.dumps(one))
    accelerator_table.main([f"--records={tmp_path}", f"--out={tmp_path / 'page.md'}"])
    page = (tmp_path / "page.md").read_text()
    for line in (
        "| ResNet18_S, batch 128, over the best PyTorch | at least 2 | 3.00 | yes |",
        "| ResNet18_S, batch 8, over eager PyTorch | at least 8 | not measured |  |",
        "| 16 ResNet18_S, over one after the other | at least 4 | 5.00 | yes |",
        "| study of 120 DNNs, s | under 60 | not measured |  |",
        "| resnet18_s | 128 | 900 | 700 | 300 |  | 100 | 3.00 | 9.00 |",
        "| resnet18_s | products | 16 | bfloat16 | 50 | 5.00 | 2.5 | 20 |",
        "| resnet18_s | groups | 64 | does not fit the memory |",
        "each of two processes: **other bits**; without, twice in one process: other bits. It costs a factor of 1.25",
        "| logits | vit_s | float32 | 1.0e+00 | 0e+00 | **no** |",
        "Not done: study (out of time: minjax: killed after 90 s).",
    ):
        assert line in page
    assert "trial" not in page


def test_a_trial_is_called_one(tmp_path):
    one = EVERY[0] | {"conditions": SHARED | {"platform": "cpu"}}
    page = accelerator_table.section({"speed-resnet18_s-128": one})
    assert "**A trial of the program, not a measurement of an accelerator.**" in page
    assert "reached" not in page

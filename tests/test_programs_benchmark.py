"""The reader of compiled programs, on a small text and on a program compiled for a TPU that is not there."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys

import pytest

from benchmarks import hlo

TEXT = """HloModule step

%fused (param_0: f32[1000], param_1: s32[]) -> f32[10] {
  %param_0 = f32[1000]{0} parameter(0)
  %param_1 = s32[] parameter(1)
  ROOT %part = f32[10]{0} dynamic-slice(%param_0, %param_1), dynamic_slice_sizes={10}
}

%whole (param_0.1: f32[1000]) -> f32[1000] {
  %param_0.1 = f32[1000]{0} parameter(0)
  ROOT %negate = f32[1000]{0} negate(%param_0.1)
}

%body (arg: (f32[1000], s32[])) -> (f32[1000], s32[]) {
  %arg = (f32[1000]{0}, s32[]) parameter(0)
  %vector = f32[1000]{0} get-tuple-element(%arg), index=0
  %i = s32[] get-tuple-element(%arg), index=1
  %slice = f32[10]{0} fusion(%vector, %i), kind=kLoop, calls=%fused, metadata={op_name="jit(f)/while/body/slice"}
  %conv = bf16[2,4,4,8]{3,2,1,0} custom-call(%slice), window={size=32x31 pad=1_1x1_1}, custom_call_target="__cudnn$convForward"
  %sum = f32[10]{0} all-reduce-start(%slice), to_apply=%add
  %new = f32[1000]{0} fusion(%vector), kind=kLoop, calls=%whole
  ROOT %result = (f32[1000]{0}, s32[]) tuple(%new, %i)
}

ENTRY %main (p: f32[1000]) -> f32[1000] {
  %p = f32[1000]{0} parameter(0)
  %a = f32[1000]{0} copy(%p)
  %b = f32[1000]{0} copy(%a)
  %c = f32[1000]{0} copy(%b)
  %packed = (f32[1000]{0}, s32[]) tuple(%c, %zero)
  %loop = (f32[1000]{0}, s32[]) while(%packed), condition=%more, body=%body
  ROOT %copy = f32[1000]{0} get-tuple-element(%loop), index=0
}
"""  # noqa: E501


def test_sizes_of_shapes():
    assert hlo.size("f32[2,3]{1,0}") == 24
    assert hlo.size("(bf16[4]{0}, s32[], u8[5])") == 8 + 4 + 5
    assert hlo.size("c64[3,16]{1,0}") == 3 * 16 * 8
    assert hlo.size("token[]") == 0
    assert hlo.size("bf16[128,32,32,16]{3,2,1,0:T(8,128)(2,1)}") == 128 * 32 * 32 * 16 * 2
    with pytest.raises(KeyError):  # a type that is not known is not counted as nothing
        hlo.size("s4[2]{0}")


def test_sizes_of_tiled_shapes():
    assert hlo.tiled_size("bf16[128,32,32,16]{3,2,1,0:T(8,128)(2,1)}") == 128 * 32 * 32 * 128 * 2
    assert hlo.tiled_size("bf16[128,32,32,16]{0,3,2,1:T(8,128)(2,1)S(1)}") == 128 * 32 * 32 * 16 * 2
    assert hlo.tiled_size("(f32[10]{0:T(128)}, f32[3,5]{0,1:T(8,128)}, s32[]{:T(128)})") == 4 * (128 + 8 * 128) + 4
    assert hlo.tiled_size("f32[2,3]") == 24


def test_the_shapes_that_are_padded_most():
    wide, narrow = "bf16[8,8,128]{2,1,0:T(8,128)(2,1)}", "bf16[8,8,16]{2,1,0:T(8,128)(2,1)S(1)}"
    rows = [f"  %{i} = {shape} fusion(%p), kind=kLoop" for i, shape in enumerate((wide, narrow, narrow))]
    text = "ENTRY %main (p: f32[]) -> f32[] {\n" + "\n".join(rows) + "\n}\n"
    assert hlo.padding(text) == {"bf16[8,8,16]{2,1,0:T(8,128)(2,1)}": 2 * 8 * 8 * 112 * 2}


def test_kernels_of_the_step_and_what_they_read():
    found = hlo.kernels(TEXT)
    assert [one.kind for one in found] == ["fusion", "__cudnn$convForward", "fusion"]
    part, convolution, whole = found
    assert part.bytes == 40 + 40 + 4  # ten numbers of the thousand, and the index
    assert part.source == "slice"
    assert convolution.window == (32, 31)
    assert whole.bytes == 8000
    assert hlo.collectives(TEXT) == {"all-reduce": 1}


def test_what_kernels_are_for_and_what_is_reduced():
    found = hlo.summary(TEXT)
    assert found["groups"] == {"moves": 1, "convolutions": 1, "arithmetic": 1}
    assert (found["kernels"], found["wide_windows"]) == (3, 1)
    rows = [("8", "jvp(a)/norm"), ("16", "transpose(jvp(a))/norm"), ("300", "transpose(jvp(a))/conv")]
    lines = [
        f'  %r{i} = f32[{n}]{{0}} all-reduce(%p), metadata={{op_name="{name}"}}' for i, (n, name) in enumerate(rows)
    ]
    text = "ENTRY %main (p: f32[]) -> f32[] {\n" + "\n".join(lines) + "\n}\n"
    assert hlo.reduced(text) == {"forward": [1, 32], "backward": [1, 64], "gradients": [1, 1200]}


def test_what_is_read_through_a_conversion_and_the_scratch_of_a_library():
    text = """HloModule step

%fused (param_0: f32[1000]) -> bf16[10] {
  %param_0 = f32[1000]{0} parameter(0)
  %narrow = bf16[1000]{0} convert(%param_0)
  ROOT %part = bf16[10]{0} slice(%narrow), slice={[0:10]}
}

ENTRY %main (p: f32[1000]) -> f32[5] {
  %p = f32[1000]{0} parameter(0)
  %slice = bf16[10]{0} fusion(%p), kind=kLoop, calls=%fused
  %made = (bf16[5]{0}, s8[4194304]{0}) custom-call(%slice), custom_call_target="__cublas$lt$matmul"
  ROOT %result = bf16[5]{0} get-tuple-element(%made), index=0
}
"""
    assert [one.bytes for one in hlo.kernels(text)] == [10 * 4 + 10 * 2, 10 * 2 + 5 * 2]


def test_the_page_has_a_row_for_each_record(benchmark, tmp_path):
    record = {
        "target": "h200", "network": "dnn", "batch": 128, "dtype": "bfloat16", "members": 1, "parallel": "jit",
        "plain": False, "kernels": 33, "bytes": 61e6, "modelled_seconds": 62e-6, "roofline_seconds": 12e-6,
        "temporary_bytes": 2e6, "copies": 0, "wide_windows": 0, "collectives": {"all-reduce": 2}, "jax": "0.10.2",
        "commit": "abc",
    }  # fmt: skip
    (tmp_path / "before").mkdir()
    (tmp_path / "a.json").write_text(json.dumps(record))
    (tmp_path / "before" / "a.json").write_text(json.dumps({**record, "kernels": 70}))
    made = benchmark("programs_table")
    made.main([f"--records={tmp_path}", f"--out={tmp_path / 'page.md'}"])
    page = (tmp_path / "page.md").read_text()
    assert "| dnn | 128 | bfloat16 | 1 | 33 | 70 | 61 | 61 | 62 | 62 | 12 | 2 | 0 | 0 | 2 all-reduce |  |" in page
    padding = {"bf16[8,16]{1,0:T(8,128)}": 3e6, "f32[8,16]{1,0:T(8,128)}": 3e5}
    assert made.most_padded({"padding": padding}) == "`bf16[8,16]{1,0}` 3"


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("libtpu") is None, reason="needs libtpu, see the extra `programs`")
def test_a_program_is_compiled_for_a_tpu_that_is_not_there(tmp_path, root):
    arguments = ["--targets=v5e", "--networks=dnn", f"--out={tmp_path}"]
    done = subprocess.run(
        [sys.executable, "benchmarks/programs.py", *arguments], cwd=root, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr[-2000:]
    record = json.loads((tmp_path / "v5e-dnn-128-bfloat16-1.json").read_text())
    assert record["kernels"] > 5
    assert record["flops"] > 1e8
    assert "v5e-dnn-128-bfloat16-1" in done.stdout


def test_an_unknown_network_lists_those_that_are_known(root):
    done = subprocess.run(
        [sys.executable, "benchmarks/programs.py", "--networks=resnet"], cwd=root, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "resnet18_s" in done.stderr

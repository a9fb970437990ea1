"""Reading state dicts: names, orders of axes, files, and what is refused."""

from __future__ import annotations

import builtins
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from minjax import models
from minjax.errors import UserError
from minjax.interop import layouts
from minjax.interop.torch import convert, load

SMALL = {
    "resnet18_s": {"width": 2},
    "resnet50": {"width": 2},
    "vgg11_bn": {"width": 2, "head_width": 3},
    "vit_s": {"dim": 8, "depth": 2, "heads": 2, "mlp_dim": 4},
}


def state_dict(name: str, image_shape=(32, 32, 3), classes: int = 5, **fields) -> dict[str, np.ndarray]:
    """A state dict of this network whose numbers tell where they belong: PyTorch's names and orders of axes."""
    model = models.build(name, classes, **fields)
    names = layouts.layout(model)
    leaves, _ = jax.tree_util.tree_flatten_with_path(models.parameter_shapes(name, classes, image_shape, **fields))
    rng = np.random.default_rng(0)
    arrays = {}
    for keys, leaf in leaves:
        shape = {4: (3, 2, 0, 1), 2: (1, 0)}.get(len(leaf.shape), range(len(leaf.shape)))
        value = rng.uniform(0.1, 1.0, [leaf.shape[axis] for axis in shape]).astype(np.float32)
        arrays[layouts.leaf_name(names, tuple(key.key for key in keys)[1:])] = value
    return arrays


@pytest.mark.parametrize("name", SMALL)
def test_every_parameter_arrives_transposed(name):
    fields = SMALL[name]
    arrays = state_dict(name, **fields)
    variables = convert(arrays, name, 5, **fields)
    expected = models.parameter_shapes(name, 5, (32, 32, 3), **fields)
    assert jax.tree.structure(variables) == jax.tree.structure(expected)
    assert sum(leaf.size for leaf in jax.tree.leaves(variables)) == sum(value.size for value in arrays.values())
    head = {"resnet18_s": "linear", "resnet50": "linear", "vgg11_bn": "classifier.6", "vit_s": "mlp_head.4"}[name]
    np.testing.assert_array_equal(variables["params"]["head"]["kernel"], arrays[f"{head}.weight"].T)


def test_names_of_the_public_code():
    # kuangliu/pytorch-cifar's ResNet50 and VGG16, by a sample of the names its checkpoints have.
    assert {"conv1.weight", "bn1.running_var", "layer1.0.shortcut.0.weight", "layer1.0.shortcut.1.bias"} <= set(
        state_dict("resnet50", **SMALL["resnet50"])
    )
    assert {"layer4.2.conv3.weight", "layer4.2.bn3.running_mean", "linear.bias"} <= set(
        state_dict("resnet50", **SMALL["resnet50"])
    )
    vgg = set(state_dict("vgg16_bn", width=2, head_width=0))
    assert {"features.0.weight", "features.1.running_mean", "features.40.weight", "classifier.weight"} <= vgg


def test_wrappers_and_other_names_of_the_same_layers():
    arrays = state_dict("resnet18_s", **SMALL["resnet18_s"])
    renamed = {
        "module." + key.replace("shortcut", "downsample").replace("linear.", "fc."): v for key, v in arrays.items()
    }
    renamed["module.bn1.num_batches_tracked"] = np.asarray(7)
    jax.tree.map(
        np.testing.assert_array_equal,
        convert(renamed, "resnet18_s", 5, width=2),
        convert(arrays, "resnet18_s", 5, width=2),
    )


@pytest.mark.parametrize("head_width", [3, 0])
def test_flattened_features_of_large_images_are_reordered(head_width):
    # 64x96 images leave 2x3 positions before the first linear layer, which PyTorch reads channel by channel.
    fields = {"width": 1, "head_width": head_width}
    arrays = state_dict("vgg11", (64, 96, 1), **fields)
    name, leaf = ("hidden1", "classifier.1.weight") if head_width else ("head", "classifier.weight")
    variables = convert(arrays, "vgg11", 5, image_shape=(64, 96, 1), **fields)
    features = np.random.default_rng(1).normal(size=(2, 3, 8)).astype(np.float32)  # rows, columns, channels
    theirs = arrays[leaf] @ features.transpose(2, 0, 1).ravel()
    np.testing.assert_allclose(features.ravel() @ variables["params"][name]["kernel"], theirs, rtol=1e-5)


def test_image_size_and_channels_are_inferred():
    for name, shape in (("vgg11_bn", (64, 64, 1)), ("vit_s", (24, 24, 1)), ("resnet18_s", (32, 32, 1))):
        convert(state_dict(name, shape, **SMALL[name]), name, 5, **SMALL[name])
    with pytest.raises(UserError, match="pos_embedding"):  # not square, so it must be said
        convert(state_dict("vit_s", (24, 16, 1), **SMALL["vit_s"]), "vit_s", 5, **SMALL["vit_s"])
    fields = SMALL["vit_s"]
    convert(state_dict("vit_s", (24, 16, 1), **fields), "vit_s", 5, image_shape=(24, 16, 1), **fields)


def test_refused_state_dicts():
    arrays = state_dict("resnet18_s", width=2)
    with pytest.raises(UserError, match=r"missing .*linear\.bias"):
        convert({k: v for k, v in arrays.items() if k != "linear.bias"}, "resnet18_s", 5, width=2)
    with pytest.raises(UserError, match=r"left over extra\.weight"):
        convert({**arrays, "extra.weight": np.ones(3)}, "resnet18_s", 5, width=2)
    with pytest.raises(UserError, match=r"not the shapes of resnet18_s with 10 classes: linear\.bias \(5,\)"):
        convert(arrays, "resnet18_s", 10, width=2)
    with pytest.raises(UserError, match=r"conv1\.weight is not numeric"):
        convert({**arrays, "conv1.weight": np.asarray("x")}, "resnet18_s", 5, width=2)
    with pytest.raises(UserError, match="head_width=0"):
        convert(state_dict("vgg11", width=2, head_width=0), "vgg11", 5, width=2)
    with pytest.raises(UserError, match="not a state dict of dnn"):
        convert(arrays, "dnn", 5)
    with pytest.raises(UserError, match="unknown model"):
        convert(arrays, "resnet19", 5)


def test_npz_files(tmp_path):
    arrays = {"conv1.weight": np.ones((2, 1, 3, 3), np.float32)}
    np.savez(tmp_path / "w.npz", **arrays)
    np.testing.assert_array_equal(load(tmp_path / "w.npz")["conv1.weight"], arrays["conv1.weight"])


def test_safetensors_files(tmp_path):
    flax_io = pytest.importorskip("safetensors.flax")
    flax_io.save_file({"a": jnp.ones(3, jnp.bfloat16), "b": jnp.arange(2)}, str(tmp_path / "w.safetensors"))
    arrays = load(tmp_path / "w.safetensors")
    assert arrays["a"].dtype == np.float32
    np.testing.assert_array_equal(arrays["b"], [0, 1])


def test_torch_files(tmp_path):
    torch = pytest.importorskip("torch")
    weights = {"a": torch.ones(2, dtype=torch.bfloat16), "b": torch.zeros(3, requires_grad=True)}
    for wrapped in (weights, {"net": weights, "acc": 93.1, "epoch": 5}, {"state_dict": weights}):
        torch.save(wrapped, tmp_path / "w.pth")
        arrays = load(tmp_path / "w.pth")
        assert arrays["a"].dtype == np.float32
        assert set(arrays) == {"a", "b"}
    torch.save(torch.nn.Linear(2, 2), tmp_path / "model.pt")  # a pickled object, which could run code
    with pytest.raises(UserError, match=r"model\.state_dict\(\)"):
        load(tmp_path / "model.pt")
    torch.save([1, 2], tmp_path / "list.pt")
    with pytest.raises(UserError, match="holds no state dict"):
        load(tmp_path / "list.pt")


class Malicious:
    """Runs a command when it is unpickled."""

    def __init__(self, witness):
        self.witness = str(witness)

    def __reduce__(self):
        return (open, (self.witness, "w"))


@pytest.mark.parametrize("protocol", ["torch", "pickle"])
def test_a_malicious_pickle_is_refused_and_not_run(tmp_path, protocol):
    torch = pytest.importorskip("torch")
    witness, path = tmp_path / "it-ran", tmp_path / "w.pt"
    if protocol == "torch":
        torch.save({"conv1.weight": Malicious(witness)}, path)
    else:
        path.write_bytes(pickle.dumps({"conv1.weight": Malicious(witness)}))
    with pytest.raises(UserError, match=r"w\.pt") as caught:
        load(path)
    assert "\n" not in str(caught.value)
    assert not witness.exists()


@pytest.mark.parametrize("suffix", [".npz", ".pt", ".safetensors"])
@pytest.mark.parametrize("content", [b"", b"not weights at all", b"PK\x03\x04 cut off"])
def test_damaged_files(tmp_path, suffix, content):
    if suffix != ".npz":
        pytest.importorskip({".pt": "torch", ".safetensors": "safetensors"}[suffix])
    path = tmp_path / f"w{suffix}"
    path.write_bytes(content)
    with pytest.raises(UserError, match=f"w{suffix}") as caught:
        load(path)
    assert "\n" not in str(caught.value)


def test_refused_files(tmp_path, monkeypatch):
    with pytest.raises(UserError, match="no such file"):
        load(tmp_path / "missing.pt")
    with pytest.raises(UserError, match=r"\.h5: weights are read from \.npz"):
        load(tmp_path / "w.h5")

    real = builtins.__import__

    def absent(name, *rest, **more):
        if name.split(".")[0] in ("torch", "safetensors"):
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", absent)
    for suffix in (".pt", ".safetensors"):
        (tmp_path / f"w{suffix}").write_bytes(b"x")
        with pytest.raises(UserError, match=r"minjax\[torch\]"):
            load(tmp_path / f"w{suffix}")

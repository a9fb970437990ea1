"""The benchmark against PyTorch: its two sides are the same, its verdicts, its page, and that it goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from minjax.errors import UserError
from minjax.findings.intervals import Estimate

DATA = Path(__file__).parent / "data"
REFERENCE = Path(__file__).parents[2] / "shared" / "reference"


# -- PyTorch's side


@pytest.mark.parametrize(
    ("run", "changes"), [("adabound", {}), ("adabound_gamma1e-1", {"gamma": 0.1, "weight_decay": 0.0})]
)
def test_adabound_follows_the_recorded_trajectories(benchmark, run, changes):
    torch = pytest.importorskip("torch")
    training = benchmark("torch_training")
    with np.load(DATA / "optimizers.npz") as vectors:
        weights = {leaf: torch.nn.Parameter(torch.tensor(vectors[f"init_{leaf}"])) for leaf in "ab"}
        hyper = {"lr": 1e-3, "final_lr": 0.1, "gamma": 1e-3, "weight_decay": 5e-4} | changes
        optimizer = training.AdaBound(weights.values(), **hyper)
        schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, [int(one) for one in vectors["milestones"]], 0.1)
        for step in range(len(vectors["grads_a"])):
            for leaf, weight in weights.items():
                weight.grad = torch.tensor(vectors[f"grads_{leaf}"][step])
            optimizer.step()
            schedule.step()
            for leaf, weight in weights.items():
                np.testing.assert_allclose(weight.detach(), vectors[f"{run}_{leaf}"][step], rtol=1e-10)


@pytest.mark.parametrize("name", ["sgdm", "adam"])
def test_pytorch_s_own_optimizers_have_minjax_s_settings(benchmark, name):
    torch = pytest.importorskip("torch")
    training, agreement = benchmark("torch_training"), benchmark("agreement")
    hyper = agreement.configuration(agreement.parse([]), name)["optimizer"]
    with np.load(DATA / "optimizers.npz") as vectors:
        weight = torch.nn.Parameter(torch.tensor(vectors["init_a"]))
        optimizer = training.optimizer_of([weight], hyper)
        for step in range(int(vectors["milestones"][0])):
            weight.grad = torch.tensor(vectors["grads_a"][step])
            optimizer.step()
            np.testing.assert_allclose(weight.detach(), vectors[f"{name}_a"][step], rtol=1e-10)


@pytest.mark.parametrize("name", ["resnet18_s", "vgg16_s", "vit_s"])
def test_twins_are_the_paper_s_networks(benchmark, name):
    torch = pytest.importorskip("torch")
    path = REFERENCE / f"torch_{name}.npz"
    if not path.is_file():
        pytest.skip(f"the reference vectors {path.name} are not beside this checkout")
    arrays = dict(np.load(path))
    theirs = [value for key, value in arrays.items() if key.startswith("sd/")]
    twin = benchmark("torch_models").TWINS[name](10)
    if name == "vit_s":  # its positions come first, and the class token second
        theirs[:2] = theirs[1::-1]
    state = {}
    for key, value in twin.state_dict().items():
        if key.endswith("num_batches_tracked"):
            continue
        array = theirs.pop(0)
        assert array.shape == tuple(value.shape), key
        state[key] = torch.tensor(array)
    assert not theirs
    twin.load_state_dict(state, strict=False)
    with torch.no_grad():
        logits = twin.eval()(torch.tensor(arrays["x_nchw"]))
    np.testing.assert_allclose(logits, arrays["logits_eval"], atol=1e-4)


def test_augmentation_takes_every_window_of_the_padded_image(benchmark):
    torch = pytest.importorskip("torch")
    training = benchmark("torch_training")
    torch.manual_seed(0)
    image = np.arange(1, 3 * 4 * 2 + 1, dtype=np.uint8).reshape(3, 4, 2)
    padded = np.pad(image, ((1, 1), (1, 1), (0, 0)))
    windows = [padded[row : row + 3, column : column + 4] for row in range(3) for column in range(3)]
    known = [window[:, ::step].tobytes() for window in windows for step in (1, -1)]
    drawn = training.augment(torch.tensor(np.stack([image] * 1800)), 1).numpy()
    counts = np.bincount([known.index(one.tobytes()) for one in drawn], minlength=18)
    assert counts.min() > 60  # of 100 expected; 4 deviations
    assert counts.max() < 140


# -- the verdict and the page


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (-1.4, 1.5, "equal"),
        (0.2, 1.4, "equal"),  # a difference, but a small one
        (0.2, 1.6, "different"),
        (-3.0, -2.0, "different"),
        (-1.6, 0.1, "undecided"),
        (-4.0, 4.0, "undecided"),
    ],
)
def test_verdicts(benchmark, low, high, said):
    assert benchmark("agreement_table").verdict(Estimate((low + high) / 2, low, high)) == said


def record(framework: str, optimizer: str, seed: int, accuracy: float) -> dict:
    noise = 0.002 * ((seed - 42) - 2)
    data = {"name": "cifar10-jpeg", "sizes": {"train": 10_000, "test": 10_000}, "augment": "crop_flip"}
    epochs = [{"train_accuracy": accuracy + noise, "test_accuracy": 0.5 + 10 * noise, "seconds": 3.0}] * 2
    return {
        "framework": framework,
        "seed": seed,
        "settings": {
            "network": "resnet18_s", "batch": 128, "epochs": 2, "data": data,
            "optimizer": {"name": optimizer, "learning_rate": 0.1},
        },
        "conditions": {"device": "cpu", "threads": 2, "versions": {"python": "3.11"}, "git_commit": None},
        "epochs": epochs,
    }  # fmt: skip


def test_the_page_says_equal_different_undecided_and_what_was_not_run(benchmark, tmp_path):
    ours = {"sgdm": 0.40, "adam": 0.44}
    for seed in range(42, 47):
        for framework in ("minjax", "PyTorch"):
            for optimizer, accuracy in ours.items():
                if (framework, optimizer, seed) == ("PyTorch", "adam", 46):
                    continue
                one = record(framework, optimizer, seed, accuracy if framework == "minjax" else 0.40)
                path = tmp_path / "a" / f"{framework}-{optimizer}-s{seed}.json"
                path.parent.mkdir(exist_ok=True)
                path.write_text(json.dumps(one))
    benchmark("agreement_table").main([f"--records={tmp_path}", f"--out={tmp_path / 'page.md'}"])
    page = (tmp_path / "page.md").read_text()
    assert "## resnet18_s on CIFAR-10 (JPEG)" in page
    assert "10,000 training images" in page
    sgdm, adam, adabound = page.split("\n### ")[1:]
    assert "+0.00 (-0.46 to +0.46): equal" in sgdm
    assert "(-4.61 to +4.61): undecided" in sgdm  # the test accuracy, whose seeds differ more
    assert "5 seeds each; of 4 comparisons 2 equal, 2 undecided." in sgdm
    assert "): different" in adam
    assert "Not run: PyTorch with seed 46." in adam
    assert "5 and 4 seeds" in adam
    assert adabound == "adabound\n\nNot run.\n"


def test_a_page_of_nothing_says_so(benchmark, tmp_path):
    benchmark("agreement_table").main([f"--records={tmp_path}", f"--out={tmp_path / 'page.md'}"])
    assert "Nothing was run yet." in (tmp_path / "page.md").read_text()


# -- the runs


class Pretended:
    """A side that does not train; it remembers what it was asked for."""

    num_params = 1
    asked: list[tuple[str, int]]
    broken_at: int | None

    def __init__(self, config, dataset):
        self.optimizer, self.epochs = config["optimizer"]["name"], config["epochs"]

    def run(self, seed: int) -> Iterator[dict[str, float]]:
        self.asked.append((self.optimizer, seed))
        for _ in range(self.epochs):
            if len(self.asked) == self.broken_at:
                raise KeyboardInterrupt
            yield {"train_loss": float("nan"), "train_accuracy": 0.3, "test_accuracy": 0.2, "seconds": 1.0}


def test_what_was_recorded_is_not_trained_again(benchmark, tmp_path, monkeypatch):
    agreement = benchmark("agreement")
    monkeypatch.setattr(agreement, "side_builders", lambda: {"minjax": Pretended, "PyTorch": Pretended})
    flags = agreement.parse(
        [f"--records={tmp_path}", "--seeds=2", "--epochs=1", "--limit=200", "--optimizers=sgdm,adam"]
    )
    Pretended.asked, Pretended.broken_at = [], 4
    with pytest.raises(KeyboardInterrupt):
        agreement.measure(flags, {"device": "cpu"})
    assert len(list(tmp_path.glob("*/*.json"))) == 3
    Pretended.asked, Pretended.broken_at = [], None
    paths = agreement.measure(flags, {"device": "cpu"})
    assert len(Pretended.asked) == 5  # the one that was ended, and the four after it
    assert sorted(paths) == sorted(tmp_path.glob("*/*.json"))
    assert json.loads(paths[0].read_text())["epochs"][0]["train_loss"] is None
    agreement.measure(flags, {"device": "cpu"})
    assert len(Pretended.asked) == 5
    other = json.loads(paths[0].read_text())
    other["settings"]["data"]["fingerprint"] = "another"
    paths[0].write_text(json.dumps(other))
    with pytest.raises(UserError, match="is of other settings: data is"):
        agreement.measure(flags, {"device": "cpu"})


@pytest.mark.parametrize(
    ("flag", "said"),
    [
        ("--optimizers=sgd", "adabound, adam, sgdm"),
        ("--seeds=1", "--seeds must be at least 2, not 1"),
        ("--epochs=100", "--epochs must be below 100, not 100"),
        ("--network=vgg16_s", "vgg16_s takes images of 32x32x3; those of digits are 8x8x1"),
        ("--batch=500", r"--batch=500 is more than the 200 images to train on"),
    ],
)
def test_mistakes_are_one_line(benchmark, tmp_path, flag, said):
    agreement = benchmark("agreement")
    with pytest.raises(UserError, match=said):
        agreement.measure(agreement.parse([f"--records={tmp_path}", "--limit=200", flag]), {})
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_both_sides_train_on_digits(benchmark, tmp_path):
    pytest.importorskip("torch")
    agreement = benchmark("agreement")
    command = [f"--records={tmp_path}", "--seeds=2", "--epochs=2", "--limit=300", "--batch=50", "--optimizers=adam"]
    paths = agreement.measure(agreement.parse(command), {"device": "cpu"})
    last = [json.loads(path.read_text())["epochs"][-1]["train_accuracy"] for path in paths]
    assert len(last) == 4
    assert min(last) > 0.2

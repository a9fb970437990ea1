"""From candidates to the recommended file: screened, trained again, confirmed, and then tested once."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from shlex import quote
from typing import Any

import jax
from msgspec.structs import replace

from minjax.curves.network import NetworkCurves
from minjax.data.splits import stratified
from minjax.deploy import sheet
from minjax.deploy.network import read
from minjax.findings import choice
from minjax.records import read_bytes, write_bytes
from minjax.records.compressed import Choice, ChosenFile
from minjax.records.compression import TRAINED, Measurement, Version
from minjax.records.files import disk_errors
from minjax.tasks.compress.forecast import Forecast, Work
from minjax.tasks.compress.judging import Judge
from minjax.tasks.compress.networks import Networks, name_of
from minjax.tasks.compress.retraining import Retrainer
from minjax.tasks.compress.screening import Screening
from minjax.tasks.compress.tuning import Stopped, save

FILES = ("recommended.mjx", "runner_up.mjx")
CANDIDATES = "candidates"  # where candidates are written that are confirmed
_Record = Callable[[list[Measurement]], None]
_Stop = Callable[[], bool]


class Recommending:
    """The stages that lead to the recommended file.

    Args:
        networks: the versions of the network.
        judge: classifies the images of the run's splits.
        config: from `settings.settle`.
        directory: the work directory.
    """

    def __init__(self, networks: Networks, judge: Judge, config: dict[str, Any], directory: Path):
        self.networks, self.judge, self.directory = networks, judge, directory
        asked, trained = config["compress"], networks.trained
        self.metric, self._retrainings = asked["metric"], asked["retrainings"]
        chance = trained.parts.dataset.chance(balanced=self.metric == "balanced_accuracy")
        self.wanted = choice.Wanted(asked["target_accuracy"], asked["tolerance"], chance)
        whole = judge.split(judge.selection)
        self.images = len(whole)
        count = min(asked["screening_images"], self.images)
        part = whole
        if count < self.images:
            part = whole.take(stratified(whole.labels, count, seed=config["seed"], purpose="curves"))
        self.curves = NetworkCurves(
            trained.parts.model,
            trained.params,
            trained.model_state,
            trained.parts.engine.inputs,
            part,
            networks.calibration,
            schemes=[networks.scheme],
            include=networks.include,
            key=jax.random.key(networks.seed),
            balanced=self.metric == "balanced_accuracy",
        )
        methods = {name: networks.exclude(name) for name in asked["candidate_methods"] if networks.prunes(name)}
        self.screening = Screening(
            methods=methods,
            amounts=tuple(sorted({amount for amount in asked["candidate_amounts"] if 0 < amount < 1})),
            bits=tuple(asked["candidate_bits"]),
            scheme=networks.scheme,
            wanted=self.wanted,
            has_statistics=bool(trained.model_state),
        )
        self.retrainer = Retrainer(networks, config)

    def run(self, measurements: list[Measurement], record: _Record, stop: _Stop) -> None:
        """Measure whatever the choice still needs.

        Args:
            measurements: those that there are.
            record: adds to them, and to the file of them.
            stop: asked between dispatches.

        Raises:
            Stopped: told to stop; whatever was recorded is not measured again.
        """
        if choice.dense_of(measurements, "candidate") is None:
            self._screen([Version(curve="candidate")], record, stop, None)
        work = self._work(measurements)
        print(work, flush=True)
        with Forecast(work) as forecast:
            while wave := self.screening.next(measurements):
                self._screen(wave, record, stop, forecast)
            while version := choice.next_retraining(measurements, self.wanted, self._retrainings):
                record([self._retrained(version, stop, forecast)])
            if choice.dense_of(measurements, "confirmed") is None:
                record([self._dense(measurements)])
            while version := choice.next_confirmed(measurements, self.wanted):
                if stop():
                    raise Stopped
                known = next(m for m in choice.screened(measurements) if m.version == version)
                record([self._confirmed(known, forecast)])

    def conclude(self, measurements: list[Measurement]) -> tuple[Choice, ChosenFile | None, ChosenFile | None]:
        """Write the chosen files, test them, and say what was chosen."""
        whole = choice.dense_of(measurements, "confirmed")
        assert whole is not None
        selection, floor = self.judge.selection, self.wanted.floor(whole.score)
        chosen = choice.chosen(measurements, self.wanted)
        files = [None if m is None else self._chosen(m, name, floor) for m, name in zip(chosen, FILES, strict=True)]
        with disk_errors(self.directory):
            shutil.rmtree(self.directory / CANDIDATES, ignore_errors=True)
            for name, file in zip(FILES, files, strict=True):
                if file is None:
                    (self.directory / name).unlink(missing_ok=True)
        found = Choice(
            metric=self.metric,
            target=self.wanted.target,
            tolerance=self.wanted.tolerance,
            floor=min(max(floor, 0.0), 1.0),
            selection=selection,
            images=self.images,
            screening_images=self.curves.test_images,
            retraining_steps=self.retrainer.steps,
            dense=self.judge.scored(self.judge.dense(selection), selection),
            dense_test=self.judge.scored(self.judge.dense("test"), "test"),
            reached=files[0] is not None,
        )
        return found, files[0], files[1]

    def _work(self, measurements: list[Measurement]) -> Work:
        """What is to be done, with the speed at which the dense network was evaluated."""
        dense = choice.dense_of(measurements, "candidate")
        assert dense is not None
        return Work(
            seconds_per_image=(dense.seconds or 0.0) / self.curves.test_images,
            compile_seconds=self.curves.program.compile_seconds,
            candidates=self.screening.most(),
            screening_images=self.curves.test_images,
            calibration_images=len(self.networks.calibration) // 2 if self.screening.has_statistics else 0,
            retrainings=self._retrainings,
            steps=self.retrainer.steps,
            batch=self.retrainer.batch,
            images=self.images,
            test_images=len(self.judge.split("test")),
            split=self.judge.selection,
        )

    # -- what is measured

    def _screen(self, versions: list[Version], record: _Record, stop: _Stop, forecast: Forecast | None) -> None:
        left = len(versions)
        for measured in self.curves.measure(versions, stop=stop):
            record([self._placed(m) for m in measured])
            left -= len(measured)
            if forecast is not None:
                seconds = forecast.work.screening(len(measured))
                forecast.advance(seconds, "screening candidates", measured[-1].score)
        if left:
            raise Stopped

    def _placed(self, m: Measurement) -> Measurement:
        """With what it was measured on, and the size that it has without the channels that are gone."""
        size = self.networks.bytes(m.version)
        m = replace(m, split=self.judge.selection, images=self.curves.test_images)
        return m if size is None else replace(m, bytes_theoretical=size)

    def _retrained(self, version: Version, stop: _Stop, forecast: Forecast) -> Measurement:
        """Train a version and screen it; its weights are on the disk before it is recorded."""
        label = f"training {name_of(version)}"
        version = replace(version, retrained=True, batch_norm=TRAINED)

        def tick(steps: int, accuracy: float) -> None:
            forecast.advance(forecast.work.training(steps), label, accuracy)

        network = self.retrainer.train(version, stop, tick)
        status = network.pop("status")
        save(self.networks.path(version), network)
        unpruned = replace(version, method=None, amount=None, exclude=())
        ((measured,),) = self.curves.measure([unpruned], stop=lambda: False, **network)
        own = {"method": version.method, "amount": version.amount, "exclude": version.exclude}
        return self._placed(replace(measured, **own, status=status))

    def _dense(self, measurements: list[Measurement]) -> Measurement:
        """The dense network on all images of the split."""
        known = choice.dense_of(measurements, "candidate")
        assert known is not None
        right = self.judge.dense(self.judge.selection)
        of_all = {"images": len(right), "accuracy": float(right.mean()), "loss": None, "lost": 0, "gained": 0}
        balanced = self.judge.balanced(right, self.judge.selection)
        return replace(known, curve="confirmed", seconds=None, balanced=balanced, error=None, **of_all)

    def _confirmed(self, known: Measurement, forecast: Forecast) -> Measurement:
        """Write a candidate as a file, read it back, and classify all images of the split."""
        path, selection = self._written(known.version), self.judge.selection
        right, dense = self.judge.correct(read(path), selection), self.judge.dense(selection)
        found = replace(
            known,
            curve="confirmed",
            images=len(right),
            accuracy=float(right.mean()),
            balanced=self.judge.balanced(right, selection),
            error=self.judge.loss(right)[1],
            loss=None,
            lost=int((dense & ~right).sum()),
            gained=int((right & ~dense).sum()),
            bytes_file=path.stat().st_size,
            seconds=None,
        )
        forecast.advance(forecast.work.evaluating(self.images), f"verifying {name_of(known)}", found.score)
        return found

    def _written(self, version: Version) -> Path:
        """A candidate's file, written if need be; a retrained one whose weights are gone is trained again."""
        path = self.directory / CANDIDATES / f"{name_of(version)}.mjx"
        if not path.exists():
            version = replace(version, curve="candidate")
            if version.retrained and not self.networks.path(version).exists():
                network = self.retrainer.train(version, lambda: False, lambda *_: None)
                save(self.networks.path(version), {name: network[name] for name in network if name != "status"})
            self.networks.save(path, self.networks.build(version), version.bits)
        return path

    # -- what is chosen

    def _chosen(self, m: Measurement, name: str, floor: float) -> ChosenFile:
        """Put a confirmed file in its place, and test it."""
        path, selection = self.directory / name, self.judge.selection
        write_bytes(path, read_bytes(self._written(m.version)))
        network = read(path)
        right, tested = (self.judge.correct(network, split) for split in (selection, "test"))
        loss, _ = self.judge.loss(right)
        return ChosenFile(
            path=name,
            bytes=path.stat().st_size,
            method=m.method,
            amount=m.amount,
            bits=m.bits,
            scheme=m.scheme,
            retrained=m.retrained,
            shrunk=network.model != self.networks.trained.parts.model,
            keeps=choice.keeps(m, floor),
            selection=selection,
            validation=None if selection == "test" else self.judge.scored(right, selection),
            test=self.judge.scored(tested, "test"),
            loss=loss.value,
            loss_interval=loss.interval,
            classes=self.judge.classes(tested, "test"),
            sheet=sheet.of_shapes(network.model, network.variables, network.image_shape),
            command=f"minjax predict {quote(str(path))} IMAGES",
        )

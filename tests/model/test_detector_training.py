"""Training the detector: it learns, survives a kill, and refuses to mix two runs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from riskmask.model.data.planes import LabelMap
from riskmask.model.data.training_set import Batch, Example, Sampler
from riskmask.model.detector import DEFAULT_SHAPE, Detector, Logits
from riskmask.model.train import detector as training
from riskmask.model.train.detector import (
    DetectorTraining,
    Start,
    average_runs,
    load_trained,
    losses,
    train_detector,
)
from riskmask.model.train.run import OtherSettingsError, RunLog
from riskmask.model.train.starts import read_start

SETTINGS = DetectorTraining(steps=3, batch=2, crop=64, device="cpu")
slow = pytest.mark.slow


def _example(seed: int) -> Example:
    """A dark picture with a bright square whose meaning changes at the five coarsest levels."""
    generator = np.random.default_rng(seed)
    image = generator.integers(0, 60, (128, 128, 3), dtype=np.uint8)
    y, x = (int(v) * 16 for v in generator.integers(1, 5, 2))
    image[y : y + 32, x : x + 32] = 230
    changed = np.zeros((3, 32, 32), np.uint8)
    cells = np.s_[y // 4 : y // 4 + 8, x // 4 : x // 4 + 8]
    changed[0][cells] = 5
    kind = np.zeros((3, 32, 32), np.uint8)
    kind[2] = np.minimum(changed[0], 1) * 255
    rate = np.repeat(np.geomspace(0.05, 2, 8), 64).reshape(8, 8, 8).astype(np.float16)
    labels = LabelMap(
        changed=changed,
        valid=np.ones((3, 32, 32), bool),
        present=changed > 0,
        present_valid=np.ones((3, 32, 32), bool),
        high_impact=np.asarray((changed[0] > 0) * 255, dtype=np.uint8),
        kind=kind,
        rate=rate,
    )
    left, top = float(x), float(y)
    polygon = ((left, top), (left + 32, top), (left + 32, top + 32), (left, top + 32))
    return Example(f"square-{seed}", image, labels, (("text", polygon),), "tests")


@pytest.fixture(scope="module")
def examples() -> list[Example]:
    return [_example(seed) for seed in range(4)]


def _perfect(batch: Batch, sure: float) -> Logits:
    levels = torch.arange(8).view(1, -1, 1, 1)
    return Logits(
        risk=(batch.count.unsqueeze(1) > levels).float() * 2 * sure - sure,
        log_rate=torch.log(batch.rate.clamp(min=1e-3)),
        content=batch.present.float() * 2 * sure - sure,
        high_impact=batch.high_impact * 2 * sure - sure,
        kind=batch.kind * 2 * sure - sure,
    )


def test_right_answers_cost_nothing_and_wrong_ones_do(examples: list[Example]) -> None:
    batch = Sampler(examples, 64, np.random.default_rng(0)).batch(4)
    right = losses(_perfect(batch, 12.0), batch, 4.0)
    assert all(part.item() < 1e-3 for part in right.values()), right
    wrong = losses(_perfect(batch, -12.0), batch, 4.0)
    for name in ("risk", "content", "high_impact", "kind"):
        assert wrong[name] > 1, name
    logits = _perfect(batch, 12.0)
    doubled = losses(replace(logits, log_rate=logits.log_rate + np.log(2)), batch, 4.0)
    assert doubled["mean_rate"].item() == pytest.approx(np.log(2), rel=1e-4)
    assert doubled["rate"] > 0.1


def test_what_nobody_knows_costs_nothing(examples: list[Example]) -> None:
    batch = Sampler(examples, 64, np.random.default_rng(0)).batch(4)
    unknown = replace(
        batch,
        valid=torch.zeros_like(batch.valid),
        present_valid=torch.zeros_like(batch.present_valid),
    )
    wrong = losses(_perfect(batch, -12.0), unknown, 4.0)
    for name in ("risk", "content", "high_impact", "kind"):
        assert wrong[name] == 0, name


def test_judged_regions_and_symbols_weigh_more(examples: list[Example]) -> None:
    batch = Sampler(examples, 64, np.random.default_rng(0)).batch(8)
    perfect = _perfect(batch, 12.0)
    missed = replace(perfect, risk=torch.full_like(perfect.risk, -12.0))
    shares = [losses(missed, batch, weight)["risk"].item() for weight in (1.0, 4.0)]
    assert shares[1] > shares[0]
    harmless = replace(batch, high_impact=torch.zeros_like(batch.high_impact))
    assert losses(missed, harmless, 4.0)["risk"].item() < shares[1]


@slow
def test_an_interrupted_run_ends_where_an_uninterrupted_one_does(
    examples: list[Example], tmp_path: Path
) -> None:
    whole = train_detector(examples, tmp_path / "whole", SETTINGS)
    train_detector(examples, tmp_path / "cut", replace(SETTINGS, steps=2))
    torch.manual_seed(77)  # whatever the process did in between
    resumed = train_detector(examples, tmp_path / "cut", SETTINGS)
    state = whole.state_dict()
    for name, value in resumed.state_dict().items():
        assert torch.equal(value, state[name]), name

    loaded, facts = load_trained(tmp_path / "cut")
    assert isinstance(loaded, Detector)
    assert facts["step"] == 3
    for name, value in loaded.state_dict().items():
        assert torch.equal(value, state[name]), name

    with pytest.raises(ValueError, match="a run with other settings"):
        train_detector(examples, tmp_path / "cut", replace(SETTINGS, rate=1e-3))
    with pytest.raises(ValueError, match="on other pictures, labels or start weights"):
        train_detector(examples[:-1], tmp_path / "cut", SETTINGS)
    first = examples[0]
    for other in (
        replace(first, image=first.image[::-1].copy()),
        replace(first, labels=replace(first.labels, valid=~first.labels.valid)),
        replace(first, labels=replace(first.labels, rate=2 * first.labels.rate)),
        replace(first, labels=replace(first.labels, kind=255 - first.labels.kind)),
        replace(first, labels=replace(first.labels, present=~first.labels.present)),
        replace(first, regions=()),
        replace(first, others=(first.labels,)),
    ):
        with pytest.raises(ValueError, match="on other pictures, labels or start weights"):
            train_detector([other, *examples[1:]], tmp_path / "cut", SETTINGS)


@slow
def test_a_killed_run_logs_means_of_as_many_steps(
    examples: list[Example], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "LOG_STEPS", 3)
    settings = replace(SETTINGS, checkpoint_minutes=0.0)  # after every step
    whole = train_detector(examples, tmp_path / "whole", settings)
    taken = []

    def killed(logits: Logits, batch: Batch, region_weight: float) -> dict[str, torch.Tensor]:
        if len(taken) == 2:
            raise KeyboardInterrupt
        taken.append(1)
        return losses(logits, batch, region_weight)

    with monkeypatch.context() as patched:
        patched.setattr(training, "losses", killed)
        with pytest.raises(KeyboardInterrupt):
            train_detector(examples, tmp_path / "cut", settings)
    resumed = train_detector(examples, tmp_path / "cut", settings)
    for name, value in resumed.state_dict().items():
        assert torch.equal(value, whole.state_dict()[name]), name
    logs = [
        [json.loads(line) for line in (tmp_path / run / "detector.jsonl").read_text().splitlines()]
        for run in ("whole", "cut")
    ]
    for lines in logs:
        for line in lines:
            del line["seconds"]
    assert logs[0] == logs[1]
    assert [line["step"] for line in logs[0]] == [3]


@slow
def test_a_run_is_held_to_the_file_that_it_began_with_not_to_how_that_was_read(
    examples: list[Example], tmp_path: Path
) -> None:
    """Statistics of a file's normalisations are measured, and rounded otherwise by each reading."""
    network = Detector(DEFAULT_SHAPE)
    again = Detector(DEFAULT_SHAPE)
    again.load_state_dict(network.state_dict())
    name = next(name for name in again.state_dict() if name.endswith("running_mean"))
    again.state_dict()[name].add_(1e-7)
    short = replace(SETTINGS, steps=2)
    train_detector(examples, tmp_path / "run", short, start=Start(network, "one"))
    train_detector(examples, tmp_path / "run", SETTINGS, start=Start(again, "one"))
    assert load_trained(tmp_path / "run")[1]["step"] == SETTINGS.steps
    with pytest.raises(OtherSettingsError, match="on other pictures, labels or start weights"):
        train_detector(examples, tmp_path / "run", SETTINGS, start=Start(network, "two"))

    before = read_start(tmp_path / "run", examples)
    longer = replace(SETTINGS, steps=SETTINGS.steps + 1)
    train_detector(examples, tmp_path / "run", longer, start=Start(network, "one"))
    assert read_start(tmp_path / "run", examples).sha256 != before.sha256


def test_a_run_s_log_has_each_step_once(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    with RunLog(path, 0) as log:
        for step in (100, 200, 300):
            log.write(step, [{"loss": 1.0}, {"loss": 2.0}], step / 10)
    with path.open("a", encoding="utf-8") as file:
        file.write('{"step": 400, "lo')  # killed
    with RunLog(path, 200) as log:  # the checkpoint is older than the log
        log.write(300, [{"loss": 3.0}], 30.04, held_out={"loss": 4.0})
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert lines == [
        {"step": 100, "loss": 1.5, "seconds": 10.0},
        {"step": 200, "loss": 1.5, "seconds": 20.0},
        {"step": 300, "loss": 3.0, "held_out": {"loss": 4.0}, "seconds": 30.0},
    ]


@slow
def test_runs_are_averaged_into_a_run_of_its_own(examples: list[Example], tmp_path: Path) -> None:
    first, second, mean = (tmp_path / name for name in ("first", "second", "mean"))
    one = train_detector(examples, first, SETTINGS).state_dict()
    start = Start(load_trained(first)[0], "of the first")
    other = train_detector(examples, second, SETTINGS, start=start).state_dict()
    average_runs([first, second], mean)
    network, facts = load_trained(mean)
    assert facts["mean_of"] == ["first", "second"]
    assert load_trained(first)[1]["mean_of"] is None
    changed = 0
    for name, value in network.state_dict().items():
        if value.is_floating_point():
            torch.testing.assert_close(value, (one[name] + other[name]) / 2)
            changed += not torch.equal(value, other[name])
    assert changed > 10
    with pytest.raises(ValueError, match="at least two runs"):
        average_runs([first], mean)


@slow
def test_the_loss_on_pictures_kept_out_is_logged_and_changes_nothing(
    examples: list[Example], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "LOG_STEPS", 1)
    monkeypatch.setattr(training, "CHECK_STEPS", 2)
    checked = train_detector(examples[:3], tmp_path / "checked", SETTINGS, held_out=examples[3:])
    plain = train_detector(examples[:3], tmp_path / "plain", SETTINGS)
    for name, value in checked.state_dict().items():
        assert torch.equal(value, plain.state_dict()[name]), name
    lines = [
        json.loads(line)
        for line in (tmp_path / "checked" / "detector.jsonl").read_text("utf-8").splitlines()
    ]
    assert [line["step"] for line in lines if "held_out" in line] == [2]
    [held_out] = [line["held_out"] for line in lines if "held_out" in line]
    assert held_out.keys() == lines[0].keys() - {"step", "seconds"}
    assert all(np.isfinite(value) and value > 0 for value in held_out.values())


@slow
def test_every_head_learns(examples: list[Example]) -> None:
    torch.manual_seed(0)
    network = Detector().train()
    batch = Sampler(examples, 64, np.random.default_rng(0)).batch(2)
    parts = losses(network(batch.image), batch, 4.0)
    assert all(part.isfinite() for part in parts.values()), parts
    torch.stack(list(parts.values())).sum().backward()  # type: ignore[no-untyped-call]
    for channel, gradient in enumerate(network.network.segmentation_head[0].weight.grad):
        assert gradient.abs().sum() > 0, f"output channel {channel}"
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


@slow
def test_statistics_are_kept_where_a_run_goes_on_gently(
    examples: list[Example], tmp_path: Path
) -> None:
    train_detector(examples, tmp_path / "first", SETTINGS)
    start = Start(load_trained(tmp_path / "first")[0], "of the first")
    settings = replace(SETTINGS, frozen_statistics=True, started_from="first")
    gentle = train_detector(examples, tmp_path / "gentle", settings, start=start).state_dict()
    before = start.network.state_dict()
    for name, value in gentle.items():
        if "running" in name:
            assert torch.equal(value, before[name]), name
    assert not torch.equal(
        gentle["network.segmentation_head.0.weight"],
        before["network.segmentation_head.0.weight"],
    )

"""The detector's card tells of its runs, of its calibration and of what 8 bits cost."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch

from riskmask.model.detector import DEFAULT_SHAPE, Detector
from riskmask.model.runtime.weights import find_weights
from riskmask.model.train.calibration import Platt
from riskmask.model.train.detector import CHECKPOINT, DetectorTraining
from riskmask.model.train.detector_card import CALIBRATION, QUANTISATION, card
from riskmask.model.train.run import save_checkpoint

LABELS = Path(__file__).parents[2] / "model" / "labels"
PLATT = Platt(0.8, (-0.1,) * 8, 1234, 56, (0.05, 0.01), (0.4, 0.5))


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("runs")
    settings = DetectorTraining(
        steps=700, codecs=("cdc",), started_from="old.onnx", frozen_statistics=True
    )
    state = Detector().state_dict()
    for name, each in (
        ("first", settings),
        ("second", replace(settings, steps=900, codecs=(), started_from="first")),
    ):
        content = {
            "settings": asdict(each),
            "shape": asdict(DEFAULT_SHAPE),
            "network": state,
            "average": {},
            "step": each.steps,
            "seconds": 600.0,
        }
        save_checkpoint(folder / name / CHECKPOINT, content)
        lines = [
            {"step": 100, "risk": 0.5, "seconds": 9.0},
            {"step": 200, "risk": 0.25, "seconds": 18.0, "held_out": {"risk": 0.375}},
        ]
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (folder / name / "detector.jsonl").write_text(text, "utf-8")
    return [folder / "first", folder / "second"]


def test_the_card_names_runs_labels_and_losses(runs: list[Path]) -> None:
    weights = find_weights()
    text = card(weights, runs, [LABELS / "test", LABELS / "test"], ["The first run saw rain."])
    assert "\n- The first run saw rain.\n" in text
    assert weights.sha256 in text
    assert "1. from old.onnx, by cdc: `--steps 700" in text
    assert "2. from run 1, by all codecs: `--steps 900" in text
    assert text.count("`--frozen-statistics`, 10 minutes") == 2
    assert "cdc 281, channel-ar 281" in text  # of 291; one scene in ten is kept for the calibration
    assert "| scenes | permissive | 90 |" in text  # counted once
    assert "| 200 | 0.375 |" in text
    assert "Its probabilities are not calibrated." in text
    assert "In 8 bits" not in text


def test_a_calibration_is_told_of_the_file_that_it_was_fitted_for(
    runs: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = find_weights()
    (runs[-1] / CALIBRATION).write_text(
        json.dumps({"file": "detector-float.onnx", **asdict(PLATT)}), "utf-8"
    )
    assert "not calibrated" in card(weights, runs, [LABELS / "test"])
    (runs[-1] / QUANTISATION).write_text(
        json.dumps(
            {
                "file": weights.path.name,
                "source": "detector-float.onnx",
                "source_bytes": 5_800_000,
                "regions": 700,
                "pictures": 60,
                "lost": {"0": 0.0012, "1": -0.0003},
            }
        ),
        "utf-8",
    )
    text = card(weights, runs, [LABELS / "test"])
    assert "slope 0.800" in text
    assert "1234 regions of 56 pictures" in text
    assert "for 5.8 MB in float32" in text
    assert "level 0: +0.0012, level 1: -0.0003" in text


def test_a_mean_of_runs_is_told_as_one(runs: list[Path]) -> None:
    mean = runs[0].parent / "mean"
    saved = torch.load(runs[1] / CHECKPOINT, weights_only=False)
    save_checkpoint(mean / CHECKPOINT, {**saved, "mean_of": ["first", "second"]})
    text = card(find_weights(), [*runs, mean], [LABELS / "test"])
    assert "3. the mean of the weights of runs 1, 2 (`train average`)" in text

"""How likely an image has an error is fitted to labels of pictures kept out of training."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from riskmask.model.data.label_rows import LabelFinding, LabelRow, Place
from riskmask.model.data.labelled import Labelled
from riskmask.model.data.picture_hash import picture_hash
from riskmask.model.data.picture_store import keep_picture
from riskmask.model.data.planes import draw_labels
from riskmask.model.data.recipe import Recipe
from riskmask.model.data.shards import merge_shards, write_shard
from riskmask.model.data.training_set import Example
from riskmask.model.runtime.error_calibration import ErrorCalibration
from riskmask.model.runtime.errors import ProfileError
from riskmask.model.runtime.prediction import Prediction
from riskmask.model.runtime.profiles import CodecProfile, packaged_profiles
from riskmask.model.train.codec_commands import PROFILES
from riskmask.model.train.error_calibration import Peaks, fit_errors, peaks_of

SIDE = 64
PICTURES = 40


def _peaks(pictures: int, slope: float, intercept: float) -> Peaks:
    """Pictures whose errors come as one line says, a change at a level at every coarser one too."""
    generator = np.random.default_rng(5)
    peak = np.sort(generator.uniform(0.001, 0.999, (pictures, 8)), axis=1)[:, ::-1]
    line = ErrorCalibration(slope, intercept, "a test")
    likely = np.vectorize(line.probability)(peak)
    return Peaks(np.ascontiguousarray(peak), generator.random((pictures, 1)) < likely)


def test_the_line_that_errors_follow_is_found() -> None:
    fitted = fit_errors(_peaks(2_000, slope=0.8, intercept=0.4))
    assert fitted.slope == pytest.approx(0.8, abs=0.06)
    assert fitted.intercept == pytest.approx(0.4, abs=0.1)
    assert fitted.pictures == 2_000
    assert fitted.error < 0.02
    assert fitted.skill > 0.2


def test_each_picture_is_told_by_a_fit_without_it() -> None:
    # Every fifth picture is the other way round: a fit that saw it would bend towards it.
    peaks = _peaks(500, slope=1.0, intercept=0.0)
    odd = np.arange(500) % 5 == 0
    error = np.where(odd[:, None], ~peaks.error, peaks.error)
    # In sample the line still tells something of all pictures.
    assert fit_errors(peaks).skill > 0.1
    assert fit_errors(Peaks(peaks.peak, error)).skill < 0


def test_too_few_verdicts_or_none_that_rise_with_the_peak_are_refused() -> None:
    with pytest.raises(ProfileError, match="a calibration needs 50 of each"):
        fit_errors(_peaks(8, 1.0, 0.0))
    peaks = _peaks(500, 1.0, 0.0)
    with pytest.raises(ProfileError, match="grow rarer where the peak rises"):
        fit_errors(Peaks(peaks.peak, ~peaks.error))


@dataclass(frozen=True)
class _Known:
    """A detector that gives each picture, told by its first pixel, a square of one risk."""

    risks: Mapping[int, NDArray[np.float64]]

    def predict(self, image: NDArray[np.uint8]) -> Prediction:
        cells = SIDE // 4
        risk = np.zeros((8, cells, cells), np.float16)
        risk[:, 4:8, 4:8] = self.risks[int(image[0, 0, 0])][:, None, None]
        return Prediction(
            SIDE,
            SIDE,
            risk=risk,
            rate=np.ones((8, SIDE // 16, SIDE // 16), np.float32),
            content=np.zeros((3, cells, cells), np.float16),
            high_impact=np.zeros((cells, cells), np.float16),
            kind=np.zeros((3, cells, cells), np.float16),
        )


def _example(key: str, number: int) -> Example:
    image = np.full((SIDE, SIDE, 3), number, np.uint8)
    rate = np.ones((8, SIDE // 16, SIDE // 16), np.float16)
    return Example(key, image, draw_labels((SIDE, SIDE), (), (), frozenset(), rate), (), "tests")


def _said(key: str, grave: Mapping[int, int], judged: bool = True) -> Labelled:
    regions = frozenset({0}) if judged else frozenset[int]()
    return Labelled(key, "tests", "sha", "hyperprior", (0.1,) * 8, regions, grave, grave)


def test_peaks_are_those_of_the_codec_s_own_risk_and_errors_those_of_the_labels() -> None:
    falling = np.linspace(0.875, 0.0, 8)
    detector = _Known({1: falling, 2: falling[::-1], 3: falling})
    examples = [_example("a", 1), _example("b", 2), _example("c", 3), _example("unlabelled", 1)]
    said = [_said("a", {0: 2}), _said("b", {}), _said("c", {0: 7}, judged=False)]
    peaks = peaks_of(detector, packaged_profiles()["hyperprior"], examples, said)
    assert peaks.peak[0] == pytest.approx(falling, abs=1 / 1024)
    assert peaks.peak[1] == pytest.approx(np.zeros(8)), "a finer level never means more risk"
    assert peaks.error.tolist() == [[True] * 3 + [False] * 5, [False] * 8]
    assert len(peaks.peak) == 2, "a picture that nobody judges or labelled says nothing"


def test_another_codec_s_calibration_applies() -> None:
    profile = packaged_profiles()["jpeg"]
    detector = _Known({1: np.full(8, 0.5)})
    peaks = peaks_of(detector, profile, [_example("a", 1)], [_said("a", {})])
    told = 1 / (1 + np.exp(-np.minimum.accumulate(profile.risk_intercept)))
    assert peaks.peak[0] == pytest.approx(told, abs=1 / 1024)


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    """Scenes with a red square each, the redder the finer the level at which it is an error."""
    folder = tmp_path / "labels"
    folder.mkdir()
    Recipe("train", False, (), ("symbol",), (), ()).claim(folder)
    generator = np.random.default_rng(3)
    square = ((16.0, 16.0), (48.0, 16.0), (48.0, 48.0), (16.0, 48.0))
    rows = []
    for number in range(PICTURES):
        redness = int(generator.integers(40, 256))
        image = np.full((SIDE, SIDE, 3), 128, np.uint8)
        image[16:48, 16:48] = (redness, 0, 0)
        key = f"scene-{10 * number:06d}"
        keep_picture(folder, key, image)
        finest = int(np.clip(redness / 32 + generator.normal(0, 2), -1, 7))
        finding = LabelFinding(
            "symbol", finest, 0, "symbol", "shape", True, 0.5, "a test", square, None, ()
        )
        rate = np.ones((8, SIDE // 16, SIDE // 16), np.float16)
        rows.append(
            LabelRow(
                key=key,
                codec="hyperprior",
                codec_sha256="0" * 64,
                image_sha256=picture_hash(image),
                source="scenes",
                width=SIDE,
                height=SIDE,
                bpp=(0.1,) * 8,
                places=(Place("symbol", square, judged=True),),
                findings=(finding,) if finest >= 0 else (),
                labels=draw_labels((SIDE, SIDE), (), (), frozenset(), rate),
            )
        )
    write_shard(folder, rows)
    merge_shards(folder)
    return folder


def test_the_command_writes_what_it_fits_into_a_profile(
    labels: Path, detector_path: Path, tmp_path: Path
) -> None:
    profile = tmp_path / "hyperprior.json"
    content = json.loads((PROFILES / "hyperprior.json").read_text("utf-8"))
    del content["error_calibration"]
    profile.write_text(json.dumps(content), encoding="utf-8")
    assert CodecProfile.load(profile).error_calibration is None
    done = subprocess.run(
        [
            *(sys.executable, "-m", "riskmask.model.train", "error-calibration"),
            *("--labels", str(labels), "--model", str(detector_path), "--profile", str(profile)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    fitted = CodecProfile.load(profile).error_calibration
    assert fitted is not None
    assert f"{PICTURES} pictures with judged regions" in fitted.fitted_on
    likely = [fitted.probability(peak) for peak in (0.05, 0.5, 0.95)]
    assert likely == sorted(likely)
    assert likely[2] - likely[0] > 0.3
    assert f"slope {fitted.slope:.3f}" in done.stdout
    assert f"of {8 * PICTURES} verdicts are errors" in done.stdout


def test_the_command_says_on_one_line_what_it_lacks(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "riskmask.model.train", "error-calibration"),
            *("--labels", str(tmp_path)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "run python -m riskmask.model.label" in done.stderr
    assert done.stderr.count("\n") == 1

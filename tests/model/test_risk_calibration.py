"""Calibration: after it three in ten regions of risk 0.3 are changed, and the file holds it."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from riskmask.model.data.planes import LabelMap
from riskmask.model.data.training_set import Example
from riskmask.model.detector import Detector
from riskmask.model.evaluate.judged import RegionTable
from riskmask.model.evaluate.probability import calibration_error
from riskmask.model.export import export_detector
from riskmask.model.runtime.predictor import Predictor
from riskmask.model.train.calibration import fit_platt, judged_table

INTERCEPTS = (1.0, 1.0, 0.6, 0.6, 0.3, 0.0, 0.0, -0.5)


def _table(
    regions: int, seed: int, slope: float = 0.5, intercept: tuple[float, ...] = INTERCEPTS
) -> RegionTable:
    """Regions whose true probability is Platt's function of the detector's risk."""
    generator = np.random.default_rng(seed)
    logit = np.sort(generator.normal(-1, 2, (regions, 1)) - np.arange(8) * 0.8, axis=1)[:, ::-1]
    truth = 1 / (1 + np.exp(-(slope * logit + np.array(intercept))))
    changed = generator.random((regions, 1)) < truth
    scores = (1 / (1 + np.exp(-logit))).astype(np.float32)
    return RegionTable(
        image=np.arange(regions),
        content=np.full(regions, "text"),
        count=changed.sum(axis=1),
        share=np.full(regions, 0.01),
        scores={"riskmask": scores},
    )


def test_a_known_distortion_is_found_and_undone() -> None:
    platt = fit_platt(_table(4_000, 0))
    assert platt.slope == pytest.approx(0.5, abs=0.05)
    assert platt.intercept == pytest.approx(INTERCEPTS, abs=0.2)
    assert (np.diff(platt.intercept) <= 0).all()
    assert platt.error[0] > 0.1 > 0.03 > platt.error[1]
    assert platt.skill[1] > platt.skill[0]
    # and on regions that it was not fitted on
    other = _table(4_000, 1)
    risk = other.scores["riskmask"].astype(float)
    logit = np.log(risk / (1 - risk))
    after = 1 / (1 + np.exp(-(platt.slope * logit + np.array(platt.intercept))))
    changed = other.count[:, None] > np.arange(8)
    assert calibration_error(after.ravel(), changed.ravel()) < 0.03


def test_a_finer_level_never_means_more_risk_whatever_the_verdicts() -> None:
    rising = tuple(np.linspace(-2, 2, 8))
    platt = fit_platt(_table(2_000, 0, intercept=rising))
    assert (np.diff(platt.intercept) <= 1e-9).all()


def test_too_few_verdicts_are_refused() -> None:
    with pytest.raises(ValueError, match="needs 50 of each"):
        fit_platt(_table(5, 0))


def test_a_detector_that_is_wrong_way_round_is_refused() -> None:
    table = _table(2_000, 0)
    scores = {"riskmask": (1 - table.scores["riskmask"]).astype(np.float32)}
    wrong = RegionTable(table.image, table.content, table.count, table.share, scores)
    with pytest.raises(ValueError, match="cannot be calibrated"):
        fit_platt(wrong)


@pytest.mark.slow
def test_the_exported_file_holds_the_calibration(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = Detector().eval()
    with warnings.catch_warnings():
        # The exporter that is as fast and needs no further package is the older one.
        warnings.simplefilter("ignore")
        plain = Predictor(export_detector(network, tmp_path, "tiny"), threads=1)
        calibrated = Predictor(
            export_detector(network, tmp_path, "tiny", (0.5, INTERCEPTS)), threads=1
        )
    image = np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    before, after = (p.predict(image).risk.astype(float) for p in (plain, calibrated))
    added = np.array(INTERCEPTS)[:, None, None]
    wanted = 1 / (1 + np.exp(-(0.5 * np.log(before / (1 - before)) + added)))
    np.testing.assert_allclose(after, wanted, atol=2e-3)  # both are float16
    assert (np.diff(after, axis=0) <= 0).all()


def test_the_detector_s_risk_of_judged_regions_is_gathered(predictor: Predictor) -> None:
    nothing = np.zeros((3, 16, 24), np.uint8)
    changed = nothing.copy()
    changed[0, 4:8, 4:12] = 3
    labels = LabelMap(
        changed,
        np.ones((3, 16, 24), bool),
        changed > 0,
        np.ones((3, 16, 24), bool),
        nothing[0],
        nothing,
        np.ones((8, 4, 6), np.float16),
    )
    box = ((16.0, 16.0), (48.0, 16.0), (48.0, 32.0), (16.0, 32.0))
    image = np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    table = judged_table(predictor, [Example("one", image, labels, (("text", box),), "tests")])
    risk = predictor.predict(image).risk.astype(np.float32)[:, 4:8, 4:12].reshape(8, -1)
    np.testing.assert_allclose(table.scores["riskmask"][0], np.percentile(risk, 95, axis=1))
    assert table.count.tolist() == [3]
    assert len(table) == 1

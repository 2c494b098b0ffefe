"""A detector's map goes through the engine's own allocation and moves bits as riskmask's does."""

from __future__ import annotations

import struct
from dataclasses import replace

import numpy as np
import pytest

from riskmask.model.runtime.predictor import Predictor
from riskmask.model.runtime.profiles import CodecProfile
from riskmask.server.closed_loop.allocation import Allocator, KnownPrediction
from riskmask.server.closed_loop.maps import (
    DETECTORS,
    HINDSIGHT,
    RISKMASK,
    SALIENCY,
    Lines,
    in_hindsight,
    in_place_of_risk,
    risk_in_proportion,
    scorers,
    uncalibrated,
)
from riskmask.server.closed_loop.pictures import Specimen, cells_of
from riskmask.server.engine.risk import RiskCurves
from riskmask.server.engine.values import Policy

SIZE = 500


@pytest.mark.parametrize("level", [0.0, 1.3, 3.0, 4.75, 6.5])
def test_a_score_is_the_risk_at_the_level_asked_for(
    level: float,
    sign: Specimen,
    predictor: Predictor,
    profiles: dict[str, CodecProfile],
) -> None:
    prediction = predictor.predict(sign.image)
    profile = profiles["hyperprior"]
    proportion = risk_in_proportion(RiskCurves(prediction, profile, Policy()), level)
    assert np.interp(level, np.arange(8), proportion) == pytest.approx(1.0, abs=1e-3)
    assert (np.diff(proportion) <= 1e-9).all()
    score = np.linspace(0, 0.6, prediction.high_impact.size).reshape(prediction.high_impact.shape)
    other = in_place_of_risk(prediction, score.astype(np.float32), proportion)
    curves = RiskCurves(other, uncalibrated(profile), Policy())
    # Coarser anchors stop at 1, which bends the line between two of them.
    unclipped = score * proportion[int(level)] <= 1
    assert unclipped.any()
    np.testing.assert_allclose(curves.at(level)[unclipped], score[unclipped], atol=2e-3)
    assert (np.diff(other.risk.astype(np.float32), axis=0) <= 0).all()


def test_without_any_risk_there_is_no_proportion(
    sign: Specimen, predictor: Predictor, profiles: dict[str, CodecProfile]
) -> None:
    prediction = predictor.predict(sign.image)
    nothing = replace(prediction, risk=np.zeros_like(prediction.risk))
    curves = RiskCurves(nothing, uncalibrated(profiles["hyperprior"]), Policy())
    assert not risk_in_proportion(curves, 3.0).any()


def test_detections_are_raised_through_the_same_engine(
    sign: Specimen, predictor: Predictor, profiles: dict[str, CodecProfile]
) -> None:
    allocator = Allocator(predictor, profiles, scorers(None), Policy(), sign.image)
    text = sign.known[::4, ::4]
    for method in (RISKMASK, DETECTORS):
        hinted = allocator.hint(method, "hyperprior", "riskmask-levels", SIZE, None)
        assert len(hinted.hint) == 4 * 12 * 12
        levels = np.frombuffer(hinted.hint, "<f4").reshape(12, 12)
        assert levels[text].mean() > levels[~text].mean() + 0.2, method
    levels = allocator.hint(SALIENCY, "hyperprior", "riskmask-levels", SIZE, None).hint
    assert len(struct.unpack("<144f", levels)) == 144


def test_a_map_in_hindsight_raises_what_was_lost_and_lowers_nothing_that_was_kept(
    sign: Specimen, predictor: Predictor, profiles: dict[str, CodecProfile]
) -> None:
    lines = Lines(cells_of(sign, [0]), cells_of(sign, [1, 2]))
    assert not (lines.lost & lines.kept).any()
    known = in_hindsight(predictor.predict(sign.image), lines, 3.0)
    curves = RiskCurves(known, uncalibrated(profiles["hyperprior"]), Policy())
    lost, kept = (
        [curves.at(level)[part].max() for level in range(8)] for part in vars(lines).values()
    )
    np.testing.assert_allclose(lost, [1, 1, 1, 1, 0.6, 0.2, 0, 0], atol=1e-3)
    np.testing.assert_allclose(kept, [1, 1, 0.6, 0, 0, 0, 0, 0], atol=1e-3)
    assert not curves.at(0.0)[~(lines.lost | lines.kept)].any()

    allocator = Allocator(predictor, profiles, {}, Policy(), sign.image)
    hinted = allocator.hint(HINDSIGHT, "hyperprior", "riskmask-levels", SIZE, None, lines)
    levels = np.frombuffer(hinted.hint, "<f4").reshape(12, 12)
    assert levels[lines.lost[::4, ::4]].min() > levels[lines.kept[::4, ::4]].max()


def test_a_known_prediction_is_for_its_own_picture(sign: Specimen, predictor: Predictor) -> None:
    known = KnownPrediction(predictor.predict(sign.image), "tiny", "0")
    assert known.predict(sign.image, lambda: None, 0).width == 192
    with pytest.raises(ValueError, match="another image"):
        known.predict(sign.image[:64], lambda: None, 0)

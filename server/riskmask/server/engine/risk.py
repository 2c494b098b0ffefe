"""The risk map of one codec under one policy, at any level."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from riskmask.model.levels import ANCHORS, FINEST
from riskmask.model.runtime.half import as_integers, to_single
from riskmask.model.runtime.prediction import Prediction
from riskmask.model.runtime.profiles import CodecProfile
from riskmask.server.engine.values import Policy

# float16 values in [0, 1] are the codes 0 … 0x3C00, so calibrating is one look-up per cell.
CODES = 0x3C00 + 1
SIGN_CLEARED = 0x7FFF


class RiskCurves:
    """Calibrated and weighted risk per cell of 4x4 pixels, a function of the level.

    Args:
        prediction: of the whole image.
        profile: whose calibration applies.
        policy: whose content weights apply.

    Attributes:
        width, height: of the image in pixels.
        shape: rows and columns of cells.
    """

    def __init__(self, prediction: Prediction, profile: CodecProfile, policy: Policy) -> None:
        self.width = prediction.width
        self.height = prediction.height
        self.shape = prediction.high_impact.shape
        self._anchors = _calibrated(prediction.risk, profile)
        self._weight = _content_weight(prediction, policy)

    def at(self, level: float) -> NDArray[np.float32]:
        """(h, w) float32 risk in [0, 1] at a level in [0, 7], linear between the anchors."""
        below = _anchor_below(level)
        return _interpolated(self._anchors[below : below + 2], self._weight, level - below)

    def under(self, levels: NDArray[np.float32]) -> NDArray[np.float32]:
        """(h, w) float32 risk in [0, 1] where each cell has its own level, (h, w) in [0, 7]."""
        below = np.clip(levels.astype(np.intp), 0, ANCHORS - 2)[None]
        risk = to_single(np.take_along_axis(self._anchors, below, axis=0)[0])
        finer = to_single(np.take_along_axis(self._anchors, below + 1, axis=0)[0])
        risk += (levels - below[0].astype(np.float32)) * (finer - risk)
        risk *= self._weight
        return risk

    def inside(self, cells: NDArray[np.intp], level: float) -> NDArray[np.float32]:
        """(n,) float32 risk of cells, given by their raster index, at a level."""
        flat = self._anchors.reshape(ANCHORS, -1)
        below = _anchor_below(level)
        pair = flat[below : below + 2, cells]
        weight = self._weight
        if isinstance(weight, np.ndarray):
            weight = weight.ravel()[cells]
        return _interpolated(pair, weight, level - below)


def _interpolated(
    pair: NDArray[np.float16], weight: NDArray[np.float32] | np.float32, fraction: float
) -> NDArray[np.float32]:
    """Between a pair of neighbouring anchors; fractions beyond [0, 1] are clamped."""
    risk = to_single(pair[0])
    if fraction > 0.0:
        risk += np.float32(min(fraction, 1.0)) * (to_single(pair[1]) - risk)
    risk *= weight
    return risk


def _anchor_below(level: float) -> int:
    """Index of the coarser of the two anchors around a level."""
    return min(int(min(max(level, 0.0), FINEST)), ANCHORS - 2)


def _calibrated(risk: NDArray[np.float16], profile: CodecProfile) -> NDArray[np.float16]:
    identity = set(profile.risk_slope) == {1.0} and set(profile.risk_intercept) == {0.0}
    if identity:
        return risk
    value = np.arange(CODES, dtype=np.uint16).view(np.float16).astype(np.float64)
    with np.errstate(divide="ignore"):
        logit = np.log(value) - np.log1p(-value)
    calibrated = np.empty_like(risk)
    for anchor, (slope, intercept) in enumerate(
        zip(profile.risk_slope, profile.risk_intercept, strict=True)
    ):
        with np.errstate(over="ignore"):
            table = (1.0 / (1.0 + np.exp(-(slope * logit + intercept)))).astype(np.float16)
        np.take(table, risk[anchor].view(np.uint16) & SIGN_CLEARED, out=calibrated[anchor])
    # Anchors are calibrated one by one; a finer level must still never mean more risk.
    order = as_integers(calibrated)
    for coarser, finer in pairwise(order):
        np.minimum(coarser, finer, out=finer)
    return calibrated


def _content_weight(prediction: Prediction, policy: Policy) -> NDArray[np.float32] | np.float32:
    """Factor per cell: the largest weight x probability over contents, or the weight of others."""
    weights = (policy.text_weight, policy.face_weight, policy.symbol_weight)
    floor = np.float32(policy.other_weight)
    if max(weights) <= policy.other_weight:
        return floor
    factor = np.full(prediction.high_impact.shape, floor)
    for weight, probability in zip(weights, prediction.content, strict=True):
        np.maximum(factor, to_single(probability) * np.float32(weight), out=factor)
    return factor

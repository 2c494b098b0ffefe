"""What the codec does to pictures, beside what the detector says of them beforehand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from riskmask.model.annotators.base import KnownRegion, RegionAnnotator
from riskmask.model.data.planes import rasterise
from riskmask.model.levels import ANCHORS
from riskmask.model.profiling.plugin import Plugin
from riskmask.model.runtime.peak import SMALLEST_REGION, peak_risk
from riskmask.model.runtime.prediction import Prediction
from riskmask.model.runtime.predictor import Predictor

PERCENTILE = 95  # of a region's cells: its risk, as the service reports it

Finder = Callable[[NDArray[np.uint8]], Sequence[KnownRegion]]


@dataclass(frozen=True)
class Measurement:
    """P pictures coded at Q qualities, with V verdicts on regions.

    Attributes:
        qualities: (Q,) float64.
        bpp: (P, Q) float64, of real streams.
        predicted: (P, 8) float64, the detector's bpp of the reference codec at the anchors.
        picture: (V,) int, which picture a verdict is about.
        quality: (V,) int, index of the quality.
        risk: (V, 8) float64, the detector's risk of that region at the anchors.
        changed: (V,) bool, whether the annotators hold something against it.
        grave: (V,) bool, whether it became another one: letters or digits that can be read.
        peak: (P, 8) float64, of the detector's risk map at the anchors.
    """

    qualities: NDArray[np.float64]
    bpp: NDArray[np.float64]
    predicted: NDArray[np.float64]
    picture: NDArray[np.intp]
    quality: NDArray[np.intp]
    risk: NDArray[np.float64]
    changed: NDArray[np.bool_]
    grave: NDArray[np.bool_]
    peak: NDArray[np.float64]


def measure(
    plugin: Plugin,
    images: Iterable[NDArray[np.uint8]],
    qualities: Sequence[float],
    predictor: Predictor,
    find: Finder,
    annotator: RegionAnnotator,
) -> Measurement:
    """Code every picture at every quality and judge its regions.

    Args:
        plugin: the codec.
        images: (H, W, 3) uint8 RGB each.
        qualities: in the codec's own terms.
        predictor: the detector.
        find: says what is in a picture.
        annotator: judges it.

    Raises:
        PluginError: the codec fails.
    """
    bpp: list[list[float]] = []
    predicted: list[NDArray[np.float64]] = []
    peaks: list[list[float]] = []
    verdicts: list[tuple[int, int, NDArray[np.float64], bool, bool]] = []
    for row, image in enumerate(images):
        prediction = predictor.predict(image)
        predicted.append(prediction.rate.astype(np.float64).mean(axis=(1, 2)))
        peaks.append(_peaks(prediction))
        regions = find(image)
        examination = annotator.examine(image, regions)
        grid = prediction.risk.shape[1], prediction.risk.shape[2]
        risks = {
            index: _risk_inside(prediction.risk, rasterise(regions[index].polygon, grid) > 0)
            for index in examination.judged
        }
        bpp.append([])
        for column, quality in enumerate(qualities):
            coded = plugin.run(image, quality)
            bpp[-1].append(coded.bpp)
            found = examination.judge(coded.image) if risks else {}
            verdicts += [
                (row, column, risk, index in found, index in found and found[index].high_impact)
                for index, risk in risks.items()
            ]
    pictures, columns, risk, changed, grave = zip(*verdicts, strict=True) if verdicts else ([],) * 5
    return Measurement(
        qualities=np.asarray(qualities, dtype=np.float64),
        bpp=np.asarray(bpp),
        predicted=np.asarray(predicted),
        picture=np.asarray(pictures, dtype=np.intp),
        quality=np.asarray(columns, dtype=np.intp),
        risk=np.asarray(risk, dtype=np.float64).reshape(len(verdicts), ANCHORS),
        changed=np.asarray(changed, dtype=bool),
        grave=np.asarray(grave, dtype=bool),
        peak=np.asarray(peaks, dtype=np.float64),
    )


def _peaks(prediction: Prediction) -> list[float]:
    size = prediction.width, prediction.height
    planes = prediction.risk.astype(np.float32)
    return [peak_risk(plane, SMALLEST_REGION, *size) for plane in planes]


def _risk_inside(risk: NDArray[np.float16], cells: NDArray[np.bool_]) -> NDArray[np.float64]:
    return np.asarray(np.percentile(risk[:, cells].astype(np.float64), PERCENTILE, axis=1))

"""What the codec does to pictures, beside what the detector says of them beforehand."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from riskmask.model.annotators.base import KnownRegion, RegionAnnotator
from riskmask.model.data.picture_hash import picture_hash
from riskmask.model.data.planes import rasterise
from riskmask.model.levels import ANCHORS
from riskmask.model.profiling.plugin import Plugin
from riskmask.model.runs import Lines, hold_to
from riskmask.model.runtime.peak import SMALLEST_REGION, peak_risk
from riskmask.model.runtime.prediction import Prediction
from riskmask.model.runtime.predictor import Predictor
from riskmask.model.runtime.whole_rate import whole_rate

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


@dataclass(frozen=True)
class Measured:
    """One picture of a measurement, R of whose regions are judged.

    Attributes:
        picture: SHA-256 of its pixels.
        bpp: at the Q qualities.
        predicted, peak: (8,) as in :class:`Measurement`.
        risk: (R, 8).
        changed, grave: (Q, R).
    """

    picture: str
    bpp: tuple[float, ...]
    predicted: tuple[float, ...]
    peak: tuple[float, ...]
    risk: tuple[tuple[float, ...], ...]
    changed: tuple[tuple[bool, ...], ...]
    grave: tuple[tuple[bool, ...], ...]

    @property
    def place(self) -> tuple[str, ...]:
        """What it is about."""
        return (self.picture,)


class Measuring:
    """Codes pictures at every quality and judges their regions.

    Args:
        plugin: the codec.
        qualities: in the codec's own terms.
        predictor: the detector.
        find: says what is in a picture.
        annotator: judges it.
    """

    def __init__(
        self,
        plugin: Plugin,
        qualities: Sequence[float],
        predictor: Predictor,
        find: Finder,
        annotator: RegionAnnotator,
    ) -> None:
        self._plugin = plugin
        self._qualities = tuple(qualities)
        self._predictor = predictor
        self._find = find
        self._annotator = annotator

    def measure(self, images: Iterable[NDArray[np.uint8]], run: Path | None = None) -> Measurement:
        """Every picture once.

        Args:
            images: (H, W, 3) uint8 RGB each.
            run: folder in which each picture's measurement is kept as soon as it is there, and
                from which those of a run that was cut off are taken; None for none.

        Raises:
            PluginError: the codec fails.
            RunError: the folder holds a run of another codec, another detector or other qualities.
        """
        kept: Lines[Measured] | None = None
        if run is not None:
            run.mkdir(parents=True, exist_ok=True)
            hold_to(
                run,
                {
                    "codec": self._plugin.name,
                    "qualities": list(self._qualities),
                    "detector": self._predictor.sha256,
                },
            )
            kept = Lines(run / "pictures.jsonl", _read)
        rows: list[Measured] = []
        for image in images:
            picture = picture_hash(image)
            row = kept.get(picture) if kept else None
            if row is None:
                row = self._picture(picture, image)
                if kept:
                    kept.add(row)
            rows.append(row)
        return _joined(self._qualities, rows)

    def _picture(self, picture: str, image: NDArray[np.uint8]) -> Measured:
        prediction = self._predictor.predict(image)
        regions = self._find(image)
        examination = self._annotator.examine(image, regions)
        grid = prediction.risk.shape[1], prediction.risk.shape[2]
        judged = list(examination.judged)
        bpp, changed, grave = [], [], []
        for quality in self._qualities:
            coded = self._plugin.run(image, quality)
            bpp.append(coded.bpp)
            found = examination.judge(coded.image) if judged else {}
            changed.append(tuple(i in found for i in judged))
            grave.append(tuple(i in found and found[i].high_impact for i in judged))
        return Measured(
            picture=picture,
            bpp=tuple(bpp),
            predicted=tuple(whole_rate(prediction).tolist()),
            peak=_peaks(prediction),
            risk=tuple(
                _risk_inside(prediction.risk, rasterise(regions[i].polygon, grid) > 0)
                for i in judged
            ),
            changed=tuple(changed),
            grave=tuple(grave),
        )


def _read(content: dict[str, Any]) -> Measured:
    def tuples(value: Any) -> Any:
        return tuple(map(tuples, value)) if isinstance(value, list) else value

    return Measured(**{name: tuples(value) for name, value in content.items()})


def _joined(qualities: Sequence[float], rows: Sequence[Measured]) -> Measurement:
    """What was measured of all pictures; verdicts picture by picture, and in each by quality."""
    verdicts = [
        (index, column, risk, changed, grave)
        for index, row in enumerate(rows)
        for column in range(len(qualities))
        for risk, changed, grave in zip(
            row.risk, row.changed[column], row.grave[column], strict=True
        )
    ]
    pictures, columns, risk, changed, grave = zip(*verdicts, strict=True) if verdicts else ([],) * 5
    return Measurement(
        qualities=np.asarray(qualities, dtype=np.float64),
        bpp=np.asarray([row.bpp for row in rows]),
        predicted=np.asarray([row.predicted for row in rows]),
        picture=np.asarray(pictures, dtype=np.intp),
        quality=np.asarray(columns, dtype=np.intp),
        risk=np.asarray(risk, dtype=np.float64).reshape(len(verdicts), ANCHORS),
        changed=np.asarray(changed, dtype=bool),
        grave=np.asarray(grave, dtype=bool),
        peak=np.asarray([row.peak for row in rows], dtype=np.float64),
    )


def _peaks(prediction: Prediction) -> tuple[float, ...]:
    size = prediction.width, prediction.height
    planes = prediction.risk.astype(np.float32)
    return tuple(peak_risk(plane, SMALLEST_REGION, *size) for plane in planes)


def _risk_inside(risk: NDArray[np.float16], cells: NDArray[np.bool_]) -> tuple[float, ...]:
    inside = np.percentile(risk[:, cells].astype(np.float64), PERCENTILE, axis=1)
    return tuple(inside.tolist())

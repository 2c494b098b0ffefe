"""Inference: an RGB image in, the detector's maps out, over ONNX Runtime.

What the ONNX file must take and answer stands in ``contract.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from riskmask.model.runtime.contract import Maps
from riskmask.model.runtime.detector_session import DetectorSession
from riskmask.model.runtime.half import ONE, as_integers
from riskmask.model.runtime.prediction import RATE_STRIDE, RISK_STRIDE, Prediction
from riskmask.model.runtime.tile_batches import Batching, TileBatches, batch_sizes
from riskmask.model.runtime.tiles import (
    LARGEST,
    SMALLEST,
    Span,
    TileShape,
    blend,
    cut,
    spans,
    tile_shape,
)
from riskmask.model.runtime.weights import Weights

# Up to this many a tile's arena is kept: what small pictures take is taken again at once.
KEPT_PIXELS = 768 * 768

Place = tuple[Span, Span]


class Predictor:
    """A loaded detector. ``predict`` may be called from many threads at once.

    Attributes:
        name: the model's own name.
        sha256: of the ONNX file, 64 hexadecimal digits.
        threads: of one inference.
    """

    def __init__(
        self,
        path: Path,
        *,
        threads: int | None = None,
        providers: Sequence[str] = ("CPUExecutionProvider",),
        expected: Weights | None = None,
        batching: Batching | None = None,
    ) -> None:
        """Load a detector and run it once, on a tile of noise, whose answer must fit the contract.

        Args:
            path: the ONNX file.
            threads: of one inference; the cores this process may use unless given.
            providers: ONNX Runtime execution providers, in order of preference.
            expected: what a manifest says of the file.
            batching: how tiles are put together; each goes to the model alone unless given. With
                it the model runs one batch at a time.

        Raises:
            ModelError: no such file, not an ONNX file, not a detector, or one that answers
                otherwise for several tiles at once.
            WeightsError: not the file or not the model that the manifest names.
            ValueError: ``threads`` is under 1.
        """
        self._session = DetectorSession(
            path, threads=threads, providers=providers, expected=expected
        )
        self.name, self.sha256 = self._session.name, self._session.sha256
        self.threads = self._session.threads
        self._largest, self._batches = 1, None
        if batching is not None and batching.largest > 1:
            for number in batch_sizes(batching.largest)[1:]:
                self._session.check_batch(number)
                self._largest = number
            self._batches = TileBatches(self._session.run, batching)

    def warm(self) -> None:
        """Runs the model on the largest and the smallest tile, in batches of every size.

        The shapes between them have nothing of their own left to prepare.

        Raises:
            ModelError: the model failed.
        """
        for shape in (LARGEST, SMALLEST):
            for number in batch_sizes(self._largest):
                tiles = np.zeros((number, shape.height, shape.width, 3), np.uint8)
                self._session.run(tiles, _gives_back(shape))

    def predict(
        self,
        image: NDArray[np.uint8],
        before_tile: Callable[[], None] = lambda: None,
        priority: int = 0,
    ) -> Prediction:
        """Maps of a whole image, of any size from 1x1; memory beside the result is bounded.

        Args:
            image: (H, W, 3) uint8 RGB.
            before_tile: called before each tile, with batching from any thread and maybe more
                often; what it raises ends the work.
            priority: of its tiles where others wait for the same model; lower goes first.

        Raises:
            ModelError: the model failed or answered what its contract forbids.
            ValueError: the image has another shape or dtype.
        """
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
            raise ValueError(f"want (H, W, 3) uint8, not {image.shape} {image.dtype}")
        height, width = image.shape[:2]
        whole = Prediction.zeros(width, height)
        places = [(top, left) for top in spans(height) for left in spans(width)]
        shape = tile_shape(width, height)
        for (top, left), maps in self._answers(image, shape, places, before_tile, priority):
            blend(whole.risk, maps["risk"][0], top, left, RISK_STRIDE)
            blend(whole.rate, maps["rate"][0], top, left, RATE_STRIDE)
            blend(whole.content, maps["content"][0], top, left, RISK_STRIDE)
            blend(whole.high_impact, maps["high_impact"][0, 0], top, left, RISK_STRIDE)
            blend(whole.kind, maps["kind"][0], top, left, RISK_STRIDE)
        if len(places) > 1:  # weights that add up to 1 may exceed it by a rounding of float16
            for probability in (whole.risk, whole.content, whole.high_impact, whole.kind):
                np.minimum(as_integers(probability), ONE, out=as_integers(probability))
        return whole

    def _answers(
        self,
        image: NDArray[np.uint8],
        shape: TileShape,
        places: Sequence[Place],
        before_tile: Callable[[], None],
        priority: int,
    ) -> Iterator[tuple[Place, Maps]]:
        """The model's maps of each tile, in order; no more tiles at a time than a batch has."""
        tiles = np.empty((min(self._largest, len(places)), shape.height, shape.width, 3), np.uint8)
        for start in range(0, len(places), self._largest):
            some = places[start : start + self._largest]
            for tile, (top, left) in zip(tiles, some, strict=False):
                cut(image, top, left, tile)
            release = start + len(some) == len(places) and _gives_back(shape)
            if self._batches is None:
                before_tile()
                yield some[0], self._session.run(tiles, release)
                continue
            maps = self._batches.run(tiles[: len(some)], before_tile, priority, release=release)
            yield from zip(some, maps, strict=True)


def _gives_back(shape: TileShape) -> bool:
    return shape.height * shape.width > KEPT_PIXELS

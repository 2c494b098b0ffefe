"""Inference: an RGB image in, the detector's maps out, over ONNX Runtime.

What the ONNX file must take and answer stands in ``contract.py``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnxruntime as ort  # type: ignore[import-untyped]
from numpy.typing import NDArray

from riskmask.model.runtime.contract import (
    INPUT,
    OUTPUTS,
    Maps,
    check_shapes,
    check_signature,
    check_values,
    checked_name,
)
from riskmask.model.runtime.cpus import available_cpus
from riskmask.model.runtime.errors import ModelError, WeightsError
from riskmask.model.runtime.prediction import RATE_STRIDE, RISK_STRIDE, Prediction
from riskmask.model.runtime.tiles import SIDES, blend, cut, spans, tile_side
from riskmask.model.runtime.weights import Weights

NAMES = list(OUTPUTS)


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
    ) -> None:
        """Load a detector and run it once, on a tile of noise, whose answer must fit the contract.

        Args:
            path: the ONNX file.
            threads: of one inference; the cores this process may use unless given.
            providers: ONNX Runtime execution providers, in order of preference.
            expected: what a manifest says of the file.

        Raises:
            ModelError: no such file, not an ONNX file, or not a detector.
            WeightsError: not the file or not the model that the manifest names.
            ValueError: ``threads`` is under 1.
        """
        self.threads = available_cpus() if threads is None else threads
        if self.threads < 1:
            raise ValueError(f"threads must be at least 1, not {threads}")
        try:
            content = path.read_bytes()
        except OSError as error:
            raise ModelError(f"cannot read the model {path.name}: {error.strerror}") from None
        self.sha256 = hashlib.sha256(content).hexdigest()
        if expected is not None:
            expected.check_hash(self.sha256)
        try:
            self._session = ort.InferenceSession(
                content, _session_options(self.threads), providers=list(providers)
            )
        except Exception as error:  # its errors share no base class but this one
            raise ModelError(f"{path.name} is not an ONNX model that can run here") from error
        self.name = checked_name(self._session, path.name)
        if expected is not None and self.name != expected.name:
            raise WeightsError(
                f"{path.name} holds the model {self.name}, its manifest says {expected.name}"
            )
        check_signature(self._session, path.name)
        noise = np.random.default_rng(0).integers(0, 256, (1, SIDES[0], SIDES[0], 3), np.uint8)
        check_values(self._answer(noise, ort.RunOptions()), path.name)

    def predict(
        self, image: NDArray[np.uint8], before_tile: Callable[[], None] = lambda: None
    ) -> Prediction:
        """Maps of a whole image, of any size from 1x1; memory beside the result is bounded.

        Args:
            image: (H, W, 3) uint8 RGB.
            before_tile: called before each tile; what it raises ends the work.

        Raises:
            ModelError: the model failed or answered what its contract forbids.
            ValueError: the image has another shape or dtype.
        """
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
            raise ValueError(f"want (H, W, 3) uint8, not {image.shape} {image.dtype}")
        height, width = image.shape[:2]
        side = tile_side(width, height)
        whole = Prediction.zeros(width, height)
        tile = np.empty((1, side, side, 3), np.uint8)
        places = [(top, left) for top in spans(height, side) for left in spans(width, side)]
        for index, (top, left) in enumerate(places):
            before_tile()
            cut(image, top, left, tile[0])
            # The arena of a big picture is given back at its end; small tiles keep theirs.
            last = index + 1 == len(places)
            maps = self._run(tile, release=last and side == SIDES[-1])
            blend(whole.risk, maps["risk"], top, left, RISK_STRIDE)
            blend(whole.rate, maps["rate"], top, left, RATE_STRIDE)
            blend(whole.content, maps["content"], top, left, RISK_STRIDE)
            blend(whole.high_impact, maps["high_impact"][0], top, left, RISK_STRIDE)
            blend(whole.kind, maps["kind"], top, left, RISK_STRIDE)
        return whole

    def _run(self, tile: NDArray[np.uint8], *, release: bool) -> Maps:
        options = ort.RunOptions()
        if release:
            options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
        maps = self._answer(tile, options)
        return {
            name: np.clip(values[0], 0.0, np.inf if name == "rate" else 1.0)
            for name, values in maps.items()
        }

    def _answer(self, tile: NDArray[np.uint8], options: ort.RunOptions) -> Maps:
        try:
            outputs = self._session.run(NAMES, {INPUT: tile}, options)
        except Exception as error:  # its errors share no base class but this one
            raise ModelError("the detector failed on a tile; see the log for its cause") from error
        maps: Maps = dict(zip(NAMES, outputs, strict=True))
        check_shapes(maps, *tile.shape[1:3])
        return maps


def _session_options(threads: int) -> ort.SessionOptions:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Spinning threads collapse when the machine has other work.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    return options

"""Inference: an RGB image in, the detector's maps out, over ONNX Runtime.

The ONNX file's contract, version 1. Input ``image``: (N, H, W, 3) uint8 RGB, H and W any multiples
of 32. Outputs, float32: ``risk`` (N, 8, H/4, W/4) in [0, 1], non-increasing from the coarsest
level (0) to the finest (7); ``rate`` (N, 8, H/16, W/16) bits per pixel >= 0, non-decreasing;
``content`` (N, 3, H/4, W/4) text, face, symbol; ``high_impact`` (N, 1, H/4, W/4); ``kind``
(N, 3, H/4, W/4) amplitude, geometry, shape; the last three in [0, 1]. Metadata:
``riskmask.name`` and ``riskmask.contract`` = "1".
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnxruntime as ort  # type: ignore[import-untyped]
from numpy.typing import NDArray

from riskmask.model.levels import ANCHORS
from riskmask.model.runtime.cpus import available_cpus
from riskmask.model.runtime.errors import ModelError
from riskmask.model.runtime.prediction import RATE_STRIDE, RISK_STRIDE, Prediction
from riskmask.model.runtime.tiles import SIDES, blend, cut, spans, tile_side

CONTRACT = "1"
INPUT = "image"
# name: (channels, stride)
OUTPUTS = {
    "risk": (ANCHORS, RISK_STRIDE),
    "rate": (ANCHORS, RATE_STRIDE),
    "content": (3, RISK_STRIDE),
    "high_impact": (1, RISK_STRIDE),
    "kind": (3, RISK_STRIDE),
}
NAMES = list(OUTPUTS)

Maps = dict[str, NDArray[np.float32]]


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
    ) -> None:
        """Load a detector and run it once on an empty tile.

        Args:
            path: the ONNX file.
            threads: of one inference; the cores this process may use unless given.
            providers: ONNX Runtime execution providers, in order of preference.

        Raises:
            ModelError: no such file, not an ONNX file, or not a detector.
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
        try:
            self._session = ort.InferenceSession(
                content, _session_options(self.threads), providers=list(providers)
            )
        except Exception as error:  # its errors share no base class but this one
            raise ModelError(f"{path.name} is not an ONNX model that can run here") from error
        self.name = _checked_name(self._session, path.name)
        _check_signature(self._session, path.name)
        self._run(np.zeros((1, SIDES[0], SIDES[0], 3), np.uint8), release=False)

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
        try:
            outputs = self._session.run(NAMES, {INPUT: tile}, options)
        except Exception as error:  # its errors share no base class but this one
            raise ModelError("the detector failed on a tile; see the log for its cause") from error
        maps: Maps = {}
        for (name, (channels, stride)), output in zip(OUTPUTS.items(), outputs, strict=True):
            cells = tile.shape[1] // stride
            if output.shape != (1, channels, cells, cells):
                raise ModelError(
                    f"output {name} has shape {output.shape}, "
                    f"the contract says {(1, channels, cells, cells)}"
                )
            if not np.isfinite(output).all():
                raise ModelError(f"output {name} holds values that are not finite")
            maps[name] = np.clip(output[0], 0.0, np.inf if name == "rate" else 1.0)
        return maps


def _session_options(threads: int) -> ort.SessionOptions:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Spinning threads collapse when the machine has other work.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    return options


def _checked_name(session: ort.InferenceSession, file: str) -> str:
    metadata: dict[str, str] = session.get_modelmeta().custom_metadata_map
    contract = metadata.get("riskmask.contract")
    if contract != CONTRACT:
        raise ModelError(
            f"{file} is not a riskmask detector of contract {CONTRACT} "
            f"(its metadata says {contract!r}); export it again with this version"
        )
    name = metadata.get("riskmask.name", "")
    if not name:
        raise ModelError(f"{file} has no riskmask.name in its metadata; export it again")
    return name


def _check_signature(session: ort.InferenceSession, file: str) -> None:
    inputs = {value.name: value for value in session.get_inputs()}
    if list(inputs) != [INPUT]:
        raise ModelError(f"{file} takes inputs {sorted(inputs)}, the contract says ['{INPUT}']")
    image = inputs[INPUT]
    if image.type != "tensor(uint8)" or len(image.shape) != 4 or image.shape[3] != 3:
        raise ModelError(
            f"{file} takes {image.type} {image.shape}, the contract says uint8 (N, H, W, 3)"
        )
    outputs = {value.name: value for value in session.get_outputs()}
    if missing := [name for name in NAMES if name not in outputs]:
        raise ModelError(f"{file} lacks the outputs {missing}")
    for name in NAMES:
        if outputs[name].type != "tensor(float)":
            raise ModelError(f"{file} answers {name} as {outputs[name].type}, not float32")

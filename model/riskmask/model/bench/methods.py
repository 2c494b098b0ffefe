"""What is timed: the packaged detector, and the detectors and the network beside it.

All that runs in ONNX Runtime has the options of :func:`session_options`; OpenCV, in which YuNet
runs, is given the same number of threads by the command.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort  # type: ignore[import-untyped]

from riskmask.model.bench.peer_network import STRIDE, export_peer
from riskmask.model.bench.timing import Method, Pixels
from riskmask.model.evaluate.detectors import FaceDetector
from riskmask.model.runtime.contract import INPUT
from riskmask.model.runtime.detector_session import session_options
from riskmask.model.runtime.predictor import Predictor

WHOLE = "riskmask"
NETWORK = "riskmask, its network alone"
TEXT = "text detection"
FACES = "YuNet"
PEER = "smp FPN"


class WholeDetector:
    """From a picture to its maps, as the service calls it: tiles, network, blending.

    Args:
        path: the ONNX file.
        threads: of ONNX Runtime.
    """

    name = WHOLE

    def __init__(self, path: Path, threads: int) -> None:
        self._predictor = Predictor(path, threads=threads)

    def prepare(self, image: Pixels) -> Callable[[], object]:
        """See :class:`Method`."""
        return lambda: self._predictor.predict(image)


class NetworkAlone:
    """The same file on the picture in one piece; padding it does not count."""

    name = NETWORK

    def __init__(self, path: Path, threads: int) -> None:
        self._session = open_session(path, threads)

    def prepare(self, image: Pixels) -> Callable[[], object]:
        """See :class:`Method`."""
        batch = padded(image)[None]
        return lambda: self._session.run(None, {INPUT: batch})


class PeerNetwork:
    """smp's FPN in float32 on the picture in one piece; scaling and padding it do not count."""

    name = PEER

    def __init__(self, threads: int) -> None:
        self._session = open_session(export_peer(), threads)

    def prepare(self, image: Pixels) -> Callable[[], object]:
        """See :class:`Method`."""
        planes = np.moveaxis(padded(image), 2, 0)[None].astype(np.float32) / 127.5 - 1.0
        return lambda: self._session.run(None, {INPUT: planes})


class TextDetection:
    """RapidOCR's text detection, from a picture to boxes, its network with our session options."""

    name = TEXT

    def __init__(self, threads: int) -> None:
        from rapidocr import RapidOCR

        self._engine: Any = RapidOCR(params={"Global.log_level": "error"})
        self._find(np.zeros((64, 64, 3), np.uint8))  # which loads the network
        self._replace_session(threads)

    def _replace_session(self, threads: int) -> None:
        """RapidOCR takes numbers of threads alone, not whether they spin."""
        from rapidocr.inference_engine.base import FileInfo

        settings, loaded = self._engine.cfg.Det, self._engine.text_det.session
        asked = ("engine_type", "ocr_version", "task_type", "lang_type", "model_type")
        entry = loaded.get_model_url(FileInfo(**{name: settings[name] for name in asked}))
        file = Path(settings.model_root_dir) / Path(entry["model_dir"]).name
        loaded.session = open_session(file, threads)

    def prepare(self, image: Pixels) -> Callable[[], object]:
        """See :class:`Method`."""
        return lambda: self._find(image)

    def _find(self, image: Pixels) -> object:
        found: object = self._engine(image[:, :, ::-1], use_det=True, use_cls=False, use_rec=False)
        return found


class FaceDetection:
    """YuNet, from a picture to boxes.

    Args:
        model: its ONNX file.

    Raises:
        FileNotFoundError: there is no such file.
    """

    name = FACES

    def __init__(self, model: Path) -> None:
        self._detector = FaceDetector(model)

    def prepare(self, image: Pixels) -> Callable[[], object]:
        """See :class:`Method`."""
        return lambda: self._detector.find(image)


def all_methods(detector: Path, threads: int, yunet: Path | None) -> Sequence[Method]:
    """Every method; YuNet where its file is given."""
    methods: list[Method] = [
        WholeDetector(detector, threads),
        NetworkAlone(detector, threads),
        TextDetection(threads),
    ]
    if yunet is not None:
        methods.append(FaceDetection(yunet))
    return [*methods, PeerNetwork(threads)]


def open_session(model: Path | bytes, threads: int) -> ort.InferenceSession:
    """An ONNX file, or its bytes, on the CPU, with the options that the service has."""
    source = str(model) if isinstance(model, Path) else model
    return ort.InferenceSession(
        source, session_options(threads), providers=["CPUExecutionProvider"]
    )


def padded(image: Pixels) -> Pixels:
    """A picture with its border repeated until its sides are multiples of 32."""
    height, width = image.shape[:2]
    return np.pad(image, ((0, -height % STRIDE), (0, -width % STRIDE), (0, 0)), mode="edge")

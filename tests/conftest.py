"""A real, tiny detector that obeys the ONNX contract, and what an engine needs around it.

The detector is a known function of the pixels, so tests can say what it must answer:

- red pixels are text whose risk falls with the level as ``RED_DECAY`` says;
- blue pixels are symbols whose risk is 1 at every level, so nothing makes them safe;
- green pixels are faces without risk;
- the rate of a 16x16 block is ``RATE_OF_LEVEL`` x (0.1 + 4 x the block's standard deviation).
"""

from __future__ import annotations

import importlib
import io
import json
import os
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from PIL import Image, ImageDraw, ImageFont

from riskmask.model.runtime.prediction import Prediction
from riskmask.model.runtime.predictor import Predictor
from riskmask.model.runtime.profiles import CodecProfile, packaged_profiles
from riskmask.server.engine.engine import Engine

RED_DECAY = (1.0, 0.9, 0.75, 0.6, 0.45, 0.25, 0.1, 0.0)
RATE_OF_LEVEL = (0.05, 0.1, 0.17, 0.3, 0.5, 0.9, 1.5, 2.5)

RED = (255, 0, 0)
GREEN = (0, 255, 0)
BLUE = (0, 0, 255)
GREY = (128, 128, 128)

Pixels = NDArray[np.uint8]


def _constant(name: str, values: Any, dtype: Any = np.float32) -> onnx.TensorProto:
    return numpy_helper.from_array(np.asarray(values, dtype), name)


def _excess(channel: int, cell: int) -> list[onnx.NodeProto]:
    """How much a colour stands out over the two others, averaged over cells of 4x4 pixels."""
    colour, *others = (f"c{index}" for index in (channel, *({0, 1, 2} - {channel})))
    out = f"excess{channel}"
    return [
        helper.make_node("Max", others, [f"{out}_others"]),
        helper.make_node("Sub", [colour, f"{out}_others"], [f"{out}_raw"]),
        helper.make_node("Relu", [f"{out}_raw"], [f"{out}_full"]),
        helper.make_node(
            "AveragePool", [f"{out}_full"], [out], kernel_shape=[cell] * 2, strides=[cell] * 2
        ),
    ]


def build_detector(
    *,
    contract: str | None = "1",
    name: str | None = "tiny",
    levels: int = 8,
    without: str | None = None,
    input_type: int = TensorProto.UINT8,
    poison: float | None = None,
    sizes: Sequence[int | str] = ("N", "H", "W"),
    cell: int = 4,
    white: float = 255.0,
    decay: Sequence[float] = RED_DECAY,
    growth: Sequence[float] = RATE_OF_LEVEL,
) -> onnx.ModelProto:
    """The tiny detector, or one that breaks its contract in one way."""
    per_level = np.reshape(decay[:levels], (1, levels, 1, 1))
    rate_per_level = np.reshape(growth, (1, 8, 1, 1))
    pool = {"kernel_shape": [16, 16], "strides": [16, 16]}
    nodes = [
        helper.make_node("Cast", ["image"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Div", ["floats", "white"], ["scaled"]),
        helper.make_node("Transpose", ["scaled"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Split", ["planes"], ["c0", "c1", "c2"], axis=1, num_outputs=3),
        *(node for channel in range(3) for node in _excess(channel, cell)),
        helper.make_node("Mul", ["excess0", "decay"], ["red_risk"]),
        helper.make_node("Add", ["red_risk", "excess2"], ["raw_risk"]),
        helper.make_node("Clip", ["raw_risk", "zero", "one"], ["risk"]),
        helper.make_node("Concat", ["excess0", "excess1", "excess2"], ["content"], axis=1),
        helper.make_node("Max", ["excess0", "excess2"], ["high_impact"]),
        helper.make_node("Concat", ["excess1", "excess2", "excess0"], ["kind"], axis=1),
        helper.make_node("ReduceMean", ["planes", "channel_axis"], ["grey"], keepdims=1),
        helper.make_node("AveragePool", ["grey"], ["mean"], **pool),
        helper.make_node("Mul", ["grey", "grey"], ["squares"]),
        helper.make_node("AveragePool", ["squares"], ["mean_square"], **pool),
        helper.make_node("Mul", ["mean", "mean"], ["square_mean"]),
        helper.make_node("Sub", ["mean_square", "square_mean"], ["signed_variance"]),
        helper.make_node("Relu", ["signed_variance"], ["variance"]),
        helper.make_node("Sqrt", ["variance"], ["deviation"]),
        helper.make_node("Mul", ["deviation", "four"], ["contrast"]),
        helper.make_node("Add", ["contrast", "least"], ["busy"]),
        helper.make_node("Mul", ["busy", "growth"], ["clean_rate"]),
        helper.make_node("Div", ["clean_rate", "divisor"], ["rate"]),
    ]
    constants = [
        _constant("white", white),
        _constant("decay", per_level),
        _constant("growth", rate_per_level),
        _constant("zero", 0.0),
        _constant("one", 1.0),
        _constant("four", 4.0),
        _constant("least", 0.1),
        _constant("divisor", 1.0 if poison is None else poison),
        _constant("channel_axis", [1], np.int64),
    ]
    outputs = [
        helper.make_tensor_value_info(output, TensorProto.FLOAT, ["N", channels, "h", "w"])
        for output, channels in (
            ("risk", levels),
            ("rate", 8),
            ("content", 3),
            ("high_impact", 1),
            ("kind", 3),
        )
        if output != without
    ]
    image = helper.make_tensor_value_info("image", input_type, [*sizes, 3])
    graph = helper.make_graph(nodes, "tiny", [image], outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    metadata = {"riskmask.contract": contract, "riskmask.name": name}
    helper.set_model_props(
        model, {key: value for key, value in metadata.items() if value is not None}
    )
    return model


JPEG_PROFILE: dict[str, Any] = {
    "schema": 1,
    "name": "jpeg",
    "version": "test",
    "codec": "libjpeg through Pillow",
    "quality": {"minimum": 1, "maximum": 95, "integer": True, "meaning": "higher is finer"},
    "quality_of_level": [[1.0, 5], [4.0, 50], [7.0, 95]],
    "rate_factor": [2.0] * 8,
    "error_calibration": {"schema": 1, "slope": 1, "intercept": 0, "fitted_on": "invented"},
    "risk_calibration": {"slope": [1.0] * 8, "intercept": [0.0] * 8},
    "fitted_on": "nothing: figures of a test",
}


@pytest.fixture(scope="session")
def profiles_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a JPEG profile of invented figures, which the fallback needs."""
    folder = tmp_path_factory.mktemp("profiles")
    (folder / "jpeg.json").write_text(json.dumps(JPEG_PROFILE), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def detector_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny detector as a file."""
    path = tmp_path_factory.mktemp("detector") / "tiny.onnx"
    onnx.save(build_detector(), path)
    return path


@pytest.fixture(scope="session")
def detector_variant(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Writes a detector that differs from the contract as the keywords say."""

    def write(**changes: Any) -> Path:
        path = tmp_path_factory.mktemp("variant") / "variant.onnx"
        onnx.save(build_detector(**changes), path)
        return path

    return write


@pytest.fixture(scope="session")
def predictor(detector_path: Path) -> Predictor:
    return Predictor(detector_path, threads=1)


@pytest.fixture
def jpeg_profile_content() -> dict[str, Any]:
    """A whole JPEG profile to change one value of."""
    copied: dict[str, Any] = json.loads(json.dumps(JPEG_PROFILE))
    return copied


@pytest.fixture(scope="session")
def profiles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, CodecProfile]:
    """The packaged reference profile and a JPEG profile of invented figures."""
    path = tmp_path_factory.mktemp("profiles") / "jpeg.json"
    path.write_text(json.dumps(JPEG_PROFILE), encoding="utf-8")
    return {"hyperprior": packaged_profiles()["hyperprior"], "jpeg": CodecProfile.load(path)}


@pytest.fixture(scope="session")
def engine(predictor: Predictor, profiles: dict[str, CodecProfile]) -> Engine:
    """An engine over the tiny detector."""
    return Engine(predictor, profiles)


@pytest.fixture(scope="session")
def encode() -> Callable[..., bytes]:
    """Encodes pixels or a Pillow image: ``encode(pixels, "JPEG", quality=90)``."""

    def write(image: Pixels | Image.Image, format: str = "PNG", **options: Any) -> bytes:
        if not isinstance(image, Image.Image):
            image = Image.fromarray(image)
        buffer = io.BytesIO()
        image.save(buffer, format, **options)
        return buffer.getvalue()

    return write


@pytest.fixture(scope="session")
def paint() -> Callable[..., Pixels]:
    """Draws rectangles on grey: ``paint(64, 48, {(x, y, width, height): (r, g, b)})``."""

    def draw(
        width: int,
        height: int,
        rectangles: dict[tuple[int, int, int, int], tuple[int, int, int]] | None = None,
    ) -> Pixels:
        pixels = np.full((height, width, 3), GREY, np.uint8)
        for (x, y, w, h), colour in (rectangles or {}).items():
            pixels[y : y + h, x : x + w] = colour
        return pixels

    return draw


@pytest.fixture(scope="session")
def predicted() -> Callable[..., Prediction]:
    """A prediction whose risk and rate are given at the coarsest level and per cell.

    ``predicted(64, 48, risk)``: ``risk`` (12, 16) decays with the level as ``RED_DECAY`` says,
    ``rate`` (3, 4), 1 unless given, grows as ``RATE_OF_LEVEL`` says.
    """

    def make(
        width: int,
        height: int,
        risk: NDArray[Any] | None = None,
        *,
        rate: NDArray[Any] | None = None,
        decay: Sequence[float] = RED_DECAY,
    ) -> Prediction:
        maps = Prediction.zeros(width, height)
        if risk is not None:
            maps.risk[:] = risk * np.reshape(decay, (8, 1, 1))
        maps.rate[:] = np.reshape(RATE_OF_LEVEL, (8, 1, 1)) * (1.0 if rate is None else rate)
        return maps

    return make


@pytest.fixture
def photograph() -> Pixels:
    """A smooth picture with a little noise, 96x64, different in every corner."""
    rows, columns = np.mgrid[0:64, 0:96]
    noise = np.random.default_rng(7).integers(0, 12, (64, 96, 3))
    planes = np.stack([columns * 2, rows * 3, 255 - columns - rows], axis=2)
    return np.clip(planes + noise, 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def annotators_loaded() -> None:
    """For tests that verify in their own process."""
    with warnings.catch_warnings():
        # what these libraries deprecate while they are imported is theirs to mend
        warnings.simplefilter("ignore", DeprecationWarning)
        for module in ("annotators", "annotators.search", "annotators.icons"):
            importlib.import_module(f"riskmask.model.{module}")


@pytest.fixture(scope="session")
def sign() -> Callable[[str], Pixels]:
    """A sign with one line of text, (96, 320, 3): ``sign("SPEED 60")``."""

    def draw(text: str) -> Pixels:
        canvas = Image.new("RGB", (320, 96), (228, 224, 214))
        ImageDraw.Draw(canvas).text((24, 24), text, (25, 30, 40), ImageFont.load_default(40))
        return np.array(canvas)

    return draw


@pytest.fixture(scope="session")
def decoders_of(children_of: Callable[..., list[int]]) -> Callable[[int], list[int]]:
    """The decoding processes that a process has started and that are there, by their ids."""
    return lambda server: children_of(server, "riskmask.server.decoding.worker")


@pytest.fixture(scope="session")
def children_of() -> Callable[..., list[int]]:
    """The processes that a process has started, by their ids; with a word in their command."""

    def find(server: int, word: str = "") -> list[int]:
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                command = (folder / "cmdline").read_bytes()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if parent == server and word.encode() in command:
                found.append(int(folder.name))
        return sorted(found)

    return find


@pytest.fixture(scope="session")
def until_busy() -> Callable[[int], None]:
    """Waits until a process has worked for a tenth of a second more than so far."""

    def worked(process: int) -> int:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])

    def wait(process: int) -> None:
        end = time.monotonic() + 60
        enough = worked(process) + os.sysconf("SC_CLK_TCK") // 10
        while worked(process) < enough:
            assert time.monotonic() < end, "it does nothing"
            time.sleep(0.005)

    return wait


@pytest.fixture(scope="session")
def slow_jpeg(encode: Callable[..., bytes]) -> bytes:
    """A picture of 8192x8192 that takes a decoder seconds: 99 scans go over all of it."""
    content = encode(Image.new("L", (8192, 8192), 77), "JPEG", progressive=True)
    last = content.rindex(b"\xff\xda")
    more = 99 - content.count(b"\xff\xda")
    return content[:-2] + content[last:-2] * more + content[-2:]

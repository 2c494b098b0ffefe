"""The detector in 8 bits says what it says in float32, and is kept only if it does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from PIL import Image

from riskmask.model.evaluate.judged import RegionTable
from riskmask.model.quantise import (
    SIDE,
    crop,
    head_nodes,
    is_quantised,
    lost_precision,
    quantise_detector,
)
from riskmask.model.runtime.errors import ModelError
from riskmask.model.runtime.predictor import Predictor
from riskmask.model.runtime.weights import find_weights

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def pictures() -> list[NDArray[np.uint8]]:
    with Image.open(EXAMPLES / "astronaut.jpg") as opened:
        whole = np.array(opened.convert("RGB"))
    return [whole, whole[:, ::-1], 255 - whole, whole[100:200, 100:300]]


@pytest.fixture(scope="module")
def quantised(pictures: list[NDArray[np.uint8]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("quantised")
    return quantise_detector(find_weights().path, pictures, folder)


@pytest.mark.slow
def test_it_says_what_the_original_says_in_a_third_of_the_size(
    quantised: Path, pictures: list[NDArray[np.uint8]]
) -> None:
    source = find_weights().path
    assert quantised.stat().st_size < 0.4 * source.stat().st_size
    assert list(quantised.parent.iterdir()) == [quantised]
    before, after = Predictor(source, threads=1), Predictor(quantised, threads=1)
    assert after.name == before.name
    one, other = before.predict(pictures[0]), after.predict(pictures[0])
    assert one.risk.max() > 0.3  # or agreement would say little
    assert np.abs(one.risk.astype(float) - other.risk).mean() < 0.01
    assert np.corrcoef(one.risk[0].ravel(), other.risk[0].ravel())[0, 1] > 0.98
    np.testing.assert_allclose(one.rate.mean(axis=(1, 2)), other.rate.mean(axis=(1, 2)), rtol=0.05)


@pytest.mark.slow
def test_its_heads_stay_in_float(quantised: Path) -> None:
    model = onnx.load(quantised)
    made = {name: node.op_type for node in model.graph.node for name in node.output}
    assert is_quantised(quantised)
    assert not is_quantised(find_weights().path)
    heads = [node for node in model.graph.node if node.name in set(head_nodes(model))]
    convolutions = [node for node in heads if node.op_type == "Conv"]
    assert len(convolutions) == 2
    weights = [made.get(node.input[1]) for node in convolutions]
    assert "DequantizeLinear" not in weights


def test_a_small_picture_fills_a_tile_with_its_border() -> None:
    image = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    tile = crop(image)
    assert tile.shape == (SIDE, SIDE, 3)
    assert (tile[0, 0] == image[0, 0]).all()
    assert (tile[-1, -1] == image[-1, -1]).all()
    large = np.zeros((SIDE + 10, SIDE + 20, 3), np.uint8)
    large[5, 10] = 255
    assert crop(large)[0, 0].tolist() == [255] * 3


def _table(noise: float) -> RegionTable:
    generator = np.random.default_rng(0)
    count = np.repeat([0, 1, 3, 8], 50)  # changed at level 0: 75%, at 1 and 2: 50%, then 25%
    sure = count[:, None] + generator.normal(0, 1, (200, 8))
    scores = {"a": sure, "b": sure + generator.normal(0, noise, (200, 8))}
    return RegionTable(
        image=np.arange(200),
        content=np.full(200, "text"),
        count=count,
        share=np.full(200, 0.01),
        scores={name: values.astype(np.float32) for name, values in scores.items()},
    )


def test_what_is_lost_is_told_of_the_contested_levels() -> None:
    assert set(lost_precision(_table(0.0), "a", "b").values()) == {0.0}
    lost = lost_precision(_table(4.0), "a", "b")
    assert list(lost) == [1, 2, 3, 4, 5, 6, 7]
    assert min(lost.values()) > 0.01
    nothing = _table(0.0).take(np.zeros(200, bool))
    assert lost_precision(nothing, "a", "b") == {}


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "detector.onnx"
    path.write_bytes(b"not a model")
    with pytest.raises(ModelError, match=r"detector\.onnx is not a readable ONNX file"):
        is_quantised(path)


def test_the_command_says_what_it_lacks(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "riskmask.model.train", "quantise", "--labels", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "run python -m riskmask.model.label" in done.stderr
    assert "Traceback" not in done.stderr

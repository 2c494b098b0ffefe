"""The detector in 8 bits says what it says in float32, and is kept only if it does."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from itertools import product
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from PIL import Image

from riskmask.model.data.label_rows import LabelRow, Place
from riskmask.model.data.picture_hash import picture_hash
from riskmask.model.data.planes import LabelMap
from riskmask.model.data.recipe import Recipe
from riskmask.model.data.shards import write_shard
from riskmask.model.evaluate.judged import RegionTable
from riskmask.model.quantise import (
    SIDE,
    crop,
    head_nodes,
    is_quantised,
    lost_precision,
    quantise_detector,
)
from riskmask.model.release import register
from riskmask.model.runtime.predictor import Predictor
from riskmask.model.runtime.weights import find_weights
from riskmask.model.train.detector_card import QUANTISATION

FEWEST_ON_A_SIDE = 4  # of 16 regions: changed ones, and unchanged ones
EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def pictures() -> list[NDArray[np.uint8]]:
    with Image.open(EXAMPLES / "astronaut.jpg") as opened:
        whole = np.array(opened.convert("RGB"))
    return [whole, whole[:, ::-1], 255 - whole, whole[100:200, 100:300]]


@pytest.fixture(scope="module")
def quantised(
    float_detector: Path,
    pictures: list[NDArray[np.uint8]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    return quantise_detector(float_detector, pictures, tmp_path_factory.mktemp("quantised"))


@pytest.mark.slow
def test_it_says_what_the_original_says_in_a_third_of_the_size(
    quantised: Path, float_detector: Path, pictures: list[NDArray[np.uint8]]
) -> None:
    source = float_detector
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
def test_its_heads_stay_in_float(quantised: Path, float_detector: Path) -> None:
    model = onnx.load(quantised)
    made = {name: node.op_type for node in model.graph.node for name in node.output}
    assert is_quantised(quantised)
    assert not is_quantised(float_detector)
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


def _labelled(key: str, image: NDArray[np.uint8], risk: NDArray[np.float32]) -> LabelRow:
    """A picture of 16 regions, the riskier ones of which change at level 0, as the detector says.

    The line is drawn in the widest gap near the middle: where two regions are as good as equal,
    rounding alone decides which is the riskier one.
    """
    height, width = risk.shape[1:]
    places, count = [], np.zeros((3, height, width), np.uint8)
    for top, left in product(range(0, height - 16, height // 4), range(0, width - 16, width // 4)):
        outline = ((left, top), (left + 16, top), (left + 16, top + 16), (left, top + 16))
        places.append(Place("text", tuple((4.0 * x, 4.0 * y) for x, y in outline), True))
        count[0, top : top + 16, left : left + 16] = 1
    inside = count[0] > 0
    corners = [tuple(int(v) // 4 for v in place.polygon[0]) for place in places]
    regions = [np.s_[top : top + 16, left : left + 16] for left, top in corners]
    scores = [np.percentile(risk[0][region], 95) for region in regions]
    ordered = np.sort(scores)
    line = FEWEST_ON_A_SIDE - 1
    line += int(np.argmax(np.diff(ordered[line : len(ordered) - line])))
    for region, score in zip(regions, scores, strict=True):
        count[0][region] = 1 if score > ordered[line] else 0
    known = np.broadcast_to(inside, (3, height, width)).copy()
    nothing = np.zeros((3, height, width), np.uint8)
    cells = -(-image.shape[0] // 16), -(-image.shape[1] // 16)
    return LabelRow(
        key=key,
        codec="hyperprior",
        codec_sha256="0" * 64,
        image_sha256=picture_hash(image),
        source="scenes",
        licence_class="permissive",
        width=image.shape[1],
        height=image.shape[0],
        bpp=(0.1,) * 8,
        places=tuple(places),
        findings=(),
        labels=LabelMap(
            count, known, known, known, nothing[0], nothing, np.ones((8, *cells), np.float16)
        ),
    )


def _command(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "riskmask.model.train", "quantise", *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "COLUMNS": "200"},
    )


@pytest.mark.slow
def test_the_command_replaces_the_file_that_it_was_made_from(
    float_detector: Path, pictures: list[NDArray[np.uint8]], tmp_path: Path
) -> None:
    labels, out = tmp_path / "labels", tmp_path / "out"
    (labels / "pictures").mkdir(parents=True)
    out.mkdir()
    predictor = Predictor(float_detector, threads=1)
    rows = []
    with Image.open(EXAMPLES / "notice.png") as opened:
        notice = np.array(opened.convert("RGB"))  # its risks lie far apart
    for number, image in ((1, pictures[0]), (2, pictures[1]), (10, notice)):  # the last is kept out
        key = f"scene-{number:06d}"
        Image.fromarray(image).save(labels / "pictures" / f"{key}.png")
        rows.append(_labelled(key, image, predictor.predict(image).risk.astype(np.float32)))
    write_shard(labels, rows)
    Recipe("train", False, (), ("text",), (), ()).claim(labels)
    source, run = out / float_detector.name, tmp_path / "run"
    shutil.copy(float_detector, source)
    register("detector", source, predictor.name)
    done = _command("--labels", labels, "--model", source, "--out", out, "--run", run)
    assert done.returncode == 0, done.stderr
    assert "1 pictures kept out of training" in done.stdout
    written = find_weights("detector", out)
    assert is_quantised(written.path)
    assert not source.exists()
    record = json.loads((run / QUANTISATION).read_text("utf-8"))
    assert (record["file"], record["source"]) == (written.path.name, float_detector.name)
    assert record["source_bytes"] == float_detector.stat().st_size
    assert max(record["lost"].values()) < 0.01
    again = _command("--labels", labels, "--model", written.path, "--out", out)
    assert again.returncode == 2
    assert "is quantised already" in again.stderr


def test_the_command_says_what_it_lacks(float_detector: Path, tmp_path: Path) -> None:
    done = _command("--labels", tmp_path, "--model", float_detector)
    assert done.returncode == 2
    assert "run python -m riskmask.model.label" in done.stderr
    path = tmp_path / "detector.onnx"
    path.write_bytes(b"not a model")
    broken = _command("--labels", tmp_path, "--model", path)
    assert broken.returncode == 2
    assert "detector.onnx is not an ONNX model that can run here" in broken.stderr
    assert "Traceback" not in done.stderr + broken.stderr

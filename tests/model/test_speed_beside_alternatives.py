"""`make bench` times every method on the same pictures and says what it rests on.

How fast anything is depends on the machine, so no test asks for that.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
from numpy.typing import NDArray
from PIL import Image

from riskmask.model.bench.methods import FACES, NETWORK, PEER, TEXT, WHOLE, TextDetection, padded
from riskmask.model.bench.peer_network import export_peer
from riskmask.model.bench.pictures import SCENES, example_pictures
from riskmask.model.bench.recall import BOXES, OWN, Recall, measure_recall
from riskmask.model.bench.report import describe
from riskmask.model.bench.timing import Speed, time_methods
from riskmask.model.data.training_set import Example
from riskmask.model.evaluate.detectors import TextDetector
from riskmask.model.evaluate.spread import evenly_spread

Pixels = NDArray[np.uint8]
EXAMPLES = Path(__file__).parents[2] / "examples"


def _speed(name: str, *seconds: float) -> Speed:
    return Speed(name, np.array(seconds), np.array([1_000_000, 3_000_000][: len(seconds)]))


def test_speeds_are_of_all_pictures_together() -> None:
    own, other = _speed("own", 0.1, 0.3), _speed("other", 0.3, 0.1)
    assert own.milliseconds == pytest.approx(200)
    assert own.megapixels_per_second == pytest.approx(10)
    assert other.ratio(own) == pytest.approx(1)
    both = own.and_then(other)
    assert both.name == "own + other"
    assert both.ratio(own) == pytest.approx(2)


class _Counted:
    """A method that keeps a diary of its runs."""

    def __init__(self, name: str, diary: list[tuple[str, int]]) -> None:
        self.name = name
        self._diary = diary

    def prepare(self, image: Pixels) -> Callable[[], object]:
        return lambda: self._diary.append((self.name, image.shape[1]))


def test_methods_take_turns_on_each_picture() -> None:
    diary: list[tuple[str, int]] = []
    methods = [_Counted("a", diary), _Counted("b", diary)]
    pictures = [np.zeros((2, width, 3), np.uint8) for width in (5, 7)]
    speeds = time_methods(methods, pictures, 2)
    turn = [("a", 5), ("b", 5)], [("a", 7), ("b", 7)]
    assert diary == [*turn[0] * 3, *turn[1] * 3]
    assert list(speeds) == ["a", "b"]
    assert speeds["a"].pixels.tolist() == [10, 14]
    assert (speeds["a"].seconds > 0).all()


def _speeds(*, faces: bool) -> dict[str, Speed]:
    taken = {WHOLE: 0.1, NETWORK: 0.08, TEXT: 0.9, FACES: 0.1, PEER: 0.2}
    return {name: _speed(name, s) for name, s in taken.items() if faces or name != FACES}


def test_the_ratios_are_told_beside_what_is_wanted() -> None:
    recalls = [Recall((2,), 30, 0.9, 0.6, (0.1, 0.5)), Recall((2, 3), 50, 0.8, 0.5, (0.2, 0.4))]
    said = "\n".join(describe(_speeds(faces=True), recalls))
    assert "| text detection + YuNet | 1000.0 | 1.0 | 10.00 | 0.500 |" in said
    assert "| riskmask | 100.0 | 10.0 | 1.00 | 0.800 |" in said
    assert "text detection + YuNet: 10.00 times as long as riskmask (at least 8 wanted)" in said
    assert "2.50 times as long as riskmask's network on the same pixels, 2.00 times" in said
    assert "levels 2, 3, 50 changed regions: riskmask 0.800" in said
    assert "difference +0.200 to +0.400" in said


def test_what_was_left_out_is_told() -> None:
    said = "\n".join(describe(_speeds(faces=False), None))
    assert "YuNet is left out, name its file with --yunet" in said
    assert "at least 8 wanted" not in said
    assert "name a folder of labels with --labels" in said
    assert "no level is contested" in "\n".join(describe(_speeds(faces=True), []))


def test_recall_is_counted_within_twice_the_changed_area(
    words: object,
) -> None:
    example: Example = words.example()  # type: ignore[attr-defined]
    draw: Callable[..., NDArray[np.float32]] = words.map  # type: ignore[attr-defined]
    right, wrong = draw(0.9, 0.8, 0.1), draw(0.1, 0.2, 0.9, ground=0.5)
    several = [example] * 3
    found = measure_recall(several, {OWN: [right] * 3, BOXES: [wrong] * 3})
    # a third of the words changes at levels 1 to 7, two thirds at level 0, which is too many
    assert [each.levels for each in found] == [
        *((level,) for level in range(1, 8)),
        (*range(1, 8),),
    ]
    assert [each.changed for each in found] == [*[3] * 7, 21]
    assert all((each.own, each.boxes) == (1.0, 0.0) for each in found)
    assert found[-1].difference == (1.0, 1.0)


def test_pictures_are_taken_from_everywhere() -> None:
    assert evenly_spread(range(9), 3) == [1, 4, 7]
    assert evenly_spread(range(3), 9) == evenly_spread(range(3), None) == [0, 1, 2]
    assert len(set(evenly_spread(range(100), 33))) == 33


def test_pictures_are_the_examples_and_scenes_upon_them() -> None:
    shapes = [picture.shape for picture in example_pictures(EXAMPLES)]
    scenes = [(side, side, 3) for side, count in SCENES for _ in range(count)]
    assert shapes[3:] == scenes
    assert (512, 512, 3) in shapes[:3]
    with pytest.raises(FileNotFoundError, match="name a folder that has some"):
        example_pictures(EXAMPLES / "nothing")


def test_a_picture_is_padded_to_what_a_pyramid_takes() -> None:
    image = np.arange(33 * 5 * 3, dtype=np.uint8).reshape(33, 5, 3)
    large = padded(image)
    assert large.shape == (64, 32, 3)
    assert (large[:33, :5] == image).all()
    assert (large[40, 3] == image[32, 3]).all()


@pytest.mark.slow
def test_the_peer_answers_six_channels_on_pictures_of_any_size() -> None:
    session = ort.InferenceSession(export_peer(), providers=["CPUExecutionProvider"])
    for height, width in ((64, 96), (256, 128)):
        noise = np.random.default_rng(0).random((1, 3, height, width), np.float32)
        (logits,) = session.run(None, {"image": noise})
        assert logits.shape == (1, 6, height // 4, width // 4)
        assert np.isfinite(logits).all()
        assert logits.std() > 0


@pytest.mark.slow
def test_the_text_detector_that_is_timed_finds_what_the_baseline_finds() -> None:
    with Image.open(EXAMPLES / "notice.png") as opened:
        notice = np.array(opened.convert("RGB"))
    timed = TextDetection(1).prepare(notice)()
    boxes = TextDetector().find(notice)
    assert len(boxes) > 3
    np.testing.assert_allclose(timed.boxes, [box.polygon for box in boxes])


def _bench(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "riskmask.model.bench", "--repeats", "1", *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "COLUMNS": "200"},
    )


@pytest.mark.slow
def test_the_command_prints_one_table(tmp_path: Path) -> None:
    Image.new("RGB", (64, 40), (90, 120, 30)).save(tmp_path / "small.png")
    done = _bench("--images", tmp_path, "--threads", "1", "--no-batches")
    assert done.returncode == 0, done.stderr
    rows = re.findall(r"^\| ([\w ,]+) \| [\d.]+ \| [\d.]+ \| [\d.]+ \|", done.stdout, re.MULTILINE)
    assert rows == [WHOLE, NETWORK, TEXT, PEER]
    assert "7 pictures, medians of 1 runs on each, 1 threads" in done.stdout


@pytest.mark.slow
def test_the_command_says_what_it_lacks(tmp_path: Path) -> None:
    for words in (("--images", tmp_path), ("--labels", tmp_path), ("--yunet", tmp_path / "none")):
        done = _bench(*words)
        assert done.returncode == 2
        assert done.stderr.startswith("bench: no ")
        assert "Traceback" not in done.stderr

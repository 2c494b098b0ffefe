"""Crops of the training set: pixels, labels and rates of one place stay together."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from riskmask.model.corpus import CALIBRATION_SOURCES, HELD_OUT_SOURCES
from riskmask.model.data.augmentation import Augmentation
from riskmask.model.data.planes import LabelMap
from riskmask.model.data.training_set import (
    IMPORTANCE,
    TYPICAL_REGION,
    Batch,
    Example,
    Sampler,
    importance_of,
    load_examples,
    picture_weights,
)


def _example(height: int, width: int, seed: int = 0, judged: bool = True) -> Example:
    """A picture whose pixels, labels and rates all say where they are (up to 1024 pixels)."""
    rows, columns = np.mgrid[0:height, 0:width]
    image = np.stack([columns // 4, rows // 4, np.full_like(rows, seed)], axis=2).astype(np.uint8)
    h, w = -(-height // 4), -(-width // 4)
    y, x = np.mgrid[0:h, 0:w]
    changed = np.stack([(y + x) % 9, np.zeros((h, w)), np.zeros((h, w))]).astype(np.uint8)
    generator = np.random.default_rng(seed)
    place = np.stack([x, y, np.zeros((h, w))]).astype(np.uint8)
    cells = np.mgrid[0 : -(-height // 16), 0 : -(-width // 16)]
    labels = LabelMap(
        changed=changed,
        valid=np.ones((3, h, w), bool),
        present=np.full((3, h, w), judged),
        present_valid=generator.random((3, h, w)) < 0.8,
        high_impact=y.astype(np.uint8),
        kind=place,
        rate=np.concatenate([cells, np.zeros((6, *cells.shape[1:]))]).astype(np.float16),
    )
    polygon = ((8.0, 8.0), (40.0, 8.0), (40.0, 24.0), (8.0, 24.0))
    return Example(f"example-{seed}", image, labels, (("text", polygon),), "tests")


def _batches(example: Example, size: int, count: int = 40) -> Batch:
    return Sampler([example], size, np.random.default_rng(5)).batch(count)


def _planes(batch: Batch, row: int) -> dict[str, np.ndarray]:
    return {name: value[row].numpy() for name, value in vars(batch).items()}


def test_labels_and_rates_stay_with_their_pixels() -> None:
    batch = _batches(_example(320, 480), 96)
    flips = set()
    corners = set()
    for row in range(len(batch.image)):
        crop = _planes(batch, row)
        x, y = crop["image"][0, ::4, ::4], crop["image"][1, ::4, ::4]
        flipped = int(x[0, 0]) > int(x[0, -1])
        flips.add(flipped)
        if flipped:  # the first pixel of four is then the last one
            x, y = crop["image"][0, ::4, 3::4], crop["image"][1, ::4, 3::4]
        np.testing.assert_array_equal(np.round(crop["kind"][0] * 255), x)
        np.testing.assert_array_equal(np.round(crop["kind"][1] * 255), y)
        np.testing.assert_array_equal(np.round(crop["high_impact"][0] * 255), y)
        np.testing.assert_array_equal(crop["count"], (x.astype(int) + y) % 9)
        # Cells of the rate are 4x4 cells of the labels.
        np.testing.assert_array_equal(crop["rate"][1], x[::4, ::4] // 4)
        np.testing.assert_array_equal(crop["rate"][0], y[::4, ::4] // 4)
        assert crop["valid"].all()
        corners.add((int(x.min()), int(y.min())))
    assert flips == {False, True}
    assert len(corners) > 5
    assert all(left % 4 == top % 4 == 0 for left, top in corners)


def test_beyond_a_small_picture_nothing_counts() -> None:
    batch = _batches(_example(40, 56), 96, count=8)
    for row in range(8):
        crop = _planes(batch, row)
        if crop["image"][0, 0, 0] > crop["image"][0, 0, -1]:
            crop = {name: np.flip(plane, axis=-1) for name, plane in crop.items()}
        assert crop["valid"][:10, :14].all()
        for name in ("valid", "importance", "present_valid"):
            assert not crop[name][..., 10:, :].any(), name
            assert not crop[name][..., :, 14:].any(), name
        # The picture's border goes on, so that no edge is learnt.
        assert (crop["image"][1, 39:] == 9).all()
        assert (crop["image"][0, :, 55:] == 13).all()
        assert (crop["rate"][0, 3:] == 2).all()


def test_shapes_and_types_of_a_batch() -> None:
    batch = _batches(_example(320, 320), 64, count=3)
    assert batch.image.shape == (3, 3, 64, 64)
    assert batch.image.dtype == torch.uint8
    assert batch.count.shape == batch.valid.shape == batch.importance.shape == (3, 16, 16)
    assert batch.present.shape == batch.present_valid.shape == batch.kind.shape == (3, 3, 16, 16)
    assert batch.high_impact.shape == (3, 1, 16, 16)
    assert batch.rate.shape == (3, 8, 4, 4)
    assert batch.rate.dtype == batch.kind.dtype == torch.float32
    assert batch.to(torch.device("cpu")).image.equal(batch.image)


def _box(left: float, top: float, width: float, height: float) -> tuple[tuple[float, float], ...]:
    right, bottom = left + width, top + height
    return (left, top), (right, top), (right, bottom), (left, bottom)


def test_a_region_counts_as_one_whatever_its_size() -> None:
    boxes = [_box(0, 0, 16, 16), _box(64, 0, 32, 32), _box(0, 64, 40, 40), _box(120, 0, 120, 200)]
    example = _example(240, 240)
    present = np.zeros_like(example.labels.present)
    for left, top, width, height in ((0, 0, 4, 4), (16, 0, 8, 8), (0, 16, 10, 10), (30, 0, 30, 50)):
        present[0, top : top + height, left : left + width] = True
    labels = replace(example.labels, present=present)
    regions = tuple(("text", box) for box in boxes)
    weight = importance_of(replace(example, labels=labels, regions=regions))
    for cell, count in (((0, 0), 16), ((0, 16), 64), ((16, 0), 100)):
        assert weight[cell] * count == pytest.approx(TYPICAL_REGION)
    assert weight[0, 30] == IMPORTANCE[0]
    assert weight[20, 20] == 0

    overlaid = (*regions, ("text", _box(64, 0, 8, 8)))
    inner = importance_of(replace(example, labels=labels, regions=overlaid))
    assert inner[0, 16] == IMPORTANCE[1]  # the small region on the large one
    assert inner[0, 20] == weight[0, 20]
    nowhere = importance_of(replace(example, labels=labels, regions=()))
    assert set(np.unique(nowhere)) == {0, 1}  # judged, by a region that is not named


def test_a_region_that_nobody_could_judge_does_not_count() -> None:
    example = _example(96, 96)
    valid = np.zeros_like(example.labels.valid)
    weight = importance_of(replace(example, labels=replace(example.labels, valid=valid)))
    assert not weight.any()


def _unflipped(batch: Batch, row: int) -> dict[str, np.ndarray]:
    """A crop's planes; where it was mirrored, mirrored back."""
    crop = _planes(batch, row)
    if crop["kind"][0, 0, 0] > crop["kind"][0, 0, -1]:
        crop = {name: np.flip(plane, axis=-1) for name, plane in crop.items()}
    return crop


def test_exposure_changes_pixels_a_little_and_no_label() -> None:
    example = replace(_example(96, 96), regions=())
    plain = _unflipped(Sampler([example], 96, np.random.default_rng(5)).batch(1), 0)
    crops = Sampler([example], 96, np.random.default_rng(6), Augmentation(exposure=1.0)).batch(30)
    shades = set()
    for row in range(30):
        crop = _unflipped(crops, row)
        image = crop["image"].astype(int)
        assert abs(image - plain["image"]).max() <= 20 + 0.06 * 128 + 1
        shades.add(int(image[2].mean()))
        np.testing.assert_array_equal(crop["count"], plain["count"])
        np.testing.assert_array_equal(crop["rate"], plain["rate"])
    assert len(shades) > 5


def test_a_negative_keeps_every_label() -> None:
    example = replace(_example(96, 96), regions=())
    plain = _unflipped(Sampler([example], 96, np.random.default_rng(5)).batch(1), 0)
    crops = Sampler([example], 96, np.random.default_rng(6), Augmentation(negative=0.5)).batch(30)
    negatives = 0
    for row in range(30):
        crop = _unflipped(crops, row)
        same, negative = (
            np.array_equal(crop["image"], pixels)
            for pixels in (plain["image"], 255 - plain["image"])
        )
        assert same != negative
        negatives += negative
        for name in ("count", "rate", "kind", "high_impact"):
            np.testing.assert_array_equal(crop[name], plain[name])
    assert 5 < negatives < 25


@pytest.mark.parametrize(
    ("augmentation", "most"),
    [(Augmentation(noise=1.0), 2.2), (Augmentation(jpeg=1.0), 8.0)],
    ids=["noise", "jpeg"],
)
def test_noise_and_jpeg_change_pixels_a_little_and_no_label(
    augmentation: Augmentation, most: float
) -> None:
    example = replace(_example(96, 96), regions=())
    plain = _unflipped(Sampler([example], 96, np.random.default_rng(5)).batch(1), 0)
    crops = Sampler([example], 96, np.random.default_rng(6), augmentation).batch(30)
    changed = set()
    for row in range(30):
        crop = _unflipped(crops, row)
        difference = crop["image"].astype(float) - plain["image"]
        assert 0 < difference.std() < most
        assert abs(difference.mean()) < 2
        changed.add(round(difference.std(), 3))
        for name in ("count", "rate", "kind", "high_impact"):
            np.testing.assert_array_equal(crop[name], plain[name])
    assert len(changed) > 5  # not one strength for all


def test_other_colours_exchange_red_and_blue_alone() -> None:
    example = replace(_example(96, 96), regions=())
    plain = _unflipped(Sampler([example], 96, np.random.default_rng(5)).batch(1), 0)
    crops = Sampler([example], 96, np.random.default_rng(6), Augmentation(colours=0.5)).batch(30)
    exchanged = 0
    for row in range(30):
        image = _unflipped(crops, row)["image"]
        same = np.array_equal(image, plain["image"])
        assert same != np.array_equal(image, plain["image"][::-1])
        exchanged += not same
    assert 5 < exchanged < 25


def test_the_same_generator_draws_the_same_crops() -> None:
    examples = [_example(320, 320, seed) for seed in range(3)]
    every = Augmentation(exposure=0.5, negative=0.5, colours=0.5, noise=0.5, jpeg=0.5)
    one, other = (Sampler(examples, 64, np.random.default_rng(9), every).batch(6) for _ in range(2))
    for name, value in vars(one).items():
        assert torch.equal(value, getattr(other, name)), name


def test_most_crops_show_a_region_and_pictures_with_verdicts_come_more_often() -> None:
    far = ((400.0, 400.0), (430.0, 400.0), (430.0, 420.0), (400.0, 420.0))
    judged = replace(_example(960, 960, 0), regions=(("text", far),))
    plain = replace(_example(960, 960, 1, judged=False), regions=())
    batch = Sampler([judged, plain], 96, np.random.default_rng(2)).batch(300)
    of_judged = batch.image[:, 2, 0, 0] == 0
    assert 0.6 < of_judged.float().mean() < 0.9  # 1 : 0.35
    x, y = batch.image[of_judged, 0].float(), batch.image[of_judged, 1].float()
    shows = ((x >= 100) & (x <= 107) & (y >= 100) & (y <= 105)).flatten(1).any(dim=1)
    assert shows.float().mean() > 0.5


def test_pictures_of_a_rare_content_come_more_often() -> None:
    def showing(*contents: int) -> Example:
        example = _example(32, 32)
        present = np.zeros_like(example.labels.present)
        for content in contents:
            present[content, 0, 0] = True
        return replace(example, labels=replace(example.labels, present=present))

    pictures = [showing(0)] * 14 + [showing(0, 1)] * 2 + [showing(2)] * 4 + [showing()]
    assert picture_weights(pictures).tolist() == pytest.approx(
        [1.0] * 14 + [np.sqrt(8)] * 2 + [2.0] * 4 + [0.35]
    )
    assert picture_weights([showing()] * 2).tolist() == [0.35, 0.35]


def test_some_scenes_and_some_sources_are_kept_for_the_calibration() -> None:
    example = _example(48, 64)
    scenes = [replace(example, source="scenes", key=f"scene-{i:06d}") for i in range(30)]
    assert [i for i, scene in enumerate(scenes) if scene.for_calibration] == [0, 10, 20]
    assert not example.for_calibration
    for source in CALIBRATION_SOURCES:
        assert replace(example, source=source).for_calibration
    assert not CALIBRATION_SOURCES & HELD_OUT_SOURCES


def test_where_several_codecs_labelled_a_picture_their_mean_is_learnt() -> None:
    example = _example(96, 96)
    never = replace(example.labels, changed=np.zeros_like(example.labels.changed))
    always = replace(example.labels, changed=np.full_like(example.labels.changed, 8))
    three = replace(example, labels=never, others=(always, never))
    batch = Sampler([three], 96, np.random.default_rng(3)).batch(300)
    counts = batch.count.float().amax(dim=(1, 2))
    assert set(counts.tolist()) == {0.0, 8.0}
    assert 0.25 < (counts == 8).float().mean() < 0.42  # one codec in three


def test_without_labels_it_says_how_to_make_them(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"python -m riskmask\.model\.label"):
        load_examples(tmp_path)

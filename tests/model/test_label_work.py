"""A labelling run takes its pictures in one order always and cuts its work to end together."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from riskmask.model.corpus import Corpus, CorpusImage
from riskmask.model.data.items import stratified
from riskmask.model.data.label_rows import LabelRow
from riskmask.model.data.picture_hash import picture_hash
from riskmask.model.data.pictures import Pictures
from riskmask.model.data.shards import LabelsError, write_shard
from riskmask.model.label.job import LARGEST_SHARE, Task, plan, shares


def _image(source: str, number: int) -> CorpusImage:
    path = Path(f"{source}__{number:03d}.png")
    return CorpusImage(path, 64, 64, "photo", source, "permissive", frozenset(), ())


def test_every_beginning_holds_each_sources_share() -> None:
    counts = {"large": 60, "middle": 30, "small": 10}
    images = [_image(source, n) for source, count in counts.items() for n in range(count)]
    ordered = stratified(images)
    assert Counter(ordered) == Counter(images)
    for length in (10, 25, 50, 75):
        got = Counter(image.source for image in ordered[:length])
        for source, count in counts.items():
            assert abs(got[source] - count * length / 100) <= 1
    assert stratified(images[::-1]) == ordered


@pytest.mark.parametrize("workers", [1, 2, 7, 100])
@pytest.mark.parametrize("count", [0, 1, 5, 100, 1000])
def test_shares_hold_every_task_once_and_shrink(workers: int, count: int) -> None:
    tasks = [Task(f"scene-{n:06d}", "hyperprior") for n in range(count)]
    cut = list(shares(tasks, workers))
    assert [task for share in cut for task in share] == tasks
    sizes = [len(share) for share in cut]
    assert sizes == sorted(sizes, reverse=True)
    assert all(1 <= size <= LARGEST_SHARE for size in sizes)
    # What is left when the first worker finds nothing more to do is one row for each other.
    assert sum(size > 1 for size in sizes[-workers:]) == 0


def test_all_codecs_of_a_picture_come_together(tmp_path: Path) -> None:
    tasks = plan(["b", "a"], tmp_path, {"hyperprior": "11", "jpeg": "22"})
    assert [(task.key, task.codec) for task in tasks] == [
        ("b", "hyperprior"),
        ("b", "jpeg"),
        ("a", "hyperprior"),
        ("a", "jpeg"),
    ]
    assert not any(task.done or task.image_sha256 for task in tasks)


def test_rows_that_are_there_are_checked_and_errors_are_tried_again(tmp_path: Path) -> None:
    rows = [
        LabelRow("a", "jpeg", "22", image_sha256="pixels"),
        LabelRow("b", "jpeg", "22", error="OSError: image file is truncated"),
    ]
    write_shard(tmp_path, rows)
    tasks = plan(["a", "b", "c"], tmp_path, {"jpeg": "22", "webp": "33"})
    found = {(task.key, task.codec): (task.done, task.image_sha256) for task in tasks}
    assert found.pop(("a", "jpeg")) == (True, "pixels")
    assert found.pop(("a", "webp")) == (False, "pixels"), "another codec's row tells the picture"
    assert set(found.values()) == {(False, "")}


def test_each_row_is_held_to_its_own_picture(tmp_path: Path) -> None:
    codecs = {"jpeg": "22", "webp": "33"}
    rows = [
        LabelRow("a", name, identity, image_sha256=f"by {name}")
        for name, identity in codecs.items()
    ]
    write_shard(tmp_path, rows)
    assert [task.image_sha256 for task in plan(["a"], tmp_path, codecs)] == ["by jpeg", "by webp"]


def test_labels_with_other_weights_are_not_continued(tmp_path: Path) -> None:
    write_shard(tmp_path, [LabelRow("a", "jpeg", "22", image_sha256="pixels")])
    with pytest.raises(LabelsError, match="labels of jpeg with other weights"):
        plan(["a"], tmp_path, {"jpeg": "33"})
    assert len(plan(["a"], tmp_path, {"hyperprior": "33"})) == 1


@pytest.mark.corpus
def test_pictures_come_again_from_their_keys(corpus: Corpus) -> None:
    pictures, again = (Pictures(corpus, [], "train") for _ in range(2))
    keys = pictures.keys(scenes=range(1), pages=range(1), images=1)
    assert {key.partition("-")[0] for key in keys} >= {"scene", "page", "corpus"}
    assert keys == again.keys(scenes=range(1), pages=range(1), images=1)
    for key in keys:
        one, other = pictures.make(key), again.make(key)
        assert picture_hash(one.image) == picture_hash(other.image)
        assert one.regions == other.regions


@pytest.mark.corpus
def test_a_run_can_ask_for_scenes_and_pages_that_no_other_has(corpus: Corpus) -> None:
    first, later = range(2), range(2, 4)
    for side, numbers in (("train", (2, 3)), ("test", (1_000_002, 1_000_003))):
        pictures = Pictures(corpus, [], side)  # type: ignore[arg-type]
        keys = pictures.keys(later, later, images=0)
        assert sorted(keys) == [f"{sort}-{n:06d}" for sort in ("page", "scene") for n in numbers]
        assert not set(keys) & set(pictures.keys(first, first, images=0))


@pytest.mark.corpus
def test_a_run_can_ask_for_one_group_of_images(corpus: Corpus) -> None:
    pictures = Pictures(corpus, [], "train")
    stems = {image.path.stem for image in corpus.select("train", categories=("face",))}
    keys = pictures.keys(scenes=range(0), pages=range(0), images=-1, groups=("face",))
    assert {key.partition("-")[2] for key in keys} == stems


@pytest.mark.corpus
def test_the_sides_have_no_picture_in_common(corpus: Corpus) -> None:
    train, test = (
        set(Pictures(corpus, [], side).keys(range(50), range(50), -1)) for side in ("train", "test")
    )
    assert train
    assert test
    assert not train & test
    with pytest.raises(KeyError):
        Pictures(corpus, [], "train").make(next(key for key in test if key.startswith("corpus-")))


def test_hashes_tell_pictures_apart() -> None:
    image = np.zeros((4, 4, 3), np.uint8)
    other = image.copy()
    other[3, 3, 2] = 1
    assert picture_hash(image) == picture_hash(image[:, ::-1])
    assert picture_hash(image) != picture_hash(other)

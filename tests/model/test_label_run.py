"""A labelling run writes what training reads, is shared out, and continues where it stopped."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from riskmask.model.codecs import packaged_hyperprior
from riskmask.model.data.items import scene_fonts
from riskmask.model.data.training_set import load_examples
from riskmask.model.label.__main__ import Job, build_items, run_share, write_findings

Pixels = NDArray[np.uint8]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def threads() -> Iterator[None]:
    """A worker takes one thread for itself; the other tests get theirs back."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def corpus_folder(
    tmp_path_factory: pytest.TempPathFactory, icon_folder: Path, astronaut: Pixels
) -> Path:
    """One photograph and one sign to train, one photograph to test, and icons."""
    root = tmp_path_factory.mktemp("corpus")
    [face] = [path for path in scene_fonts([]) if path.name == "DejaVuSans.ttf"]
    font = ImageFont.truetype(str(face), 13)
    sign = Image.new("RGB", (144, 64), (230, 228, 220))
    pen = ImageDraw.Draw(sign)
    pen.text((12, 20), "SPEED 60", font=font, fill=(130, 130, 130))
    left, top, right, bottom = pen.textbbox((12, 20), "SPEED 60", font=font)
    sign.save(root / "sign.png")
    Image.fromarray(astronaut[:96, 160:256]).save(root / "photo.png")
    Image.fromarray(astronaut[96:192, 160:256]).save(root / "held.png")
    common = {"licence_class": "permissive", "auto_regions": [], "regions": []}
    word = {
        "class": "text",
        "bbox": [left, top, right - left, bottom - top],
        "transcription": "SPEED 60",
    }
    images = [
        {**common, "file": "photo.png", "category": "photo", "source": "someone/pictures"},
        {**common, "file": "held.png", "category": "photo", "source": "scikit-image/scikit-image"},
        {
            **common,
            "file": "sign.png",
            "category": "text",
            "source": "someone/words",
            "regions": [word],
        },
    ]
    for entry in images:
        with Image.open(root / str(entry["file"])) as opened:
            entry["width"], entry["height"] = opened.size
        entry["gt_classes"] = ["text"] if entry["category"] == "text" else []
    icons = [{"file": str(path), "source": "tests"} for path in sorted(icon_folder.glob("*.svg"))]
    content = {"images": images, "svg": icons}
    (root / "annotations.json").write_text(json.dumps(content), encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def job(corpus_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Job:
    return Job(
        corpus=corpus_folder,
        codec=packaged_hyperprior(),
        fonts=(),
        side="train",
        scenes=0,
        pages=0,
        images=-1,
        permissive=False,
        out=tmp_path_factory.mktemp("labels"),
    )


@pytest.fixture(scope="module")
def labelled(job: Job) -> list[str]:
    return list(run_share(job, 0, 1))


def test_every_picture_of_the_side_is_labelled(job: Job, labelled: list[str]) -> None:
    assert sorted(labelled) == ["corpus-photo", "corpus-sign"]
    files = sorted(path.name for path in job.out.iterdir() if path.suffix != ".parquet")
    expected = [f"{key}.{kind}" for key in labelled for kind in ("json", "npz", "png")]
    assert files == sorted(expected)


def test_training_reads_what_was_written(
    job: Job, labelled: list[str], corpus_folder: Path
) -> None:
    photo, sign = load_examples(job.out)
    assert (photo.key, sign.key) == ("corpus-photo", "corpus-sign")
    with Image.open(corpus_folder / "sign.png") as opened:
        np.testing.assert_array_equal(sign.image, np.array(opened))
    assert sign.labels.valid[0][6, 10]  # in the middle of the word
    assert sign.labels.changed[0][6, 10] > 0  # small letters do not survive the coarsest level
    assert not sign.labels.changed[1:].any()
    assert not photo.labels.changed.any()
    assert photo.labels.present_valid.all()
    assert sign.regions[0][0] == "text"


def test_a_run_that_stopped_continues(job: Job, labelled: list[str]) -> None:
    assert list(run_share(job, 0, 1)) == []
    kept = (job.out / "corpus-photo.json").stat().st_mtime_ns
    (job.out / "corpus-sign.json").unlink()
    # What a kill leaves behind is no card.
    (job.out / "corpus-sign.partial").write_text('{"source":', encoding="utf-8")
    assert [example.key for example in load_examples(job.out)] == ["corpus-photo"]
    assert list(run_share(job, 0, 1)) == ["corpus-sign"]
    assert (job.out / "corpus-photo.json").stat().st_mtime_ns == kept
    assert len(load_examples(job.out)) == 2


def test_findings_are_gathered_in_one_table(job: Job, labelled: list[str]) -> None:
    table = pq.read_table(write_findings(job.out)).to_pylist()
    assert table
    for row in table:
        assert row["key"] == "corpus-sign"
        assert row["evidence"].startswith("'SPEED 60' → ")
        assert row["content"] == "text"
        assert len(row["polygon"]) == 4


def test_workers_share_the_same_list_of_pictures(job: Job) -> None:
    keys = [item.key for item in build_items(job)]
    assert keys == [item.key for item in build_items(job)]
    shares = [keys[worker::2] for worker in range(2)]
    assert sorted(shares[0] + shares[1]) == sorted(keys) == ["corpus-photo", "corpus-sign"]

"""Faces of the corpus may be judged when they are large enough and a second detector agrees."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from riskmask.model.annotators.face_reader import FaceReader
from riskmask.model.corpus import Corpus, CorpusImage, Region
from riskmask.model.data.faces import SMALLEST, SecondDetector
from riskmask.model.data.items import corpus_items, cut_picture, shrunk_items

EXAMPLES = Path(__file__).parents[2] / "examples"
FACE = (179.0, 83.0, 87.0, 87.0)
FLAG = (330.0, 300.0, 90.0, 90.0)


def _region(content: str, box: tuple[float, float, float, float]) -> Region:
    return Region(content, box, None, None, None, ignore=False, whole_image=False, truth=False)


@pytest.fixture
def portrait() -> CorpusImage:
    """The example photograph as if the corpus held it: a face, and a flag taken for one."""
    return CorpusImage(
        path=EXAMPLES / "astronaut.jpg",
        width=512,
        height=512,
        category="face",
        source="someone/portraits",
        licence_class="permissive",
        complete=frozenset(),
        regions=(_region("face", FACE), _region("face", FLAG)),
    )


@pytest.fixture(scope="module")
def known() -> SecondDetector:
    return SecondDetector(FaceReader())


def test_a_face_is_judged_and_what_is_none_is_not(
    portrait: CorpusImage, known: SecondDetector
) -> None:
    [item] = corpus_items([portrait], 512, faces=known)
    cut = item.make()
    [face], [flag] = cut.regions, cut.unjudged
    assert (face.content, flag.content) == ("face", "face")
    assert np.asarray(face.polygon).min(axis=0).tolist() == [179, 83]
    assert np.asarray(flag.polygon).min(axis=0).tolist() == [330, 300]


def test_no_face_is_judged_without_a_second_detector(portrait: CorpusImage) -> None:
    cut = cut_picture(portrait, 512)
    assert cut.regions == ()
    assert len(cut.unjudged) == 2


@pytest.mark.parametrize(("side", "judged"), [(SMALLEST + 2, 1), (SMALLEST - 2, 0)])
def test_the_size_that_counts_is_that_of_the_picture_judged(
    portrait: CorpusImage, known: SecondDetector, side: int, judged: int
) -> None:
    small = cut_picture(portrait, 512, side / FACE[2], faces=known)
    assert len(small.regions) == judged


def test_a_shrunk_picture_asks_the_same_detector(
    portrait: CorpusImage, known: SecondDetector
) -> None:
    line = _region("text", (20.0, 420.0, 200.0, 48.0))
    both = CorpusImage(**{**vars(portrait), "regions": (*portrait.regions, line)})
    [item] = shrunk_items([both], 512, faces=known)
    cut = item.make()
    assert {region.content for region in cut.regions} <= {"text", "face"}
    faces = [r for r in cut.regions if r.content == "face"]
    assert len(faces) == int(min(FACE[2:]) * cut.scale >= SMALLEST)


@pytest.mark.corpus
def test_most_large_faces_of_the_corpus_are_confirmed_by_yunet(corpus: Corpus) -> None:
    [model] = (corpus.root / "models").glob("yunet*.onnx")
    known = SecondDetector(FaceReader(model))
    said = []
    for image in corpus.images:
        boxes = [r for r in image.regions if r.content == "face" and min(r.box[2:]) >= 64]
        if not boxes or image.width * image.height > 500_000:
            continue
        with Image.open(image.path) as opened:
            pixels = np.array(opened.convert("RGB"))
        picture = CorpusImage(**{**vars(image), "regions": tuple(boxes)})
        cut = cut_picture(picture, max(pixels.shape), faces=known)
        said += [True] * len(cut.regions) + [False] * len(cut.unjudged)
        if len(said) >= 40:
            break
    assert len(said) >= 40
    assert 0.6 < np.mean(said) < 1

"""Only words that tesseract reads rightly in the original count, and each is lost or kept."""

from __future__ import annotations

import cv2
import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from riskmask.model.annotators.base import KnownRegion
from riskmask.model.annotators.recogniser import Recogniser
from riskmask.server.closed_loop.pictures import Specimen
from riskmask.server.closed_loop.words import LegibleWords, Tesseract, kept_words

Pixels = NDArray[np.uint8]
WORDS = st.lists(st.sampled_from(["a", "b", "c", "speed", "60"]), max_size=8)


def test_the_original_loses_nothing_and_a_smear_everything(
    sign: Specimen, tesseract: Tesseract, recogniser: Recogniser
) -> None:
    words = LegibleWords(tesseract, recogniser, sign.image, sign.regions)
    assert 5 <= words.count <= 6
    assert words.lost(sign.image) == {}
    lost = words.lost(np.full_like(sign.image, 128))
    assert set(lost) == {0, 1, 2}
    assert sum(lost.values()) == words.count


def test_a_loss_is_ascribed_to_the_line_where_it_happened(
    sign: Specimen, tesseract: Tesseract, recogniser: Recogniser
) -> None:
    words = LegibleWords(tesseract, recogniser, sign.image, sign.regions)
    damaged = sign.image.copy()
    damaged[80:120] = cv2.blur(damaged[80:120], (15, 15))
    lost = words.lost(damaged)
    assert set(lost) == {1}


def test_words_that_are_misread_in_the_original_do_not_count(
    sign: Specimen, tesseract: Tesseract, recogniser: Recogniser
) -> None:
    wrong = KnownRegion("text", sign.regions[0].polygon, transcription="SPEED 80")
    words = LegibleWords(tesseract, recogniser, sign.image, [wrong])
    assert words.count == 1


def test_without_a_transcription_the_recogniser_says_what_is_right(
    sign: Specimen, tesseract: Tesseract, recogniser: Recogniser
) -> None:
    places = [KnownRegion("text", region.polygon) for region in sign.regions]
    assert LegibleWords(tesseract, recogniser, sign.image, places).count >= 4
    nowhere = KnownRegion("text", ((150.0, 60.0), (180.0, 60.0), (180.0, 72.0), (150.0, 72.0)))
    assert LegibleWords(tesseract, recogniser, sign.image, [nowhere]).count == 0


@given(WORDS, WORDS)
def test_kept_words_are_in_the_reading_as_often_and_in_order(
    words: list[str], reading: list[str]
) -> None:
    kept = [words[index] for index in sorted(kept_words(words, reading))]
    rest = iter(reading)
    assert all(word in rest for word in kept)


@given(WORDS, WORDS, WORDS)
def test_additions_cost_nothing(before: list[str], words: list[str], after: list[str]) -> None:
    marked = [f"{index}{word}" for index, word in enumerate(words)]
    assert kept_words(marked, [*before, *marked, *after]) == frozenset(range(len(words)))

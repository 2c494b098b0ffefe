"""Rendered forms: the same seed the same form, its words where they are said to be, and legible."""

from __future__ import annotations

import numpy as np
import pytest

from riskmask.model.annotators.recogniser import Recogniser, comparable
from riskmask.model.data.forms import FormRenderer
from riskmask.model.data.items import scene_fonts

SIDE = 320


@pytest.fixture(scope="module")
def renderer() -> FormRenderer:
    faces = [path for path in scene_fonts([]) if path.stem in ("DejaVuSans", "DejaVuSerif-Bold")]
    assert len(faces) == 2
    return FormRenderer(faces, SIDE)


def test_the_same_seed_gives_the_same_form(renderer: FormRenderer) -> None:
    one, other = renderer.render(1), renderer.render(1)
    np.testing.assert_array_equal(one.image, other.image)
    assert one.regions == other.regions
    assert renderer.render(2).regions != one.regions


@pytest.mark.parametrize("seed", range(6))
def test_words_are_dark_on_a_light_sheet(renderer: FormRenderer, seed: int) -> None:
    form = renderer.render(seed)
    assert form.image.shape == (SIDE, SIDE, 3)
    assert form.image.dtype == np.uint8
    assert np.median(form.image) > 200
    assert len(form.regions) >= 5
    for region in form.regions:
        corners = np.asarray(region.polygon)
        left, top = np.floor(corners.min(axis=0)).astype(int)
        right, bottom = np.ceil(corners.max(axis=0)).astype(int)
        assert 0 <= left < right <= SIDE
        assert 0 <= top < bottom <= SIDE
        assert form.image[top:bottom, left:right].min() < 128


def test_large_words_are_read_where_they_are_said_to_be(
    renderer: FormRenderer, recogniser: Recogniser
) -> None:
    large = read = 0
    for seed in range(6):
        form = renderer.render(seed)
        for region in form.regions:
            height = np.ptp(np.asarray(region.polygon)[:, 1])
            if height < 14 or len(region.transcription or "") < 4:
                continue
            large += 1
            [reading] = recogniser.read(form.image, [region.polygon])
            read += comparable(reading.text) == comparable(region.transcription or "")
    assert large >= 20
    assert read >= 0.8 * large


def test_forms_need_a_typeface() -> None:
    with pytest.raises(ValueError, match="at least one typeface"):
        FormRenderer([])

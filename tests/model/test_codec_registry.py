"""Every codec is found by its name, and naming them costs nothing."""

from __future__ import annotations

import subprocess
import sys

import pytest

from riskmask.model.codec_cards import ABOUT
from riskmask.model.codecs import CLASSIC, CODECS, LEARNED, classic_codec, learned_codec
from riskmask.model.codecs.published_weights import QUALITIES
from riskmask.model.runtime.errors import WeightsError
from riskmask.model.runtime.weights import packaged_roles
from riskmask.model.train.recipes import RECIPES

HEAVY = ("torch", "torchvision", "compressai", "numpy")


@pytest.mark.parametrize("name", sorted(CODECS.keys() - LEARNED.keys()))
def test_each_codec_is_registered_under_its_own_name(name: str) -> None:
    assert CODECS[name]().name == name


@pytest.mark.parametrize("name", LEARNED)
def test_a_learned_codec_has_weights_or_says_how_to_make_them(name: str) -> None:
    assert learned_codec(name).name == name
    if name in packaged_roles():
        assert CODECS[name]().name == name
        return
    with pytest.raises(WeightsError, match="has no packaged weights yet") as caught:
        CODECS[name]()
    assert f"riskmask.model.train codec --architecture {name}`" in str(caught.value)
    assert f"fit-levels --architecture {name}`" in str(caught.value)


def test_every_family_is_registered() -> None:
    assert set(CODECS) == {*LEARNED, *CLASSIC, *QUALITIES}
    assert set(RECIPES) == set(LEARNED) == set(ABOUT)


def test_other_names_are_refused() -> None:
    with pytest.raises(ValueError, match="known are factorized"):
        learned_codec("jpeg")
    with pytest.raises(ValueError, match="known are jpeg"):
        classic_codec("jxl")


def test_listing_the_codecs_loads_none_of_their_libraries() -> None:
    code = (
        "import sys; from riskmask.model.codecs import CODECS; "
        f"print(len(CODECS), [m for m in {HEAVY} if m in sys.modules])"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert said.stdout.strip() == f"{len(CODECS)} []"

"""Every codec is found by its name, and naming them costs nothing."""

from __future__ import annotations

import subprocess
import sys

import pytest

from riskmask.model.codecs import CODECS
from riskmask.model.codecs.published_weights import QUALITIES

HEAVY = ("torch", "torchvision", "compressai", "numpy")


@pytest.mark.parametrize("name", CODECS)
def test_each_codec_is_registered_under_its_own_name(name: str) -> None:
    assert CODECS[name]().name == name


def test_all_published_architectures_are_registered() -> None:
    assert set(CODECS) == {"hyperprior", *QUALITIES}


def test_listing_the_codecs_loads_none_of_their_libraries() -> None:
    code = (
        "import sys; from riskmask.model.codecs import CODECS; "
        f"print(len(CODECS), [m for m in {HEAVY} if m in sys.modules])"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert said.stdout.strip() == f"{len(CODECS)} []"

"""What each target writes is decoded to the picture's own size, and looks like it."""

from __future__ import annotations

import numpy as np
import pytest

from riskmask.server.closed_loop.coding import Coder
from riskmask.server.closed_loop.fidelity import BEST, fidelity
from riskmask.server.closed_loop.pictures import Specimen

SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in ("kvazaar", "hyperprior")]


# What torch deprecates while it is imported is its own to mend.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("target", ["x265", "x264", "jpeg", *SLOW])
def test_a_file_comes_back_at_the_size_of_its_picture(target: str, sign: Specimen) -> None:
    odd = np.ascontiguousarray(sign.image[:149, :171])
    coder = Coder(target)
    sizes = 2000, 12_000
    coarse, fine = (coder.decode(coder.encode(odd, size, None).data, 149, 171) for size in sizes)
    assert coarse.shape == fine.shape == odd.shape
    every = {"all": np.ones((38, 43), bool)}
    (before, alike), (after, more_alike) = (
        fidelity(odd, decoded, every)["all"] for decoded in (coarse, fine)
    )
    assert 12 < before < after - 3
    assert after > 24
    assert 0 < alike < more_alike <= 1


def test_fidelity_looks_at_its_part_alone(sign: Specimen) -> None:
    damaged = sign.image.copy()
    damaged[:96] = 128
    upper = np.zeros((48, 48), bool)
    upper[:24] = True
    parts = {"upper": upper, "lower": ~upper, "nothing": np.zeros_like(upper)}
    found = fidelity(sign.image, damaged, parts)
    assert set(found) == {"upper", "lower"}
    error = ((sign.image[:96].astype(float) - 128) ** 2).mean()
    assert found["upper"][0] == pytest.approx(10 * np.log10(255**2 / error))
    assert found["lower"][0] == BEST
    assert found["lower"][1] > 0.95 > found["upper"][1]

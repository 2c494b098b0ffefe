"""A file that is not a detector of this contract is refused with a sentence that says why."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto

from riskmask.model.runtime.detector_session import DetectorSession
from riskmask.model.runtime.errors import ModelError
from riskmask.model.runtime.predictor import Predictor


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"contract": None}, "not a riskmask detector of contract 1"),
        ({"contract": "2"}, "its metadata says '2'"),
        ({"name": None}, "no riskmask.name"),
        ({"levels": 6}, r"answers risk as .*6.*, the contract says \(N, 8"),
        ({"cell": 8}, r"output risk has shape \(1, 8, 32, 32\)"),
        ({"without": "kind"}, r"lacks the outputs \['kind'\]"),
        ({"input_type": TensorProto.FLOAT}, "the contract says uint8"),
        ({"sizes": ("N", 256, 256)}, "takes pictures of one size alone"),
        ({"sizes": (1, "H", "W")}, "takes pictures of one size alone"),
        ({"white": 10.0}, r"answers content from 0 to .*, the contract says in \[0, 1\]"),
        ({"decay": tuple(level / 8 for level in range(8))}, "a risk that rises with the level"),
        ({"growth": tuple(range(8, 0, -1))}, "a rate that falls with the level"),
        ({"growth": (-1.0,) * 8}, "answers rate from .*, the contract says at least 0"),
        ({"poison": 0.0}, "output rate holds values that are not finite"),
    ],
)
def test_each_breach_is_named(
    changes: dict[str, Any], sentence: str, detector_variant: Callable[..., Path]
) -> None:
    with pytest.raises(ModelError, match=sentence):
        Predictor(detector_variant(**changes), threads=1)


def test_answers_that_leave_their_range_by_rounding_are_brought_back(
    detector_variant: Callable[..., Path],
) -> None:
    decay = (1.0005, 0.9, 0.75, 0.6, 0.45, 0.25, 0.1, -0.0005)
    session = DetectorSession(detector_variant(decay=decay), threads=1)
    red = np.zeros((1, 256, 256, 3), np.uint8)
    red[..., 0] = 255
    risk = session.run(red, False)["risk"]
    assert (risk[0, 0] == 1.0).all()
    assert (risk[0, 1] < 1.0).all()
    assert (risk[0, 7] == 0.0).all()


def test_a_file_that_is_no_model(tmp_path: Path) -> None:
    path = tmp_path / "detector.onnx"
    path.write_bytes(b"these are not the weights")
    with pytest.raises(ModelError, match="not an ONNX model") as caught:
        Predictor(path)
    assert str(tmp_path) not in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"cannot read the model none\.onnx") as caught:
        Predictor(tmp_path / "none.onnx")
    assert str(tmp_path) not in str(caught.value)

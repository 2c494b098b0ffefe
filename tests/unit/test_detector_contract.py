"""A file that is not a detector of this contract is refused with a sentence that says why."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from onnx import TensorProto

from riskmask.model.runtime.errors import ModelError
from riskmask.model.runtime.predictor import Predictor


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"contract": None}, "not a riskmask detector of contract 1"),
        ({"contract": "2"}, "its metadata says '2'"),
        ({"name": None}, "no riskmask.name"),
        ({"levels": 6}, r"output risk has shape \(1, 6, 64, 64\)"),
        ({"without": "kind"}, r"lacks the outputs \['kind'\]"),
        ({"input_type": TensorProto.FLOAT}, "the contract says uint8"),
        ({"poison": 0.0}, "output rate holds values that are not finite"),
    ],
)
def test_each_breach_is_named(
    changes: dict[str, Any], sentence: str, detector_variant: Callable[..., Path]
) -> None:
    with pytest.raises(ModelError, match=sentence):
        Predictor(detector_variant(**changes), threads=1)


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

"""What an ONNX file must take and answer to be a detector, version 1.

Input ``image``: (N, H, W, 3) uint8 RGB, any N, H and W any multiples of 32. Outputs, float32:
``risk`` (N, 8, H/4, W/4) in [0, 1], non-increasing from the coarsest level (0) to the finest (7);
``rate`` (N, 8, H/16, W/16) bits per pixel >= 0, non-decreasing; ``content`` (N, 3, H/4, W/4)
text, face, symbol; ``high_impact`` (N, 1, H/4, W/4); ``kind`` (N, 3, H/4, W/4) amplitude,
geometry, shape; the last three in [0, 1]. Metadata: ``riskmask.name`` and ``riskmask.contract``
= "1".
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnxruntime as ort  # type: ignore[import-untyped]
from numpy.typing import NDArray

from riskmask.model.levels import ANCHORS
from riskmask.model.runtime.errors import ModelError
from riskmask.model.runtime.prediction import RATE_STRIDE, RISK_STRIDE

CONTRACT = "1"
INPUT = "image"
# name: (channels, stride)
OUTPUTS = {
    "risk": (ANCHORS, RISK_STRIDE),
    "rate": (ANCHORS, RATE_STRIDE),
    "content": (3, RISK_STRIDE),
    "high_impact": (1, RISK_STRIDE),
    "kind": (3, RISK_STRIDE),
}
TOLERANCE = 1e-3  # float32, and kernels that approximate the sigmoid

Maps = dict[str, NDArray[np.float32]]


def checked_name(session: ort.InferenceSession, file: str) -> str:
    """The model's own name, from the metadata of a file of this contract.

    Raises:
        ModelError: another contract or none, or no name.
    """
    metadata: dict[str, str] = session.get_modelmeta().custom_metadata_map
    contract = metadata.get("riskmask.contract")
    if contract != CONTRACT:
        raise ModelError(
            f"{file} is not a riskmask detector of contract {CONTRACT} "
            f"(its metadata says {contract!r}); export it again with this version"
        )
    name = metadata.get("riskmask.name", "")
    if not name:
        raise ModelError(f"{file} has no riskmask.name in its metadata; export it again")
    return name


def check_signature(session: ort.InferenceSession, file: str) -> None:
    """Holds what the file says of its input and outputs against the contract.

    Raises:
        ModelError: naming the first difference.
    """
    inputs = {value.name: value for value in session.get_inputs()}
    if list(inputs) != [INPUT]:
        raise ModelError(f"{file} takes inputs {sorted(inputs)}, the contract says ['{INPUT}']")
    image = inputs[INPUT]
    if image.type != "tensor(uint8)" or len(image.shape) != 4 or image.shape[3] != 3:
        raise ModelError(
            f"{file} takes {image.type} {image.shape}, the contract says uint8 (N, H, W, 3)"
        )
    if any(isinstance(length, int) for length in image.shape[:3]):
        raise ModelError(
            f"{file} takes pictures of one size alone, {image.shape}; the contract says any N, H, W"
        )
    outputs = {value.name: value for value in session.get_outputs()}
    if missing := [name for name in OUTPUTS if name not in outputs]:
        raise ModelError(f"{file} lacks the outputs {missing}")
    for name, (channels, _) in OUTPUTS.items():
        output = outputs[name]
        if output.type != "tensor(float)":
            raise ModelError(f"{file} answers {name} as {output.type}, not float32")
        shape = output.shape  # empty where the file does not say
        if shape and (len(shape) != 4 or (isinstance(shape[1], int) and shape[1] != channels)):
            raise ModelError(
                f"{file} answers {name} as {shape}, the contract says (N, {channels}, ...)"
            )


def check_shapes(
    maps: Mapping[str, NDArray[np.float32]], number: int, height: int, width: int
) -> None:
    """Holds the outputs for so many pictures of this size against the contract.

    Raises:
        ModelError: another shape, or values that are not finite.
    """
    for name, (channels, stride) in OUTPUTS.items():
        wanted = (number, channels, height // stride, width // stride)
        if maps[name].shape != wanted:
            raise ModelError(
                f"output {name} has shape {maps[name].shape}, the contract says {wanted}"
            )
        if not np.isfinite(maps[name]).all():
            raise ModelError(f"output {name} holds values that are not finite")


def check_values(maps: Mapping[str, NDArray[np.float32]], file: str) -> None:
    """Holds ranges and order of the outputs for one picture against the contract.

    Raises:
        ModelError: a map out of range, a risk that rises or a rate that falls with the level.
    """
    for name in OUTPUTS:
        low, high = float(maps[name].min()), float(maps[name].max())
        if low < -TOLERANCE or (name != "rate" and high > 1 + TOLERANCE):
            limit = "at least 0" if name == "rate" else "in [0, 1]"
            raise ModelError(
                f"{file} answers {name} from {low:.3g} to {high:.3g}, the contract says {limit}"
            )
    if (np.diff(maps["risk"], axis=1) > TOLERANCE).any():
        raise ModelError(f"{file} answers a risk that rises with the level; it must not")
    rate = maps["rate"]
    if (np.diff(rate, axis=1) < -TOLERANCE * (1 + rate[:, 1:])).any():
        raise ModelError(f"{file} answers a rate that falls with the level; it must not")

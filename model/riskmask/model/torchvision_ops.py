"""Make ``import torchvision`` work beside a CPU build of torch.

PyPI's torchvision wheels are built for CUDA. Beside a CPU torch their compiled operators do not
load, and the import then fails while registering shape functions for operators that do not exist
(``operator torchvision::nms does not exist``). timm, segmentation-models-pytorch and CompressAI
import torchvision but use none of these operators, so declaring their schemas is enough.
"""

from __future__ import annotations

import importlib
import sys

import torch

_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_library: torch.library.Library | None = None  # dropping it would drop the schemas


def ensure_torchvision() -> None:
    """Import torchvision, declaring its missing operators first where the wheel needs that.

    Does nothing beyond the import where torchvision works by itself.

    Raises:
        ImportError: torchvision is not installed.
        RuntimeError: the import fails for another reason.
    """
    global _library
    try:
        importlib.import_module("torchvision")
        return
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
    if _library is None:
        _library = torch.library.Library(  # type: ignore[no-untyped-call]
            "torchvision", "FRAGMENT"
        )
        for schema in _SCHEMAS:
            _library.define(schema)  # type: ignore[no-untyped-call]
    for name in [n for n in sys.modules if n.split(".")[0] == "torchvision"]:
        del sys.modules[name]
    importlib.import_module("torchvision")

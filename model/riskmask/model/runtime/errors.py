"""What can be wrong with the files that a running service is made of.

    AssetError
    ├── ModelError      an ONNX file that is not a detector, or fails while running
    ├── WeightsError    weights that are absent or not what their manifest says
    └── ProfileError    a codec profile that does not hold what a profile must

None of them is the fault of a request.
"""

from __future__ import annotations


class AssetError(Exception):
    """A model, its weights or a codec profile cannot be used; the message says what to do."""


class ModelError(AssetError):
    """The ONNX file does not obey the detector's contract, or failed while running."""


class WeightsError(AssetError):
    """Weights are absent, or their hash or name is not the manifest's."""


class ProfileError(AssetError):
    """A codec profile cannot be read, or its values are out of range."""

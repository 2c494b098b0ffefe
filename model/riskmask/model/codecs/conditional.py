"""CompressAI's Gaussian conditional, which finds the tables of its scales by binary search.

The parent's ``build_indexes`` compares every scale with every entry of the table, which took a
third of the time of coding a picture.
"""

from __future__ import annotations

import torch
from torch import Tensor

from riskmask.model.torchvision_ops import ensure_torchvision

ensure_torchvision()

from compressai.entropy_models import GaussianConditional  # noqa: E402


class SearchedGaussianConditional(GaussianConditional):  # type: ignore[misc]  # untyped
    """The same numbers, sooner."""

    def build_indexes(self, scales: Tensor) -> Tensor:
        """How many entries of the scale table but the last are smaller; int32, as ``scales``."""
        bounded = self.lower_bound_scale(scales).contiguous()
        return torch.bucketize(bounded, self.scale_table[:-1], out_int32=True)

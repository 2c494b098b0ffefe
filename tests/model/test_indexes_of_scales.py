"""A scale's table is the one that CompressAI finds."""

from __future__ import annotations

import torch

from riskmask.model.codecs.conditional import SearchedGaussianConditional
from riskmask.model.codecs.network import SCALE_TABLE

from compressai.entropy_models import GaussianConditional  # isort: skip  # after torchvision


def test_indexes_are_those_of_compressai() -> None:
    ours, theirs = SearchedGaussianConditional(SCALE_TABLE), GaussianConditional(SCALE_TABLE)
    table = torch.tensor(SCALE_TABLE)
    drawn = torch.exp(torch.empty(2, 3, 32, 48).uniform_(-6.0, 9.0, generator=torch.manual_seed(1)))
    edges = torch.cat(
        [
            table,
            torch.nextafter(table, torch.zeros(())),
            torch.nextafter(table, torch.full((), torch.inf)),
            torch.tensor([0.0, -1.0, torch.inf, torch.nan]),
        ]
    )
    for scales in (drawn, drawn.transpose(2, 3), edges):
        found = ours.build_indexes(scales)
        assert found.dtype == torch.int32
        assert torch.equal(found, theirs.build_indexes(scales))
    assert found.max() == len(SCALE_TABLE) - 1
    assert found.min() == 0

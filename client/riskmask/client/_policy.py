"""The policy that an answer was made by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from riskmask.v1 import riskmask_pb2 as pb

CONTENTS = ("text", "face", "symbol", "other")


@dataclass(frozen=True)
class Policy:
    """What counts as a risk.

    Attributes:
        threshold: a pixel at or over this risk belongs to a region; in (0, 1).
        content_weights: factors on the risk in [0, 1], by what is there: ``text``, ``face``,
            ``symbol``, and ``other`` where no content is recognised.
        smallest_region: area in pixels of the upright image under which a region is dropped.
        max_error_probability: an image is safe where an error is less likely than this; in (0, 1].
    """

    threshold: float
    content_weights: Mapping[str, float]
    smallest_region: int
    max_error_probability: float

    def to_dict(self) -> dict[str, Any]:
        """What goes into JSON."""
        return {**vars(self), "content_weights": dict(self.content_weights)}


def to_policy(message: pb.Policy) -> Policy:
    """From the contract's message."""
    return Policy(
        threshold=message.threshold,
        content_weights={name: getattr(message.content_weights, name) for name in CONTENTS},
        smallest_region=message.smallest_region,
        max_error_probability=message.max_error_probability,
    )

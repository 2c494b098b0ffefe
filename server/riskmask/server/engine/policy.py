"""Checks of the policy that a request brings along."""

from __future__ import annotations

import math
from types import MappingProxyType

from riskmask.server.engine.errors import InvalidPolicyError
from riskmask.server.engine.values import Policy

# What a picture is for decides what counts. Regions of a stricter policy hold those of a laxer one.
PRESETS = MappingProxyType(
    {
        # Kept for ever, looked at closely one day: half-legible small print counts.
        "archive": Policy(threshold=0.15, smallest_region=16),
        "balanced": Policy(),
        # Claims are decided by it: nothing may have changed, however unlikely or small.
        "evidence": Policy(threshold=0.05, smallest_region=0),
        # Seen small and not read: faces and signs count, print hardly.
        "thumbnail": Policy(threshold=0.5, text_weight=0.6, other_weight=0.5, smallest_region=256),
    }
)

WEIGHTS = ("text_weight", "face_weight", "symbol_weight", "other_weight")


def check_policy(policy: Policy) -> None:
    """Raise InvalidPolicyError for a value that is not finite or out of its range."""
    if not (math.isfinite(policy.threshold) and 0.0 < policy.threshold < 1.0):
        raise InvalidPolicyError(f"threshold must lie in (0, 1), not {policy.threshold:g}")
    for name in WEIGHTS:
        weight = getattr(policy, name)
        if not (math.isfinite(weight) and 0.0 <= weight <= 1.0):
            raise InvalidPolicyError(f"{name} must lie in [0, 1], not {weight:g}")
    if policy.smallest_region < 0:
        raise InvalidPolicyError(
            f"smallest_region must be 0 pixels or more, not {policy.smallest_region}"
        )

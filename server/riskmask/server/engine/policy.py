"""Checks of the policy that a request brings along, and what it means for a whole image."""

from __future__ import annotations

import math
from dataclasses import replace
from types import MappingProxyType

from riskmask.model.runtime.profiles import CodecProfile
from riskmask.server.engine.errors import InvalidPolicyError
from riskmask.server.engine.values import Policy

# What a picture is for decides what counts. Regions of a stricter policy hold those of a laxer one.
PRESETS = MappingProxyType(
    {
        # Kept for ever, looked at closely one day: half-legible small print counts.
        "archive": Policy(threshold=0.15, smallest_region=16, max_error_probability=0.05),
        "balanced": Policy(),
        # Claims are decided by it: nothing may have changed, however unlikely or small.
        "evidence": Policy(threshold=0.05, smallest_region=0, max_error_probability=0.02),
        # Seen small and not read: faces and signs count, print hardly.
        "thumbnail": Policy(
            threshold=0.5,
            text_weight=0.6,
            other_weight=0.5,
            smallest_region=256,
            max_error_probability=0.3,
        ),
    }
)

WEIGHTS = ("text_weight", "face_weight", "symbol_weight", "other_weight")


def check_policy(policy: Policy) -> None:
    """Raise InvalidPolicyError for a value that is not finite or out of its range."""
    if not (math.isfinite(policy.threshold) and 0.0 < policy.threshold < 1.0):
        raise InvalidPolicyError(f"threshold must lie in (0, 1), not {policy.threshold:g}")
    probability = policy.max_error_probability
    if not (math.isfinite(probability) and 0.0 < probability <= 1.0):
        raise InvalidPolicyError(f"max_error_probability must lie in (0, 1], not {probability:g}")
    for name in WEIGHTS:
        weight = getattr(policy, name)
        if not (math.isfinite(weight) and 0.0 <= weight <= 1.0):
            raise InvalidPolicyError(f"{name} must lie in [0, 1], not {weight:g}")
    if policy.smallest_region < 0:
        raise InvalidPolicyError(
            f"smallest_region must be 0 pixels or more, not {policy.smallest_region}"
        )


def image_policies(policy: Policy, *profiles: CodecProfile) -> tuple[Policy, ...]:
    """The policy that decides on a whole image coded by each profile's codec.

    Its threshold is the peak of the risk map from which on an error somewhere in the image is as
    probable as the policy's limit, where that is lower than the regions' own; it lies in [0, 1).
    Codecs are held to one rule: where one of them does not know how likely an error is, the
    regions decide on all.
    """
    known = [profile.error_calibration for profile in profiles]
    if policy.max_error_probability >= 1.0 or None in known:
        return (policy,) * len(profiles)
    return tuple(
        replace(
            policy,
            threshold=min(policy.threshold, each.peak_of(policy.max_error_probability)),
        )
        for each in known
        if each is not None
    )

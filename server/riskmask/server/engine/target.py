"""The size asked for, as a level."""

from __future__ import annotations

import math
from dataclasses import dataclass

from riskmask.model.runtime.profiles import CodecProfile
from riskmask.server.engine.errors import InvalidTargetError
from riskmask.server.engine.rate import RateCurves
from riskmask.server.engine.values import Reason, ReasonCode, ResolvedTarget, Target


@dataclass(frozen=True)
class Resolution:
    """A target resolved for one image.

    Attributes:
        target: what the codec can do; equal to what was asked for unless clamped.
        asked_bpp: what was asked for, clamped or not.
        reasons: RATE_OUT_OF_RANGE where the codec cannot do what was asked for.
    """

    target: ResolvedTarget
    asked_bpp: float
    reasons: tuple[Reason, ...]


def check_target(target: Target) -> None:
    """Raise InvalidTargetError unless exactly one finite value is given, sizes over 0."""
    given = {
        name: value
        for name in ("bpp", "size_bytes", "quality")
        if (value := getattr(target, name)) is not None
    }
    if len(given) != 1:
        raise InvalidTargetError("give exactly one of bpp, size_bytes and quality as the target")
    [(name, value)] = given.items()
    if not math.isfinite(value):
        raise InvalidTargetError(f"{name} must be a finite number")
    if name != "quality" and value <= 0:
        raise InvalidTargetError(f"{name} must be over 0, not {value:g}")


def resolve(target: Target, profile: CodecProfile, rates: RateCurves) -> Resolution:
    """Level and bpp of a checked target for this image; beyond the codec's range the nearest."""
    if target.quality is not None:
        level = profile.level_of_quality(target.quality)
        bpp = rates.bpp(level)
        nearest = profile.quality_of_level(level)
        # Within the fitted range the two directions agree but for rounding.
        if math.isclose(nearest, target.quality, rel_tol=1e-6, abs_tol=1e-6):
            return Resolution(ResolvedTarget(profile.name, bpp, level), bpp, ())
        message = (
            f"{profile.name} is known for qualities {_quality_range(profile)}; "
            f"{nearest:g} was analysed in place of {target.quality:g}."
        )
        return _clamped(profile, bpp, level, bpp, message)
    asked = target.bpp
    if asked is None:
        asked = 8.0 * float(target.size_bytes or 0) / rates.pixels
    lowest, highest = rates.bpp(profile.coarsest_level), rates.bpp(profile.finest_level)
    if lowest <= asked <= highest:
        level = min(max(rates.level(asked), profile.coarsest_level), profile.finest_level)
        return Resolution(ResolvedTarget(profile.name, asked, level), asked, ())
    level = profile.coarsest_level if asked < lowest else profile.finest_level
    bpp = rates.bpp(level)
    message = (
        f"{profile.name} spends {lowest:.3g} to {highest:.3g} bpp on this image; "
        f"{bpp:.3g} was analysed in place of {asked:.3g}."
    )
    return _clamped(profile, bpp, level, asked, message)


def _clamped(
    profile: CodecProfile, bpp: float, level: float, asked: float, message: str
) -> Resolution:
    reason = Reason(ReasonCode.RATE_OUT_OF_RANGE, message)
    return Resolution(ResolvedTarget(profile.name, bpp, level), asked, (reason,))


def _quality_range(profile: CodecProfile) -> str:
    ends = sorted(
        (
            profile.quality_of_level(profile.coarsest_level),
            profile.quality_of_level(profile.finest_level),
        )
    )
    return f"{ends[0]:g} to {ends[1]:g}"

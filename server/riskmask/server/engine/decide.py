"""What to do with the image, and why, in sentences with figures."""

from __future__ import annotations

from dataclasses import dataclass

from riskmask.server.engine.allocate import Allocation
from riskmask.server.engine.regions import RegionSet
from riskmask.server.engine.target import Resolution
from riskmask.server.engine.values import (
    Decision,
    JpegAdvice,
    Policy,
    PredictedDamage,
    Reason,
    ReasonCode,
)

MOST_BYTES = 2.0**63


@dataclass(frozen=True)
class Evidence:
    """What the decision rests on.

    Attributes:
        pixels: of the image.
        regions: that reach the policy's threshold.
        at_risk: whether the image, coded as asked, is at risk: by its regions, or because an error
            somewhere in it is as likely as the limit or likelier.
        limit: of the probability of an error; None where the regions alone decide.
        hints_suffice: whether the image is not at risk when every hint of the answer is followed;
            of an answer without hints, when the allocation is.
        safe_bpp: the lowest at which the image is not at risk, None where it is at every level.
        damage: predicted in each way.
    """

    pixels: int
    resolution: Resolution
    regions: RegionSet
    at_risk: bool
    limit: float | None
    allocation: Allocation
    hints_suffice: bool
    safe_bpp: float | None
    damage: PredictedDamage
    jpeg: JpegAdvice
    policy: Policy


def decide(evidence: Evidence) -> tuple[Decision, tuple[Reason, ...]]:
    """The cheapest safe way: as asked, with hints, at a higher rate, or as JPEG."""
    clamped = evidence.resolution.reasons
    if not evidence.at_risk:
        return Decision.ENCODE, (*clamped, _no_risk(evidence))
    reasons = (*clamped, *_risks(evidence))
    if evidence.hints_suffice:
        return Decision.ENCODE_WITH_HINTS, (*reasons, _hints_suffice(evidence))
    safe_bytes = _size(evidence.safe_bpp, evidence.pixels)
    if safe_bytes is not None and not evidence.jpeg.safe:
        # The only safe way there is, whatever it costs.
        at_risk = _jpeg_at_risk(
            evidence,
            f"{evidence.resolution.target.codec} is safe from {evidence.safe_bpp:.3g} bpp on, "
            f"{safe_bytes} bytes",
        )
        return Decision.RAISE_RATE, (*reasons, at_risk)
    if safe_bytes is not None and safe_bytes < evidence.jpeg.estimated_bytes:
        message = (
            f"The image is safe at {evidence.safe_bpp:.3g} bpp, {safe_bytes} bytes; "
            f"a safe JPEG needs {evidence.jpeg.estimated_bytes}."
        )
        reason = Reason(ReasonCode.SAFE_RATE_CHEAPER_THAN_JPEG, message)
        return Decision.RAISE_RATE, (*reasons, reason)
    return Decision.FALLBACK_JPEG, (*reasons, *_fallback(evidence, safe_bytes))


def _size(bpp: float | None, pixels: int) -> int | None:
    # A bpp near the largest float is finite, its bytes are not.
    return None if bpp is None else max(round(min(bpp * pixels / 8, MOST_BYTES)), 1)


def _no_risk(evidence: Evidence) -> Reason:
    policy, target = evidence.policy, evidence.resolution.target
    message = (
        f"No area of {policy.smallest_region} pixels or more reaches risk "
        f"{policy.threshold:g} at {target.bpp:.3g} bpp"
    )
    probability, limit = evidence.damage.uniform.error_probability, evidence.limit
    # A picture too small for any region is not at risk, however strict the limit is.
    if probability is not None and limit is not None and probability < limit:
        message += f"; {_likelihood(probability, limit)}"
    return Reason(ReasonCode.NO_RISK, f"{message}.")


def _risks(evidence: Evidence) -> tuple[Reason, ...]:
    reasons = [_risk_regions(evidence)] if evidence.regions.count else []
    probability, limit = evidence.damage.uniform.error_probability, evidence.limit
    if probability is not None and limit is not None and probability >= limit:
        told = _likelihood(probability, limit)
        message = f"At {evidence.resolution.target.bpp:.3g} bpp {told}."
        reasons.append(Reason(ReasonCode.ERROR_PROBABILITY, message))
    return tuple(reasons)


def _likelihood(probability: float, limit: float) -> str:
    told = f"some symbol or face becomes another one with a probability of {probability:.3g}"
    return f"{told}, of which the policy accepts less than {limit:g}"


def _risk_regions(evidence: Evidence) -> Reason:
    regions, target = evidence.regions, evidence.resolution.target
    areas = "1 region" if regions.count == 1 else f"{regions.count} regions"
    message = (
        f"{areas}, {100 * regions.area / evidence.pixels:.2g}% of the image, reach risk "
        f"{evidence.policy.threshold:g} at {target.bpp:.3g} bpp; the highest is "
        f"{regions.highest_risk:.2f}."
    )
    if regions.count > len(regions.listed):
        message += f" The {len(regions.listed)} that matter most are listed."
    return Reason(ReasonCode.RISK_REGIONS, message)


def _hints_suffice(evidence: Evidence) -> Reason:
    allocation, target = evidence.allocation, evidence.resolution.target
    return Reason(
        ReasonCode.HINTS_SUFFICE,
        f"Moving bits to what is at risk is enough; lowering other parts from level "
        f"{target.level:.2f} to {allocation.background_level:.2f} and more would pay for it at "
        f"{allocation.predicted_bpp:.3g} bpp.",
    )


def _fallback(evidence: Evidence, safe_bytes: int | None) -> tuple[Reason, ...]:
    jpeg, codec = evidence.jpeg, evidence.resolution.target.codec
    if safe_bytes is None:
        why = f"No rate of {codec} is safe on this image"
    else:
        why = f"{codec} is safe from {evidence.safe_bpp:.3g} bpp on, {safe_bytes} bytes"
    reason = Reason(
        ReasonCode.NO_SMALLER_SAFE_NEURAL_RATE,
        f"{why}; JPEG at quality {jpeg.quality} needs {jpeg.estimated_bytes}.",
    )
    reasons = [reason]
    if not jpeg.safe:
        reasons.append(_jpeg_at_risk(evidence, "keep the original beside it"))
    asked = _size(evidence.resolution.asked_bpp, evidence.pixels)
    if asked is not None and jpeg.estimated_bytes > asked:
        exceeds = Reason(
            ReasonCode.JPEG_EXCEEDS_TARGET,
            f"The JPEG needs {jpeg.estimated_bytes} bytes, {asked} were asked for.",
        )
        reasons.append(exceeds)
    return tuple(reasons)


def _jpeg_at_risk(evidence: Evidence, instead: str) -> Reason:
    return Reason(
        ReasonCode.JPEG_AT_RISK,
        f"Not even a JPEG at quality {evidence.jpeg.quality} is safe; {instead}.",
    )

"""What an image is expected to lose in each of the ways to code it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from riskmask.v1 import riskmask_pb2 as pb


@dataclass(frozen=True)
class Damage:
    """What an image is expected to lose.

    Attributes:
        error_probability: that a symbol or a face somewhere in it becomes another one, in [0, 1],
            by the risk as the policy weighs it, areas under its smallest region left out;
            calibrated for the policy ``balanced``. None where the codec profile does not know.
        pixels: miscompressed ones to be expected, weighted by the policy.
    """

    error_probability: float | None
    pixels: float


@dataclass(frozen=True)
class PredictedDamage:
    """The damage in each of the ways that the decision was made from.

    Attributes:
        uniform: at the size asked for, without hints.
        hinted: at that size with the hints of the answer, or, where none were asked for, with those
            that the decision rests on.
        safe: at the safe rate; None where there is none.
        jpeg: as the JPEG advised.
    """

    uniform: Damage
    hinted: Damage
    safe: Damage | None
    jpeg: Damage

    def to_dict(self) -> dict[str, Any]:
        """What goes into JSON."""
        return {
            name: None if damage is None else dict(vars(damage))
            for name, damage in vars(self).items()
        }


def to_damage(message: pb.PredictedDamage) -> PredictedDamage:
    """From the contract's message."""
    return PredictedDamage(
        uniform=_damage(message.uniform),
        hinted=_damage(message.hinted),
        safe=_damage(message.safe) if message.HasField("safe") else None,
        jpeg=_damage(message.jpeg),
    )


def _damage(message: pb.Damage) -> Damage:
    known = message.HasField("error_probability")
    return Damage(message.error_probability if known else None, message.pixels)

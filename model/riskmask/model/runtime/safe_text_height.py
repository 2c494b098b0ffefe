"""From which height on a codec keeps text: an optional field of its profile."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from riskmask.model.levels import ANCHORS, FINEST
from riskmask.model.runtime.errors import ProfileError
from riskmask.model.runtime.profile_fields import number, text_field, versioned_field

FIELD = "safe_text_height"
SCHEMA = 1


@dataclass(frozen=True)
class SafeTextHeight:
    """Heights of lines of text, measured on labels.

    Attributes:
        changed_share: of lines of that height, and of any greater one, no larger share is changed;
            in (0, 1).
        pixels: 8, one per anchor level, over 0 and never rising; None where no height that was
            measured is safe.
        fitted_on: which lines, how many, by which command.
    """

    changed_share: float
    pixels: tuple[float | None, ...]
    fitted_on: str

    def at(self, level: float) -> float | None:
        """Height in pixels at a level in [0, 7], linear between the anchors.

        None where the coarser of the two anchors around it, or the level itself, knows none.
        """
        clamped = min(max(level, 0.0), FINEST)
        below = min(int(clamped), ANCHORS - 2)
        share = clamped - below
        coarse, fine = self.pixels[below], self.pixels[below + 1]
        if share == 1.0 or fine is None:
            return fine
        return None if coarse is None else coarse + share * (fine - coarse)

    def to_json(self) -> dict[str, Any]:
        """The field's value in a profile."""
        return {
            "schema": SCHEMA,
            "changed_share": self.changed_share,
            "pixels": list(self.pixels),
            "fitted_on": self.fitted_on,
        }


def parse_safe_text_height(content: dict[str, Any], file: str) -> SafeTextHeight | None:
    """The field of a profile; None where the profile has none.

    Raises:
        ProfileError: it breaks its schema; the message names the field.
    """
    field = versioned_field(content, FIELD, SCHEMA, file)
    if field is None:
        return None
    share = number(field.get("changed_share"), f"{FIELD}.changed_share", file)
    if not 0 < share < 1:
        raise ProfileError(f"{file}: {FIELD}.changed_share must lie between 0 and 1")
    return SafeTextHeight(
        changed_share=share,
        pixels=_pixels(field.get("pixels"), file),
        fitted_on=text_field(field, "fitted_on", file),
    )


def _pixels(value: object, file: str) -> tuple[float | None, ...]:
    key = f"{FIELD}.pixels"
    if not isinstance(value, list) or len(value) != ANCHORS:
        raise ProfileError(f"{file}: {key} must be a list of {ANCHORS} numbers or nulls")
    pixels = tuple(None if entry is None else number(entry, key, file) for entry in value)
    steps = [float("inf") if entry is None else entry for entry in pixels]
    if min(steps) <= 0 or any(finer > coarser for coarser, finer in pairwise(steps)):
        raise ProfileError(f"{file}: {key} must be over 0 and never rise, null only before numbers")
    return pixels

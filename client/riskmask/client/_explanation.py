"""Why a region is flagged: the figures, and one English sentence of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from riskmask.client._miscompression import ChangeKind, ContentType


@dataclass(frozen=True)
class SafeTextHeight:
    """From which height on the codec keeps text at the level analysed, by its profile.

    Attributes:
        pixels: height of a line's outline, up to a third more than ``text_height``; None where no
            height that was measured is safe.
        changed_share: of lines of that height and above no larger share is changed, (0, 1).
    """

    pixels: float | None
    changed_share: float


@dataclass(frozen=True)
class Explanation:
    """Why a region is flagged.

    Attributes:
        content: None where none of the contents is at least as likely as not.
        content_probability: of the likeliest, [0, 1].
        kind: what most likely happens; None where the server does not say.
        kind_probability: of it, [0, 1].
        text_height: of a line of its text in pixels, estimated: that of its capitals, with the
            descenders where there are several; None without text, or where it could not be told.
        safe_text_height: None without text, or where the codec's profile does not know.
    """

    content: ContentType | None
    content_probability: float
    kind: ChangeKind | None
    kind_probability: float
    text_height: float | None = None
    safe_text_height: SafeTextHeight | None = None

    def sentence(self, codec: str) -> str:
        """For people, without a full stop.

        For example ``text (0.93) about 9 px high; hyperprior keeps most text from 14 px on at this
        rate; likeliest change: shape (0.62)``.

        Args:
            codec: name of the profile that the analysis was made for.
        """
        content = "detail" if self.content is None else self.content.lower()
        what = f"{content} ({self.content_probability:.2f})" if self.content else content
        if self.text_height is not None:
            what += f" about {self.text_height:.0f} px high"
        parts = [what, *self._kept(codec)]
        if self.kind is not None:
            parts.append(f"likeliest change: {self.kind.lower()} ({self.kind_probability:.2f})")
        return "; ".join(parts)

    def to_dict(self, codec: str) -> dict[str, Any]:
        """What goes into JSON, with the sentence."""
        safe = self.safe_text_height
        return {
            "content": None if self.content is None else str(self.content),
            "content_probability": self.content_probability,
            "kind": None if self.kind is None else str(self.kind),
            "kind_probability": self.kind_probability,
            "text_height": self.text_height,
            "safe_text_height": None if safe is None else dict(vars(safe)),
            "sentence": self.sentence(codec),
        }

    def _kept(self, codec: str) -> list[str]:
        safe = self.safe_text_height
        if safe is None:
            return []
        if safe.pixels is None:
            return [f"{codec} keeps text of no measured height at this rate"]
        kept = f"{codec} keeps most text from {math.ceil(safe.pixels)} px on at this rate"
        flagged_anyway = self.text_height is not None and self.text_height >= safe.pixels
        return [f"although {kept}" if flagged_anyway else kept]

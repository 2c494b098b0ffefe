"""The gravest findings of each kind, original beside reconstruction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from riskmask.model.codecs.base import Codec
from riskmask.model.pages import side_by_side, widened


@dataclass(frozen=True)
class Exhibit:
    """One finding.

    Attributes:
        key, codec, level, bpp, content, severity, evidence: of the finding.
        picture: original and reconstruction as the data URL of a PNG.
    """

    key: str
    codec: str
    level: int
    bpp: float
    content: str | None
    severity: float
    evidence: str
    picture: str


def worst_of_kind(findings: pd.DataFrame, kind: str, most: int) -> pd.DataFrame:
    """The findings of a kind with the highest severity, the finest level first among equals.

    At most one from a picture, and the codecs take turns.
    """
    chosen = findings[findings["kind"] == kind].sort_values(
        ["severity", "level", "key"], ascending=[False, False, True], kind="stable"
    )
    chosen = chosen.drop_duplicates("key")
    turn = chosen.groupby("codec").cumcount()
    return chosen.assign(turn=turn).sort_values("turn", kind="stable").head(most)


def exhibits(
    findings: pd.DataFrame,
    picture: Callable[[str], NDArray[np.uint8]],
    codecs: Callable[[str], Codec],
) -> list[Exhibit]:
    """Code the pictures of findings again and cut out the places.

    Args:
        findings: of :class:`riskmask.model.prevalence.tables.Tables`.
        picture: of a key, (H, W, 3) uint8 RGB.
        codecs: by name.
    """
    shown = []
    for finding in findings.to_dict("records"):
        image = picture(finding["key"])
        decoded = codecs(finding["codec"]).reconstruct(image, finding["level"]).image
        window = _window(finding["polygon"], image.shape)
        shown.append(
            Exhibit(
                **{name: finding[name] for name in _PLAIN},
                picture=side_by_side(image[window], decoded[window]),
            )
        )
    return shown


_PLAIN: Sequence[str] = ("key", "codec", "level", "bpp", "content", "severity", "evidence")


def _window(polygon: Sequence[tuple[float, float]], shape: tuple[int, ...]) -> tuple[slice, slice]:
    corners = np.asarray(polygon)
    (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
    return (
        widened(int(top), int(np.ceil(bottom)), shape[0]),
        widened(int(left), int(np.ceil(right)), shape[1]),
    )

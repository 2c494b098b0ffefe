"""The folder of a run: one JSON line for each thing done, so that a killed run goes on.

run.json       what the run was made with
answers.jsonl  each picture, codec and level: what the engine answers
coded.jsonl    each picture, way of coding and level: what the annotators find in the file
jpegs.jsonl    each picture: the JPEG advised, and the smallest safe one
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from riskmask.model.runs import Lines, hold_to
from riskmask.server.decision_bench.answers import Answer
from riskmask.server.decision_bench.jury import Outcome

UNIFORM, HINTED, RAISED = "uniform", "hinted", "raised"


@dataclass(frozen=True)
class Coding:
    """A picture coded by the reference codec, for real.

    Attributes:
        picture: which.
        way: ``uniform`` or ``hinted`` at the rate of a level, both of the same bytes, or
            ``raised`` to the safe rate, which is the same for all levels.
        level: asked about; of ``raised`` the coarsest at which the engine advised it.
        asked_bytes, size_bytes: of the file; None where the encoder could not make it.
        error: why there is no file.
        failed: whether that is because the encoder failed, and not for want of bytes.
        outcome: None without a file.
    """

    picture: str
    way: str
    level: int
    asked_bytes: int
    size_bytes: int | None = None
    error: str | None = None
    outcome: Outcome | None = None
    failed: bool = False

    @property
    def place(self) -> tuple[str, ...]:
        """What it is about."""
        return place_of(self.picture, self.way, self.level)


@dataclass(frozen=True)
class JpegTrial:
    """The JPEG that the engine advises for a picture at risk.

    Attributes:
        picture, quality, subsampling: which.
        predicted_bytes, size_bytes: as the reply says, and of Pillow's file.
        safe: as the reply says.
        advised: whether a reply says ``FALLBACK_JPEG``.
        outcome: of the file; None where no region is judged.
        smallest_quality, smallest_bytes: of the smallest safe JPEG of that subsampling; None where
            not even the finest is safe, no region is judged, or it was not advised.
    """

    picture: str
    quality: int
    subsampling: str
    predicted_bytes: int
    size_bytes: int
    safe: bool
    advised: bool
    outcome: Outcome | None
    smallest_quality: int | None
    smallest_bytes: int | None

    @property
    def place(self) -> tuple[str, ...]:
        """What it is about."""
        return self.picture, self.subsampling


class Run:
    """The folder of a run.

    Args:
        folder: made where it is not there.
        made_with: versions and settings that the measurements depend on.

    Raises:
        RunError: the folder holds a run with other ones.
    """

    def __init__(self, folder: Path, made_with: Mapping[str, Any]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        hold_to(folder, made_with)
        self.answers = Lines(folder / "answers.jsonl", lambda content: Answer(**content))
        self.codings = Lines(folder / "coded.jsonl", _coding)
        self.jpegs = Lines(folder / "jpegs.jsonl", _jpeg)


def place_of(picture: str, way: str, level: int) -> tuple[str, ...]:
    """Where a coding is written down."""
    return (picture, way) if way == RAISED else (picture, way, str(level))


def place_of_jpeg(answer: Answer) -> tuple[str, ...]:
    """Where the JPEG of an answer is written down."""
    return answer.picture, answer.jpeg_subsampling


def _coding(content: dict[str, Any]) -> Coding:
    return Coding(**{**content, "outcome": _outcome(content["outcome"])})


def _jpeg(content: dict[str, Any]) -> JpegTrial:
    return JpegTrial(**{**content, "outcome": _outcome(content["outcome"])})


def _outcome(content: dict[str, Any] | None) -> Outcome | None:
    if content is None:
        return None
    return Outcome(tuple(content["changed"]), tuple(content["grave"]), content["stumbled"])

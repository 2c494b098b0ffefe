"""The folder of a run: one JSON line for each thing done, so that a killed run goes on.

run.json        what the run was made with
pictures.jsonl  each picture looked at and its words
sizes.jsonl     each picture and target: the size chosen and what was tried
coded.jsonl     each picture, target, size and method: what was measured
files/          what the encoders wrote
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from riskmask.model.runs import Lines, hold_to
from riskmask.server.closed_loop.sizes import ChosenSize, Coded
from riskmask.server.closed_loop.witnesses import Judgement


@dataclass(frozen=True)
class Look:
    """A picture that was looked at: how many words count, and the share that regions cover."""

    picture: str
    words: int
    share: float

    @property
    def place(self) -> tuple[str, ...]:
        """What it is about."""
        return (self.picture,)


@dataclass(frozen=True)
class Size:
    """A chosen size; None where no size loses about 30% of the words, or the encoder failed."""

    picture: str
    target: str
    size_bytes: int | None
    tried: tuple[Coded, ...]
    error: str | None = None

    @property
    def place(self) -> tuple[str, ...]:
        """What it is about."""
        return self.picture, self.target

    @property
    def chosen(self) -> ChosenSize:
        """The outcome of the search."""
        return ChosenSize(self.size_bytes, self.tried)


@dataclass(frozen=True)
class Trial:
    """A picture coded by one target at one size by one method.

    Attributes:
        picture, source, target, method: which.
        factor: of the size chosen for this picture and target.
        asked_bytes, size_bytes: of the file; None where the encoder could not make it.
        quality: in the encoder's own words.
        decision: the engine's; None of uniform coding.
        error: why there is no file.
        failed: whether that is the encoder's failure, and not a size that it does not reach.
        file: its name in the folder ``files``.
        judgement: of the decoded picture.
        fidelity: PSNR in dB and SSIM, by part: ``known`` regions, riskmask's ``risk`` regions at
            this size, and the ``rest``, which is neither.
    """

    picture: str
    source: str
    target: str
    factor: float
    method: str
    asked_bytes: int
    size_bytes: int | None = None
    quality: str | None = None
    decision: str | None = None
    error: str | None = None
    failed: bool = False
    file: str | None = None
    judgement: Judgement | None = None
    fidelity: Mapping[str, tuple[float, float]] | None = None

    @property
    def place(self) -> tuple[str, ...]:
        """What it is about."""
        return self.picture, self.target, f"{self.factor:g}", self.method


class Run:
    """The folder of a run.

    Args:
        folder: made where it is not there.
        made_with: versions and settings that the measurements depend on.

    Raises:
        RunError: the folder holds a run with other ones.
    """

    def __init__(self, folder: Path, made_with: Mapping[str, Any]) -> None:
        self.folder = folder
        (folder / "files").mkdir(parents=True, exist_ok=True)
        hold_to(folder, made_with)
        self.looks = Lines(folder / "pictures.jsonl", lambda content: Look(**content))
        self.sizes = Lines(folder / "sizes.jsonl", _size)
        self.trials = Lines(folder / "coded.jsonl", _trial)

    def keep(self, name: str, data: bytes) -> None:
        """Keep what an encoder wrote."""
        (self.folder / "files" / name).write_bytes(data)

    def kept(self, name: str) -> bytes:
        """What was kept."""
        return (self.folder / "files" / name).read_bytes()


def _size(content: dict[str, Any]) -> Size:
    return Size(**{**content, "tried": tuple(Coded(**each) for each in content["tried"])})


def _trial(content: dict[str, Any]) -> Trial:
    if content["judgement"] is not None:
        said = content["judgement"]
        said["lost_by_region"] = {int(k): v for k, v in said["lost_by_region"].items()}
        content["judgement"] = Judgement(**said)
        content["fidelity"] = {k: (v[0], v[1]) for k, v in content["fidelity"].items()}
    return Trial(**content)

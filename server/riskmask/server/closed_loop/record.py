"""The folder of a run: one JSON line for each thing done, so that a killed run goes on.

run.json        what the run was made with
pictures.jsonl  each picture looked at and its words
sizes.jsonl     each picture and target: the size chosen and what was tried
coded.jsonl     each picture, target, size and method: what was measured
files/          what the encoders wrote
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from riskmask.model.pages import write_whole
from riskmask.server.closed_loop.errors import RunError
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
    """A chosen size; None where no size loses about 30% of the words."""

    picture: str
    target: str
    size_bytes: int | None
    tried: tuple[Coded, ...]

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
    file: str | None = None
    judgement: Judgement | None = None
    fidelity: Mapping[str, tuple[float, float]] | None = None

    @property
    def place(self) -> tuple[str, ...]:
        """What it is about."""
        return self.picture, self.target, f"{self.factor:g}", self.method


Entry = TypeVar("Entry", Look, Size, Trial)


class Lines(Generic[Entry]):
    """A file of JSON lines that grows; a line that was cut off is dropped."""

    def __init__(self, path: Path, entry: type[Entry]) -> None:
        self._path = path
        self._known: dict[tuple[str, ...], Entry] = {}
        if path.exists():
            text = path.read_bytes()
            whole = text[: text.rfind(b"\n") + 1]
            if whole != text:
                path.write_bytes(whole)
            for line in whole.decode("utf-8").splitlines():
                read = _read(entry, json.loads(line))
                self._known[read.place] = read

    def add(self, entry: Entry) -> None:
        """Write one, at once."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(entry), ensure_ascii=False) + "\n")
        self._known[entry.place] = entry

    def get(self, *place: str) -> Entry | None:
        """The one about a place, or None."""
        return self._known.get(place)

    def all(self) -> list[Entry]:
        """In the order of writing."""
        return list(self._known.values())


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
        settings = folder / "run.json"
        if settings.exists():
            before = json.loads(settings.read_text(encoding="utf-8"))
            names = {*before, *made_with}
            other = sorted(n for n in names if before.get(n) != made_with.get(n))
            if other:
                raise RunError(
                    f"{folder} holds a run with another {', '.join(other)}; name another folder "
                    "with --run, or ask for the same"
                )
        else:
            write_whole(settings, json.dumps(made_with, indent=2) + "\n")
        self.looks = Lines(folder / "pictures.jsonl", Look)
        self.sizes = Lines(folder / "sizes.jsonl", Size)
        self.trials = Lines(folder / "coded.jsonl", Trial)

    def keep(self, name: str, data: bytes) -> None:
        """Keep what an encoder wrote."""
        (self.folder / "files" / name).write_bytes(data)

    def kept(self, name: str) -> bytes:
        """What was kept."""
        return (self.folder / "files" / name).read_bytes()


def _read(entry: type[Entry], content: dict[str, Any]) -> Entry:
    if entry is Size:
        content["tried"] = tuple(Coded(**each) for each in content["tried"])
    elif entry is Trial and content["judgement"] is not None:
        said = content["judgement"]
        said["lost_by_region"] = {int(k): v for k, v in said["lost_by_region"].items()}
        content["judgement"] = Judgement(**said)
        content["fidelity"] = {k: (v[0], v[1]) for k, v in content["fidelity"].items()}
    return entry(**content)

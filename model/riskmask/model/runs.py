"""What a run has done so far: files of JSON lines that grow, and what they were made with."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from riskmask.model.whole_file import replacing, write_whole


class RunError(RuntimeError):
    """A run cannot be begun or gone on with; the message says what to do."""


class Placed(Protocol):
    """A dataclass that says what it is about."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def place(self) -> tuple[str, ...]:
        """What it is about; a file has one entry for each place."""
        ...


Entry = TypeVar("Entry", bound=Placed)


class Lines(Generic[Entry]):
    """A file of JSON lines that grows; a line that was cut off is dropped.

    Args:
        path: of the file, which need not be there.
        read: an entry from the fields of its line.
    """

    def __init__(self, path: Path, read: Callable[[dict[str, Any]], Entry]) -> None:
        self._path = path
        self._known: dict[tuple[str, ...], Entry] = {}
        if path.exists():
            text = path.read_bytes()
            whole = text[: text.rfind(b"\n") + 1]
            if whole != text:
                with replacing(path) as partial:
                    partial.write_bytes(whole)
            for line in whole.decode("utf-8").split("\n")[:-1]:
                entry = read(json.loads(line))
                self._known[entry.place] = entry

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


def hold_to(folder: Path, made_with: Mapping[str, Any]) -> None:
    """Write down what a run is made with, or check that it still is.

    Args:
        folder: of the run, which is there.
        made_with: versions and settings that the measurements depend on.

    Raises:
        RunError: the folder holds a run with other ones.
    """
    settings = folder / "run.json"
    if not settings.exists():
        write_whole(settings, json.dumps(made_with, indent=2) + "\n")
        return
    before = json.loads(settings.read_text(encoding="utf-8"))
    names = {*before, *made_with}
    other = sorted(n for n in names if before.get(n) != made_with.get(n))
    if other:
        raise RunError(
            f"{folder} holds a run that differs in {', '.join(other)}; name another folder "
            "with --run, or ask for the same"
        )


def file_hash(path: Path) -> str:
    """SHA-256 of a file that a run depends on."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def text_hash(text: str) -> str:
    """The beginning of the SHA-256 of a setting that a run depends on."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def code_hash(*parts: ModuleType) -> str:
    """The beginning of the SHA-256 of the code that a run depends on: modules, packages whole."""
    digest = hashlib.sha256()
    for part in parts:
        for folder, path in _sources(part):
            place = f"{part.__name__} {path.relative_to(folder).as_posix()}"
            digest.update(place.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def _sources(part: ModuleType) -> list[tuple[Path, Path]]:
    """The folder of each file, and the file."""
    if hasattr(part, "__path__"):
        folders = map(Path, part.__path__)
        return sorted((folder, path) for folder in folders for path in folder.rglob("*.py"))
    return [] if part.__file__ is None else [(Path(part.__file__).parent, Path(part.__file__))]

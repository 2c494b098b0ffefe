"""A labelling run as plain values, and how its work is cut into shards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from riskmask.model.corpus import Corpus, Side
from riskmask.model.data.pictures import Pictures
from riskmask.model.data.recipe import Recipe, describe_coders
from riskmask.model.data.shards import LabelsError, finished

LARGEST_SHARE = 8  # rows of a shard at most; so many are lost with a worker


@dataclass(frozen=True)
class Job:
    """Everything a worker needs to build its own part of the run.

    Attributes:
        corpus: folder.
        icons: folder of further families of icons; None for none.
        fonts: folders of typefaces; none for matplotlib's.
        side, permissive: which pictures.
        scenes, pages, symbols, isoluminant, forms, images: which of each, as :meth:`Pictures.keys`
            takes them.
        calibration: of these only the pictures that are kept out of training.
        groups: of corpus images.
        codecs: to label with, names of the registry.
        annotators: that judge.
        classics: codecs of the differential verdict.
        out: folder of the shards, seen by all workers.
    """

    corpus: Path
    icons: Path | None
    fonts: tuple[Path, ...]
    side: Side
    permissive: bool
    scenes: range
    pages: range
    symbols: range
    isoluminant: range
    forms: int
    images: int
    calibration: bool
    groups: tuple[str, ...]
    codecs: tuple[str, ...]
    annotators: tuple[str, ...]
    classics: tuple[str, ...]
    out: Path

    def open_corpus(self) -> Corpus:
        """The corpus with the further icons."""
        return Corpus.find(self.corpus, self.icons)

    def pictures(self) -> Pictures:
        """The pictures to choose from."""
        return Pictures(self.open_corpus(), self.fonts, self.side, self.permissive)

    def recipe(self, pictures: Pictures) -> Recipe:
        """What the labels of this run have in common."""
        return Recipe(
            side=self.side,
            permissive=self.permissive,
            fonts=tuple(path.name for path in pictures.fonts),
            annotators=tuple(sorted(self.annotators)),
            classics=tuple(sorted(self.classics)),
            coders=describe_coders(sorted(self.classics)),
            icons=pictures.further_families if self.symbols else (),
        )


@dataclass(frozen=True)
class Task:
    """One row to be made.

    Attributes:
        key: of the picture.
        codec: name.
        done: whether the row is there already.
        image_sha256: of the picture that this row was made from, or another codec's row of the same
            key; empty where there is none.
    """

    key: str
    codec: str
    done: bool = False
    image_sha256: str = ""


def plan(keys: Sequence[str], out: Path, codecs: Mapping[str, str]) -> list[Task]:
    """The rows of a run, all codecs of a picture in a row.

    A row that is there is a task too: its worker makes the picture and sees that it is the same.

    Args:
        keys: of the pictures.
        out: folder of the shards.
        codecs: their identities by name.

    Raises:
        LabelsError: the folder has rows of such a codec with other weights.
    """
    rows = finished(out)
    for (_, codec), done in rows.items():
        if codec in codecs and not done.error and done.codec_sha256 != codecs[codec]:
            raise LabelsError(
                f"{out} holds labels of {codec} with other weights "
                f"({done.codec_sha256[:8]}, these are {codecs[codec][:8]}); name another folder"
            )
    made = {place: done.image_sha256 for place, done in rows.items() if not done.error}
    pictures = {key: sha256 for (key, _), sha256 in made.items()}
    return [
        Task(key, codec, (key, codec) in made, made.get((key, codec)) or pictures.get(key, ""))
        for key in keys
        for codec in codecs
    ]


def shares(tasks: Sequence[Task], workers: int) -> Iterator[Sequence[Task]]:
    """Cut tasks into shares that shrink towards the end, so that all workers end together.

    Guided self-scheduling (Polychronopoulos and Kuck, IEEE Transactions on Computers C-36, 1987)
    with a quarter of its share: the time that a picture takes varies widely.
    """
    start = 0
    while start < len(tasks):
        left = len(tasks) - start
        size = min(max(left // (4 * workers), 1), LARGEST_SHARE)
        yield tasks[start : start + size]
        start += size

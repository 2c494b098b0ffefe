"""One worker: makes pictures, labels them, writes a shard for each share of the work.

Knows nothing of how work is handed out, so it runs in this process as well as in Ray's.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from PIL import Image

from riskmask.model.annotators import ANNOTATORS, Annotator, GlyphBank
from riskmask.model.codecs import CODECS, classic_codec, packaged_hyperprior
from riskmask.model.codecs.base import Codec
from riskmask.model.codecs.hyperprior import Hyperprior
from riskmask.model.corpus import CorpusNotFoundError
from riskmask.model.data.items import Picture
from riskmask.model.data.label_rows import LabelRow
from riskmask.model.data.picture_hash import picture_hash
from riskmask.model.data.picture_store import PICTURES, keep_picture
from riskmask.model.data.shards import LabelsError, write_shard
from riskmask.model.label.faces import ConfirmedFaces
from riskmask.model.label.factory import Factory
from riskmask.model.label.job import Job, Task
from riskmask.model.label.subject import Subject, Table

# What Pillow raises for files that are damaged, cut short, of no known format, or bombs.
UNREADABLE = (OSError, ValueError, SyntaxError, Image.DecompressionBombError)


@dataclass(frozen=True)
class Share:
    """What became of a share of the work: rows made, rows that were there, unreadable pictures."""

    made: int
    kept: int
    failed: int


@dataclass
class _Current:
    """The picture in work, whose codecs come one after the other.

    Attributes:
        key: of the picture.
        picture: or why there is none.
        subject: once somebody had to look at it.
    """

    key: str
    picture: Picture | str
    subject: Subject | None = None


class Worker:
    """Codecs and annotators of one process.

    Args:
        job: of the run.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._pictures = job.pictures()
        reference = Hyperprior.load(packaged_hyperprior())
        self._codecs: dict[str, Codec] = {reference.name: reference}
        self._factory = Factory(reference)
        corpus = job.open_corpus()
        bank = GlyphBank([*corpus.icons, *corpus.further_icons])
        classics = [classic_codec(name) for name in job.classics]
        self._table = Table(make_annotators(job.annotators, bank), classics)
        self._current: _Current | None = None

    def work(self, tasks: Sequence[Task]) -> Share:
        """Label a share and write its shard; rows that are there already are left as they are.

        Raises:
            LabelsError: a row that is there, by whatever codec, was made from another picture.
        """
        rows = []
        kept = 0
        for task in tasks:
            current = self._turn_to(task.key)
            if isinstance(current.picture, str):
                identity = self._codec(task.codec).identity
                rows.append(LabelRow(task.key, task.codec, identity, error=current.picture))
                continue
            _check(task, current.picture)
            if task.done:
                kept += 1
                continue
            current.subject = current.subject or self._table.prepare(task.key, current.picture)
            rows.append(self._factory.label(current.subject, self._codec(task.codec)))
        if rows:
            write_shard(self._job.out, rows)
        failed = sum(row.error is not None for row in rows)
        return Share(made=len(rows) - failed, kept=kept, failed=failed)

    def _turn_to(self, key: str) -> _Current:
        if self._current is None or self._current.key != key:
            self._current = _Current(key, self._make(key))
        return self._current

    def _make(self, key: str) -> Picture | str:
        try:
            picture = self._pictures.make(key)
        except CorpusNotFoundError:
            raise  # no picture can be made; an OSError by name alone
        except UNREADABLE as error:
            # No path of this machine goes into the data set.
            words = str(error).replace(f"{self._job.corpus}{os.sep}", "")
            return f"{type(error).__name__}: {words}"
        if not (self._job.out / PICTURES / f"{key}.png").exists():
            keep_picture(self._job.out, key, picture.image)
        return picture

    def _codec(self, name: str) -> Codec:
        if name not in self._codecs:
            self._codecs[name] = CODECS[name]()
        return self._codecs[name]


def make_annotators(names: Sequence[str], bank: GlyphBank) -> Mapping[str, Annotator]:
    """Annotators by name, of faces those that a second detector confirms, found by dlib.

    Whatever detector the environment names: labels and what is held against them have one judge.

    Args:
        names: of the registry.
        bank: the icons that symbols are compared with.
    """
    made = {name: ANNOTATORS[name](bank) for name in names if name != "face"}
    if "face" in names:
        from riskmask.model.annotators.face import FaceAnnotator

        made["face"] = ConfirmedFaces(FaceAnnotator())
    return made


def _check(task: Task, picture: Picture) -> None:
    if task.image_sha256 not in ("", picture_hash(picture.image)):
        raise LabelsError(
            f"{task.key} was labelled from another picture: the corpus or the typefaces have "
            "changed since; name another folder"
        )

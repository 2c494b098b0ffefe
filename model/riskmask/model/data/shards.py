"""Label shards: Parquet files of rows in one folder, each written whole or not at all.

A worker writes a shard ``part-*.parquet`` of its own. At the end of a run all shards of the folder
are merged into ``labels-*.parquet``, sorted by picture and codec, whatever the parts were.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]

from riskmask.model.data.label_rows import SCHEMA, LabelRow, from_record, to_record
from riskmask.model.data.packing import PLANES

MERGED_ROWS = 256  # of a merged shard
_COMPRESSION: dict[str, Any] = {"compression": "zstd", "compression_level": 15}
_IDS = ["key", "codec", "codec_sha256", "image_sha256", "error"]


class LabelsError(RuntimeError):
    """Labels that cannot be used together, or not for this; the message says what to do."""


@dataclass(frozen=True)
class Done:
    """A row that is there: where, of which picture and codec, and whether it is an error."""

    shard: Path
    index: int
    image_sha256: str
    codec_sha256: str
    error: bool


def write_shard(folder: Path, rows: Sequence[LabelRow]) -> Path:
    """Write rows as one part, named by what it holds; a part of the same rows is replaced."""
    ids = "\n".join(f"{row.key} {row.codec} {row.codec_sha256}" for row in rows)
    path = folder / f"part-{hashlib.sha256(ids.encode()).hexdigest()[:16]}.parquet"
    table = pa.Table.from_pylist([to_record(row) for row in rows], schema=SCHEMA)
    _write(table, path)
    return path


def finished(folder: Path) -> dict[tuple[str, str], Done]:
    """Every row of a folder by key and codec, sorted.

    Of rows that say the same the first counts; a label counts before an error.

    Raises:
        LabelsError: one picture is labelled twice by one codec, and differently.
    """
    found: dict[tuple[str, str], Done] = {}
    for shard in sorted(folder.glob("*.parquet")):
        for index, row in enumerate(pq.read_table(shard, columns=_IDS).to_pylist()):
            name = row["key"], row["codec"]
            failed = row["error"] is not None
            done = Done(shard, index, row["image_sha256"], row["codec_sha256"], failed)
            before = found.get(name, done)
            if before.error or failed:
                found[name] = done if before.error and not failed else before
                continue
            if (before.image_sha256, before.codec_sha256) != (done.image_sha256, done.codec_sha256):
                raise LabelsError(
                    f"{row['key']} is labelled twice by {row['codec']}, from other pixels or with "
                    "other weights; keep labels of one corpus and of one set of weights in a folder"
                )
            found[name] = before
    return dict(sorted(found.items()))


def read_rows(folder: Path, *, planes: bool = True) -> Iterator[LabelRow]:
    """Every row of a folder, sorted by key and codec.

    Args:
        folder: of shards.
        planes: whether to read the label planes too, which are most of the data.

    Raises:
        FileNotFoundError: there are no labels.
        LabelsError: as :func:`finished`.
    """
    rows = finished(folder)
    if not rows:
        raise FileNotFoundError(f"no labels in {folder}; run python -m riskmask.model.label")
    columns = [name for name in SCHEMA.names if planes or name not in PLANES]
    read = lru_cache(maxsize=4)(lambda shard: pq.read_table(shard, columns=columns))
    for done in rows.values():
        yield from_record(read(done.shard).slice(done.index, 1).to_pylist()[0])


def merge_shards(folder: Path) -> list[Path]:
    """Rewrite the shards of a folder as few large ones, sorted; the same rows give the same bytes.

    A merge that is cut off leaves rows twice, which is harmless, and can be done again.
    """
    before = set(folder.glob("*.parquet"))
    rows = list(finished(folder).items())
    read = lru_cache(maxsize=32)(lambda shard: pq.read_table(shard, schema=SCHEMA))
    merged = []
    for number, start in enumerate(range(0, len(rows), MERGED_ROWS)):
        chosen = rows[start : start + MERGED_ROWS]
        table = pa.concat_tables([read(done.shard).slice(done.index, 1) for _, done in chosen])
        ids = "\n".join(f"{key} {codec} {done}" for (key, codec), done in _plain(chosen))
        name = hashlib.sha256(ids.encode()).hexdigest()[:8]
        path = folder / f"labels-{number:05d}-{name}.parquet"
        if path not in before:
            _write(table.combine_chunks(), path)
        merged.append(path)
    for path in before - set(merged):
        path.unlink()
    return merged


def clear_partial(folder: Path) -> None:
    """Remove what killed writers left behind."""
    for path in folder.rglob("*.partial"):
        path.unlink(missing_ok=True)


def _plain(
    rows: Sequence[tuple[tuple[str, str], Done]],
) -> Iterator[tuple[tuple[str, str], str]]:
    for name, done in rows:
        yield name, f"{done.image_sha256} {done.codec_sha256}"


def _write(table: pa.Table, path: Path) -> None:
    partial = path.with_name(f"{path.stem}-{os.getpid()}.partial")
    pq.write_table(table, partial, row_group_size=MERGED_ROWS, **_COMPRESSION)
    partial.replace(path)

"""``python -m riskmask.model.label``: label corpus pictures and rendered scenes.

Writes for each picture ``KEY.npz`` (label map), ``KEY.png`` (the picture that was labelled) and
``KEY.json`` (its findings and where it comes from); in the end ``findings.parquet`` over all.
A run that was cut off continues where it stopped.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Annotated

import typer
from tqdm import tqdm

from riskmask.model.corpus import Corpus, Side
from riskmask.model.data.items import (
    Item,
    corpus_items,
    scene_fonts,
    scene_items,
    shrunk_items,
)

PAGE_SIDE = 640


@dataclass(frozen=True)
class Job:
    """Everything a worker needs to build its own part of the run."""

    corpus: Path
    codec: Path
    fonts: tuple[Path, ...]
    side: Side
    scenes: int
    pages: int
    images: int
    permissive: bool
    out: Path


def build_items(job: Job) -> list[Item]:
    """The pictures of a run in the same order in every process: scenes, pages, corpus images.

    They take turns, so that a run which is cut short has some of each.
    """
    from riskmask.model.annotators import GlyphBank
    from riskmask.model.data.scenes import SceneRenderer

    corpus = Corpus.find(job.corpus)
    bank = GlyphBank(icon for icon in corpus.icons if icon.side == job.side)
    photos = [
        image.path
        for image in corpus.select(job.side, categories=("photo",), permissive=job.permissive)
    ]
    own = scene_fonts(job.fonts, job.side)
    renderer = SceneRenderer(photos, own, bank)
    first = 1_000_000 if job.side == "test" else 0
    scenes = list(scene_items(renderer.render, range(first, first + job.scenes)))
    pages = SceneRenderer(photos, own, bank, size=PAGE_SIDE, plain=True)
    groups = [scenes, list(scene_items(pages.render, range(first, first + job.pages), "page"))]
    for categories in (("text", "symbol"), ("photo", "face")):
        images = corpus.select(job.side, categories=categories, permissive=job.permissive)
        shuffled = sorted(images, key=lambda image: image.path.stem[::-1])
        chosen = shuffled[: job.images] if job.images >= 0 else shuffled
        groups += [list(corpus_items(chosen)), list(shrunk_items(chosen))]
    turns = zip_longest(*groups)
    return [item for turn in turns for item in turn if item is not None]


def run_share(job: Job, worker: int, workers: int) -> Iterator[str]:
    """Label every item of one worker's share that is not there yet; yields their keys."""
    import torch
    from PIL import Image

    from riskmask.model.annotators import LABELLERS, GlyphBank
    from riskmask.model.codecs.hyperprior import Hyperprior
    from riskmask.model.data.factory import Factory

    torch.set_num_threads(1)
    bank = GlyphBank(Corpus.find(job.corpus).icons)
    factory = Factory(Hyperprior.load(job.codec), [make(bank) for make in LABELLERS.values()])
    for item in build_items(job)[worker::workers]:
        if (job.out / f"{item.key}.json").exists():
            continue
        picture = item.make()
        labelled = factory.label(item.key, picture)
        labelled.labels.save(job.out / f"{item.key}.npz")
        Image.fromarray(picture.image).save(job.out / f"{item.key}.png", compress_level=1)
        card = {
            "source": picture.source,
            "licence_class": picture.licence_class,
            "scale": picture.scale,
            "regions": [
                {"content": r.content, "polygon": [list(p) for p in r.polygon]}
                for r in (*picture.regions, *picture.unjudged)
            ],
            "findings": labelled.findings,
        }
        partial = job.out / f"{item.key}.partial"  # no .json, or a killed run leaves half a card
        partial.write_text(json.dumps(card), encoding="utf-8")
        partial.replace(job.out / f"{item.key}.json")
        yield item.key


def _work(job: Job, worker: int, workers: int) -> int:
    progress = tqdm(desc=f"worker {worker}", unit="picture", mininterval=30)
    done = 0
    for _ in run_share(job, worker, workers):
        done += 1
        progress.update()
    return done


def write_findings(folder: Path) -> Path:
    """Gather the findings of a folder into ``findings.parquet``, a row each."""
    import pyarrow as pa  # type: ignore[import-untyped]
    import pyarrow.parquet as pq  # type: ignore[import-untyped]

    rows = [
        finding
        for path in sorted(folder.glob("*.json"))
        for finding in json.loads(path.read_text(encoding="utf-8"))["findings"]
    ]
    out = folder / "findings.parquet"
    pq.write_table(pa.Table.from_pylist(rows), out)
    return out


def main(
    out: Annotated[Path, typer.Option(help="Folder for the labels.")],
    codec: Annotated[
        Path | None, typer.Option(help="Codec weights; default: the packaged ones.")
    ] = None,
    corpus: Annotated[Path | None, typer.Option(help="Default: RISKMASK_CORPUS.")] = None,
    fonts: Annotated[
        list[Path] | None, typer.Option(help="Folders of typefaces; default: matplotlib's.")
    ] = None,
    side: Annotated[str, typer.Option(help="train or test.")] = "train",
    scenes: Annotated[int, typer.Option(help="Rendered scenes.")] = 500,
    pages: Annotated[int, typer.Option(help="Rendered pages on an exactly flat ground.")] = 100,
    images: Annotated[
        int,
        typer.Option(
            help="Corpus images of each group (text and symbols, others) at most; -1 for all."
        ),
    ] = -1,
    permissive: Annotated[bool, typer.Option(help="Only permissive licences.")] = False,
    workers: Annotated[int, typer.Option(help="Processes.")] = os.cpu_count() or 1,
) -> None:
    """Label corpus pictures and rendered scenes at all levels."""
    from riskmask.model.codecs import packaged_hyperprior

    if side not in ("train", "test"):
        raise typer.BadParameter("must be train or test", param_hint="--side")
    out.mkdir(parents=True, exist_ok=True)
    job = Job(
        corpus=Corpus.find(corpus).root,
        codec=codec or packaged_hyperprior(),
        fonts=tuple(fonts or ()),
        side="train" if side == "train" else "test",
        scenes=scenes,
        pages=pages,
        images=images,
        permissive=permissive,
        out=out,
    )
    with ProcessPoolExecutor(workers) as pool:
        shares = [pool.submit(_work, job, worker, workers) for worker in range(workers)]
        for share in as_completed(shares):
            share.result()
    typer.echo(f"findings: {write_findings(out)}")


if __name__ == "__main__":
    typer.run(main)

"""``python -m riskmask.model.label``: label corpus pictures and rendered scenes.

Writes shards of rows, one for each picture and codec, and keeps the pictures beside them. A run
that was cut off continues where it stopped; another codec's rows can join later.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from tqdm import tqdm

from riskmask.model.runtime.cpus import available_cpus

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from riskmask.model.data.pictures import Pictures
    from riskmask.model.label.job import Job

NONE = "none"  # no differential verdict


def main(
    out: Annotated[Path, typer.Option(help="Folder for the labels.")],
    codec: Annotated[
        list[str] | None, typer.Option(help="Codec by name, repeatable; default: hyperprior.")
    ] = None,
    annotator: Annotated[
        list[str] | None, typer.Option(help="Annotator, repeatable; default: text, symbol.")
    ] = None,
    classic: Annotated[
        list[str] | None,
        typer.Option(help="Codec of the differential verdict, repeatable, or none; default: jpeg."),
    ] = None,
    corpus: Annotated[Path | None, typer.Option(help="Default: RISKMASK_CORPUS.")] = None,
    fonts: Annotated[
        list[Path] | None, typer.Option(help="Folders of typefaces; default: matplotlib's.")
    ] = None,
    icons: Annotated[
        Path | None,
        typer.Option(
            help="Folder of further families of icons, folders of SVG files, for symbol scenes, "
            "whatever their licences; default: RISKMASK_ICONS."
        ),
    ] = None,
    side: Annotated[str, typer.Option(help="train or test.")] = "train",
    scenes: Annotated[int, typer.Option(help="Rendered scenes.")] = 500,
    first_scene: Annotated[
        int,
        typer.Option(
            help="Number of the first scene of each sort, for scenes that no other folder has."
        ),
    ] = 0,
    pages: Annotated[int, typer.Option(help="Rendered pages on an exactly flat ground.")] = 100,
    first_page: Annotated[int, typer.Option(help="Number of the first page, likewise.")] = 0,
    symbol_scenes: Annotated[
        int, typer.Option(help="Rendered scenes of many icons, which need further families.")
    ] = 0,
    isoluminant_scenes: Annotated[
        int,
        typer.Option(
            help="Rendered scenes of lines that differ from their ground in colour more than in "
            "luma."
        ),
    ] = 0,
    forms: Annotated[int, typer.Option(help="Rendered forms, as a scanner sees them.")] = 0,
    images: Annotated[
        int,
        typer.Option(
            help="Corpus images of each group at most, with each source's share; -1 for all."
        ),
    ] = -1,
    group: Annotated[
        list[str] | None,
        typer.Option(
            help="Group of corpus images, repeatable: text (and symbols), face, photo (all "
            "others); default: each."
        ),
    ] = None,
    calibration: Annotated[
        bool,
        typer.Option(help="Of these pictures only those that are kept out of training."),
    ] = False,
    permissive: Annotated[bool, typer.Option(help="Only permissive licences.")] = False,
    workers: Annotated[int, typer.Option(help="Processes; default: one for each core.")] = 0,
    address: Annotated[
        str | None, typer.Option(help="Head of a Ray cluster; default: this machine alone.")
    ] = None,
) -> None:
    """Label corpus pictures and rendered scenes at all levels."""
    from riskmask.model.annotators import ANNOTATORS, LABELLERS
    from riskmask.model.codecs import CLASSIC, CODECS
    from riskmask.model.corpus import Corpus, CorpusNotFoundError
    from riskmask.model.data.pictures import FIRST_TEST_SEED, GROUPS
    from riskmask.model.data.shards import LabelsError
    from riskmask.model.label.job import Job

    for option, first, number in (
        ("--first-scene", first_scene, max(scenes, symbol_scenes, isoluminant_scenes)),
        ("--first-page", first_page, pages),
    ):
        most = FIRST_TEST_SEED - number
        if not 0 <= first <= most:
            raise typer.BadParameter(
                f"must lie between 0 and {most}: numbers from {FIRST_TEST_SEED} on "
                "are those of the other side",
                param_hint=option,
            )
    if side not in ("train", "test"):
        raise typer.BadParameter("must be train or test", param_hint="--side")
    try:
        found = Corpus.find(corpus, icons)
    except CorpusNotFoundError as error:
        raise typer.BadParameter(str(error), param_hint="--corpus, --icons") from None
    if symbol_scenes and not any(icon.side == side for icon in found.further_icons):
        raise typer.BadParameter(
            f"needs families of icons of the {side} side; name a folder of them with --icons",
            param_hint="--symbol-scenes",
        )
    job = Job(
        corpus=found.root.resolve(),
        icons=found.icons_root.resolve() if found.icons_root else None,
        fonts=tuple(path.resolve() for path in fonts or ()),
        side="train" if side == "train" else "test",
        permissive=permissive,
        scenes=range(first_scene, first_scene + scenes),
        pages=range(first_page, first_page + pages),
        symbols=range(first_scene, first_scene + symbol_scenes),
        isoluminant=range(first_scene, first_scene + isoluminant_scenes),
        forms=forms,
        images=images,
        calibration=calibration,
        groups=_known(group or list(GROUPS), GROUPS, "--group"),
        codecs=_known(codec or ["hyperprior"], CODECS, "--codec"),
        annotators=_known(annotator or list(LABELLERS), ANNOTATORS, "--annotator"),
        classics=_known([] if classic == [NONE] else classic or ["jpeg"], CLASSIC, "--classic"),
        out=out.resolve(),
    )
    try:
        counts = run(job, workers, address)
    except LabelsError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from None
    typer.echo(
        f"{counts['made']} rows made, {counts['kept']} there already, {counts['failed']} for "
        f"pictures that cannot be read, in {out}"
    )


def run(job: Job, workers: int, address: str | None) -> Counter[str]:
    """Label everything of a job that is not labelled yet, and merge the shards.

    Args:
        job: of the run.
        workers: processes; under 1 for one for each core.
        address: of a Ray cluster; None for this machine alone.

    Raises:
        LabelsError: the folder holds labels that do not belong to this run, or there is nothing to
            draw scenes, pages or forms with.
    """
    from riskmask.model.data.shards import clear_partial, merge_shards
    from riskmask.model.label.cluster import hand_out, ray_running
    from riskmask.model.label.job import plan

    pictures = job.pictures()
    _check_drawable(job, pictures)
    identities = codec_identities(job.codecs)
    job.out.mkdir(parents=True, exist_ok=True)
    clear_partial(job.out)
    job.recipe(pictures).claim(job.out)
    keys = pictures.keys(
        job.scenes,
        job.pages,
        job.images,
        job.groups,
        job.symbols,
        job.forms,
        job.isoluminant,
    )
    if job.calibration:
        keys = pictures.for_calibration(keys)
    tasks = plan(keys, job.out, identities)
    counts: Counter[str] = Counter(made=0, kept=0, failed=0)
    if tasks:
        own = workers if workers > 0 or address else available_cpus()
        with ray_running(address, own) as actors, tqdm(total=len(tasks), unit="row") as progress:
            for share in hand_out(job, tasks, actors):
                counts.update(share)
                progress.update(sum(share.values()))
    merge_shards(job.out)
    return counts


def _check_drawable(job: Job, pictures: Pictures) -> None:
    """Raise LabelsError where every drawn picture would fail; corpus images may, one by one."""
    from riskmask.model.data.shards import LabelsError

    on_photographs = bool(job.scenes or job.pages or job.symbols or job.isoluminant)
    if (on_photographs or job.forms) and not pictures.fonts:
        raise LabelsError(
            f"the folders of typefaces hold none of the {job.side} side; name others with --fonts"
        )
    if on_photographs and not pictures.grounds:
        raise LabelsError(
            f"the corpus has no photograph of the {job.side} side to draw on; leave out "
            "--permissive, or draw no scenes and pages"
        )


def codec_identities(names: Sequence[str]) -> Mapping[str, str]:
    """What tells each codec's labels from those of other weights, by name.

    Raises:
        typer.BadParameter: its weights or its profile are not there.
    """
    from riskmask.model.codecs import CODECS
    from riskmask.model.codecs.published_weights import PublishedWeightsError
    from riskmask.model.encoders.errors import EncoderError
    from riskmask.model.runtime.errors import ProfileError, WeightsError

    identities = {}
    for name in names:
        try:
            identities[name] = CODECS[name]().identity
        except (WeightsError, ProfileError, PublishedWeightsError, EncoderError) as error:
            raise typer.BadParameter(str(error), param_hint="--codec") from None
    return identities


def _known(names: Sequence[str], registry: Mapping[str, object], option: str) -> tuple[str, ...]:
    for name in names:
        if name not in registry:
            raise typer.BadParameter(
                f"{name} is not one of {', '.join(registry)}", param_hint=option
            )
    return tuple(dict.fromkeys(names))


if __name__ == "__main__":
    typer.run(main)

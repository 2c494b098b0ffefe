"""The commands that make codecs: patches, training, levels, cards."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

PACKAGED = Path(__file__).parents[1] / "weights"
PROFILES = Path(__file__).parents[1] / "profiles"
PATCH = 160

OutOption = Annotated[Path, typer.Option("--out", help="Folder of the weights and manifest.")]
FoldersOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--labels",
        help="Folder of labels, repeatable; of a picture in two the first counts; "
        "default: runs/labels.",
    ),
]
CorpusOption = Annotated[
    Path | None, typer.Option("--corpus", help="Corpus folder; default: RISKMASK_CORPUS.")
]
PermissiveOption = Annotated[
    bool, typer.Option("--permissive", help="Only images under permissive licences.")
]
ArchitectureOption = Annotated[
    str, typer.Option(help="factorized, hyperprior, channel-ar, hific or cdc.")
]
RunOption = Annotated[
    Path | None, typer.Option("--run", help="Folder of checkpoint and log; default: runs/NAME.")
]

app = typer.Typer()


def run_folder(architecture: str, run: Path | None) -> Path:
    """Where an architecture's run lies."""
    if run is not None:
        return run
    return Path("runs") / ("codec" if architecture == "hyperprior" else f"codec-{architecture}")


@app.command()
def patches(
    out: Annotated[Path, typer.Option(help="File to write, .npy.")],
    corpus: CorpusOption = None,
    limit: Annotated[float, typer.Option(help="Largest file in MiB; evenly thinned.")] = 60,
    permissive: PermissiveOption = False,
) -> None:
    """Cut training patches into one uint8 file, small enough to carry to another machine."""
    import numpy as np

    from riskmask.model.corpus import Corpus
    from riskmask.model.train.patches import cut_patches, thin
    from riskmask.model.whole_file import replacing

    images = Corpus.find(corpus).select("train", permissive=permissive)
    cut = cut_patches((image.path for image in images), size=PATCH, per_image=4)
    kept = thin(cut, limit)
    out.parent.mkdir(parents=True, exist_ok=True)
    with replacing(out) as partial, partial.open("wb") as file:
        np.save(file, kept)
    typer.echo(f"wrote {len(kept)} of {len(cut)} patches to {out}")


@app.command()
def codec(
    architecture: ArchitectureOption = "hyperprior",
    start: Annotated[
        Path | None,
        typer.Option(help="Weights to begin with; hific begins with the packaged hyperprior's."),
    ] = None,
    corpus: CorpusOption = None,
    patches: Annotated[
        Path | None, typer.Option(help="Packed patches; cut from the corpus where not given.")
    ] = None,
    run: RunOption = None,
    out: OutOption = PACKAGED,
    steps: Annotated[
        int | None, typer.Option(help="Optimiser steps; default: the architecture's.")
    ] = None,
    batch: Annotated[int, typer.Option(help="Crops in a step.")] = 8,
    crop: Annotated[int, typer.Option(help="Side of a crop, a multiple of 32.")] = 128,
    rate: Annotated[
        float | None, typer.Option(help="Peak learning rate; default: the architecture's.")
    ] = None,
    rho: Annotated[
        float | None, typer.Option(help="cdc: share of the perceptual distance, 0 to 1.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of batches and weights.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    bf16: Annotated[bool, typer.Option(help="Run the transforms in bfloat16.")] = False,
    permissive: PermissiveOption = False,
) -> None:
    """Train a codec; continues a run that was cut off."""
    import numpy as np

    from riskmask.model.codecs import LEARNED, packaged_hyperprior
    from riskmask.model.codecs.weight_files import save_weights
    from riskmask.model.corpus import Corpus
    from riskmask.model.release import register
    from riskmask.model.runtime.errors import WeightsError
    from riskmask.model.train.codec import CodecTraining, train_codec
    from riskmask.model.train.patches import cut_patches
    from riskmask.model.train.recipes import RECIPES
    from riskmask.model.whole_file import replacing

    if architecture not in LEARNED:
        raise typer.BadParameter(f"--architecture must be one of {', '.join(LEARNED)}")
    if rho is not None and architecture != "cdc":
        raise typer.BadParameter("--rho belongs to the architecture cdc alone")
    recipe = RECIPES[architecture]
    if start is None and recipe.needs_start:
        start = packaged_hyperprior()
    if patches is not None and not patches.exists():
        raise typer.BadParameter(f"--patches: there is no {patches}; `patches --out` writes one")
    folder = run_folder(architecture, run)
    folder.mkdir(parents=True, exist_ok=True)
    packed = patches or folder / ("patches-permissive.npy" if permissive else "patches.npy")
    if not packed.exists():
        images = Corpus.find(corpus).select("train", permissive=permissive)
        cut = cut_patches((image.path for image in images), size=PATCH, per_image=4)
        with replacing(packed) as partial, partial.open("wb") as file:
            np.save(file, cut)
    settings = CodecTraining(
        architecture=architecture,
        steps=recipe.steps if steps is None else steps,
        batch=batch,
        crop=crop,
        rate=recipe.rate if rate is None else rate,
        seed=seed,
        device=device,
        bf16=bf16,
        sizes={} if rho is None else {"rho": rho},
    )
    try:
        network = train_codec(np.load(packed), folder, settings, start)
    except (ValueError, WeightsError) as error:
        typer.echo(f"codec: {error}", err=True)
        raise typer.Exit(2) from None
    path = save_weights(network, out, architecture)
    register(architecture, path, architecture)
    typer.echo(f"wrote {path}")
    if architecture != "hyperprior":
        typer.echo(f"now fit its levels: fit-levels --architecture {architecture}")


@app.command()
def fit_levels(
    architecture: ArchitectureOption,
    corpus: CorpusOption = None,
    out: OutOption = PACKAGED,
) -> None:
    """Fit the steps of a trained codec to the levels of the reference, on training photographs."""
    from riskmask.model.codecs import learned_codec, packaged_hyperprior
    from riskmask.model.codecs.hyperprior import Hyperprior
    from riskmask.model.codecs.level_curve import REFERENCE_SCALE, save_curve
    from riskmask.model.corpus import Corpus
    from riskmask.model.runtime.weights import find_weights
    from riskmask.model.train.classic_profile import CUT, calibration_photographs
    from riskmask.model.train.level_fit import fit_levels as fit
    from riskmask.model.train.recipes import RECIPES

    if architecture == "hyperprior":
        raise typer.BadParameter("the hyperprior defines the levels; there is nothing to fit")
    weights = find_weights(architecture, out).path
    photographs = calibration_photographs(Corpus.find(corpus))
    curve = fit(
        learned_codec(architecture).load(weights, REFERENCE_SCALE),
        Hyperprior.load(packaged_hyperprior()),
        photographs,
        RECIPES[architecture].levels,
    )
    fitted_on = (
        f"{len(photographs)} training photographs, central {CUT}x{CUT} cuts, by "
        f"python -m riskmask.model.train fit-levels --architecture {architecture}"
    )
    typer.echo(f"wrote {save_curve(curve, weights, fitted_on)}")


@app.command()
def classic_profile(
    codec: Annotated[str, typer.Option(help="jpeg, webp, avif, x264, x265 or kvazaar.")] = "jpeg",
    corpus: CorpusOption = None,
    out: Annotated[Path | None, typer.Option(help="File; default: the packaged profile.")] = None,
) -> None:
    """Fit a classic codec's qualities to the levels of the reference, on training photographs."""
    from riskmask.model.codecs import classic_codec, packaged_hyperprior
    from riskmask.model.codecs.hyperprior import Hyperprior
    from riskmask.model.corpus import Corpus
    from riskmask.model.encoders.errors import EncoderError
    from riskmask.model.runtime.errors import ProfileError
    from riskmask.model.train.classic_profile import calibration_photographs, fit_profile

    try:
        coder = classic_codec(codec).coder
    except (EncoderError, ValueError) as error:
        raise typer.BadParameter(str(error), param_hint="--codec") from None
    out = out or PROFILES / f"{codec}.json"
    photographs = calibration_photographs(Corpus.find(corpus))
    try:
        fit_profile(Hyperprior.load(packaged_hyperprior()), coder, photographs, out)
    except ProfileError as error:
        typer.echo(f"classic-profile: {error}", err=True)
        raise typer.Exit(2) from None
    typer.echo(
        f"wrote {out}, of rates alone; its risks and errors are calibrated by train codec-profile "
        "and train error-calibration"
    )


@app.command()
def codec_card(
    architecture: ArchitectureOption = "hyperprior",
    corpus: CorpusOption = None,
    run: Annotated[
        list[Path] | None,
        typer.Option(
            help="Folder of checkpoint and log, repeatable where one run began with the weights of "
            "another; default: runs/codec-NAME."
        ),
    ] = None,
    out: OutOption = PACKAGED,
    images: Annotated[
        int, typer.Option(min=1, help="Photographs to measure on, every n-th of them.")
    ] = 20,
    note: Annotated[str, typer.Option(help="On the training, what the command does not say.")] = "",
) -> None:
    """Measure a packaged codec on held-out photographs and write its card."""
    from riskmask.model.codec_cards import codec_card as card
    from riskmask.model.codecs import learned_codec, packaged_hyperprior
    from riskmask.model.codecs.hyperprior import Hyperprior
    from riskmask.model.corpus import Corpus
    from riskmask.model.runtime.weights import find_weights
    from riskmask.model.whole_file import write_whole

    found = Corpus.find(corpus)
    held_out = list(found.select("test", categories=("photo",)))
    held_out = held_out[:: max(len(held_out) // images, 1)][:images]
    text = card(
        learned_codec(architecture).load(find_weights(architecture, out).path),
        Hyperprior.load(packaged_hyperprior()),
        run or [run_folder(architecture, None)],
        held_out,
        list(found.select("train")),
        note,
    )
    path = out / f"{architecture}.md"
    write_whole(path, text)
    typer.echo(f"wrote {path}")


@app.command()
def codecs() -> None:
    """List the learned codecs: their packaged weights, or what makes them."""
    from riskmask.model.codecs import LEARNED, packaged_weights
    from riskmask.model.runtime.errors import WeightsError

    for name in LEARNED:
        try:
            typer.echo(f"{name}: {packaged_weights(name).name}")
        except WeightsError as error:
            typer.echo(str(error))

"""The commands that put into a codec profile what labels say of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from riskmask.model.train.codec_commands import PROFILES, FoldersOption

app = typer.Typer()


@app.command()
def safe_text_height(
    codec: Annotated[str, typer.Option(help="Name of the codec in the labels.")] = "hyperprior",
    labels: Annotated[Path, typer.Option(help="Folder of labels.")] = Path("runs/labels"),
    profile: Annotated[
        Path | None, typer.Option(help="Profile to add to; default: the packaged one.")
    ] = None,
    changed_share: Annotated[
        float, typer.Option(help="Share of lines that may change where text is safe, in (0, 1).")
    ] = 0.3,
) -> None:
    """Measure from which height on a codec keeps text, and write it into its profile."""
    from riskmask.model.data.recipe import check_side
    from riskmask.model.data.shards import LabelsError, read_rows
    from riskmask.model.runtime.errors import ProfileError
    from riskmask.model.runtime.profiles import amend_profile_file
    from riskmask.model.runtime.safe_text_height import FIELD, SafeTextHeight
    from riskmask.model.train.safe_text_height import fit_heights, text_lines

    if not 0 < changed_share < 1:
        raise typer.BadParameter("--changed-share must lie between 0 and 1")
    out = profile or PROFILES / f"{codec}.json"
    try:
        check_side(labels)
        lines = text_lines(read_rows(labels, planes=False), codec)
        levels = fit_heights(lines, changed_share)
        pictures = len(set(lines.picture.tolist()))
        heights = SafeTextHeight(
            changed_share=changed_share,
            pixels=tuple(level.pixels for level in levels),
            fitted_on=(
                f"{len(lines)} judged lines of text in {pictures} labelled pictures, by "
                f"python -m riskmask.model.train safe-text-height --codec {codec} "
                f"--changed-share {changed_share:g}"
            ),
        )
        written = amend_profile_file(out, {FIELD: heights.to_json()})
    except (FileNotFoundError, LabelsError, ProfileError) as error:
        typer.echo(f"safe-text-height: {error}", err=True)
        raise typer.Exit(2) from None
    for number, level in enumerate(levels):
        low, high = level.interval
        safe = "none" if level.pixels is None else f"{level.pixels:g} px ({low:.1f} to {high:.1f})"
        typer.echo(f"level {number}: {level.changed:.1%} of lines changed; safe from: {safe}")
    typer.echo(f"wrote {out}, version {written.version}: {heights.fitted_on}")


@app.command()
def codec_profile(
    codec: Annotated[str, typer.Option(help="Name of the codec in the labels.")],
    labels: FoldersOption = None,
    model: Annotated[
        Path | None, typer.Option(help="ONNX detector; default: the packaged one.")
    ] = None,
    content: Annotated[
        list[str] | None,
        typer.Option(
            help="Content whose risks to fit, repeatable: those that the detector has learnt; "
            "default: text, symbol, face."
        ),
    ] = None,
    profile: Annotated[
        Path | None, typer.Option(help="Profile to write or add to; default: the packaged one.")
    ] = None,
    fonts: Annotated[
        list[Path] | None,
        typer.Option(help="Folders of the scenes' typefaces, for pictures that were not kept."),
    ] = None,
) -> None:
    """Fit a codec's risks and rates on pictures kept out of training, into its profile."""
    import numpy as np

    from riskmask.model.codecs import LEARNED, packaged_weights
    from riskmask.model.data.planes import CONTENTS
    from riskmask.model.data.shards import LabelsError
    from riskmask.model.data.training_set import REFERENCE, load_folders
    from riskmask.model.runtime.errors import ModelError, ProfileError, WeightsError
    from riskmask.model.runtime.predictor import Predictor
    from riskmask.model.runtime.weights import find_weights
    from riskmask.model.runtime.whole_rate import whole_rate
    from riskmask.model.train.calibration import judged_table
    from riskmask.model.train.codec_profile import fit_rates, fit_risk, of_contents, write_risk

    contents = content or list(CONTENTS)
    for name in contents:
        if name not in CONTENTS:
            raise typer.BadParameter(
                f"{name} is not one of {', '.join(CONTENTS)}", param_hint="--content"
            )
    if codec == REFERENCE:
        raise typer.BadParameter(
            f"the model is calibrated on {REFERENCE} itself, by train calibrate",
            param_hint="--codec",
        )
    out = profile or PROFILES / f"{codec}.json"
    try:
        if codec not in LEARNED and not out.exists():
            raise ProfileError(
                f"there is no {out.name} yet; fit its levels first, with train classic-profile"
            )
        predictor = Predictor(model or find_weights().path)
        folders = labels or [Path("runs/labels")]
        examples = load_folders(folders, codecs=[codec], fonts=fonts or ())
        kept = [example for example in examples if example.for_calibration]
        table = of_contents(judged_table(predictor, kept), contents)
        try:
            fitted = fit_risk(table)
        except ValueError as error:  # too few verdicts
            raise LabelsError(str(error)) from None
        told = (
            f"{fitted.platt.regions} judged regions ({', '.join(contents)}) of "
            f"{fitted.platt.pictures} pictures kept out of training, detector "
            f"{predictor.sha256[:8]}, by python -m riskmask.model.train codec-profile "
            f"--codec {codec}"
        )
        described, rates = "", None
        if codec in LEARNED:
            described = packaged_weights(codec).name
            predicted = np.array([whole_rate(predictor.predict(each.image)) for each in kept])
            rates = fit_rates(predicted, np.array([example.bpp for example in kept]))
        written = write_risk(
            out,
            codec,
            f"riskmask's own, {described}",
            fitted.platt,
            told,
            None if rates is None else rates.factor,
        )
    except (FileNotFoundError, LabelsError, ModelError, ProfileError, WeightsError) as error:
        typer.echo(f"codec-profile: {error}", err=True)
        raise typer.Exit(2) from None
    intercepts = ", ".join(f"{value:+.2f}" for value in fitted.platt.intercept)
    typer.echo(f"slope {fitted.platt.slope:.3f}, intercepts {intercepts}; {told}")
    typer.echo(
        f"by fits without the own picture: calibration error {fitted.error[0]:.3f} before, "
        f"{fitted.error[1]:.3f} after; Brier skill {fitted.skill[0]:+.3f} before, "
        f"{fitted.skill[1]:+.3f} after"
    )
    if rates is not None:
        factors = ", ".join(f"{value:.3f}" for value in rates.factor)
        typer.echo(
            f"rate factors {factors}: median relative error of a picture's bpp on these pictures "
            f"{rates.error[0]:.3f} before, {rates.error[1]:.3f} after"
        )
    typer.echo(f"wrote {out}, version {written.version}")


@app.command()
def error_calibration(
    codec: Annotated[str, typer.Option(help="Name of the codec in the labels.")] = "hyperprior",
    labels: FoldersOption = None,
    model: Annotated[
        Path | None, typer.Option(help="ONNX detector; default: the packaged one.")
    ] = None,
    profile: Annotated[
        Path | None, typer.Option(help="Profile to add to; default: the packaged one.")
    ] = None,
    fonts: Annotated[
        list[Path] | None,
        typer.Option(help="Folders of the scenes' typefaces, for pictures that were not kept."),
    ] = None,
) -> None:
    """Fit how likely an image has an error, on pictures kept out of training, into a profile."""
    from tqdm import tqdm

    from riskmask.model.data.labelled import read_labelled
    from riskmask.model.data.shards import LabelsError
    from riskmask.model.data.training_set import load_folders
    from riskmask.model.runtime.error_calibration import FIELD, ErrorCalibration
    from riskmask.model.runtime.errors import ModelError, ProfileError, WeightsError
    from riskmask.model.runtime.predictor import Predictor
    from riskmask.model.runtime.profiles import CodecProfile, amend_profile_file
    from riskmask.model.runtime.weights import find_weights
    from riskmask.model.train.error_calibration import fit_errors, peaks_of

    out = profile or PROFILES / f"{codec}.json"
    try:
        predictor = Predictor(model or find_weights().path)
        folders = labels or [Path("runs/labels")]
        examples = load_folders(folders, codecs=[codec], fonts=fonts or ())
        kept = [example for example in examples if example.for_calibration]
        said = [
            row
            for folder in reversed(folders)  # of a picture in two folders the first one's counts
            for row in read_labelled(folder, calibration=True)
            if row.codec == codec
        ]
        peaks = peaks_of(
            predictor, CodecProfile.load(out), tqdm(kept, desc="predicting", unit="image"), said
        )
        fitted = fit_errors(peaks)
        calibration = ErrorCalibration(
            slope=round(fitted.slope, 4),
            intercept=round(fitted.intercept, 4),
            fitted_on=(
                f"{fitted.pictures} pictures with judged regions, kept out of training, at eight "
                f"levels, detector {predictor.sha256[:8]}, by python -m riskmask.model.train "
                f"error-calibration --codec {codec}"
            ),
        )
        written = amend_profile_file(out, {FIELD: calibration.to_json()})
    except (FileNotFoundError, LabelsError, ModelError, ProfileError, WeightsError) as error:
        typer.echo(f"error-calibration: {error}", err=True)
        raise typer.Exit(2) from None
    typer.echo(
        f"slope {fitted.slope:.3f}, intercept {fitted.intercept:+.3f}; {fitted.errors} of "
        f"{8 * fitted.pictures} verdicts are errors; by fits without the own picture: calibration "
        f"error {fitted.error:.3f}, Brier skill {fitted.skill:+.3f}"
    )
    typer.echo(f"wrote {out}, version {written.version}: {calibration.fitted_on}")

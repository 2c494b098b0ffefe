"""The command that puts the detector beside its baselines.

Works on labels of held-out sources (``python -m riskmask.model.label --side test``): scenes
rendered with icon families, files of typefaces and backgrounds that training never saw, and real
pictures of sources that it never saw, as they are and made small.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from riskmask.model.data.training_set import Example
    from riskmask.model.evaluate.page import Section
    from riskmask.model.evaluate.report import CodecReport
    from riskmask.model.evaluate.subject import ScoreBook
    from riskmask.model.runtime.predictor import Predictor
    from riskmask.model.runtime.profiles import CodecProfile


def evaluate_detector(
    context: typer.Context,
    labels: Annotated[Path, typer.Option(help="Folder of held-out labels.")] = Path(
        "runs/labels-test"
    ),
    codec: Annotated[
        list[str] | None,
        typer.Option(help="Codec whose verdicts count, repeatable; default: hyperprior."),
    ] = None,
    model: Annotated[
        Path | None, typer.Option(help="ONNX detector; default: the packaged one.")
    ] = None,
    profiles: Annotated[
        Path | None, typer.Option(help="Folder of codec profiles; default: the packaged ones.")
    ] = None,
    yunet: Annotated[
        Path | None,
        typer.Option(help="YuNet's ONNX file, for the baselines that find faces."),
    ] = None,
    title: Annotated[str, typer.Option(help="Of the page.")] = "Evaluation",
    out: Annotated[
        Path, typer.Option(help="The page, as Markdown; beside it every figure as CSV.")
    ] = Path("docs/evaluation.md"),
    page: Annotated[
        Path, typer.Option(help="The page with curves and a gallery of the worst, as HTML.")
    ] = Path("runs/evaluation.html"),
    fonts: Annotated[
        list[Path] | None,
        typer.Option(help="Folders of the scenes' typefaces, for pictures that were not kept."),
    ] = None,
    note: Annotated[
        list[str] | None, typer.Option(help="A sentence for the page's head, repeatable.")
    ] = None,
    rate_images: Annotated[
        int, typer.Option(help="Pictures coded for real by each codec; 0 for none.")
    ] = 40,
) -> None:
    """Evaluate the risk map and the predicted rates on held-out pictures."""
    if context.invoked_subcommand is not None:
        return
    from riskmask.model.data.shards import LabelsError
    from riskmask.model.data.training_set import REFERENCE, load_examples
    from riskmask.model.evaluate.baselines import all_baselines
    from riskmask.model.evaluate.figures import write_csv
    from riskmask.model.evaluate.page import write_page
    from riskmask.model.evaluate.report import Report, write_markdown
    from riskmask.model.evaluate.subject import ScoreBook
    from riskmask.model.runtime.errors import ModelError, ProfileError, WeightsError
    from riskmask.model.runtime.predictor import Predictor
    from riskmask.model.runtime.profiles import packaged_profiles
    from riskmask.model.runtime.weights import find_weights

    try:
        predictor = Predictor(model or find_weights().path)
        known = packaged_profiles(profiles)
        book = ScoreBook(predictor, all_baselines(yunet))
        parts, sections = [], []
        for name in codec or [REFERENCE]:
            if name not in known:
                raise ProfileError(
                    f"there is no profile of {name}; fit one with python -m riskmask.model.train "
                    "codec-profile"
                )
            examples = load_examples(labels, codecs=[name], fonts=fonts or ())
            part, drawn = _measure(predictor, book, known[name], examples, rate_images)
            parts.append(part)
            sections += drawn
    except (FileNotFoundError, LabelsError, ModelError, ProfileError, WeightsError) as error:
        typer.echo(f"evaluate: {error}", err=True)
        raise typer.Exit(2) from None
    detector = f"{predictor.name}, sha256 {predictor.sha256[:8]}"
    report = Report(title, detector, parts, tuple(note or ()))
    figures = out.with_suffix(".csv")
    write_markdown(report, out, figures.name)
    write_csv(report, figures)
    write_page(report, sections, page)
    typer.echo(out.read_text(encoding="utf-8"))
    typer.echo(f"every figure: {figures}; curves and gallery: {page}")


def _measure(
    predictor: Predictor,
    book: ScoreBook,
    profile: CodecProfile,
    examples: Sequence[Example],
    rate_images: int,
) -> tuple[CodecReport, list[Section]]:
    """One codec's figures, and what the HTML page shows of them."""
    from riskmask.model.codecs import CODECS
    from riskmask.model.data.shards import LabelsError
    from riskmask.model.evaluate.groups import measure_group
    from riskmask.model.evaluate.page import make_section
    from riskmask.model.evaluate.rates import measure_rates
    from riskmask.model.evaluate.report import CodecReport
    from riskmask.model.evaluate.spread import evenly_spread
    from riskmask.model.evaluate.subject import KINDS, is_judged

    judged = [example for example in examples if is_judged(example)]
    if not judged:
        raise LabelsError(
            f"no region of the pictures that {profile.name} labels was judged; label pictures with "
            "text, symbols or faces"
        )
    every = measure_group("all pictures", judged, book.scores(judged, profile))
    groups, sections = [], []
    for kind in KINDS:
        own = [example for example in judged if kind.belongs(example)]
        if own:
            scores = book.scores(own, profile)
            groups.append(measure_group(kind.name, own, scores))
            sections.append(
                make_section(profile.name, groups[-1], own, scores, profile.safe_text_height)
            )
    rates = None
    if rate_images > 0:
        whole = [e for e in examples if e.source != "scenes" and e.scale == 1.0] or judged
        coded = evenly_spread(whole, rate_images)
        rates = measure_rates(predictor, CODECS[profile.name](), profile, coded)
    told = f"version {profile.version}; {profile.fitted_on}"
    return CodecReport(profile.name, told, every, groups, rates), sections

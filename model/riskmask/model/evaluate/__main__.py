"""``python -m riskmask.model.evaluate``: the detector beside its baselines.

Writes the tables as Markdown, and an HTML page with curves and a gallery of the worst mistakes.

Works on labels of held-out sources (``python -m riskmask.model.label --side test``): scenes
rendered with icon families, typefaces and backgrounds that training never saw, and real pictures
of sources that it never saw, as they are and shrunk until their text is small.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from tqdm import tqdm


def main(
    labels: Annotated[Path, typer.Option(help="Folder of held-out labels.")] = Path(
        "runs/labels-test"
    ),
    model: Annotated[
        Path | None, typer.Option(help="ONNX detector; default: the packaged one.")
    ] = None,
    codec: Annotated[
        Path | None, typer.Option(help="Codec weights; default: the packaged ones.")
    ] = None,
    yunet: Annotated[
        Path | None,
        typer.Option(help="YuNet's ONNX file, for the baselines that find faces."),
    ] = None,
    out: Annotated[Path, typer.Option(help="The page, as Markdown.")] = Path("docs/evaluation.md"),
    page: Annotated[
        Path, typer.Option(help="The page with curves and a gallery of the worst, as HTML.")
    ] = Path("runs/evaluation.html"),
    fonts: Annotated[
        list[Path] | None,
        typer.Option(help="Folders of the scenes' typefaces, for pictures that were not kept."),
    ] = None,
    rate_images: Annotated[int, typer.Option(help="Pictures coded for real.")] = 40,
) -> None:
    """Evaluate the risk map and the predicted rates on held-out pictures."""
    from riskmask.model.codecs import packaged_hyperprior
    from riskmask.model.codecs.hyperprior import Hyperprior
    from riskmask.model.data.training_set import REFERENCE, Example, load_examples
    from riskmask.model.evaluate.baselines import all_baselines
    from riskmask.model.evaluate.groups import measure_group
    from riskmask.model.evaluate.judged import Scores
    from riskmask.model.evaluate.page import make_section, write_page
    from riskmask.model.evaluate.rates import measure_rates
    from riskmask.model.evaluate.report import Report, write_markdown
    from riskmask.model.runtime.predictor import Predictor
    from riskmask.model.runtime.profiles import packaged_profiles
    from riskmask.model.runtime.weights import find_weights

    predictor = Predictor(model or find_weights().path)
    baselines = all_baselines(yunet)
    examples = load_examples(labels, codecs=[REFERENCE], fonts=fonts or ())

    def score(group: Sequence[Example], name: str) -> dict[str, list[Scores]]:
        scores: dict[str, list[Scores]] = {"riskmask": []}
        for example in tqdm(group, desc=name, unit="image"):
            scores["riskmask"].append(predictor.predict(example.image).risk.astype("float32"))
            for baseline in baselines:
                maps = scores.setdefault(baseline.name, [])
                maps.append(baseline.score(example.image)[None])
        return scores

    def has_text(example: Example) -> bool:
        return bool((example.labels.valid[0] & example.labels.present[0]).any())

    scenes = [e for e in examples if e.source == "scenes"]
    real = [e for e in examples if e.source != "scenes"]
    groups = {
        "rendered scenes": scenes,
        "real pictures with text": [e for e in real if e.scale == 1.0 and has_text(e)],
        "real pictures shrunk until their text is small": [
            e for e in real if e.scale != 1.0 and has_text(e)
        ],
    }
    safe = packaged_profiles()[REFERENCE].safe_text_height
    measured, sections = [], []
    for name, group in groups.items():
        if group:
            scores = score(group, name)
            measured.append(measure_group(name, group, scores))
            sections.append(make_section(measured[-1], group, scores, safe))
    hyperprior = Hyperprior.load(codec or packaged_hyperprior())
    whole = [e for e in real if e.scale == 1.0]
    coded = whole[:: max(len(whole) // rate_images, 1)][:rate_images]
    report = Report(
        detector=f"{predictor.name}, sha256 {predictor.sha256[:8]}",
        codec=f"{hyperprior.name}, sha256 {hyperprior.weights_hash[:8]}",
        groups=measured,
        rates=measure_rates(predictor, hyperprior, coded),
    )
    write_markdown(report, out)
    write_page(report, sections, page)
    typer.echo(out.read_text(encoding="utf-8"))
    typer.echo(f"curves and gallery: {page}")


if __name__ == "__main__":
    typer.run(main)

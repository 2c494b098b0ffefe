"""The benchmark of the annotators as one Markdown page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from riskmask.model.data.faces import SMALLEST
from riskmask.model.plants.garden import PLANTED
from riskmask.model.plants.near_lossless import NearLossless
from riskmask.model.plants.reconstructions import LEVELS, Row
from riskmask.model.plants.score import Outcome, Share, score
from riskmask.model.whole_file import write_whole

DLIB = "dlib's frontal detector"  # which labels ask
KINDS = ("amplitude", "geometry", "shape")
# Recall and precision that an annotator must reach; the right kind on as many of the plants found.
BARS: Mapping[str, tuple[float, float]] = {
    "text": (0.85, 0.9),
    "symbol": (0.85, 0.9),
    "face": (0.8, 0.8),
    "amplitude": (0.8, 0.8),
    "geometry": (0.8, 0.8),
    "shape": (0.8, 0.8),
}
KIND_BAR = 0.85
CLEAN_BAR = 0.98


@dataclass(frozen=True)
class Report:
    """Everything that the page says.

    Attributes:
        command: that made it.
        sources: in words.
        detector: of faces, in words.
        outcomes: of every annotator on every pair.
        near_lossless: None where it was not measured.
        reconstructions: by real codecs; None where none was looked at.
    """

    command: str
    sources: str
    detector: str
    outcomes: Sequence[Outcome]
    near_lossless: NearLossless | None
    reconstructions: Sequence[Row] | None


def write_markdown(report: Report, out: Path) -> None:
    """Write the page."""
    own = [o for o in report.outcomes if o.planted_for in (o.annotator, None)]
    harmless = {o.what for o in own if o.planted_for is None}
    labels_ask = "the same" if report.detector == DLIB else f"another one, {DLIB}"
    lines = [
        "# Annotators on planted changes",
        "",
        f"Made by `{report.command}` on {report.sources}. Faces are found by {report.detector}.",
        "",
        "Each pair of pictures differs by one planted change of which place and kind are known;",
        "half of the altered pictures are copied harmlessly besides. Harmless pairs differ by "
        + ", ".join(sorted(harmless))
        + ".",
        "A plant is found where at least a quarter of a finding lies on it. Recall: plants found",
        "by the annotator that they were made for. Precision: these, of these and all of its",
        "findings beside them and on harmless pairs; what it says of other annotators' plants does",
        "not count. Kind: right on plants found. In brackets the 95% interval (Wilson).",
        "Plants for faces are made in those that the detector confirms in the untouched picture,",
        f"from {SMALLEST} pixels on. The annotator asks the same detector, so a face that it",
        f"overlooks counts nowhere. Labels ask {labels_ask}.",
        "",
        "| annotator | plants | recall | precision | kind right | bars |",
        "|---|---|---|---|---|---|",
    ]
    for name in PLANTED:
        result = score(name, report.outcomes)
        if not result.recall.whole:
            lines.append(f"| {name} | 0 | | | | nothing to plant in |")
            continue
        missed = _missed(name, result.recall, result.precision, result.kind)
        shares = " | ".join(_share(s) for s in (result.recall, result.precision, result.kind))
        lines.append(f"| {name} | {result.recall.whole} | {shares} | {missed} |")
    lines += [
        "",
        "Bars: recall 85% and precision 90% for text and symbols, 80% and 80% for the others, the",
        "kind right on 85%.",
    ]
    lines += ["", "## By what was planted", "", "| annotator | planted | found |", "|---|---|---|"]
    for name in PLANTED:
        plants = [o for o in own if o.annotator == name and o.planted_for == name]
        for what in sorted({o.what for o in plants}):
            some = [o for o in plants if o.what == what]
            found = Share(sum(o.kind is not None for o in some), len(some))
            lines.append(f"| {name} | {what} | {_share(found)} |")
    lines += _kinds(own) + _voices(report.outcomes) + _false_alarms(own, sorted(harmless))
    if report.near_lossless is not None:
        lines += _near_lossless(report.near_lossless)
    if report.reconstructions is not None:
        lines += _reconstructions(report.reconstructions)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_whole(out, "\n".join(lines) + "\n")


def _missed(name: str, recall: Share, precision: Share, kind: Share) -> str:
    wanted = zip(
        ("recall", "precision", "kind"),
        (recall, precision, kind),
        (*BARS[name], KIND_BAR),
        strict=True,
    )
    missed = [what for what, share, bar in wanted if not share.value >= bar]
    return "missed: " + ", ".join(missed) if missed else "met"


def _kinds(own: Sequence[Outcome]) -> list[str]:
    lines = ["", "## Kinds", "", "Kind of the plant against kind of the finding, own plants.", ""]
    heads = ["annotator", "planted", *(f"found as {kind}" for kind in KINDS), "not found"]
    lines += ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for name in PLANTED:
        for truth in KINDS:
            some = [o for o in own if o.annotator == name and o.truth == truth]
            if some:
                counts = [sum(o.kind == kind for o in some) for kind in (*KINDS, None)]
                lines.append(f"| {name} | {truth} | " + " | ".join(map(str, counts)) + " |")
    return lines


def _voices(outcomes: Sequence[Outcome]) -> list[str]:
    lines = ["", "## Who speaks on whose plants", ""]
    lines += [
        "Share of the plants on which an annotator has a finding, by the annotator that they were",
        "made for. Text, symbols and faces are looked at only where their places are known.",
        "",
        "| planted for | " + " | ".join(PLANTED) + " |",
        "|---|" + "---|" * len(PLANTED),
    ]
    for planted in PLANTED:
        cells = []
        for name in PLANTED:
            some = [o for o in outcomes if o.planted_for == planted and o.annotator == name]
            cells.append(f"{sum(o.kind is not None for o in some) / len(some):.0%}" if some else "")
        if any(cells):
            lines.append(f"| {planted} | " + " | ".join(cells) + " |")
    return lines


def _false_alarms(own: Sequence[Outcome], copies: Sequence[str]) -> list[str]:
    lines = ["", "## Harmless pairs", "", "Pairs with a finding, of all.", ""]
    lines += ["| annotator | " + " | ".join(copies) + " |", "|---|" + "---|" * len(copies)]
    for name in PLANTED:
        cells = []
        for copy in copies:
            some = [
                o for o in own if o.annotator == name and o.planted_for is None and o.what == copy
            ]
            cells.append(f"{sum(o.elsewhere > 0 for o in some)} of {len(some)}" if some else "")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines


def _near_lossless(measured: NearLossless) -> list[str]:
    verdict = "met" if measured.pictures.value >= CLEAN_BAR else "missed"
    return [
        "",
        "## Near-lossless encodings",
        "",
        "Encodings of more than 45 dB PSNR, all annotators on each. Pictures without any finding",
        f"of any annotator in any encoding: {_share(measured.pictures)} of",
        f"{measured.pictures.whole}; the bar of {CLEAN_BAR:.0%} is {verdict}.",
        "",
        "| encoding | above 45 dB | without a finding |",
        "|---|---|---|",
        *(
            f"| {name} | {share.whole} | {_share(share) if share.whole else ''} |"
            for name, share in measured.encodings.items()
        ),
        "",
        "| annotator | pictures without a finding |",
        "|---|---|",
        *(f"| {name} | {_share(share)} |" for name, share in measured.by_annotator.items()),
    ]


def _reconstructions(rows: Sequence[Row]) -> list[str]:
    everywhere = list(rows[0].areas)
    known = [name for name in rows[0].regions if any(row.changed(name).whole for row in rows)]
    lines = [
        "",
        "## Real codecs",
        "",
        f"The packaged hyperprior at levels {', '.join(map(str, LEVELS))}, and the largest of ten "
        "JPEGs of each picture",
        "that is not larger; where even the smallest is, there is none. Annotators that need no",
        "known regions: mean share of a picture's area with a finding. The others: regions judged",
        "changed, of those that can be judged. There is no truth here: it is a comparison.",
        "",
        "| codec | level | pictures | bpp | " + " | ".join((*everywhere, *known)) + " |",
        "|---|---|---|---|" + "---|" * len((*everywhere, *known)),
    ]
    for row in rows:
        areas = [f"{row.area(name):.1%}" for name in everywhere]
        shares = [row.changed(name) for name in known]
        cells = areas + [f"{share.part} of {share.whole}" for share in shares]
        bpp = sum(row.bpp) / len(row.bpp)
        head = f"| {row.codec} | {row.level} | {len(row.bpp)} | {bpp:.2f} | "
        lines.append(head + " | ".join(cells) + " |")
    return lines


def _share(share: Share) -> str:
    if not share.whole:
        return ""
    low, high = share.interval
    return f"{share.value:.1%} ({low:.0%} to {high:.0%})"

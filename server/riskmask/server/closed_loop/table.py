"""The run as one Markdown page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from pathlib import Path

from riskmask.model.whole_file import write_whole
from riskmask.server.closed_loop.figures import Case, Estimate, Hindsight, Outcome
from riskmask.server.closed_loop.maps import DETECTORS, RISKMASK, UNIFORM

HEADS = (
    *("target", "size", "hints", "pictures", "words", "words lost", "cut against uniform"),
    *("texts changed", "symbols changed", "faces changed", "landmark error"),
    *("words, symbols, faces: cut", "PSNR risk regions", "PSNR known regions", "PSNR rest"),
    *("SSIM risk regions", "SSIM known regions", "SSIM rest"),
)
BY_KIND = (
    *("target", "size", "kind of picture", "pictures", "words", "words lost uniformly"),
    *("with riskmask's hints", "cut", "with the detectors'"),
)
IN_HINDSIGHT = (
    *("target", "pictures", "words", "words lost uniformly", "cut by riskmask's hints"),
    *("cut in hindsight", "PSNR rest with riskmask's", "PSNR rest in hindsight"),
)
AGAINST = ("target", "size", "words lost", "words, symbols and faces damaged", "left out")

INTRODUCTION = """\
# The closed loop

Made by `{command}`.
{facts}

{pictures} pictures of the held-out side whose known regions cover at most 15% of the area, coded by
real encoders at equal bytes (within 3% of the uniform file; what misses that is left out of all
methods and counted below), decoded, and judged.

- Size: `30%` is the one, of each picture and target, at which uniform coding loses nearest to 30%
  of the words, found by bisection over the size. Where no size loses 10 to 50% the picture is left
  out (by target: {without}), as where the encoder failed (by target: {failed}). The other two
  sizes follow from it and were not chosen by outcome.
- Hints: none (uniform), riskmask's, those of the union of a text detector (RapidOCR's DBNet) and a
  face detector, and those of spectral-residual saliency; all through the same allocation. A
  detection's confidence, or the saliency, counts as the risk at the level asked for, and falls with
  the level in the proportion of riskmask's own risk. With any of them `x264` and `x265` turn their
  adaptive quantisation down, and `x265` codes in small units; [what that does
  alone](hints.md#adaptive-quantisation).
- Words lost: of the words that tesseract reads rightly in the original, line by line at known
  places, those that it no longer reads; additions do not count. Rightly: as transcribed, or as
  RapidOCR's recogniser reads them with confidence 0.9 where nobody transcribed them.
- Texts, symbols and faces changed: by the project's annotators, of those that they judge. Landmark
  error: mean movement of dlib's landmarks over the distance between the eyes.{faces}
- PSNR in dB and SSIM, of uniform coding, and for the others what is gained over it: in the regions
  that riskmask lists at that size, in the known regions, and in the rest, which is neither. Means
  over the pictures that have such a part, behind the PSNR of uniform coding how many where not all
  have; a part that comes out as it was counts as 100 dB.
- In brackets behind figures of hints: 95% bootstrap intervals over pictures, 2,000 resamples.
"""

NO_FACE = """
  No face of these pictures can be judged, so what is said of words, symbols and faces is of words
  and symbols."""

HINDSIGHT_TOLD = """\
In hindsight, at the size `30%`: the same allocation by a map that knows which lines lose words to
uniform coding of this picture at this size, and sees risk in nothing else. It calls them saved from
2.5 levels finer on, and the other lines lost from 1.5 levels coarser on: a guide to what better
maps could reach, not a bound.
"""


@dataclass(frozen=True)
class Made:
    """What the page says of its making.

    Attributes:
        command: that made it.
        facts: versions, in sentences.
        pictures: measured.
        without_size: by target, pictures for which no size loses about 30% of the words.
        failed: by target, pictures that the encoder refused.
    """

    command: str
    facts: Sequence[str]
    pictures: int
    without_size: dict[str, int]
    failed: dict[str, int]


def write_table(
    made: Made,
    cases: Sequence[Case],
    by_kind: Mapping[str, Sequence[Case]],
    in_hindsight: Sequence[Hindsight],
    out: Path,
) -> None:
    """Write the page whole or not at all.

    Args:
        made: how.
        cases: of all pictures.
        by_kind: of the pictures of each kind.
        in_hindsight: by target, where it was asked for.
        out: the page.
    """

    def listed(counts: Mapping[str, int]) -> str:
        return ", ".join(f"{target} {count}" for target, count in counts.items() if count) or "none"

    introduction = INTRODUCTION.format(
        command=made.command,
        facts=" ".join(made.facts),
        pictures=made.pictures,
        without=listed(made.without_size),
        failed=listed(made.failed),
        faces="" if any(case.faces for case in cases) else NO_FACE,
    )
    lines = [*introduction.splitlines(), "", *_head(HEADS)]
    for case in cases:
        lines += [_row(case, outcome) for outcome in case.outcomes]
    lines += ["", "riskmask's hints minus those of the detectors (negative: riskmask is better):"]
    lines += ["", *_head(AGAINST), *(_against(case) for case in cases)]
    lines += ["", "By kind of picture:", "", *_head(BY_KIND)]
    lines += [_of_kind(kind, case) for kind, own in by_kind.items() for case in own]
    if in_hindsight:
        lines += ["", *HINDSIGHT_TOLD.splitlines(), "", *_head(IN_HINDSIGHT)]
        lines += [_in_hindsight(each) for each in in_hindsight]
    out.parent.mkdir(parents=True, exist_ok=True)
    write_whole(out, "\n".join(lines) + "\n")


def size_name(factor: float) -> str:
    """How a size is called in the tables."""
    return "30%" if factor == 1.0 else f"30% x {factor:g}"


def _row(case: Case, outcome: Outcome) -> str:
    plain = outcome.method == "uniform"
    parts = ("risk", "known", "rest")
    first = case.outcomes[0]
    psnr = [_uniform_psnr(case, outcome, p) if plain else _gain(outcome.gain[p]) for p in parts]
    ssim = [
        _number(outcome.ssim[p], ".3f")
        if plain
        else _number(outcome.ssim[p] - first.ssim[p], "+.3f")
        for p in parts
    ]
    return _line(
        [
            *(case.target, size_name(case.factor), outcome.method),
            *(str(case.pictures), str(case.words)),
            _percent(outcome.words_lost),
            "" if plain else _cut(outcome.cut),
            *map(_percent, (outcome.texts_changed, outcome.symbols_changed, outcome.faces_changed)),
            _percent(outcome.landmark_error),
            "" if plain else _cut(outcome.damage_cut),
            *psnr,
            *ssim,
        ]
    )


def _uniform_psnr(case: Case, outcome: Outcome, part: str) -> str:
    """The mean, and of how many pictures where not all have the part."""
    having = outcome.having[part]
    return _number(outcome.psnr[part], ".1f") + ("" if having == case.pictures else f" ({having})")


def _of_kind(kind: str, case: Case) -> str:
    by_method = {outcome.method: outcome for outcome in case.outcomes}
    ours = by_method[RISKMASK]
    return _line(
        [
            *(case.target, size_name(case.factor), kind, str(case.pictures), str(case.words)),
            *(_percent(by_method[UNIFORM].words_lost), _percent(ours.words_lost), _cut(ours.cut)),
            _percent(by_method[DETECTORS].words_lost),
        ]
    )


def _in_hindsight(found: Hindsight) -> str:
    return _line(
        [
            *(found.target, str(found.pictures), str(found.words)),
            _percent(found.plain.words_lost),
            *map(_cut, (found.ours.cut, found.after.cut)),
            *(_gain(each.gain["rest"]) for each in (found.ours, found.after)),
        ]
    )


def _against(case: Case) -> str:
    missed = "; ".join(f"{count} {reason}" for reason, count in sorted(case.missed.items()))
    return _line(
        [
            *(case.target, size_name(case.factor)),
            _points(case.words_against_detectors),
            _points(case.damage_against_detectors),
            missed or "none",
        ]
    )


def _percent(value: float) -> str:
    return "" if isnan(value) else f"{value:.1%}"


def _number(value: float, form: str) -> str:
    return "" if isnan(value) else format(value, form)


def _cut(estimate: Estimate) -> str:
    if isnan(estimate.value):
        return ""
    low, high = estimate.interval
    return f"{estimate.value:.0%} ({low:.0%} to {high:.0%})"


def _points(estimate: Estimate) -> str:
    if isnan(estimate.value):
        return ""
    value, low, high = (100 * each for each in (estimate.value, *estimate.interval))
    return f"{value:+.1f} points ({low:+.1f} to {high:+.1f})"


def _gain(estimate: Estimate) -> str:
    if isnan(estimate.value):
        return ""
    low, high = estimate.interval
    return f"{estimate.value:+.1f} ({low:+.1f} to {high:+.1f})"


def _head(heads: Sequence[str]) -> list[str]:
    return [_line(heads), "|" + "---|" * len(heads)]


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"

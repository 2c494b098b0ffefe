"""What a run says: each figure with what it rests on, and beside it what it has to be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from riskmask.model.data.labelled import Labelled
from riskmask.server.decision_bench.coding import REFERENCE
from riskmask.server.decision_bench.cohort import Cohort, Share, figure, join, share
from riskmask.server.decision_bench.fates import BothWays, Raised, both_ways, raised
from riskmask.server.decision_bench.record import JpegTrial, Run
from riskmask.server.engine.values import Decision, Policy

ENCODE, FALLBACK = Decision.ENCODE.value, Decision.FALLBACK_JPEG.value
HINTS = Decision.ENCODE_WITH_HINTS.value
FEWEST_ENCODE = 200  # answers that the first figure has to rest on
FEWEST_FALLBACK = 20  # with fewer answers or JPEGs, one moves the share by more than 5 points
PROBABILITIES = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 1.0)  # bands
LIMITS = (0.01, 0.02, 0.05, 0.08, 0.1, 0.15, 0.2, 0.3, 0.4, 1.0)


@dataclass(frozen=True)
class Figure:
    """One figure.

    Attributes:
        name: what is measured.
        share: its value, interval and base.
        wanted: in words; empty where nothing is asked.
        met: None where nothing is asked, or it rests on too little.
    """

    name: str
    share: Share
    wanted: str = ""
    met: bool | None = None


@dataclass(frozen=True)
class Swept:
    """What another policy would do, on pictures with judged regions.

    Attributes:
        limit: of the policy on the probability of an error.
        error: share of the answers ``ENCODE`` whose picture has an error.
        kept: share of the safe cases that are answered ``ENCODE``.
    """

    limit: float
    error: Share
    kept: Share


@dataclass(frozen=True)
class Predicted:
    """How often pictures have an error, by the probability predicted of it.

    Attributes:
        low, high: over ``low`` and at most ``high``.
        mean: of the probabilities, NaN where there are none.
        error: share of the pictures with an error, of those with judged regions.
    """

    low: float
    high: float
    mean: float
    error: Share


@dataclass(frozen=True)
class Measured:
    """All figures of a run.

    Attributes:
        bars: held against what they have to be.
        further: the others.
        predicted: how often pictures have an error, by the probability predicted.
        sweep: over the policy's limit on it.
        cohort: the answers.
    """

    bars: Sequence[Figure]
    further: Sequence[Figure]
    predicted: Sequence[Predicted]
    sweep: Sequence[Swept]
    cohort: Cohort


def measure(labelled: Sequence[Labelled], run: Run, policy: Policy) -> Measured:
    """The figures of a run.

    Args:
        labelled: what the labels say of each picture, by codec.
        run: what was answered and coded.
        policy: that was asked with.
    """
    answers = {answer.place: answer for answer in run.answers.all()}
    cohort = join(answers, labelled)
    keys = {row.key: number for number, row in enumerate(labelled)}
    by_reference = {row.key: row for row in labelled if row.codec == REFERENCE}
    coded = _Coded(both_ways(run, by_reference), raised(run, by_reference), keys)
    jpegs = [trial for trial in run.jpegs.all() if trial.picture in by_reference]
    limits = sorted({*LIMITS, policy.max_error_probability})
    return Measured(
        bars=[*_encode(cohort), *_fallback(cohort, coded), *_jpeg(jpegs, keys)],
        further=[*_around_encode(cohort), *_around_coding(coded), *_further_jpeg(jpegs, keys)],
        predicted=[_predicted(cohort, low, high) for low, high in pairwise(PROBABILITIES)],
        sweep=[_swept(cohort, limit) for limit in limits],
        cohort=cohort,
    )


@dataclass(frozen=True)
class _Coded:
    """What was coded for real, and the numbers of its pictures."""

    both: Sequence[BothWays]
    raised: Sequence[Raised]
    keys: Mapping[str, int]

    def share(self, trials: Sequence[BothWays] | Sequence[Raised], part: Sequence[bool]) -> Share:
        return share(self.numbers(trials), np.array(part, bool))

    def numbers(self, trials: Sequence[BothWays] | Sequence[Raised]) -> NDArray[np.intp]:
        return np.array([self.keys[trial.picture] for trial in trials], np.intp)


def at_most(name: str, found: Share, limit: float, fewest: int = 1) -> Figure:
    """A figure that must not be over a limit."""
    met = found.value <= limit if found.count >= fewest else None
    return Figure(name, found, f"at most {limit:g}", met)


def at_least(name: str, found: Share, limit: float, fewest: int = 1) -> Figure:
    """A figure that must not be under a limit."""
    met = found.value >= limit if found.count >= fewest else None
    return Figure(name, found, f"at least {limit:g}", met)


def _encode(cohort: Cohort) -> Iterator[Figure]:
    encode, every = cohort.decided(ENCODE), np.ones(len(cohort.answers), bool)
    for where, base in (("all pictures", every), ("with judged regions", cohort.judged)):
        found = cohort.share(cohort.error, encode & base)
        yield at_most(f"ENCODE, an error ({where})", found, 0.02, FEWEST_ENCODE)
    for where, base in (("all pictures", every), ("with judged regions", cohort.judged)):
        found = cohort.share(encode, ~cohort.error & base)
        yield at_least(f"safe cases that get ENCODE ({where})", found, 0.6)


def _around_encode(cohort: Cohort) -> Iterator[Figure]:
    judged, encode = cohort.judged, cohort.decided(ENCODE)
    for codec in sorted({answer.codec for answer in cohort.answers}):
        own = judged & cohort.of_codec(codec)
        yield Figure(f"{codec}: ENCODE, an error", cohort.share(cohort.error, own & encode))
        yield Figure(f"{codec}: safe, gets ENCODE", cohort.share(encode, own & ~cohort.error))
    for level in sorted({answer.level for answer in cohort.answers}):
        own = judged & (cohort.level == level)
        name = f"level {level}"
        yield Figure(f"{name}: ENCODE, an error", cohort.share(cohort.error, own & encode))
        yield Figure(f"{name}: safe, gets ENCODE", cohort.share(encode, own & ~cohort.error))


def _fallback(cohort: Cohort, coded: _Coded) -> Iterator[Figure]:
    own = [e for e in coded.both if e.decision == FALLBACK and e.hinted is not None]
    both = coded.share(own, [each.labelled and each.hinted is True for each in own])
    yield at_least(
        f"FALLBACK_JPEG by {REFERENCE}, an error uniformly and hinted", both, 0.8, FEWEST_FALLBACK
    )
    others = cohort.decided(FALLBACK) & cohort.judged & ~cohort.of_codec(REFERENCE)
    found = cohort.share(cohort.error, others)
    yield at_least(
        "FALLBACK_JPEG by codecs without hints, an error uniformly", found, 0.8, FEWEST_FALLBACK
    )


def _around_coding(coded: _Coded) -> Iterator[Figure]:
    own = [each for each in coded.both if each.decision == HINTS]
    kept = [each.hinted is False for each in own]  # not where the bytes do not suffice for hints
    yield Figure(f"{HINTS}, hinted: no error", coded.share(own, kept))
    yield Figure(f"{HINTS}, uniformly: no error", coded.share(own, [not e.labelled for e in own]))
    spared = [each for each in own if each.labelled]
    name = f"{HINTS}, of those with an error uniformly: none when hinted"
    yield Figure(name, coded.share(spared, [each.hinted is False for each in spared]))
    broken = [each for each in own if not each.labelled]
    name = f"{HINTS}, of those without an error uniformly: one when hinted"
    yield Figure(name, coded.share(broken, [each.hinted is True for each in broken]))
    for decision in (HINTS, FALLBACK):
        asked = [each for each in coded.both if each.decision == decision]
        without = coded.share(asked, [each.hinted is None for each in asked])
        yield Figure(f"{decision}: the bytes do not suffice for a file with hints", without)
    again = [each.labelled == each.uniform for each in coded.both]
    yield Figure("uniformly coded anew: the labels' verdict again", coded.share(coded.both, again))
    clean = [not each.error for each in coded.raised]
    yield Figure("RAISE_RATE, at the safe rate: no error", coded.share(coded.raised, clean))
    sizes = np.array([each.size_bytes / each.jpeg_bytes for each in coded.raised])
    found = figure(coded.numbers(coded.raised), lambda rows: float(np.median(sizes[rows])))
    yield Figure("RAISE_RATE, size over the JPEG's, median", found)


def _jpeg(jpegs: Sequence[JpegTrial], keys: Mapping[str, int]) -> Iterator[Figure]:
    advised = [t for t in jpegs if t.advised and t.safe and t.outcome is not None]
    wrong = [_grave(t) or _is_under_the_smallest_safe(t) for t in advised]
    clean = share(_numbers(advised, keys), ~np.array(wrong, bool))
    yield at_least("JPEG advised as safe, no error", clean, 0.95, FEWEST_FALLBACK)
    sized = [t for t in advised if t.smallest_bytes]
    ratio = np.array([t.size_bytes / (t.smallest_bytes or 1) for t in sized])
    yield at_most(
        "its size over the smallest safe one's, median",
        _median(sized, keys, ratio),
        1.2,
        FEWEST_FALLBACK,
    )
    near = np.array([abs(t.predicted_bytes - t.size_bytes) <= 0.1 * t.size_bytes for t in jpegs])
    found = share(_numbers(jpegs, keys), near.astype(bool))
    yield at_least("JPEG size predicted within 10%", found, 0.8)


def _further_jpeg(jpegs: Sequence[JpegTrial], keys: Mapping[str, int]) -> Iterator[Figure]:
    judged = [t for t in jpegs if t.safe and t.outcome is not None]
    clean = share(_numbers(judged, keys), np.array([not _grave(t) for t in judged], bool))
    yield Figure("JPEG of any picture at risk, called safe: no error", clean)


def _grave(trial: JpegTrial) -> bool:
    return trial.outcome is not None and bool(trial.outcome.grave)


def _is_under_the_smallest_safe(trial: JpegTrial) -> bool:
    """Whether a JPEG as fine or finer has an error; of an advised one, for which that is known."""
    return trial.smallest_quality is None or trial.quality < trial.smallest_quality


def _numbers(trials: Sequence[JpegTrial], keys: Mapping[str, int]) -> NDArray[np.intp]:
    return np.array([keys[trial.picture] for trial in trials], np.intp)


def _median(
    trials: Sequence[JpegTrial], keys: Mapping[str, int], values: NDArray[np.float64]
) -> Share:
    return figure(_numbers(trials, keys), lambda rows: float(np.median(values[rows])))


def _predicted(cohort: Cohort, low: float, high: float) -> Predicted:
    inside = (cohort.probability > low) & (cohort.probability <= high) & cohort.judged
    mean = float(cohort.probability[inside].mean()) if inside.any() else float("nan")
    return Predicted(low, high, mean, cohort.share(cohort.error, inside))


def _swept(cohort: Cohort, limit: float) -> Swept:
    unlikely = np.isnan(cohort.probability) | (cohort.probability < limit) | (limit >= 1.0)
    encode = (cohort.regions == 0) & unlikely
    return Swept(
        limit,
        error=cohort.share(cohort.error, encode & cohort.judged),
        kept=cohort.share(encode, ~cohort.error & cohort.judged),
    )

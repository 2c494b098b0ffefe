"""What a run says: damage by method at equal bytes, with bootstrap intervals over pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from riskmask.model.evaluate.bootstrap import Interval, interval
from riskmask.server.closed_loop.maps import DETECTORS, HINDSIGHT, METHODS, RISKMASK, UNIFORM
from riskmask.server.closed_loop.record import Trial
from riskmask.server.closed_loop.witnesses import Judgement

EQUAL = 0.03  # of the uniform file: a file that is further away is not compared
RESAMPLES = 2000

Rows = NDArray[np.intp]


@dataclass(frozen=True)
class Estimate:
    """A figure and its 95% interval; NaN where it is not defined."""

    value: float
    interval: Interval


@dataclass(frozen=True)
class Outcome:
    """One method over the pictures of a case.

    Attributes:
        method: which.
        words_lost, texts_changed, symbols_changed, faces_changed: shares, in [0, 1]; NaN where
            there are none.
        landmark_error: over the distance between the eyes, mean over pictures.
        psnr, ssim: mean over pictures, by part.
        having: by part, how many pictures have it.
        cut: relative cut of the words lost against uniform coding; likewise of all the damage.
        damage_cut: of words, symbols and faces together.
        gain: dB against uniform coding, mean over pictures, by part.
    """

    method: str
    words_lost: float
    texts_changed: float
    symbols_changed: float
    faces_changed: float
    landmark_error: float
    psnr: Mapping[str, float]
    ssim: Mapping[str, float]
    having: Mapping[str, int]
    cut: Estimate
    damage_cut: Estimate
    gain: Mapping[str, Estimate]


@dataclass(frozen=True)
class Case:
    """A target at one size.

    Attributes:
        target, factor: which.
        pictures, words, symbols, faces: compared.
        missed: pictures left out, by the reason.
        outcomes: by method, uniform coding first.
        words_against_detectors: share of the words lost with riskmask's hints minus that with the
            detectors'; likewise of words, symbols and faces together.
        damage_against_detectors: the latter.
    """

    target: str
    factor: float
    pictures: int
    words: int
    symbols: int
    faces: int
    missed: Mapping[str, int]
    outcomes: Sequence[Outcome]
    words_against_detectors: Estimate
    damage_against_detectors: Estimate


@dataclass(frozen=True)
class Hindsight:
    """How riskmask's map compares with one made in hindsight, at the size that it was made for.

    Attributes:
        target: which.
        pictures, words: compared.
        plain, ours, after: uniform coding, riskmask's map, and one that knew which lines lose
            words.
    """

    target: str
    pictures: int
    words: int
    plain: Outcome
    ours: Outcome
    after: Outcome


def summarise(trials: Sequence[Trial]) -> list[Case]:
    """A case for each target and size, in the order of their first trials."""
    cases = _sorted_out(trials, METHODS)
    return [_case(*place, list(pictures.values())) for place, pictures in cases.items()]


def hindsights(trials: Sequence[Trial]) -> list[Hindsight]:
    """For each target, what a map made in hindsight reached; none where there was none."""
    methods = (UNIFORM, RISKMASK, HINDSIGHT)
    found = []
    for (target, _), pictures in _sorted_out(trials, methods).items():
        if not any(HINDSIGHT in by for by in pictures.values()):
            continue
        kept = [by for by in pictures.values() if why_not_compared(by, methods) is None]
        plain, ours, after = (_Column([by[method] for by in kept]) for method in methods)
        found.append(
            Hindsight(
                target,
                len(kept),
                int(plain.words.sum()),
                _outcome(UNIFORM, plain, plain),
                _outcome(RISKMASK, ours, plain),
                _outcome(HINDSIGHT, after, plain),
            )
        )
    return found


def _sorted_out(
    trials: Sequence[Trial], methods: Sequence[str]
) -> dict[tuple[str, float], dict[str, dict[str, Trial]]]:
    """Trials by some methods: by target and size, then by picture, then by method."""
    cases: dict[tuple[str, float], dict[str, dict[str, Trial]]] = {}
    for trial in trials:
        if trial.method in methods:
            case = cases.setdefault((trial.target, trial.factor), {})
            case.setdefault(trial.picture, {})[trial.method] = trial
    return cases


def why_not_compared(
    by_method: Mapping[str, Trial], methods: Sequence[str] = METHODS
) -> str | None:
    """The reason to leave a picture out of a case; None where all methods can be compared."""
    if set(by_method) != set(methods):
        return "not finished"
    plain = by_method[UNIFORM].size_bytes
    for method in (UNIFORM, *methods):
        reached = by_method[method].size_bytes
        if plain is None or reached is None:
            failed = by_method[method].failed
            return f"{method}: {'the encoder failed' if failed else 'size not reached'}"
        if abs(reached - plain) > EQUAL * plain:
            return f"{method}: bytes differ by more than {EQUAL:.0%}"
    return None


def _case(target: str, factor: float, pictures: Sequence[Mapping[str, Trial]]) -> Case:
    reasons = [why_not_compared(by_method) for by_method in pictures]
    kept = [by for by, reason in zip(pictures, reasons, strict=True) if reason is None]
    missed: dict[str, int] = {}
    for reason in filter(None, reasons):
        missed[reason] = missed.get(reason, 0) + 1
    columns = {method: _Column([by[method] for by in kept]) for method in METHODS}
    plain, ours, theirs = columns[UNIFORM], columns[RISKMASK], columns[DETECTORS]
    return Case(
        target=target,
        factor=factor,
        pictures=len(kept),
        words=int(plain.words.sum()),
        symbols=int(plain.symbols.sum()),
        faces=int(plain.faces.sum()),
        missed=missed,
        outcomes=[_outcome(method, column, plain) for method, column in columns.items()],
        words_against_detectors=_estimate(
            len(kept),
            lambda rows: (
                _share(ours.lost, ours.words, rows) - _share(theirs.lost, theirs.words, rows)
            ),
        ),
        damage_against_detectors=_estimate(
            len(kept),
            lambda rows: (
                _share(ours.damaged, ours.things, rows)
                - _share(theirs.damaged, theirs.things, rows)
            ),
        ),
    )


class _Column:
    """The trials of one method as arrays, a row per picture."""

    def __init__(self, trials: Sequence[Trial]) -> None:
        said = [trial.judgement for trial in trials if trial.judgement is not None]
        parts = [trial.fidelity or {} for trial in trials]

        def counts(name: str) -> NDArray[np.int64]:
            return np.array([getattr(each, name) for each in said], np.int64)

        self.words, self.lost = counts("words"), counts("lost_words")
        self.texts, self.texts_changed = counts("texts"), counts("changed_texts")
        self.symbols, self.symbols_changed = counts("symbols"), counts("changed_symbols")
        self.faces, self.faces_changed = counts("faces"), counts("changed_faces")
        self.things = self.words + self.symbols + self.faces
        self.damaged = self.lost + self.symbols_changed + self.faces_changed
        self.landmarks = np.array([_landmark_error(each) for each in said], np.float64)
        nothing = (np.nan, np.nan)
        self.psnr, self.ssim = (
            {
                name: np.array([part.get(name, nothing)[which] for part in parts], np.float64)
                for name in ("known", "risk", "rest")
            }
            for which in (0, 1)
        )


def _outcome(method: str, column: _Column, plain: _Column) -> Outcome:
    count = len(column.words)
    every = np.arange(count)

    def cut(wrong: NDArray[np.int64], plainly: NDArray[np.int64]) -> Estimate:
        def statistic(rows: Rows) -> float:
            before = int(plainly[rows].sum())
            return 1 - int(wrong[rows].sum()) / before if before else float("nan")

        return _estimate(count, statistic)

    def gain(part: str) -> Estimate:
        difference = column.psnr[part] - plain.psnr[part]
        return _estimate(count, lambda rows: _mean(difference[rows]))

    return Outcome(
        method=method,
        words_lost=_share(column.lost, column.words, every),
        texts_changed=_share(column.texts_changed, column.texts, every),
        symbols_changed=_share(column.symbols_changed, column.symbols, every),
        faces_changed=_share(column.faces_changed, column.faces, every),
        landmark_error=_mean(column.landmarks),
        psnr={part: _mean(values) for part, values in column.psnr.items()},
        ssim={part: _mean(values) for part, values in column.ssim.items()},
        having={part: int((~np.isnan(values)).sum()) for part, values in column.psnr.items()},
        cut=cut(column.lost, plain.lost),
        damage_cut=cut(column.damaged, plain.damaged),
        gain={part: gain(part) for part in column.psnr},
    )


def _estimate(count: int, statistic: Callable[[Rows], float]) -> Estimate:
    every = np.arange(count)
    value = statistic(every) if count else float("nan")
    return Estimate(value, interval(every, statistic, resamples=RESAMPLES))


def _share(part: NDArray[np.int64], whole: NDArray[np.int64], rows: Rows) -> float:
    total = int(whole[rows].sum())
    return int(part[rows].sum()) / total if total else float("nan")


def _mean(values: NDArray[np.float64]) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")


def _landmark_error(said: Judgement) -> float:
    return float("nan") if said.landmark_error is None else said.landmark_error

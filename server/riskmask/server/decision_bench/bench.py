"""The whole benchmark: ask, code, judge, and write the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from typing import Any, cast

from tqdm import tqdm

from riskmask.model import annotators as judges
from riskmask.model import codecs, encoders, levels, runtime
from riskmask.model.annotators.base import RegionAnnotator
from riskmask.model.annotators.glyphs import GlyphBank
from riskmask.model.codecs import packaged_hyperprior
from riskmask.model.corpus import Corpus
from riskmask.model.data import faces as face_boxes
from riskmask.model.data import labelled as verdicts
from riskmask.model.data.labelled import Labelled, read_labelled
from riskmask.model.data.picture_store import labelled_pictures
from riskmask.model.data.pictures import Pictures
from riskmask.model.label import faces, worker
from riskmask.model.label.worker import make_annotators
from riskmask.model.levels import ANCHORS
from riskmask.model.runs import code_hash, text_hash
from riskmask.model.runtime.predictor import Predictor
from riskmask.model.runtime.profiles import CodecProfile, packaged_profiles
from riskmask.model.runtime.weights import find_weights
from riskmask.server import engine
from riskmask.server.closed_loop import allocation
from riskmask.server.closed_loop import coding as files
from riskmask.server.closed_loop import pictures as specimens
from riskmask.server.closed_loop.coding import Coder
from riskmask.server.closed_loop.pictures import Candidate, Specimen, make_specimen
from riskmask.server.decision_bench import answers as asking
from riskmask.server.decision_bench import coding, jpegs, jury
from riskmask.server.decision_bench.answers import Answer, Counsel
from riskmask.server.decision_bench.coding import (
    REFERENCE,
    Coded,
    Wish,
    jpeg_advice,
    unfinished,
    wishes,
)
from riskmask.server.decision_bench.figures import measure
from riskmask.server.decision_bench.page import Made, write_page
from riskmask.server.decision_bench.record import Run, place_of, place_of_jpeg
from riskmask.server.engine.jpeg import PROFILE as JPEG
from riskmask.server.engine.policy import PRESETS
from riskmask.server.engine.values import Decision, Policy

CONTENTS = ("text", "symbol", "face")
MEASURING = (
    *(codecs, encoders, runtime, faces, worker, levels, verdicts, face_boxes, allocation),
    *(files, specimens, asking, coding, jpegs, jury),
)


@dataclass(frozen=True)
class Setting:
    """What the command was asked for; see ``command.decisions``."""

    labels: Path
    corpus: Path | None
    fonts: Sequence[Path]
    calibration: bool
    policy: str
    pictures: int
    code: bool
    model: Path | None
    profiles: Path | None
    run: Path


@dataclass(frozen=True)
class Bench:
    """All that the pictures have in common.

    Attributes:
        predictor, profiles, policy: of the engine.
        coder: of the reference codec.
        annotators: who judge.
        pictures: of the labels' side, by key.
    """

    predictor: Predictor
    profiles: Mapping[str, CodecProfile]
    policy: Policy
    coder: Coder
    annotators: Sequence[RegionAnnotator]
    pictures: Pictures


def hold_decisions_to_account(setting: Setting, out: Path) -> None:
    """Ask and code what is not done yet, and write the page and its CSV.

    Raises:
        CorpusNotFoundError, FileNotFoundError, LabelsError: there are no pictures.
        EncoderError: the reference codec is not installed.
        RunError: the run's folder holds another run.
    """
    labelled = read_labelled(setting.labels, setting.calibration)
    corpus = Corpus.find(setting.corpus)
    profiles = packaged_profiles()
    if setting.profiles is not None:
        profiles |= packaged_profiles(setting.profiles)
    # The labels' own, or a file would be judged otherwise than uniform coding was.
    annotators = make_annotators(CONTENTS, GlyphBank([*corpus.icons, *corpus.further_icons]))
    bench = Bench(
        predictor=Predictor(setting.model or find_weights().path, threads=1),
        profiles=profiles,
        policy=PRESETS[setting.policy],
        coder=Coder(REFERENCE),
        annotators=[cast("RegionAnnotator", annotator) for annotator in annotators.values()],
        pictures=labelled_pictures(setting.labels, corpus, setting.fonts),
    )
    run = Run(setting.run, _made_with(setting, bench, labelled))
    groups = [list(rows) for _, rows in groupby(labelled, key=lambda row: row.key)]
    chosen = groups if setting.pictures < 0 else groups[: setting.pictures]
    ask_and_code(bench, run, chosen, setting.code)
    rows = [row for group in chosen for row in group]
    facts = [
        f"Detector: {bench.predictor.name}, sha256 {bench.predictor.sha256[:8]}.",
        f"Policy: {setting.policy} (threshold {bench.policy.threshold:g}, smallest region "
        f"{bench.policy.smallest_region} pixels, an error less probable than "
        f"{bench.policy.max_error_probability:g}).",
        *unfinished(run, chosen),
    ]
    made = Made(_command(setting, run), facts, setting.calibration)
    write_page(made, measure(rows, run, bench.policy), out)


def ask_and_code(
    bench: Bench, run: Run, groups: Sequence[Sequence[Labelled]], code: bool = True
) -> None:
    """Do what is not done yet: ask about all pictures, then code them.

    Pictures with the rarest decisions are coded first, so that a run that is stopped has all of
    these and a mixture of the others.

    Args:
        bench: with what.
        run: where it is written down.
        groups: of each picture what the labels say of it, by every codec.
        code: whether to code anything, beside asking.
    """
    asked = []
    with tqdm(groups, desc="asked", unit="picture") as bar:
        for rows in bar:
            known = [row for row in rows if row.codec in bench.profiles]
            subject = _Subject(bench, rows[0])
            answers = [subject.answer(run, row, level) for row in known for level in range(ANCHORS)]
            asked.append((rows, answers))
    if not code:
        return
    asked.sort(key=lambda each: -_rarity(each[1]))
    with tqdm(asked, desc="coded", unit="picture") as bar:
        for rows, answers in bar:
            bar.set_postfix_str(rows[0].key[:40])
            _code(bench, run, rows, answers)


def _rarity(answers: Sequence[Answer]) -> int:
    """2 where the reference falls back, 1 where any codec does."""
    codecs = {a.codec for a in answers if a.decision == Decision.FALLBACK_JPEG.value}
    return 2 if REFERENCE in codecs else int(bool(codecs))


def _code(bench: Bench, run: Run, rows: Sequence[Labelled], answers: Sequence[Answer]) -> None:
    reference = next((row for row in rows if row.codec == REFERENCE), None)
    if reference is None:
        return
    wanted = [
        wish
        for wish in wishes(answers, bool(reference.judged))
        if run.codings.get(*place_of(wish.answer.picture, wish.way, wish.answer.level)) is None
    ]
    advice = jpeg_advice(answers)
    if advice is not None and run.jpegs.get(*place_of_jpeg(advice)) is not None:
        advice = None
    if wanted or advice is not None:
        _Subject(bench, reference).code(run, reference, wanted, advice)


class _Subject:
    """A picture under way; it is made when the first thing about it is not known yet."""

    def __init__(self, bench: Bench, labelled: Labelled) -> None:
        self._bench = bench
        self._labelled = labelled

    @cached_property
    def _specimen(self) -> Specimen:
        row = self._labelled
        candidate = Candidate(row.key, row.source, row.image_sha256, share=0.0)
        return make_specimen(candidate, self._bench.pictures)

    @cached_property
    def _counsel(self) -> Counsel:
        bench = self._bench
        return Counsel(bench.predictor, bench.profiles, bench.policy, self._specimen.image)

    def answer(self, run: Run, row: Labelled, level: int) -> Answer:
        """The engine's, known or asked for."""
        known = run.answers.get(row.key, row.codec, str(level))
        if known is None:
            known = self._counsel.answer(row.key, row.codec, level, row.bpp[level])
            run.answers.add(known)
        return known

    def code(self, run: Run, row: Labelled, wanted: Sequence[Wish], advice: Answer | None) -> None:
        """Code what is wanted, and the JPEG of an answer."""
        bench = self._bench

        def hint(bpp: float) -> bytes:
            return self._counsel.hint(REFERENCE, bpp)

        coded = Coded(
            bench.coder, bench.annotators, bench.profiles[JPEG], self._specimen, row, hint
        )
        for wish in wanted:
            run.codings.add(coded.make(wish, run))
        if advice is not None:
            run.jpegs.add(coded.jpeg(advice))


def _made_with(setting: Setting, bench: Bench, labelled: Sequence[Labelled]) -> dict[str, Any]:
    """What an answer and a coding depend on besides the picture."""
    rates = sorted((row.key, row.codec, row.bpp, sorted(row.judged)) for row in labelled)
    return {
        "labels": text_hash(repr(rates)),
        "detector": bench.predictor.sha256,
        "profiles": {name: text_hash(repr(profile)) for name, profile in bench.profiles.items()},
        "policy": text_hash(repr(bench.policy)),
        "pictures": "calibration" if setting.calibration else "held out",
        "recogniser": version("rapidocr"),
        "neural codec": packaged_hyperprior().name,
        "engine": code_hash(engine),
        "annotators": code_hash(judges),
        "coding and judging": code_hash(*MEASURING),
        "libraries": {name: version(name) for name in ("dlib-bin", "Pillow")},
    }


def _command(setting: Setting, run: Run) -> str:
    """The command without folders, which say nothing to anybody else."""
    words = ["python -m riskmask.model.evaluate decisions", f"--policy {setting.policy}"]
    if setting.calibration:
        words.append("--calibration")
    if not (setting.code or run.codings.all()):
        words.append("--no-code")
    if setting.pictures >= 0:
        words.append(f"--pictures {setting.pictures}")
    return " ".join(words)

"""The whole benchmark: choose the pictures, measure them, write the table and the page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from riskmask.model import annotators as judges
from riskmask.model import codecs, encoders, levels, runtime
from riskmask.model.annotators.glyphs import GlyphBank
from riskmask.model.codecs import packaged_hyperprior
from riskmask.model.corpus import Corpus
from riskmask.model.data import faces as face_boxes
from riskmask.model.data import planes
from riskmask.model.data.items import SCENES
from riskmask.model.data.picture_store import labelled_pictures
from riskmask.model.data.pictures import Pictures
from riskmask.model.evaluate import baselines, detectors
from riskmask.model.label import faces
from riskmask.model.runs import code_hash, file_hash, text_hash
from riskmask.model.runtime.predictor import Predictor
from riskmask.model.runtime.profiles import packaged_profiles
from riskmask.model.runtime.weights import find_weights
from riskmask.server import engine
from riskmask.server.closed_loop import (
    allocation,
    coding,
    fidelity,
    maps,
    sizes,
    witnesses,
    words,
)
from riskmask.server.closed_loop import pictures as cutting
from riskmask.server.closed_loop import run as trying
from riskmask.server.closed_loop.coding import Coder
from riskmask.server.closed_loop.figures import hindsights, summarise
from riskmask.server.closed_loop.maps import scorers
from riskmask.server.closed_loop.page import make_sections, write_page
from riskmask.server.closed_loop.pairs import contrasts, draw, extremes
from riskmask.server.closed_loop.pictures import (
    MOST_COVERED,
    Candidate,
    candidates,
    make_specimen,
)
from riskmask.server.closed_loop.record import Look, Run, Trial
from riskmask.server.closed_loop.run import FACTORS, Bench, measure
from riskmask.server.closed_loop.table import Made, write_table
from riskmask.server.closed_loop.witnesses import Witnesses
from riskmask.server.engine.values import Policy

SHOWN_BEST, SHOWN_WORST = 8, 4  # pairs of a target on the page
MEASURING = (
    *(codecs, encoders, runtime, faces, levels, planes, face_boxes, baselines, detectors),
    *(allocation, coding, fidelity, maps, sizes, cutting, trying, witnesses, words),
)
LIBRARIES = ("av", "dlib-bin", "imageio-ffmpeg", "jpeglib", "pytesseract", "scikit-image")


@dataclass(frozen=True)
class Setting:
    """What the command was asked for; see ``command.hints``."""

    labels: Path
    corpus: Path | None
    fonts: Sequence[Path]
    targets: Sequence[str]
    pictures: int
    fewest_words: int
    yunet: Path | None
    model: Path | None
    profiles: Path | None
    hindsight: bool
    run: Path


def close_the_loop(setting: Setting, out: Path, page: Path) -> None:
    """Measure what is not measured yet, and write the table and the page.

    Raises:
        CorpusNotFoundError, FileNotFoundError, LabelsError: there are no pictures.
        EncoderError: a target is unknown or not installed.
        RunError: the run's folder holds another run.
    """
    found = candidates(setting.labels)
    corpus = Corpus.find(setting.corpus)
    icons = GlyphBank(
        icon for icon in (*corpus.icons, *corpus.further_icons) if icon.side == "test"
    )
    predictor = Predictor(setting.model or find_weights().path, threads=1)
    profiles = packaged_profiles()
    if setting.profiles is not None:
        profiles |= packaged_profiles(setting.profiles)
    bench = Bench(
        predictor=predictor,
        profiles=profiles,
        policy=Policy(),
        scores=scorers(setting.yunet),
        witnesses=Witnesses(icons, setting.yunet),
        coders={target: Coder(target) for target in setting.targets},
        hindsight=setting.hindsight,
    )
    made_with = _made_with(setting, bench, found)
    run = Run(setting.run, made_with)
    pictures = labelled_pictures(setting.labels, corpus, setting.fonts)
    chosen = _choose(setting, bench, run, pictures, found)
    _measure_all(bench, run, pictures, chosen)
    _report(setting, bench, run, pictures, chosen, out, page)


def _choose(
    setting: Setting, bench: Bench, run: Run, pictures: Pictures, found: Sequence[Candidate]
) -> list[Candidate]:
    """The first candidates with enough words that tesseract reads rightly."""
    chosen: list[Candidate] = []
    for candidate in tqdm(found, desc="words", unit="picture"):
        if 0 <= setting.pictures <= len(chosen):
            break
        look = run.looks.get(candidate.key)
        if look is None:
            specimen = make_specimen(candidate, pictures)
            words = bench.witnesses.legible(specimen.image, specimen.regions).count
            look = Look(candidate.key, words, candidate.share)
            run.looks.add(look)
        if look.words >= setting.fewest_words:
            chosen.append(candidate)
    return chosen


def _measure_all(bench: Bench, run: Run, pictures: Pictures, chosen: Sequence[Candidate]) -> None:
    each = len(bench.coders) * bench.each
    with tqdm(total=len(chosen) * each, desc="closed loop", unit="file") as bar:
        for candidate in chosen:
            bar.set_postfix_str(candidate.key[:40])
            if _finished(bench, run, candidate.key):
                bar.update(each)
                continue
            for step in measure(bench, run, make_specimen(candidate, pictures)):
                bar.update(step)


def _finished(bench: Bench, run: Run, picture: str) -> bool:
    def done(target: str) -> bool:
        size = run.sizes.get(picture, target)
        if size is None:
            return False
        return size.size_bytes is None or all(
            run.trials.get(picture, target, f"{factor:g}", method)
            for factor in FACTORS
            for method in bench.methods(factor)
        )

    return all(done(target) for target in bench.coders)


def _report(
    setting: Setting,
    bench: Bench,
    run: Run,
    pictures: Pictures,
    chosen: Sequence[Candidate],
    out: Path,
    page: Path,
) -> None:
    keys = {candidate.key: candidate for candidate in chosen}
    trials = [t for t in run.trials.all() if t.picture in keys and t.target in bench.coders]
    order = {place: rank for rank, place in enumerate(_cases(bench))}
    trials.sort(key=lambda trial: order[trial.target, trial.factor])
    sizes = {
        target: [size for key in keys if (size := run.sizes.get(key, target)) is not None]
        for target in bench.coders
    }
    made = Made(
        _command(setting),
        _facts(setting, bench),
        len(chosen),
        without_size={
            target: sum(size.size_bytes is None and size.error is None for size in own)
            for target, own in sizes.items()
        },
        failed={t: sum(size.error is not None for size in own) for t, own in sizes.items()},
    )
    cases = summarise(trials)
    scenes = [trial for trial in trials if trial.source == SCENES]
    others = [trial for trial in trials if trial.source != SCENES]
    by_kind = {"rendered scenes": summarise(scenes), "corpus images": summarise(others)}
    write_table(made, cases, by_kind, hindsights(trials), out)

    def decode(trial: Trial) -> NDArray[np.uint8]:
        height, width = specimens[trial.picture].image.shape[:2]
        return bench.coders[trial.target].decode(run.kept(trial.file or ""), height, width)

    shown = [
        contrast
        for target in bench.coders
        for contrast in extremes(
            contrasts([t for t in trials if t.target == target], FACTORS[0]),
            SHOWN_BEST,
            SHOWN_WORST,
        )
    ]
    specimens = {
        key: make_specimen(keys[key], pictures) for key in {each.plain.picture for each in shown}
    }
    write_page(made, make_sections(cases, list(draw(shown, specimens, decode))), page)


def _cases(bench: Bench) -> Iterator[tuple[str, float]]:
    for target in bench.coders:
        for factor in FACTORS:
            yield target, factor


def _made_with(setting: Setting, bench: Bench, found: Sequence[Candidate]) -> dict[str, Any]:
    """What a trial depends on besides its picture."""
    return {
        "detector": bench.predictor.sha256,
        "profiles": {name: text_hash(repr(profile)) for name, profile in bench.profiles.items()},
        "face detector": None if setting.yunet is None else file_hash(setting.yunet),
        "tesseract": bench.witnesses.tesseract.version,
        "text detector": version("rapidocr"),
        "policy": text_hash(repr(bench.policy)),
        "neural codec": packaged_hyperprior().name,
        "pictures": text_hash(repr(sorted((c.key, c.image_sha256) for c in found))),
        "engine": code_hash(engine),
        "annotators": code_hash(judges),
        "coding and judging": code_hash(*MEASURING),
        "libraries": {name: version(name) for name in LIBRARIES},
        "most covered": MOST_COVERED,
        "factors": list(FACTORS),
    }


def _facts(setting: Setting, bench: Bench) -> list[str]:
    faces = "YuNet" if setting.yunet is not None else "dlib's frontal detector"
    named = ", ".join(f"{name} {version(name)}" for name in ("av", "imageio-ffmpeg", "jpeglib"))
    return [
        f"Detector: {bench.predictor.name}, sha256 {bench.predictor.sha256[:8]}.",
        f"Encoders: {named}.",
        f"Tesseract {bench.witnesses.tesseract.version}; faces are found by {faces}.",
        f"Words a picture needs: {setting.fewest_words}.",
    ]


def _command(setting: Setting) -> str:
    """The command without folders, which say nothing to anybody else."""
    words = ["python -m riskmask.model.evaluate hints"]
    words += [f"--target {target}" for target in setting.targets]
    if setting.pictures >= 0:
        words.append(f"--pictures {setting.pictures}")
    words.append(f"--fewest-words {setting.fewest_words}")
    if setting.hindsight:
        words.append("--hindsight")
    return " ".join(words)

"""A labelling run writes what training reads; neither kills nor broken files change a label."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from riskmask.model.cards import labelled_sources
from riskmask.model.corpus import CorpusNotFoundError
from riskmask.model.data.items import scene_fonts
from riskmask.model.data.label_rows import LabelRow
from riskmask.model.data.picture_hash import picture_hash
from riskmask.model.data.picture_store import PictureStore
from riskmask.model.data.recipe import Recipe
from riskmask.model.data.shards import LabelsError, merge_shards, read_rows, write_shard
from riskmask.model.data.training_set import load_examples, load_folders
from riskmask.model.label.__main__ import codec_identities, run
from riskmask.model.label.job import Job, plan
from riskmask.model.label.worker import Share, Worker

Pixels = NDArray[np.uint8]
SIGNS = 10
PATIENCE = 900  # seconds
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def threads() -> Iterator[None]:
    """A worker takes one thread for itself; the other tests get theirs back."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def corpus_folder(
    tmp_path_factory: pytest.TempPathFactory, icon_folder: Path, astronaut: Pixels
) -> Path:
    """Signs and a photograph to train, a photograph to test, icons, and a file cut short."""
    root = tmp_path_factory.mktemp("corpus")
    [face] = [path for path in scene_fonts([]) if path.name == "DejaVuSans.ttf"]
    font = ImageFont.truetype(str(face), 13)
    images = []
    for number in range(SIGNS):
        sign = Image.new("RGB", (144, 64), (230, 228, 220))
        pen = ImageDraw.Draw(sign)
        words = f"SPEED {60 + number}"
        pen.text((12, 20), words, font=font, fill=(130, 130, 130))
        left, top, right, bottom = pen.textbbox((12, 20), words, font=font)
        sign.save(root / f"sign{number}.png")
        box = [left, top, right - left, bottom - top]
        word = {"class": "text", "bbox": box, "transcription": words}
        images.append(_entry(f"sign{number}.png", "text", "someone/words", sign.size, [word]))
    Image.fromarray(astronaut[:96, 160:256]).save(root / "photo.png")
    Image.fromarray(astronaut[96:192, 160:256]).save(root / "held.png")
    short = (root / "photo.png").read_bytes()[:3000]
    (root / "short.png").write_bytes(short)
    images += [
        _entry("photo.png", "photo", "someone/pictures", (96, 96), []),
        _entry("short.png", "photo", "someone/pictures", (96, 96), []),
        _entry("held.png", "photo", "scikit-image/scikit-image", (96, 96), []),
    ]
    icons = [{"file": str(path), "source": "tests"} for path in sorted(icon_folder.glob("*.svg"))]
    content = {"images": images, "svg": icons}
    (root / "annotations.json").write_text(json.dumps(content), encoding="utf-8")
    return root


def _entry(
    file: str, category: str, source: str, size: tuple[int, int], regions: list[dict[str, object]]
) -> dict[str, object]:
    return {
        "file": file,
        "category": category,
        "source": source,
        "width": size[0],
        "height": size[1],
        "licence_class": "permissive",
        "gt_classes": ["text"] if category == "text" else [],
        "regions": regions,
        "auto_regions": [],
    }


@pytest.fixture(scope="module")
def job(corpus_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Job:
    return Job(
        corpus=corpus_folder,
        icons=None,
        fonts=(),
        side="train",
        permissive=False,
        scenes=range(0),
        pages=range(0),
        symbols=range(0),
        isoluminant=range(0),
        forms=0,
        images=-1,
        calibration=False,
        groups=("text", "face", "photo"),
        codecs=("hyperprior",),
        annotators=("text", "symbol"),
        classics=("jpeg",),
        out=tmp_path_factory.mktemp("labels"),
    )


def _work(job: Job) -> Share:
    """The whole of a job by one worker in this process, in one shard."""
    pictures = job.pictures()
    job.recipe(pictures).claim(job.out)
    tasks = plan(pictures.keys(range(0), range(0), -1), job.out, codec_identities(job.codecs))
    return Worker(job).work(tasks)


@pytest.fixture(scope="module")
def undisturbed(job: Job) -> Path:
    """The folder of a run that nothing happened to."""
    assert _work(job) == Share(made=SIGNS + 1, kept=0, failed=1)
    merge_shards(job.out)
    return job.out


def _labels(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.parquet")}


def test_every_picture_of_the_side_has_a_row(undisturbed: Path) -> None:
    keys = [row.key for row in read_rows(undisturbed)]
    signs = [f"corpus-sign{number}" for number in range(SIGNS)]
    assert keys == ["corpus-photo", "corpus-short", *signs]
    kept = {path.stem for path in (undisturbed / "pictures").iterdir()}
    assert kept == set(keys) - {"corpus-short"}


def test_a_broken_picture_is_recorded_and_skipped(undisturbed: Path, corpus_folder: Path) -> None:
    rows = {row.key: row for row in read_rows(undisturbed)}
    broken = rows.pop("corpus-short")
    assert broken.error is not None
    assert broken.error.startswith("OSError: ")
    assert str(corpus_folder) not in broken.error
    assert broken.labels is None
    assert {row.error for row in rows.values()} == {None}


def test_findings_say_what_happened_and_whether_jpeg_did_better(undisturbed: Path) -> None:
    rows = [row for row in read_rows(undisturbed) if row.key.startswith("corpus-sign")]
    assert all(row.findings for row in rows)
    for row in rows:
        for finding in row.findings:
            number = int(row.key.removeprefix("corpus-sign"))
            assert finding.evidence.startswith(f"'SPEED {60 + number}' → ")
            assert (finding.annotator, finding.content) == ("text", "text")
            assert [verdict.codec for verdict in finding.classic] == ["jpeg"]


def test_training_reads_what_was_written(undisturbed: Path, corpus_folder: Path) -> None:
    photo, sign, *_ = load_examples(undisturbed)
    assert (photo.key, sign.key) == ("corpus-photo", "corpus-sign0")
    with Image.open(corpus_folder / "sign0.png") as opened:
        np.testing.assert_array_equal(sign.image, np.array(opened))
    assert sign.labels.valid[0][6, 10]  # in the middle of the word
    assert sign.labels.changed[0][6, 10] > 0  # small letters do not survive the coarsest level
    assert not sign.labels.changed[1:].any()
    assert not photo.labels.changed.any()
    assert photo.labels.present_valid.all()
    assert sign.regions[0][0] == "text"
    assert sign.others == ()


def test_pictures_that_were_not_kept_are_made_again(
    undisturbed: Path, corpus_folder: Path, tmp_path: Path
) -> None:
    for path in (*undisturbed.glob("*.parquet"), undisturbed / "recipe.json"):
        shutil.copy(path, tmp_path)
    kept, again = load_examples(undisturbed), load_examples(tmp_path, corpus=corpus_folder)
    for one, other in zip(kept, again, strict=True):
        np.testing.assert_array_equal(one.image, other.image)
    assert len(list((tmp_path / "pictures").iterdir())) == SIGNS + 1
    photo = tmp_path / "pictures" / "corpus-photo.png"
    for broken in (b"\x89PNG", photo.read_bytes()[:200], b""):
        photo.write_bytes(broken)
        [first, *_] = load_examples(tmp_path, corpus=corpus_folder)
        np.testing.assert_array_equal(first.image, kept[0].image)


def test_labels_of_two_pictures_are_not_laid_over_one_another(
    undisturbed: Path, tmp_path: Path
) -> None:
    rows = [row for row in read_rows(undisturbed) if row.key == "corpus-photo"]
    others = [replace(row, codec="cdc", image_sha256="0" * 64) for row in rows]
    shutil.copy(undisturbed / "recipe.json", tmp_path)
    write_shard(tmp_path, [*rows, *others])
    with pytest.raises(LabelsError, match=r"corpus-photo by .* from different pictures"):
        load_examples(tmp_path)


def test_a_picture_that_has_changed_is_refused_for_a_further_codec(
    job: Job, corpus_folder: Path, tmp_path: Path
) -> None:
    job = replace(job, out=tmp_path / "labels")
    job.out.mkdir()
    write_shard(job.out, [LabelRow("corpus-photo", "jpeg", "22", image_sha256="0" * 64)])
    tasks = plan(["corpus-photo"], job.out, codec_identities(["hyperprior"]))
    with pytest.raises(LabelsError, match="corpus-photo was labelled from another picture"):
        Worker(job).work(tasks)


def test_another_picture_is_not_taken_for_the_labelled_one(
    undisturbed: Path, corpus_folder: Path
) -> None:
    store = PictureStore(undisturbed, corpus_folder)
    with pytest.raises(LabelsError, match="corpus-photo is not the picture that was labelled"):
        store.get("corpus-photo", "0" * 64)
    with pytest.raises(LabelsError, match="no picture corpus-elsewhere"):
        store.get("corpus-elsewhere", "0" * 64)


def test_pictures_are_made_with_the_typefaces_of_their_recipe_alone(
    job: Job, corpus_folder: Path, tmp_path: Path
) -> None:
    faces = [path for path in scene_fonts([]) if path.name.startswith("DejaVuS")]
    for number, path in enumerate(faces):
        folder = tmp_path / ("first" if number % 2 else "second")
        folder.mkdir(exist_ok=True)
        shutil.copy(path, folder)
    job = replace(job, fonts=(tmp_path / "second",), out=tmp_path / "labels")
    job.out.mkdir()
    pictures = job.pictures()
    job.recipe(pictures).claim(job.out)
    made = {key: pictures.make(key).image for key in pictures.keys(range(0), range(4), 0)}
    both = (tmp_path / "first", tmp_path / "second")
    others = replace(job, fonts=both).pictures()
    assert any(picture_hash(others.make(key).image) != picture_hash(made[key]) for key in made)
    store = PictureStore(job.out, corpus_folder, both)
    for key, image in made.items():
        np.testing.assert_array_equal(store.get(key, picture_hash(image)), image)


def test_only_labels_of_the_codecs_asked_for_are_read(undisturbed: Path) -> None:
    assert len(load_examples(undisturbed, codecs=["hyperprior"])) == SIGNS + 1
    with pytest.raises(LabelsError, match="no labels of cdc"):
        load_examples(undisturbed, codecs=["cdc"])


def test_of_several_folders_those_without_a_codec_are_passed_over(
    undisturbed: Path, job: Job, tmp_path: Path
) -> None:
    _work(replace(job, codecs=("jpeg",), out=tmp_path))
    folders = [tmp_path, undisturbed]
    assert len(load_folders(folders, codecs=["jpeg"])) == SIGNS + 1
    both = load_folders(folders)
    assert [example.others for example in both] == [()] * (SIGNS + 1)  # the first folder's alone
    with pytest.raises(LabelsError, match="no folder has labels of cdc; labelled are hyperprior"):
        load_folders(folders, codecs=["jpeg", "cdc"])


def test_without_typefaces_nothing_is_begun(job: Job, tmp_path: Path) -> None:
    """Every scene would fail, and the folder would be one of labels without typefaces for good."""
    wrong = replace(job, fonts=(tmp_path / "turetype",), scenes=range(2), out=tmp_path / "labels")
    with pytest.raises(LabelsError, match="--fonts"):
        run(wrong, 1, None)
    assert not wrong.out.exists()


def test_without_photographs_no_scene_is_begun(
    job: Job, corpus_folder: Path, tmp_path: Path
) -> None:
    signs = json.loads((corpus_folder / "annotations.json").read_text(encoding="utf-8"))
    signs["images"] = [image for image in signs["images"] if image["category"] == "text"]
    (tmp_path / "annotations.json").write_text(json.dumps(signs), encoding="utf-8")
    bare = replace(job, corpus=tmp_path, scenes=range(2), out=tmp_path / "labels")
    with pytest.raises(LabelsError, match="no photograph of the train side"):
        run(bare, 1, None)
    assert not bare.out.exists()


def test_nothing_is_learnt_from_the_held_out_side(undisturbed: Path, tmp_path: Path) -> None:
    out = tmp_path / "labels"
    shutil.copytree(undisturbed, out)
    (out / "recipe.json").unlink()
    replace(Recipe.load(undisturbed), side="test").claim(out)
    assert len(load_examples(out)) == SIGNS + 1  # to measure on
    with pytest.raises(LabelsError, match="of the test side, which is kept for measuring"):
        load_folders([undisturbed, out])


def test_pictures_kept_for_the_calibration_are_told_by_their_keys(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("riskmask.model.data.pictures.CALIBRATION_SOURCES", {"someone/words"})
    pictures = job.pictures()
    keys = pictures.keys(range(12), range(11), -1)
    kept = pictures.for_calibration(keys)
    rendered = ["scene-000000", "page-000000", "scene-000010", "page-000010"]
    assert [key for key in kept if key.startswith(("scene", "page"))] == rendered
    others = [key for key in kept if key not in rendered]
    assert len(others) == SIGNS
    assert all(pictures.make(key).source == "someone/words" for key in others)


def test_symbol_scenes_are_judged_among_the_further_families(
    job: Job, icon_folder: Path, tmp_path: Path
) -> None:
    for path in icon_folder.glob("*.svg"):
        family, name = path.stem.removeprefix("svg_").split("__")
        (tmp_path / "icons" / f"further-{family}").mkdir(parents=True, exist_ok=True)
        shutil.copy(path, tmp_path / "icons" / f"further-{family}" / f"{name}.svg")
    job = replace(
        job, icons=tmp_path / "icons", symbols=range(3, 7), classics=(), out=tmp_path / "labels"
    )
    job.out.mkdir()
    pictures = job.pictures()
    job.recipe(pictures).claim(job.out)
    keys = pictures.keys(range(0), range(0), 0, symbols=job.symbols)
    assert keys == [f"symbols-{seed:06d}" for seed in job.symbols]
    made = Worker(job).work(plan(keys, job.out, codec_identities(job.codecs))).made
    rows = [row for row in read_rows(job.out) if row.error is None]  # some grounds are cut short
    assert len(rows) == made > 0
    for row in rows:
        assert sum(place.judged for place in row.places if place.content == "symbol") >= 5

    assert Recipe.load(job.out).icons == pictures.further_families != ()
    shutil.rmtree(job.out / "pictures")
    shutil.copytree(tmp_path / "icons", tmp_path / "more" / "icons")  # further families: others
    shutil.copytree(tmp_path / "icons", tmp_path / "more", dirs_exist_ok=True)
    assert len(load_examples(job.out, corpus=job.corpus, icons=tmp_path / "more")) == made
    shutil.rmtree(job.out / "pictures")
    with pytest.raises(CorpusNotFoundError, match="RISKMASK_ICONS"):
        load_examples(job.out, corpus=job.corpus)


def test_a_finished_run_makes_no_row_anew(undisturbed: Path, job: Job) -> None:
    before = _labels(undisturbed)
    assert _work(job) == Share(made=0, kept=SIGNS + 1, failed=1)
    merge_shards(job.out)
    assert _labels(undisturbed) == before


def test_another_codec_joins_and_training_learns_the_mean(
    undisturbed: Path, job: Job, tmp_path: Path
) -> None:
    out = tmp_path / "labels"
    shutil.copytree(undisturbed, out)
    share = _work(replace(job, codecs=("hyperprior", "jpeg"), out=out))
    assert share == Share(made=SIGNS + 1, kept=SIGNS + 1, failed=2)
    merge_shards(out)
    alone = {example.key: example for example in load_examples(undisturbed)}
    for example in load_examples(out):
        [other] = example.others
        wanted = alone[example.key].labels
        np.testing.assert_array_equal(example.labels.changed, wanted.changed)
        np.testing.assert_array_equal(other.valid, wanted.valid)
        np.testing.assert_array_equal(other.rate, wanted.rate)
    assert f"| someone/words | permissive | {SIGNS} |" in labelled_sources([out, out])


def test_a_corpus_that_changed_is_not_labelled_into_the_same_folder(
    undisturbed: Path, job: Job, tmp_path: Path
) -> None:
    changed = tmp_path / "corpus"
    shutil.copytree(job.corpus, changed)
    with Image.open(changed / "sign3.png") as opened:
        opened.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(changed / "sign3.png")
    with pytest.raises(LabelsError, match="corpus-sign3 was labelled from another picture"):
        _work(replace(job, corpus=changed))


def _start(job: Job, out: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "riskmask.model.label", "--corpus", str(job.corpus)]
    command += ["--out", str(out), "--scenes", "0", "--pages", "0", "--workers", "2"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def _wait_for(condition: Callable[[], object], run: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert run.poll() is None, run.communicate()[0].decode()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _below(ancestor: int) -> dict[int, str]:
    """Processes started by a process and by those, with their titles."""
    parents, titles = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            stat = (folder / "stat").read_text().rpartition(")")[2].split()
            titles[int(folder.name)] = (folder / "cmdline").read_bytes().decode(errors="replace")
        except OSError:
            continue  # gone since
        parents[int(folder.name)] = int(stat[1])
    found = {}
    for process in titles:
        parent = process
        while parent in parents and parent != ancestor:
            parent = parents[parent]
        if parent == ancestor and process != ancestor:
            found[process] = titles[process]
    return found


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds the worker in /proc")
def test_a_killed_worker_changes_no_label(undisturbed: Path, job: Job, tmp_path: Path) -> None:
    out = tmp_path / "labels"
    with _start(job, out) as run:
        _wait_for(lambda: len(_labels(out)) >= 2, run)
        workers = [process for process, title in _below(run.pid).items() if "LabelActor" in title]
        assert workers
        os.kill(workers[0], signal.SIGKILL)
        assert len(_labels(out)) < SIGNS  # there was something left to do
        said = run.communicate(timeout=PATIENCE)[0].decode()
    assert run.returncode == 0, said
    assert f"{SIGNS + 1} rows made, 0 there already, 1 for pictures" in said
    assert _labels(out) == _labels(undisturbed)
    assert Recipe.load(out) == Recipe.load(undisturbed)


def test_a_killed_run_continues_to_the_same_labels(
    undisturbed: Path, job: Job, tmp_path: Path
) -> None:
    out = tmp_path / "labels"
    with _start(job, out) as run:
        _wait_for(lambda: len(_labels(out)) >= 2, run)
        run.kill()
        run.communicate(timeout=PATIENCE)
    assert not list(out.glob("labels-*"))
    there = {(row.key, row.codec) for row in read_rows(out, planes=False)}
    assert 2 <= len(there) < SIGNS + 2
    with _start(job, out) as again:
        said = again.communicate(timeout=PATIENCE)[0].decode()
    assert again.returncode == 0, said
    assert f"{SIGNS + 1} rows made" not in said
    assert _labels(out) == _labels(undisturbed)
    assert not list(out.rglob("*.partial"))

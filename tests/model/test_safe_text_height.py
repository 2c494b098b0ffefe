"""From which height on a codec keeps text is measured on labels and written into its profile."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from riskmask.model.data.label_rows import LabelFinding, LabelRow, Place
from riskmask.model.data.recipe import Recipe
from riskmask.model.data.shards import write_shard
from riskmask.model.runtime.errors import ProfileError
from riskmask.model.runtime.profiles import CodecProfile, amend_profile_file
from riskmask.model.runtime.safe_text_height import FIELD, SafeTextHeight
from riskmask.model.train.codec_commands import PROFILES
from riskmask.model.train.safe_text_height import (
    TextLines,
    fit_heights,
    text_lines,
)

# What the made-up codec needs at each level; at the two coarsest it keeps nothing.
NEEDED = (200.0, 150.0, 40.0, 32.0, 24.0, 16.0, 12.0, 9.0)


def _place(height: float, judged: bool = True, content: str = "text") -> Place:
    corners = np.array([(0, 0), (6 * height, 0), (6 * height, height), (0, height)])
    turn = np.array([[0.98, 0.2], [-0.2, 0.98]]) / np.hypot(0.98, 0.2)
    return Place(content, tuple((float(x), float(y)) for x, y in corners @ turn + 50), judged)


def _finding(region: int | None, level: int) -> LabelFinding:
    return LabelFinding(
        "text", level, region, "text", "shape", False, 0.5, "'a' → 'b'", ((0.0, 0.0),), None, ()
    )


def _row(number: int, heights: list[float], codec: str = "hyperprior") -> LabelRow:
    findings = []
    for index, height in enumerate(heights):
        changed = [level for level in range(8) if height < NEEDED[level]]
        findings += [_finding(index, max(changed))] if changed else []
    findings.sort(key=lambda finding: -finding.level)
    return LabelRow(
        key=f"page-{number:06d}",
        codec=codec,
        codec_sha256="0" * 64,
        image_sha256="1" * 64,
        places=tuple(_place(height) for height in heights),
        findings=tuple(findings),
        bpp=(0.1,) * 8,
        width=1000,
        height=1000,
    )


@pytest.fixture(scope="module")
def rows() -> list[LabelRow]:
    generator = np.random.default_rng(5)
    heights = np.exp(generator.uniform(np.log(7), np.log(96), (60, 20))).tolist()
    return [_row(number, row) for number, row in enumerate(heights)]


def test_the_heights_are_those_that_the_codec_was_made_to_need(rows: list[LabelRow]) -> None:
    found = fit_heights(text_lines(rows, "hyperprior"), 0.3)
    assert [level.pixels for level in found[:2]] == [None, None]
    for level, needed in zip(found[2:], NEEDED[2:], strict=True):
        assert level.pixels == pytest.approx(needed, rel=0.05)
        assert level.interval[0] <= needed * 1.05
        assert level.interval[1] >= needed * 0.95
    assert found[0].changed == 1.0
    assert 0 < found[7].changed < found[6].changed


def test_only_judged_text_of_the_codec_counts(rows: list[LabelRow]) -> None:
    first = _row(0, [20.0, 30.0])
    mixed = LabelRow(
        **vars(first)
        | {
            "places": (
                *first.places,
                _place(25.0, judged=False),
                _place(25.0, content="symbol"),
            ),
            "findings": (*first.findings, _finding(None, 7)),
        }
    )
    broken = LabelRow("page-9", "hyperprior", "0", error="cannot be read")
    lines = text_lines([mixed, _row(1, [50.0], "jpeg"), broken], "hyperprior")
    assert lines.height == pytest.approx([20.0, 30.0], abs=0.01)
    assert lines.count.tolist() == [5, 4]
    assert lines.picture.tolist() == [0, 0]


def test_the_share_that_may_change_decides() -> None:
    generator = np.random.default_rng(1)
    height = generator.uniform(5, 45, 20_000)
    changed = generator.random(20_000) < (45 - height) / 40
    lines = TextLines(height, 8 * changed.astype(np.intp), np.arange(20_000) // 20)
    for share in (0.1, 0.3, 0.5):
        pixels = fit_heights(lines, share)[0].pixels
        assert pixels == pytest.approx(45 - 40 * share, abs=2)


def test_what_rests_on_too_few_lines_is_not_said() -> None:
    few = TextLines(np.full(59, 20.0), np.zeros(59, np.intp), np.arange(59))
    with pytest.raises(ProfileError, match="59 judged lines of text; 60 are the least"):
        fit_heights(few, 0.3)
    # 20 large lines survive, 100 small ones do not
    height = np.concatenate([np.full(100, 10.0), np.full(20, 40.0)])
    lines = TextLines(height, np.where(height > 20, 0, 8), np.arange(120))
    assert all(level.pixels is None for level in fit_heights(lines, 0.3))
    # everything survives: the smallest lines that there are enough of
    height = np.linspace(5, 40, 120)
    lines = TextLines(height, np.zeros(120, np.intp), np.arange(120))
    for level in fit_heights(lines, 0.3):
        assert level.pixels == pytest.approx(height[29], abs=0.1)


def test_a_profile_takes_the_field_once_and_its_version_counts_up(tmp_path: Path) -> None:
    path = tmp_path / "hyperprior.json"
    shutil.copy(PROFILES / "hyperprior.json", path)
    before = CodecProfile.load(path)
    heights = SafeTextHeight(0.3, (None, *[20.0] * 7), "a test")
    written = amend_profile_file(path, {FIELD: heights.to_json()})
    assert written.safe_text_height == heights
    assert int(written.version) == int(before.version) + 1
    assert CodecProfile.load(path) == written
    assert amend_profile_file(path, {FIELD: heights.to_json()}) == written
    assert [file.name for file in tmp_path.iterdir()] == ["hyperprior.json"]
    with pytest.raises(ProfileError, match="never rise"):
        amend_profile_file(path, {FIELD: heights.to_json() | {"pixels": [*[20] * 7, 21]}})
    assert CodecProfile.load(path) == written
    path.write_text(path.read_text().replace(f'"version": "{written.version}"', '"version": "b"'))
    with pytest.raises(ProfileError, match="is no number to count up"):
        amend_profile_file(path, {FIELD: heights.to_json() | {"pixels": [30] * 8}})


def _command(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "riskmask.model.train", "safe-text-height", *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_reads_labels_and_writes_the_profile(
    rows: list[LabelRow], tmp_path: Path
) -> None:
    labels = tmp_path / "labels"
    labels.mkdir()
    write_shard(labels, rows)
    path = tmp_path / "hyperprior.json"
    shutil.copy(PROFILES / "hyperprior.json", path)
    Recipe("test", False, (), ("text",), (), ()).claim(labels)
    refused = _command("--labels", labels, "--profile", path)
    assert refused.returncode == 2
    assert "of the test side, which is kept for measuring" in refused.stderr
    (labels / "recipe.json").unlink()
    Recipe("train", False, (), ("text",), (), ()).claim(labels)
    done = _command("--labels", labels, "--profile", path)
    assert done.returncode == 0, done.stderr
    assert "level 0: 100.0% of lines changed; safe from: none" in done.stdout
    assert "1200 judged lines of text in 60 labelled pictures" in done.stdout
    field = json.loads(path.read_text())["safe_text_height"]
    assert (field["schema"], field["changed_share"]) == (1, 0.3)
    assert field["pixels"][:2] == [None, None]
    assert field["pixels"][7] == pytest.approx(9, rel=0.05)


def test_the_command_says_on_one_line_what_it_lacks(rows: list[LabelRow], tmp_path: Path) -> None:
    done = _command("--labels", tmp_path)
    assert done.returncode == 2
    assert "run python -m riskmask.model.label" in done.stderr
    assert done.stderr.count("\n") == 1
    write_shard(tmp_path, rows)
    Recipe("train", False, (), ("text",), (), ()).claim(tmp_path)
    done = _command("--labels", tmp_path, "--codec", "hific")
    assert done.returncode == 2
    assert "there are 0 judged lines of text" in done.stderr
    done = _command("--labels", tmp_path, "--profile", tmp_path / "absent.json")
    assert done.returncode == 2
    assert "absent.json is not a readable JSON file" in done.stderr

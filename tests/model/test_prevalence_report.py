"""The prevalence report: shares, influences and sentences that can be counted by hand."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from riskmask.model.codecs.base import Codec
from riskmask.model.data.label_rows import ClassicVerdict, LabelFinding, LabelRow, Place
from riskmask.model.data.picture_hash import picture_hash
from riskmask.model.data.picture_store import keep_picture
from riskmask.model.data.planes import LabelMap
from riskmask.model.data.shards import write_shard
from riskmask.model.prevalence.answers import (
    equal_rate_shares,
    sharp_but_wrong,
    small_text,
    worst_codec,
)
from riskmask.model.prevalence.features import measure_regions
from riskmask.model.prevalence.gallery import worst_of_kind
from riskmask.model.prevalence.influence import half_rate, share_by_feature
from riskmask.model.prevalence.report import write_report
from riskmask.model.prevalence.shares import prevalence, right_in_classics, share_of
from riskmask.model.prevalence.tables import Tables, build_tables

Pixels = NDArray[np.uint8]
BPP = tuple(0.05 * 1.6**level for level in range(8))
BOXES = ((8, 8, 56, 20), (8, 40, 72, 64), (80, 8, 120, 40))  # left, top, right, bottom


def _polygon(box: tuple[int, int, int, int]) -> tuple[tuple[float, float], ...]:
    left, top, right, bottom = (float(v) for v in box)
    return ((left, top), (right, top), (right, bottom), (left, bottom))


def _finding(region: int, level: int, kind: str, wrong: bool) -> LabelFinding:
    return LabelFinding(
        annotator="text",
        level=level,
        region=region,
        content="text",
        kind=kind,
        high_impact=wrong,
        severity=0.1 + 0.2 * region,
        evidence=f"'{region}' → 'x'",
        polygon=_polygon(BOXES[region]),
        mask=None,
        classic=(ClassicVerdict("jpeg", 30, 0.1, region == 0),),
    )


def _row(key: str, codec: str, findings: tuple[LabelFinding, ...], scale: float = 1.0) -> LabelRow:
    count = np.zeros((3, 32, 32), np.uint8)
    for finding in findings:
        left, top, right, bottom = BOXES[finding.region or 0]
        cells = np.s_[top // 4 : bottom // 4, left // 4 : right // 4]
        count[0][cells] = finding.level + 1
    nothing = np.zeros((3, 32, 32), np.uint8)
    known = np.ones((3, 32, 32), bool)
    rate = np.ones((8, 8, 8), np.float16)
    return LabelRow(
        key=key,
        codec=codec,
        codec_sha256="0" * 64,
        image_sha256="1" * 64,
        source="scenes",
        licence_class="permissive",
        width=128,
        height=128,
        bpp=tuple(value * scale for value in BPP),
        places=tuple(Place("text", _polygon(box), index < 2) for index, box in enumerate(BOXES)),
        findings=findings,
        labels=LabelMap(count, known, count > 0, known, nothing[0], nothing, rate),
    )


def _picture(key: str) -> Pixels:
    canvas = Image.new("RGB", (128, 128), (240, 240, 240))
    pen = ImageDraw.Draw(canvas)
    for left, top, right, _ in BOXES[:2]:
        for x in range(left + 4, right - 4, 9):
            pen.rectangle((x, top + 2, x + 2, top + 9), fill=(40, 40, 40))
    return np.array(canvas)


@pytest.fixture(scope="module")
def tables() -> Tables:
    rows = []
    for number in range(20):
        key = f"page-{number:06d}"
        # `plain` loses the small word up to level 1; `hific` both, up to 3, and says another word.
        both = tuple(_finding(region, 3, "shape", True) for region in range(2))
        rows.append(_row(key, "hific", both))
        rows.append(_row(key, "plain", (_finding(0, 1, "amplitude", False),)))
        rows.append(LabelRow(key=f"broken-{number}", codec="plain", codec_sha256="0", error="bad"))
    return build_tables(rows, _picture)


def test_features_of_a_drawn_word_are_those_it_was_drawn_with() -> None:
    small, large = measure_regions(_picture(""), [_polygon(box) for box in BOXES[:2]])
    assert small.height == pytest.approx(12, abs=0.1)
    assert large.height == pytest.approx(24, abs=0.1)
    assert small.stroke == pytest.approx(3, abs=0.5)
    assert small.contrast == pytest.approx(200 / 255, abs=0.02)
    assert small.texture == pytest.approx(0, abs=0.2)
    assert 0 < small.eccentricity < 1
    [blank] = measure_regions(_picture(""), [_polygon(BOXES[2])])
    assert np.isnan(blank.stroke)
    assert np.isnan(blank.contrast)


def test_regions_pictures_and_findings_are_counted(tables: Tables) -> None:
    assert tables.codecs == ["hific", "plain"]
    assert len(tables.regions) == 20 * 2 * 2 * 8  # the third region was not judged
    assert len(tables.pictures) == 20 * 2 * 8  # those that could not be labelled are left out
    assert len(tables.findings) == 20 * 3
    plain = share_of(tables.regions[tables.regions["codec"] == "plain"], "changed", ["level"])
    assert plain["share"].tolist() == [0.5, 0.5, 0, 0, 0, 0, 0, 0]
    assert (plain["low"] == plain["share"]).all()  # every picture is alike
    assert plain["count"].tolist() == [40] * 8
    assert plain["bpp"].tolist() == pytest.approx(BPP)


def test_the_csv_holds_images_regions_pixels_kinds_and_impact(tables: Tables) -> None:
    table = prevalence(tables).set_index(["what", "content", "codec", "level"])["share"]
    assert table["images", "all", "plain", 1] == 1
    assert table["images", "all", "plain", 2] == 0
    assert table["regions", "text", "hific", 3] == 1
    assert table["regions: amplitude", "text", "plain", 0] == 0.5
    assert table["regions: shape", "text", "plain", 0] == 0
    assert table["regions: high impact", "text", "hific", 2] == 1
    assert table["regions: high impact", "text", "hific", 4] == 0
    assert table["pixels", "all", "plain", 0] == pytest.approx(12 * 3 / 1024, abs=1e-4)


def test_small_text_changes_first(tables: Tables) -> None:
    plain = tables.regions[tables.regions["codec"] == "plain"]
    shares = share_by_feature(plain, "height")
    assert shares.empty  # 20 regions of a range are too few to speak of
    twice = pd.concat([plain, plain.assign(key=plain["key"] + "b")])
    at_zero = share_by_feature(twice, "height").query("level == 0").set_index("range")["share"]
    assert at_zero.to_dict() == {"12 to 14": 1.0, "24 to 32": 0.0}


def test_the_rate_of_half_probability_lies_where_the_truth_turns() -> None:
    generator = np.random.default_rng(3)
    bpp = np.exp(generator.uniform(np.log(0.05), np.log(2), 4000))
    probability = 1 / (1 + np.exp(3 * (np.log(bpp) - np.log(0.3))))
    regions = pd.DataFrame(
        {
            "bpp": bpp,
            "changed": generator.random(4000) < probability,
            "key": [f"p{n // 10}" for n in range(4000)],
            "region": [n % 10 for n in range(4000)],
        }
    )
    half = half_rate(regions)
    assert half.bpp == pytest.approx(0.3, rel=0.1)
    assert half.interval[0] < half.bpp < half.interval[1]
    assert half.regions == 4000
    assert np.isnan(half_rate(regions.assign(changed=True)).bpp)
    # A crossing below every rate there is would be a guess.
    assert np.isnan(half_rate(regions[regions["bpp"] > 0.7]).bpp)


def test_the_three_sentences(tables: Tables) -> None:
    assert "hific miscompresses most" in worst_codec(tables)
    assert "plain least" in worst_codec(tables)
    shares = equal_rate_shares(tables).set_index("codec")["share"]
    assert shares["hific"] > 2 * shares["plain"]
    assert "hific: not enough regions (20)" in small_text(tables)
    assert "100.0% legible and wrong, the others 0.0%: more often" in sharp_but_wrong(tables)
    one = Tables(*(t[t["codec"] == "plain"] for t in vars(tables).values()))
    assert "nothing to compare it with" in worst_codec(one)
    assert "cannot be compared" in sharp_but_wrong(one)


def test_codecs_without_a_common_range_of_rates_are_not_compared() -> None:
    rows = [
        _row("page-000001", codec, (_finding(0, 1, "shape", True),), scale)
        for codec, scale in (("a", 1.0), ("b", 1000.0))
    ]
    apart = build_tables(rows, _picture)
    assert equal_rate_shares(apart).empty
    assert "no range of rates in common" in worst_codec(apart)


def test_classic_codecs_are_compared_on_the_same_findings(tables: Tables) -> None:
    alone = right_in_classics(tables.findings).set_index("codec")
    assert alone["right"].to_dict() == {"hific": 0.5, "plain": 1.0}
    assert alone["compared"].to_dict() == {"hific": 40, "plain": 20}
    # Another one that was asked about five pictures, and has no file small enough for one of them.
    asked = tables.findings["key"].isin([f"page-{number:06d}" for number in range(1, 5)])
    other = np.where(asked, False, np.nan)
    both = right_in_classics(tables.findings.assign(**{"right webp": other}))
    assert both["compared"].tolist() == [8, 4, 8, 4]
    assert both["classic"].tolist() == ["jpeg", "jpeg", "webp", "webp"]
    assert both.set_index(["classic", "codec"])["right"]["webp", "hific"] == 0
    assert both.set_index(["classic", "codec"])["right"]["jpeg", "hific"] == 0.5
    # A codec about which the other was not asked is held against the first alone.
    of_hific = np.where(tables.findings["codec"] == "hific", True, np.nan)
    one = right_in_classics(tables.findings.assign(**{"right webp": of_hific}))
    assert one[["classic", "codec", "compared"]].to_numpy().tolist() == [
        ["jpeg", "hific", 40],
        ["jpeg", "plain", 20],
        ["webp", "hific", 40],
    ]


def test_labels_without_findings_say_so() -> None:
    rows = [_row("page-000001", codec, ()) for codec in ("hific", "plain")]
    calm = build_tables(rows, _picture)
    assert (prevalence(calm)["share"] == 0).all()
    assert "changed no symbol" in sharp_but_wrong(calm)
    assert worst_of_kind(calm.findings, "shape", 3).empty


def test_the_gravest_findings_come_first_and_codecs_take_turns(tables: Tables) -> None:
    worst = worst_of_kind(tables.findings, "shape", 4)
    assert len(worst) == 4
    assert (worst["severity"] == tables.findings["severity"].max()).all()
    assert worst["key"].is_unique
    mixed = tables.findings.assign(kind="shape")
    assert worst_of_kind(mixed, "shape", 2)["codec"].nunique() == 1  # one finding of a picture
    split = mixed[
        (mixed["codec"] == "plain") == mixed["key"].str.endswith(("1", "3", "5", "7", "9"))
    ]
    assert worst_of_kind(split, "shape", 2)["codec"].tolist() == ["hific", "plain"]


@pytest.mark.slow
def test_the_report_is_one_page_and_two_tables(
    tables: Tables, codec: Codec, tmp_path: Path
) -> None:
    out = tmp_path / "new"
    page = write_report(tables, out, tables.findings, _picture, lambda name: codec)
    text = " ".join(page.read_text(encoding="utf-8").split())
    assert "20 pictures, coded by hific, plain at eight levels; 60 findings" in text
    # Both regions at four levels by hific, one at two levels by plain, on 20 pages.
    assert "which was so 200 times" in text
    assert text.count("data:image/png") == 6 + 6  # shape and amplitude; no geometry
    assert "&#39;1&#39; → &#39;x&#39; (severity 0.30; page-0000" in text
    assert "<td>plain</td><td>20</td><td>0</td>" in text
    assert "<td>hific</td><td>jpeg</td><td>40</td><td>50.0%</td>" in text
    assert text.count("<svg") >= 4
    shares = pd.read_csv(out / "prevalence.csv")
    assert {"what", "content", "codec", "level", "bpp", "share", "low", "high"} < set(shares)
    assert (out / "influence.csv").exists()


@pytest.mark.slow
def test_labels_without_findings_make_a_report(codec: Codec, tmp_path: Path) -> None:
    calm = build_tables([_row("page-000001", "plain", ())], _picture)
    page = write_report(calm, tmp_path, calm.findings, _picture, lambda name: codec)
    assert "0 findings" in " ".join(page.read_text("utf-8").split())


def test_without_labels_the_command_says_how_to_make_them(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "riskmask.model.prevalence", "--labels", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "run python -m riskmask.model.label" in done.stderr
    assert done.stderr.count("\n") == 1


def test_folders_that_share_a_picture_are_not_one_report(tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
        write_shard(folder, [_row("page-000001", "plain", ())])
    named = [part for folder in folders for part in ("--labels", str(folder))]
    done = subprocess.run(
        [sys.executable, "-m", "riskmask.model.prevalence", *named, "--out", str(tmp_path / "out")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "two holds pictures of another folder too, such as page-000001" in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_picture_that_one_codec_could_not_read_is_still_shown(tmp_path: Path) -> None:
    key, image = "page-000001", _picture("page-000001")
    labelled = replace(_row(key, "hyperprior", ()), image_sha256=picture_hash(image))
    failed = LabelRow(key=key, codec="jpeg", codec_sha256="0" * 64, error="OSError: cut short")
    write_shard(tmp_path, [labelled, failed])
    keep_picture(tmp_path, key, image)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "riskmask.model.prevalence"),
            *("--labels", str(tmp_path), "--out", str(tmp_path / "out")),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "index.html").exists()

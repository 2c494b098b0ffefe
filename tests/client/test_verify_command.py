"""``riskmask verify``: a table of findings, and files that say and show them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from riskmask.client import ChangeKind, ContentType, Finding, FindingMask, ImageFacts, Verification
from riskmask.client._findings_overlay import COLOURS, draw_findings, label, summary

Pixels = NDArray[np.uint8]


@pytest.fixture
def pair(sign: Callable[[str], Pixels], tmp_path: Path) -> tuple[Path, Path]:
    changed = sign("SPEED 80")
    changed[60:92, 270:310] = (200, 40, 40)
    paths = tmp_path / "original.png", tmp_path / "decoded.png"
    Image.fromarray(sign("SPEED 60")).save(paths[0])
    Image.fromarray(changed).save(paths[1])
    return paths


def test_it_prints_and_writes_what_changed(
    riskmask: Any, pair: tuple[Path, Path], tmp_path: Path
) -> None:
    out = tmp_path / "new" / "folder"
    only = ("--annotator", "text", "--annotator", "amplitude")
    done = riskmask("verify", *pair, *only, "--out", out, local=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("decoded.png  ")
    assert "1 of high impact" in done.stdout
    assert "by text, amplitude" in done.stdout
    assert "'SPEED 80'" in done.stdout
    names = ["decoded.png.verify.json", "decoded.png.verify.png"]
    assert sorted(file.name for file in out.iterdir()) == names
    content = json.loads((out / names[0]).read_text())
    evidence = {finding["evidence"] for finding in content["findings"]}
    assert "'SPEED 60' → 'SPEED 80'" in evidence
    with Image.open(out / names[1]) as overlay:
        assert overlay.mode == "RGB"
        assert overlay.width >= 960


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--annotator", "face"), "face_detector"),
        (("--annotator", "smell"), "no annotator 'smell'"),
        (("--icons", "x", "--address", "127.0.0.1:1"), "the server has its own"),
        (("--address", "127.0.0.1:1"), "no riskmask server answers"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    riskmask: Any, pair: tuple[Path, Path], flags: tuple[str, ...], said: str
) -> None:
    done = riskmask("verify", *pair, *flags, local=False)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert said in done.stderr


def test_it_never_writes_over_what_it_reads(riskmask: Any, pair: tuple[Path, Path]) -> None:
    disguised = pair[1].with_name("decoded.png.verify.png")
    pair[0].rename(disguised)
    before = disguised.read_bytes()
    done = riskmask("verify", disguised, pair[1], "--out", disguised.parent, local=False)
    assert done.returncode == 2
    assert "is an input of this run" in done.stderr
    assert disguised.read_bytes() == before


def finding(**changes: Any) -> Finding:
    cells = np.zeros((5, 10), np.uint8)
    cells[:, :5] = 255
    values: dict[str, Any] = {
        "annotator": "amplitude",
        "kind": ChangeKind.AMPLITUDE,
        "content": None,
        "high_impact": False,
        "severity": 0.5,
        "evidence": "colour differs",
        "box": (400, 300, 40, 20),
        "polygon": ((400, 300), (440, 300), (440, 320), (400, 320)),
        "mask": FindingMask(_png(cells), 4),
    }
    return Finding(**{**values, **changes})


def _png(cells: Pixels) -> bytes:
    import io

    buffer = io.BytesIO()
    Image.fromarray(cells).save(buffer, "PNG")
    return buffer.getvalue()


def verification(*findings: Finding) -> Verification:
    facts = ImageFacts(960, 640, "ab" * 32, "PNG")
    return Verification(findings, facts, facts, (), ("amplitude",))


def test_only_the_changed_cells_are_coloured() -> None:
    grey = Image.new("RGB", (960, 640), (128, 128, 128))
    drawn = np.asarray(draw_findings(grey, verification(finding())))
    assert drawn.shape[0] > 640
    inside, beside = drawn[310, 410], drawn[310, 430]
    assert tuple(beside) == (128, 128, 128)
    wanted = 0.55 * 128 + 0.45 * np.array(COLOURS[ChangeKind.AMPLITUDE])
    assert np.abs(inside - wanted).max() < 4
    untouched = np.asarray(draw_findings(grey, verification()))[:640]
    assert (untouched == 128).all()


def test_a_label_shows_the_difference() -> None:
    short = finding(evidence="'SPEED 60' → 'SPEED 80'")
    assert label(short) == "'SPEED 60' -> 'SPEED 80'"
    line = "The quick brown fox jumps over the lazy dog of gate {} and leaves"
    long = finding(evidence=f"'{line.format(6)}' → '{line.format(8)}'")
    assert len(label(long)) <= 60
    before, _, after = label(long).partition(" -> ")
    assert "gate 6" in before
    assert "gate 8" in after
    assert "\n" not in label(finding(evidence="a\nb"))


def test_a_summary_counts() -> None:
    assert summary(verification()) == "nothing changed"
    high = finding(high_impact=True, content=ContentType.TEXT)
    assert summary(verification(high, finding())) == "2 findings, 1 of high impact"

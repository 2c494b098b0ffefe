"""The evaluation's page: what it shows of mistakes is there and is the worst."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from riskmask.model.evaluate.gallery import worst_mistakes
from riskmask.model.evaluate.groups import measure_group
from riskmask.model.evaluate.page import make_section, write_page
from riskmask.model.evaluate.rates import RateErrors
from riskmask.model.evaluate.report import CodecReport, Report
from riskmask.model.runtime.safe_text_height import SafeTextHeight

if TYPE_CHECKING:
    from .conftest import ThreeWords


def test_the_gravest_mistake_of_each_picture_is_shown_worst_first(words: ThreeWords) -> None:
    examples = [words.example("one"), words.example("two"), words.example("three")]
    maps = [words.map(0.9, 0.4, 0.2), words.map(0.1, 0.8, 0.7), words.map(0.5, 0.6, 0.1)]
    missed = worst_mistakes(examples, maps, 0, "missed", 2)
    assert [(e.key, round(e.risk, 3), e.count) for e in missed] == [
        ("two", 0.1, 8),
        ("one", 0.4, 1),
    ]
    alarms = worst_mistakes(examples, maps, 0, "false alarm", 9)
    assert [(e.key, round(e.risk, 3)) for e in alarms] == [
        ("two", 0.7),
        ("one", 0.2),
        ("three", 0.1),
    ]
    assert all(exhibit.height == 32 for exhibit in missed + alarms)
    # At level 1 the second word is right as it is.
    assert worst_mistakes(examples[:1], maps[:1], 1, "false alarm", 9)[0].count == 1


def test_an_exhibit_shows_the_place_and_its_risk(words: ThreeWords) -> None:
    [exhibit] = worst_mistakes([words.example("one")], [words.map(0.1, 0.9, 0.0)], 0, "missed", 1)
    data = base64.b64decode(exhibit.picture.removeprefix("data:image/png;base64,"))
    with Image.open(io.BytesIO(data)) as opened:
        pixels = np.array(opened)[::2, ::2]
    half = (pixels.shape[1] - 4) // 2
    plain, coloured = pixels[:, :half], pixels[:, half + 4 :]
    assert plain.shape == coloured.shape
    assert (plain == 90).all()
    assert (coloured[20, 20] == [95, 86, 100]).all()  # 0.07 of the way to purple


def test_the_page_holds_curves_reliability_and_a_gallery(tmp_path: Path, words: ThreeWords) -> None:
    examples = [words.example(f"<{name}>") for name in ("one", "two")]
    scores = {
        "riskmask": [words.map(0.9, 0.4, 0.2), words.map(0.8, 0.3, 0.7)],
        "edges": [words.map(0.5, 0.4, 0.6)[:1], words.map(0.5, 0.4, 0.3)[:1]],
    }
    group = measure_group("words", examples, scores)
    errors = RateErrors(levels=(0,), errors=np.array([[0.1]]))
    codec = CodecReport("hyperprior", "version 1", group, [group], errors)
    report = Report("Evaluation", "some, sha256 12345678", [codec])
    out = tmp_path / "new" / "page.html"
    write_page(report, [make_section("hyperprior", group, examples, scores)], out)
    text = " ".join(out.read_text(encoding="utf-8").split())
    assert "text, 32 pixels high, risk" in text
    safe = SafeTextHeight(0.3, (None, *[40.4] * 7), "a test")
    write_page(report, [make_section("hyperprior", group, examples, scores, safe)], out)
    text = " ".join(out.read_text(encoding="utf-8").split())
    assert "text, 32 pixels high (most text is kept from 40 on), risk" in text
    # Levels 1 to 7 are contested: one of three words changes there. One drawing more: reliability.
    assert text.count("<svg") == 7 + 1
    assert text.count("data:image/png") == 2 + 2
    assert "&lt;one&gt;" in text
    assert "<one>" not in text
    assert "changed up to level 7" in text
    assert "changed at level" not in text
    assert not re.findall(r'(?:src|href)="(?:https?|//|file)', text)
    for row in group.rows:
        assert f"<td>{row.level}</td><td>6</td>" in text

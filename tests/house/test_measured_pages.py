"""Published figures are of the detector that is packaged."""

from __future__ import annotations

from pathlib import Path

import pytest

from riskmask.model.runtime.weights import find_weights

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("page", ["evaluation.md", "closed-loop.md", "decision-figures.md"])
def test_a_page_of_figures_names_the_packaged_detector(page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    short = find_weights("detector").sha256[:8]
    assert f"sha256 {short}" in text, f"measure anew: docs/{page} is of another detector"


def test_the_text_heights_are_by_the_packaged_detector() -> None:
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    short = find_weights("detector").sha256[:8]
    assert f"by the detector {short}" in text, "measure anew: evaluate.text_height"

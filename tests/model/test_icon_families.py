"""Further families of icons: gathered from npm packages, as their table says."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from riskmask.model.annotators.glyphs import GlyphBank, render_coverage
from riskmask.model.corpus import HELD_OUT_ICON_FAMILIES, icon_families
from riskmask.model.label.icons import LARGEST, app, read_sources

LABELS = Path(__file__).parents[2] / "model" / "labels"
TABLES = (LABELS / "icons.csv", LABELS / "filled-icons.csv")
SQUARE = '<path d="M4 4h16v16H4z"/>'


@pytest.fixture
def modules(tmp_path: Path) -> Path:
    """A folder of SVG files, a large one, and an Iconify collection with an odd view box."""
    folder = tmp_path / "node_modules"
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24">{SQUARE}</svg>'
    for package, path, count in (("signs", "svg", 2), ("@some/many", "icons/deep", LARGEST + 1)):
        (folder / package / path).mkdir(parents=True)
        for number in range(count):
            (folder / package / path / f"{number:03d}.svg").write_text(svg, encoding="utf-8")
    (folder / "@sets" / "drawn").mkdir(parents=True)
    icons = {
        "wide": {"body": '<path d="M10 0h40v20H10z"/>', "left": 10, "width": 80},
        "other": {"body": SQUARE},
    }
    (folder / "@sets" / "drawn" / "icons.json").write_text(
        json.dumps({"icons": icons, "height": 20}), encoding="utf-8"
    )
    for package in ("signs", "@some/many", "@sets/drawn"):
        manifest = {"name": package, "version": "1.2.0"}
        (folder / package / "package.json").write_text(json.dumps(manifest), encoding="utf-8")
    return folder


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "icons.csv"
    rows = [
        ("family", "package", "version", "path", "names", "licence"),
        ("signs", "signs", "1.2.0", "svg", "", "MIT"),
        ("many", "@some/many", "1.2.0", "icons", "", "MIT"),
        ("even", "@some/many", "1.2.0", "icons", "0[01][02468]", "MIT"),
        ("drawn", "@sets/drawn", "1.2.0", "icons.json", "w*", "CC0-1.0"),
    ]
    with path.open("w", newline="", encoding="utf-8") as lines:
        csv.writer(lines).writerows(rows)
    return path


def _run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def _said(result: Result) -> str:
    """The output without the frame that errors are printed in."""
    return " ".join(result.output.replace("│", " ").split())


def test_every_family_becomes_a_folder_that_scenes_can_use(
    modules: Path, table: Path, tmp_path: Path
) -> None:
    out = tmp_path / "icons"
    assert _run("gather", modules, out, "--table", table).exit_code == 0
    bank = GlyphBank(icon_families(out))
    assert sorted(bank.families) == ["drawn", "even", "many", "signs"]
    assert list(bank.families["drawn"]) == ["wide"]
    assert list(bank.families["even"]) == [f"{number:03d}" for number in range(0, 20, 2)]
    assert len(list((out / "many").iterdir())) == (LARGEST + 2) // 2
    drawn = bank.coverage("drawn", "wide", 80, 20)
    assert drawn[:, :40].min() > 0.95  # the view box begins where the drawing does
    assert drawn[:, 40:].max() < 0.05


def test_a_filled_icon_is_drawn_alike_on_every_processor(tmp_path: Path) -> None:
    """By a matrix product it was not: of 90 labelled scenes of filled icons 11 became others."""
    colours = np.random.default_rng(0).integers(0, 256, size=(24, 24, 3))
    squares = "".join(
        f'<path d="M{x} {y}h1v1h-1z" fill="rgb({red},{green},{blue})"/>'
        for y, row in enumerate(colours)
        for x, (red, green, blue) in enumerate(row)
    )
    path = tmp_path / "filled.svg"
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24">{squares}</svg>', "utf-8"
    )
    red, green, blue = (colours[..., channel].astype(np.float32) / 255 for channel in range(3))
    lightness = np.float32(0.299) * red + np.float32(0.587) * green + np.float32(0.114) * blue
    np.testing.assert_array_equal(render_coverage(path, 24, 24), 1 - lightness)


def test_packages_are_named_once_with_their_versions(table: Path) -> None:
    assert _run("packages", "--table", table).output.split() == [
        "@sets/drawn@1.2.0",
        "@some/many@1.2.0",
        "signs@1.2.0",
    ]


def test_what_is_missing_or_of_another_version_is_told(
    modules: Path, table: Path, tmp_path: Path
) -> None:
    (modules / "signs" / "package.json").write_text('{"version": "2.0.0"}', encoding="utf-8")
    other = _run("gather", modules, tmp_path / "one", "--table", table)
    assert other.exit_code == 2
    assert "signs is 2.0.0, the table wants 1.2.0" in _said(other)
    missing = _run("gather", tmp_path / "nowhere", tmp_path / "two", "--table", table)
    assert missing.exit_code == 2
    assert "has no package signs" in _said(missing)
    assert not (tmp_path / "one").exists()
    assert not (tmp_path / "two").exists()


def test_the_tables_have_no_held_out_family() -> None:
    sources = [source for table in TABLES for source in read_sources(table)]
    families = [source.family for source in sources]
    assert len(families) == len(set(families)) > 50
    assert not set(families) & HELD_OUT_ICON_FAMILIES
    assert all(source.licence for source in sources)
    packages = {source.package.split("/")[-1] for source in sources}
    assert not packages & {"maki", "temaki", "flag", "flags", "flag-icons", "circle-flags"}


def test_filled_icons_join_a_folder_of_families(modules: Path, table: Path, tmp_path: Path) -> None:
    out = tmp_path / "icons"
    assert _run("gather", modules, out, "--table", table).exit_code == 0
    further = tmp_path / "further.csv"
    further.write_text(table.read_text("utf-8").replace("signs,signs", "more,signs"), "utf-8")
    again = _run("gather", modules, out, "--table", further)
    assert again.exit_code == 2
    assert "many is there already" in _said(again)
    assert not (out / "more").exists()
    [header, *rows] = further.read_text("utf-8").splitlines()
    kept = [row for row in rows if row.startswith("more,")]
    further.write_text("\n".join([header, *kept]), encoding="utf-8")
    assert _run("gather", modules, out, "--table", further).exit_code == 0
    assert sorted(path.name for path in out.iterdir()) == ["drawn", "even", "many", "more", "signs"]

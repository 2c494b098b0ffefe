"""The packaged codec, example photographs, and pictures drawn with known text and icons."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

with warnings.catch_warnings():
    # What these libraries deprecate while they are imported is theirs to mend.
    warnings.simplefilter("ignore", DeprecationWarning)
    import riskmask.model.annotators.recogniser
    import riskmask.model.codecs.network
    import riskmask.model.detector  # noqa: F401

from riskmask.model.annotators.base import Glyph, KnownRegion
from riskmask.model.annotators.glyphs import GlyphBank
from riskmask.model.annotators.recogniser import Recogniser
from riskmask.model.codecs import packaged_hyperprior
from riskmask.model.codecs.hyperprior import Hyperprior
from riskmask.model.corpus import Corpus, CorpusNotFoundError, Icon
from riskmask.model.data.planes import LabelMap
from riskmask.model.data.training_set import Example
from riskmask.model.runtime.weights import find_weights

Pixels = NDArray[np.uint8]

EXAMPLES = Path(__file__).parents[2] / "examples"
FONT = Path(mpl.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
PAPER = (228, 224, 214)
INK = (25, 30, 40)

# Two families of icons whose members differ clearly.
ICONS = {
    "marks": {
        "disc": '<circle cx="12" cy="12" r="9"/>',
        "cross": '<path d="M10 2h4v8h8v4h-8v8h-4v-8H2v-4h8z"/>',
        "triangle": '<path d="M12 2 22 21H2z"/>',
        "bars": '<path d="M3 3h4v18H3zM10 3h4v18h-4zM17 3h4v18h-4z"/>',
    },
    "arrows": {
        "up": '<path d="M12 2 21 13h-6v9H9v-9H3z"/>',
        "down": '<path d="M12 22 3 11h6V2h6v9h6z"/>',
        "left": '<path d="M2 12 13 3v6h9v6h-9v6z"/>',
        "right": '<path d="M22 12 11 21v-6H2V9h9V3z"/>',
    },
}


def icon_files(folder: Path) -> dict[str, list[Path]]:
    """Write the icons as the corpus names them: ``svg_FAMILY__NAME.svg``."""
    folder.mkdir(parents=True, exist_ok=True)
    written: dict[str, list[Path]] = {}
    for family, icons in ICONS.items():
        for name, drawing in icons.items():
            path = folder / f"svg_{family}__{name}.svg"
            path.write_text(
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24">{drawing}</svg>',
                encoding="utf-8",
            )
            written.setdefault(family, []).append(path)
    return written


@pytest.fixture(scope="session")
def codec() -> Hyperprior:
    """The reference codec with its packaged weights."""
    return Hyperprior.load(packaged_hyperprior())


@pytest.fixture(scope="session")
def astronaut() -> Pixels:
    """The example photograph, (512, 512, 3)."""
    with Image.open(EXAMPLES / "astronaut.jpg") as opened:
        return np.array(opened.convert("RGB"))


@pytest.fixture(scope="session")
def recogniser() -> Recogniser:
    return Recogniser()


@pytest.fixture(scope="session")
def icon_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("icons")
    icon_files(folder)
    return folder


@pytest.fixture(scope="session")
def bank(icon_folder: Path) -> GlyphBank:
    """The two icon families."""
    return GlyphBank(
        Icon(path, path.stem.split("__")[0].removeprefix("svg_"), "tests")
        for path in sorted(icon_folder.glob("*.svg"))
    )


@pytest.fixture(scope="session")
def sign() -> Callable[..., tuple[Pixels, KnownRegion]]:
    """A sign with one line of text: ``sign("SPEED 60")`` -> pixels and the text's region."""

    def draw(text: str, height: int = 40, ink: Any = INK) -> tuple[Pixels, KnownRegion]:
        font = ImageFont.truetype(str(FONT), height)
        canvas = Image.new("RGB", (320, 96), PAPER)
        pen = ImageDraw.Draw(canvas)
        pen.text((24, 20), text, font=font, fill=ink)
        left, top, right, bottom = pen.textbbox((24, 20), text, font=font)
        polygon = ((left, top), (right, top), (right, bottom), (left, bottom))
        return np.array(canvas), KnownRegion("text", polygon, transcription=text)

    return draw


@pytest.fixture(scope="session")
def icon(bank: GlyphBank) -> Callable[..., tuple[Pixels, KnownRegion]]:
    """A picture with one icon: ``icon("arrows", "up")`` -> pixels and the icon's region."""

    def draw(
        family: str, name: str, side: int = 40, ink: tuple[int, int, int] = INK
    ) -> tuple[Pixels, KnownRegion]:
        canvas = Image.new("RGB", (96, 80), PAPER)
        coverage = (bank.coverage(family, name, side, side) * 255).round().astype(np.uint8)
        canvas.paste(Image.new("RGB", (side, side), ink), (20, 16), Image.fromarray(coverage))
        polygon = (
            (20.0, 16.0),
            (20.0 + side, 16.0),
            (20.0 + side, 16.0 + side),
            (20.0, 16.0 + side),
        )
        glyph = Glyph(family, name, (20, 16, side, side), ink)
        return np.array(canvas), KnownRegion("symbol", polygon, glyph=glyph)

    return draw


@pytest.fixture(scope="session")
def corpus() -> Corpus:
    """The real corpus; tests that ask for it are marked ``corpus``."""
    try:
        return Corpus.find()
    except CorpusNotFoundError as error:
        pytest.skip(f"no corpus: {error}")


class ThreeWords:
    """Three words of 8x8 cells; all levels change the first, the coarsest the second."""

    places = ((16, 16), (80, 16), (16, 80))
    counts = (8, 1, 0)

    def example(self, key: str = "words") -> Example:
        """The picture, of 128x128 pixels, with its labels."""
        changed = np.zeros((3, 32, 32), np.uint8)
        for (x, y), count in zip(self.places, self.counts, strict=True):
            changed[0, y // 4 : y // 4 + 8, x // 4 : x // 4 + 8] = count
        nothing = np.zeros((3, 32, 32), np.uint8)
        known = np.ones((3, 32, 32), bool)
        rate = np.ones((8, 8, 8), np.float16)
        labels = LabelMap(changed, known, changed > 0, known, nothing[0], nothing, rate)
        boxes = tuple(
            ("text", ((x, y), (x + 32, y), (x + 32, y + 32), (x, y + 32))) for x, y in self.places
        )
        return Example(key, np.full((128, 128, 3), 90, np.uint8), labels, boxes, "tests")

    def map(self, *values: float, ground: float = 0.0) -> NDArray[np.float32]:
        """(1, 32, 32) with a value for each word, and one around them."""
        plane = np.full((1, 32, 32), ground, np.float32)
        for (x, y), value in zip(self.places, values, strict=True):
            plane[0, y // 4 : y // 4 + 8, x // 4 : x // 4 + 8] = value
        return plane


@pytest.fixture(scope="session")
def float_detector(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packaged detector, which is in 8 bits, as a file in float32 with the same weights."""
    from riskmask.model.export import export_detector
    from riskmask.model.train.exported import read_exported

    with Image.open(EXAMPLES / "astronaut.jpg") as opened:
        whole = np.array(opened.convert("RGB"))
    packaged = find_weights()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter
        return export_detector(
            read_exported(packaged.path, [whole, 255 - whole]),
            tmp_path_factory.mktemp("float32"),
            packaged.name,
        )


@pytest.fixture(scope="session")
def words() -> ThreeWords:
    return ThreeWords()

"""Draw docs/images/codecs.png: what each learned codec makes of a face and of small print.

Pictures: examples/astronaut.jpg (NASA, public domain) and examples/notice.png, which
render_scene.py draws. Run it from the checkout: ``python docs/render_codecs.py``.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from riskmask.model.codecs import CODECS, LEARNED

ROOT = Path(__file__).parents[1]
LEVELS = (0, 1, 3)
CROPS = (
    ("astronaut.jpg", (160, 40, 352, 200)),
    ("notice.png", (40, 170, 360, 290)),
)
HEIGHT = 160  # of a row of pictures
CAPTION = 18


def main() -> None:
    """Code, cut and paste together."""
    originals = [Image.open(ROOT / "examples" / name).convert("RGB") for name, _ in CROPS]
    rows = [_row("original", originals, [""] * len(originals))]
    for name in LEARNED:
        codec = CODECS[name]()
        for level in LEVELS:
            coded = [codec.reconstruct(np.array(image), level) for image in originals]
            rates = [f"{made.bpp:.2f} bpp" for made in coded]
            rows.append(
                _row(f"{name}, level {level}", [Image.fromarray(c.image) for c in coded], rates)
            )
    columns = len(LEVELS)
    blank = Image.new("RGB", rows[0].size, "white")
    grid = [[rows[0], *[blank] * (columns - 1)]]
    grid += [rows[1 + i : 1 + i + columns] for i in range(0, len(rows) - 1, columns)]
    width, height = rows[0].size
    sheet = Image.new("RGB", (columns * width, len(grid) * height), "white")
    for y, line in enumerate(grid):
        for x, part in enumerate(line):
            sheet.paste(part, (x * width, y * height))
    sheet.quantize(256).save(ROOT / "docs" / "images" / "codecs.png", optimize=True)


def _row(title: str, pictures: list[Image.Image], notes: list[str]) -> Image.Image:
    cuts = [p.crop(box) for p, (_, box) in zip(pictures, CROPS, strict=True)]
    part = Image.new("RGB", (sum(c.width for c in cuts) + 8 * len(cuts), HEIGHT + CAPTION), "white")
    fonts = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    font = ImageFont.truetype(str(fonts / "DejaVuSans.ttf"), 12)
    draw = ImageDraw.Draw(part)
    left = 0
    for number, (cut, note) in enumerate(zip(cuts, notes, strict=True)):
        part.paste(cut, (left, CAPTION))
        draw.text((left + 2, 2), note if number else f"{title}, {note}".strip(", "), "black", font)
        left += cut.width + 8
    return part


if __name__ == "__main__":
    main()

"""Draw examples/notice.png: text from 9 to 48 pixels on a photograph and on plain sheets.

Background: NASA's portrait of Eileen Collins (public domain, ships with scikit-image). Typeface:
DejaVu Sans, which ships with matplotlib. Run it from the checkout: ``python docs/render_scene.py``.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib
from PIL import Image, ImageDraw, ImageFont
from skimage import data

SIZES = (48, 32, 24, 18, 14, 11, 9)
LINES = (
    "PLATFORM 3",
    "Departure 14:08",
    "Gate closes 13:38",
    "Carriage 21, seat 86",
    "Ticket no. 830 6689 0613",
    "Valid until 30.06.2038, not transferable",
    "Complaints: desk 8, Monday to Friday 09:30 to 16:00",
)


def main() -> None:
    """Render and save."""
    fonts = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    photo = Image.fromarray(data.astronaut()).resize((720, 720), Image.Resampling.BICUBIC)
    canvas = Image.new("RGB", (960, 720), (196, 205, 214))
    canvas.paste(photo, (480, 0))
    draw = ImageDraw.Draw(canvas)
    draw.rounded_rectangle((24, 24, 452, 400), radius=12, fill=(250, 248, 240))
    draw.rounded_rectangle((24, 424, 452, 696), radius=12, fill=(24, 62, 112))
    top = 44
    for size, line in zip(SIZES, LINES, strict=True):
        font = ImageFont.truetype(str(fonts / "DejaVuSans.ttf"), size)
        draw.text((44, top), line, font=font, fill=(28, 28, 30))
        top += round(size * 1.9)
    top = 440
    for size, line in zip(SIZES[1:], LINES[1:], strict=True):
        font = ImageFont.truetype(str(fonts / "DejaVuSans-Bold.ttf"), size)
        draw.text((44, top), line, font=font, fill=(235, 240, 250))
        top += round(size * 1.7)
    for row, size in enumerate((24, 14, 10)):
        font = ImageFont.truetype(str(fonts / "DejaVuSans.ttf"), size)
        draw.text((500, 600 + 36 * row), "COLLINS 1999 STS-93", font=font, fill=(255, 236, 150))
    canvas.save(Path(__file__).parents[1] / "examples" / "notice.png", optimize=True)


if __name__ == "__main__":
    main()

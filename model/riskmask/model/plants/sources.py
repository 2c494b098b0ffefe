"""What plants are made of: photographs, faces in them, and scenes to draw anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from riskmask.model.annotators.face import side_of
from riskmask.model.annotators.face_crops import Box
from riskmask.model.annotators.face_reader import FaceReader
from riskmask.model.annotators.glyphs import GlyphBank
from riskmask.model.corpus import Corpus, Icon, Side
from riskmask.model.data.faces import SMALLEST
from riskmask.model.data.items import scene_fonts
from riskmask.model.data.scenes import SceneRenderer
from riskmask.model.plants.faces import Portrait
from riskmask.model.plants.pairs import Pixels

PICTURES = (".jpg", ".jpeg", ".png", ".webp")


@dataclass(frozen=True)
class FaceBox:
    """A face in a file, its box in pixels of that file."""

    path: Path
    box: Box


@dataclass(frozen=True)
class Sources:
    """Files to plant in.

    Attributes:
        name: in words.
        photographs: files.
        faces: boxes in files; empty where nobody knows any.
        bank: icon families.
        renderer: of scenes upon these photographs.
        largest: side of a cut-out in pixels.
    """

    name: str
    photographs: Sequence[Path]
    faces: Sequence[FaceBox]
    bank: GlyphBank
    renderer: SceneRenderer
    largest: int

    def photograph(self, generator: np.random.Generator) -> Pixels:
        """A cut-out of one of the photographs."""
        path = self.photographs[generator.integers(len(self.photographs))]
        with Image.open(path) as opened:
            picture = opened.convert("RGB")
        # Brought down first, or a cut-out of a large picture is one smooth surface.
        scale = min(1.5 * self.largest / min(picture.size), 1.0)
        if scale < 1:
            size = round(picture.width * scale), round(picture.height * scale)
            picture = picture.resize(size, Image.Resampling.LANCZOS)
        width, height = min(picture.width, self.largest), min(picture.height, self.largest)
        left = int(generator.integers(picture.width - width + 1))
        top = int(generator.integers(picture.height - height + 1))
        return np.array(picture.crop((left, top, left + width, top + height)))

    def portrait(self, generator: np.random.Generator, but: Path | None = None) -> Portrait | None:
        """A cut-out around one of the faces, of another file than the one named."""
        faces = [face for face in self.faces if face.path != but]
        if not faces:
            return None
        return cut_portrait(faces[generator.integers(len(faces))], self.largest)


def corpus_sources(corpus: Corpus, side: Side, folders: Sequence[Path], largest: int) -> Sources:
    """One side of the corpus: its photographs, faces, icons, and that side's typefaces."""
    photographs = [image.path for image in corpus.select(side, categories=("photo",))]
    faces = [
        FaceBox(image.path, (x, y, x + width, y + height))
        for image in corpus.select(side, categories=("face", "photo"))
        for region in image.regions
        if region.content == "face" and not region.ignore
        for x, y, width, height in [region.box]
        if min(width, height) >= SMALLEST
    ]
    bank = GlyphBank(icon for icon in corpus.icons if icon.side == side)
    fonts = scene_fonts(folders, side)
    renderer = SceneRenderer(photographs, fonts, bank, size=largest)
    return Sources(f"the corpus, {side} side", photographs, faces, bank, renderer, largest)


def folder_sources(
    folder: Path, folders: Sequence[Path], largest: int, reader: FaceReader
) -> Sources:
    """A folder of pictures, the faces that the detector finds in them, and our own icons.

    Raises:
        ValueError: the folder holds no picture.
    """
    photographs = sorted(p for p in folder.rglob("*") if p.suffix.lower() in PICTURES)
    if not photographs:
        raise ValueError(f"{folder} holds no picture; name a folder of JPEG, PNG or WebP files")
    faces = []
    for path in photographs:
        with Image.open(path) as opened:
            image = np.array(opened.convert("RGB"))
        found = reader.search(image)
        faces += [FaceBox(path, box) for box in found if side_of(box) >= SMALLEST]
    icons = sorted((Path(__file__).parent / "icons").glob("*.svg"))
    bank = GlyphBank(Icon(path, path.stem.split("__")[0], "riskmask") for path in icons)
    renderer = SceneRenderer(photographs, scene_fonts(folders), bank, size=largest)
    return Sources(f"the pictures in {folder.name}/", photographs, faces, bank, renderer, largest)


def cut_portrait(face: FaceBox, largest: int) -> Portrait:
    """The part of a picture around a face, with the face at most two fifths of it."""
    with Image.open(face.path) as opened:
        picture = opened.convert("RGB")
    box = np.array(face.box)
    scale = min(0.4 * largest / max(side_of(face.box), 1.0), 1.0)
    if scale < 1:
        size = round(picture.width * scale), round(picture.height * scale)
        picture, box = picture.resize(size, Image.Resampling.LANCZOS), box * scale
    width, height = min(picture.width, largest), min(picture.height, largest)
    left = int(np.clip((box[0] + box[2] - width) / 2, 0, picture.width - width))
    top = int(np.clip((box[1] + box[3] - height) / 2, 0, picture.height - height))
    image = np.array(picture.crop((left, top, left + width, top + height)))
    moved = box - [left, top, left, top]
    return Portrait(image, (moved[0], moved[1], moved[2], moved[3]), face.path)

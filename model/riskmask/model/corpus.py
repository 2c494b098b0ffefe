"""The image corpus: where it is, what it holds, and which sources are kept out of training."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

ENVIRONMENT = "RISKMASK_CORPUS"
ICONS = "RISKMASK_ICONS"  # names a folder of further icon families

T = TypeVar("T")
Side = Literal["train", "test"]

# Split by source, never by image: pictures of one source resemble each other.
HELD_OUT_SOURCES = frozenset(
    {
        # text: forms, licence plates, test pages, mixed scripts
        "prajwalvarsh/OCR-FUNSD",
        "openalpr/benchmarks",
        "tesseract-ocr/test",
        "JaidedAI/EasyOCR",
        # symbols: Italian traffic signs
        "marcomoauro/traffic-sign-dataset",
        # faces
        "sczhou/CodeFormer",
        "vladmandic/human",
        "exadel-inc/CompreFace",
        # photographs
        "scikit-image/scikit-image",
        "libjxl/testdata",
        "elementary/wallpapers",
        "pop-os/wallpapers",
        "CasuFrost/JPEG-AI-deepfake-detection",
        "luanfujun/deep-photo-styletransfer",
    }
)
# Sources of the training side whose pictures the detector does not learn from: its risks are
# calibrated on them, and what it says of its own lessons would be too sure. Their photographs do
# stand behind rendered scenes, and codecs learn from patches of them.
CALIBRATION_SOURCES = frozenset(
    {
        "scribeocr/test-images",
        "DayBreak-u/chineseocr_lite",
        "penny4860/Weakly-Supervised-Text-Detection",
        "breezedeus/CnSTD",
        "xuebinqin/U-2-Net",
        "open-mmlab/mmpose",
    }
)
HELD_OUT_ICON_FAMILIES = frozenset({"maki", "flags"})
# Icons taken of a further family at most: an icon is compared with every other one of its family.
LARGEST_FAMILY = 100


class CorpusNotFoundError(FileNotFoundError):
    """No corpus folder was named, or the named folder is not one."""


@dataclass(frozen=True)
class Region:
    """One annotated or detected region of a corpus image.

    Attributes:
        content: ``text``, ``face`` or ``symbol``.
        box: x, y, width, height in pixels of the stored file.
        polygon: corners in pixels, or None where only the box is known.
        transcription: the true string, where a person wrote it down.
        label: the symbol's class, where known.
        ignore: marked by the annotators as not to be judged.
        whole_image: the value belongs to the image; the box is not a place.
        truth: False for a detector's output.
    """

    content: str
    box: tuple[float, float, float, float]
    polygon: tuple[tuple[float, float], ...] | None
    transcription: str | None
    label: str | None
    ignore: bool
    whole_image: bool
    truth: bool


@dataclass(frozen=True)
class CorpusImage:
    """One image of the corpus with its regions; ``complete`` names the fully annotated contents."""

    path: Path
    width: int
    height: int
    category: str
    source: str
    licence_class: str
    complete: frozenset[str]
    regions: tuple[Region, ...]

    @property
    def side(self) -> Side:
        """``test`` for images of held-out sources."""
        return "test" if self.source in HELD_OUT_SOURCES else "train"


@dataclass(frozen=True)
class Icon:
    """One SVG icon and the family it belongs to."""

    path: Path
    family: str
    source: str

    @property
    def name(self) -> str:
        """The icon's name inside its family."""
        return self.path.stem.split("__", 1)[-1]

    @property
    def side(self) -> Side:
        """``test`` for icons of held-out families."""
        return "test" if self.family in HELD_OUT_ICON_FAMILIES else "train"


class Corpus:
    """Read access to a corpus folder (images, ``annotations.json`` and ``svg/``).

    Args:
        root: the folder.
        icons: folder of further icon families, for symbol scenes; see :func:`icon_families`.
    """

    def __init__(self, root: Path, icons: Path | None = None) -> None:
        index = root / "annotations.json"
        if not index.is_file():
            raise CorpusNotFoundError(
                f"{root} holds no annotations.json; name a corpus folder "
                f"with --corpus or {ENVIRONMENT}"
            )
        self.root = root
        content: dict[str, Any] = json.loads(index.read_text(encoding="utf-8"))
        self.images = tuple(_image(root, entry) for entry in content["images"])
        self.icons = tuple(
            Icon(
                path=root / entry["file"],
                family=Path(entry["file"]).stem.split("__")[0].removeprefix("svg_"),
                source=entry["source"],
            )
            for entry in content["svg"]
        )
        self.icons_root = icons
        self.further_icons = icon_families(icons) if icons is not None else ()

    @classmethod
    def find(cls, root: Path | None = None, icons: Path | None = None) -> Corpus:
        """Open the named corpus, or the one that the environment names; so with further icons.

        Raises:
            CorpusNotFoundError: neither names a corpus folder, or icons are named and not there.
        """
        if icons is None and os.environ.get(ICONS):
            icons = Path(os.environ[ICONS])
        if root is None:
            named = os.environ.get(ENVIRONMENT)
            if not named:
                raise CorpusNotFoundError(f"name a corpus folder with --corpus or {ENVIRONMENT}")
            root = Path(named)
        return cls(root, icons)

    def select(
        self,
        side: Side,
        *,
        categories: Sequence[str] = ("photo", "text", "face", "symbol"),
        permissive: bool = False,
    ) -> Iterator[CorpusImage]:
        """Images of one side of the split, in the order of the index."""
        for image in self.images:
            if image.side != side or image.category not in categories:
                continue
            if permissive and image.licence_class != "permissive":
                continue
            yield image


def icon_families(folder: Path) -> tuple[Icon, ...]:
    """Icons of a folder whose sub-folders of SVG files are families, in the order of their names.

    Of a family of more than :data:`LARGEST_FAMILY` every second is taken, or every third, until no
    more are left than that.

    Raises:
        CorpusNotFoundError: there are none.
    """
    families: dict[str, list[Path]] = {}
    for path in sorted(folder.rglob("*.svg")):
        family = path.parent.relative_to(folder).as_posix()
        families.setdefault(family, []).append(path)
    if not families:
        raise CorpusNotFoundError(
            f"{folder} holds no folders of SVG files; name a folder of icon families with --icons "
            f"or {ICONS}"
        )
    return tuple(
        Icon(path, family, source=family)
        for family, paths in sorted(families.items())
        for path in thinned(paths, LARGEST_FAMILY)
    )


def thinned(items: Sequence[T], most: int) -> Sequence[T]:
    """All items, or every second, or every third, until there are no more than ``most``."""
    return items[:: max(math.ceil(len(items) / most), 1)]


def _image(root: Path, entry: dict[str, Any]) -> CorpusImage:
    whole = [0, 0, entry["width"], entry["height"]]
    regions = [_region(region, whole, truth=True) for region in entry["regions"]]
    regions += [_region(region, whole, truth=False) for region in entry["auto_regions"]]
    return CorpusImage(
        path=root / entry["file"],
        width=entry["width"],
        height=entry["height"],
        category=entry["category"],
        source=entry["source"],
        licence_class=entry["licence_class"],
        complete=frozenset(entry["gt_classes"]),
        regions=tuple(regions),
    )


def _region(entry: dict[str, Any], whole: list[int], *, truth: bool) -> Region:
    polygon = entry.get("polygon")
    x, y, width, height = entry.get("bbox", whole)
    return Region(
        content=entry["class"],
        box=(float(x), float(y), float(width), float(height)),
        polygon=tuple((float(px), float(py)) for px, py in polygon) if polygon else None,
        transcription=entry.get("transcription"),
        label=entry.get("label"),
        ignore=bool(entry.get("ignore")),
        whole_image=bool(entry.get("whole_image")),
        truth=truth,
    )

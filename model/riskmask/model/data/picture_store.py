"""The pictures that labels belong to, which the shards do not hold."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from riskmask.model.corpus import Corpus
from riskmask.model.data.picture_hash import picture_hash
from riskmask.model.data.pictures import Pictures
from riskmask.model.data.recipe import Recipe
from riskmask.model.data.shards import LabelsError

PICTURES = "pictures"  # folder of PNGs beside the shards


class PictureStore:
    """The pictures of a folder of labels: PNGs beside the shards, or made again by their keys.

    Args:
        folder: of the labels.
        corpus: folder; default: the one that the environment names. Needed for what has no PNG.
        fonts: folders of the typefaces that scenes were drawn with, and maybe others; none for
            matplotlib's.
        icons: folder of the further families of icons, and maybe others; default: the one that the
            environment names.
    """

    def __init__(
        self,
        folder: Path,
        corpus: Path | None = None,
        fonts: Sequence[Path] = (),
        icons: Path | None = None,
    ) -> None:
        self._folder = folder
        self._corpus = corpus
        self._fonts = fonts
        self._icons = icons
        self._making = Lock()  # typefaces are not for two threads at once

    def get(self, key: str, image_sha256: str) -> NDArray[np.uint8]:
        """A picture, (H, W, 3) uint8 RGB, exactly as it was labelled.

        Raises:
            CorpusNotFoundError: it has no PNG, and no corpus or icons to make it from were named.
            LabelsError: what its key gives now is another picture, or none.
        """
        kept = self._kept(key)
        if kept is not None and picture_hash(kept) == image_sha256:
            return kept
        with self._making:
            try:
                made = self._pictures.make(key).image
            except KeyError:
                raise LabelsError(
                    f"the corpus has no picture {key}, which is labelled; name the corpus that the "
                    "labels were made from"
                ) from None
        if picture_hash(made) != image_sha256:
            raise LabelsError(
                f"{key} is not the picture that was labelled; name the corpus, the typefaces and "
                "the icons that the labels were made with, or copy their folder of pictures"
            )
        keep_picture(self._folder, key, made)
        return made

    def _kept(self, key: str) -> NDArray[np.uint8] | None:
        try:
            with Image.open(self._folder / PICTURES / f"{key}.png") as opened:
                return np.array(opened.convert("RGB"))
        except (FileNotFoundError, UnidentifiedImageError, SyntaxError):
            return None
        except OSError as error:
            if error.errno is not None:
                raise
            return None  # Pillow's own: the file was cut off

    @cached_property
    def _pictures(self) -> Pictures:
        corpus = Corpus.find(self._corpus, self._icons)
        return labelled_pictures(self._folder, corpus, self._fonts)


def labelled_pictures(folder: Path, corpus: Corpus, fonts: Sequence[Path]) -> Pictures:
    """Pictures as the labels of a folder were made with them, by its recipe.

    Args:
        folder: of the labels.
        corpus: that they were made from.
        fonts: folders of the typefaces of the recipe, and maybe others; none for matplotlib's.

    Raises:
        FileNotFoundError: there are no labels.
        LabelsError: they are of another version.
    """
    recipe = Recipe.load(folder)
    return Pictures(corpus, fonts, recipe.side, recipe.permissive, recipe.icons, recipe.fonts)


def keep_picture(folder: Path, key: str, image: NDArray[np.uint8]) -> None:
    """Keep a picture, (H, W, 3) uint8 RGB, beside the labels of a folder."""
    path = folder / PICTURES / f"{key}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{key}-{os.getpid()}.partial")
    Image.fromarray(image).save(partial, "PNG", compress_level=1)
    partial.replace(path)

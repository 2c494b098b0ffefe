"""What all labels of a folder have in common: which pictures, and who judged them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

from riskmask.model.codecs import classic_codec
from riskmask.model.corpus import Side
from riskmask.model.data.shards import LabelsError
from riskmask.model.whole_file import write_whole

FILE = "recipe.json"
# What folders from before recipes held the coders' words were made with, where that has changed.
FORMER_CODERS = {
    "x265": "x265 through PyAV, one intra picture, preset slow, 4:2:0, constant quantiser"
}
SCHEMA = 2  # 1: levels were visited from the finest on, by another rule of when to stop


@dataclass(frozen=True)
class Recipe:
    """Settings of a folder of labels.

    Attributes:
        side: of the split by source.
        permissive: whether all images have permissive licences.
        fonts: names of the files of typefaces that scenes are drawn with.
        annotators: that judged.
        classics: codecs of the differential verdict.
        coders: what each of these is, in its own words.
        icons: further families that symbol scenes are drawn with, in the order of their names;
            none where there are no such scenes.
        schema: of this file and of the rows.
    """

    side: Side
    permissive: bool
    fonts: tuple[str, ...]
    annotators: tuple[str, ...]
    classics: tuple[str, ...]
    coders: tuple[str, ...]
    icons: tuple[str, ...] = ()
    schema: int = SCHEMA

    def claim(self, folder: Path) -> None:
        """Write the recipe into a folder, or see that it is the one already there.

        Raises:
            LabelsError: the folder holds labels of another one.
        """
        path = folder / FILE
        if path.exists():
            other = Recipe.load(folder)
            differing = [name for name, value in vars(self).items() if value != vars(other)[name]]
            if differing:
                raise LabelsError(
                    f"{folder} holds labels made with other {', '.join(differing)}; "
                    "name another folder, or ask for the same"
                )
            return
        write_whole(path, json.dumps(asdict(self), indent=2) + "\n")

    @classmethod
    def load(cls, folder: Path) -> Recipe:
        """The recipe of a folder.

        Raises:
            FileNotFoundError: there are no labels.
            LabelsError: it is of another version.
        """
        path = folder / FILE
        if not path.exists():
            raise FileNotFoundError(f"no labels in {folder}; run python -m riskmask.model.label")
        content = json.loads(path.read_text(encoding="utf-8"))
        if content.get("schema") != SCHEMA:
            raise LabelsError(f"{folder} holds labels of another version; make them again")
        return cls(
            side=cast("Side", content["side"]),
            permissive=content["permissive"],
            fonts=tuple(content["fonts"]),
            annotators=tuple(content["annotators"]),
            classics=tuple(content["classics"]),
            coders=tuple(content.get("coders") or _former(content["classics"])),
            icons=tuple(content.get("icons", ())),
        )


def describe_coders(names: Sequence[str]) -> tuple[str, ...]:
    """What the classic codecs of these names are."""
    return tuple(classic_codec(name).coder.description for name in names)


def _former(classics: Sequence[str]) -> tuple[str, ...]:
    return tuple(FORMER_CODERS.get(name) or describe_coders([name])[0] for name in classics)


def check_side(folder: Path) -> None:
    """Refuse to learn or to fit from labels that are kept for measuring.

    Raises:
        FileNotFoundError: there are no labels.
        LabelsError: they are of the held-out side.
    """
    side = Recipe.load(folder).side
    if side != "train":
        raise LabelsError(
            f"{folder} holds labels of the {side} side, which is kept for measuring; name labels "
            "made with --side train"
        )

"""One row of the data set: a picture, a codec, and what the annotators say at all levels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]

from riskmask.model.data.packing import PLANES, pack_labels, unpack_labels
from riskmask.model.data.planes import LabelMap

Polygon = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Place:
    """A known region: what is there, where, and whether an annotator could judge it."""

    content: str
    polygon: Polygon
    judged: bool


@dataclass(frozen=True)
class ClassicVerdict:
    """Whether a classic codec at equal bytes got a region right (Tsereh et al., arXiv 2411.06810).

    Attributes:
        codec: its name.
        quality: its own; None where even its smallest file is larger than the neural stream.
        bpp: of that file; None likewise.
        right: whether the annotator that made the finding holds nothing against it there; None
            likewise.
    """

    codec: str
    quality: int | None
    bpp: float | None
    right: bool | None


@dataclass(frozen=True)
class LabelFinding:
    """One finding.

    Attributes:
        annotator: that made it.
        level: the finest at which the region changes, every coarser one being implied; of a
            finding without a region, the level it was found at.
        region: index into the row's places; None where it was found without one.
        content: None where nobody said.
        kind, high_impact, severity, evidence: of the finding.
        polygon: corners (x, y) in pixels.
        mask: cells of the stride-4 grid as packed bits; None where they are the polygon's.
        classic: a verdict for each classic codec.
        grave_level: of a finding in a region the finest level at which the region becomes another
            one, coarser than ``level`` where it is illegible there; None where it never does, and
            in rows of before, which do not know more than ``high_impact``.
    """

    annotator: str
    level: int
    region: int | None
    content: str | None
    kind: str
    high_impact: bool
    severity: float
    evidence: str
    polygon: Polygon
    mask: bytes | None
    classic: tuple[ClassicVerdict, ...]
    grave_level: int | None = None

    @property
    def finest_grave(self) -> int | None:
        """The finest level at which it becomes another one; None where it is not known to."""
        return self.level if self.high_impact else self.grave_level


@dataclass(frozen=True)
class LabelRow:
    """A labelled picture, or one that could not be.

    Attributes:
        key: of the picture.
        codec: name in the registry.
        codec_sha256: the codec's identity.
        image_sha256: of the pixels; empty where there are none.
        error: why there is no label; None where there is one. Nothing below is filled in then.
        source, licence_class, scale, width, height: of the picture.
        bpp: at the eight levels, the coarsest first.
        places: known regions.
        findings: ordered by level, the finest first.
        labels: the planes, with the reference codec's rates; None where they were not read.
    """

    key: str
    codec: str
    codec_sha256: str
    image_sha256: str = ""
    error: str | None = None
    source: str = ""
    licence_class: str = ""
    scale: float = 1.0
    width: int = 0
    height: int = 0
    bpp: tuple[float, ...] = ()
    places: tuple[Place, ...] = ()
    findings: tuple[LabelFinding, ...] = ()
    labels: LabelMap | None = field(default=None, compare=False, repr=False)


_POLYGON = pa.list_(pa.list_(pa.float64()))
_PLACE = pa.struct([("content", pa.string()), ("polygon", _POLYGON), ("judged", pa.bool_())])
_CLASSIC = pa.struct(
    [
        ("codec", pa.string()),
        ("quality", pa.int32()),
        ("bpp", pa.float64()),
        ("right", pa.bool_()),
    ]
)
_FINDING = pa.struct(
    [
        ("annotator", pa.string()),
        ("level", pa.int8()),
        ("region", pa.int32()),
        ("content", pa.string()),
        ("kind", pa.string()),
        ("high_impact", pa.bool_()),
        ("severity", pa.float64()),
        ("evidence", pa.string()),
        ("polygon", _POLYGON),
        ("mask", pa.binary()),
        ("classic", pa.list_(_CLASSIC)),
        ("grave_level", pa.int8()),
    ]
)
SCHEMA = pa.schema(
    [
        ("key", pa.string()),
        ("codec", pa.string()),
        ("codec_sha256", pa.string()),
        ("image_sha256", pa.string()),
        ("error", pa.string()),
        ("source", pa.string()),
        ("licence_class", pa.string()),
        ("scale", pa.float64()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("bpp", pa.list_(pa.float64())),
        ("places", pa.list_(_PLACE)),
        ("findings", pa.list_(_FINDING)),
        *((name, pa.binary()) for name in PLANES),
    ]
)


def to_record(row: LabelRow) -> dict[str, Any]:
    """A row as Arrow takes it, by :data:`SCHEMA`."""
    record = {name: value for name, value in vars(row).items() if name != "labels"}
    record["places"] = [asdict(place) for place in row.places]
    record["findings"] = [asdict(finding) for finding in row.findings]
    planes = dict.fromkeys(PLANES) if row.labels is None else pack_labels(row.labels)
    return {**record, **planes}


def from_record(record: Mapping[str, Any]) -> LabelRow:
    """The row of a record, with its planes where they are there."""
    plain = {name: record[name] for name in SCHEMA.names if name not in PLANES}
    plain["bpp"] = tuple(plain["bpp"])
    plain["places"] = tuple(
        Place(p["content"], _polygon(p["polygon"]), p["judged"]) for p in plain["places"]
    )
    plain["findings"] = tuple(_finding(finding) for finding in plain["findings"])
    labels = None
    if record.get("changed") is not None:
        planes = {name: record[name] for name in PLANES}
        labels = unpack_labels(planes, plain["width"], plain["height"])
    return LabelRow(**plain, labels=labels)


def _finding(record: Mapping[str, Any]) -> LabelFinding:
    classic = tuple(ClassicVerdict(**verdict) for verdict in record["classic"])
    return LabelFinding(**{**record, "polygon": _polygon(record["polygon"]), "classic": classic})


def _polygon(corners: list[list[float]]) -> Polygon:
    return tuple((x, y) for x, y in corners)

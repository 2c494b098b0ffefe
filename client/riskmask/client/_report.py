"""What a run prints."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from riskmask.client._damage import PredictedDamage
from riskmask.client._server_info import ServerInfo
from riskmask.client._types import Analysis, Content, Decision, JpegAdvice, Kind, Region

DECISION_STYLES: Final = {
    Decision.ENCODE: "bold green",
    Decision.ENCODE_WITH_HINTS: "bold blue",
    Decision.RAISE_RATE: "bold yellow",
    Decision.FALLBACK_JPEG: "bold red",
}
REGIONS_SHOWN: Final = 20
LIKELY: Final = 0.5  # from here on a content gives its region its name

# What the API calls what a command's user knows as an option.
OPTIONS: Final = {
    "policy.preset": "--policy",
    "policy.threshold": "--threshold",
    "policy.max_error_probability": "--max-error-probability",
    "size_bytes": "--bytes",
    "timeout=": "--timeout",
    "timeout:": "--timeout:",
    "tls=True": "--tls",
    "root_certificates": "--ca",
    "certificate:": "--cert and --key:",
}


def in_options(message: str) -> str:
    """An error's sentence in the words of the command line."""
    for name, option in OPTIONS.items():
        message = message.replace(name, option)
    return message


def printable(text: str) -> str:
    """The text on one line, without characters that a terminal would obey."""
    return "".join(
        character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text
    )


def print_analysis(console: Console, image: Path, analysis: Analysis) -> None:
    """Decision, reasons and the regions of highest risk."""
    target, facts = analysis.target, analysis.image
    head = Text(printable(image.name), style="bold")
    head.append("  ")
    head.append(analysis.decision, style=DECISION_STYLES[analysis.decision])
    console.print(head, soft_wrap=True)
    console.print(
        f"  {facts.width} x {facts.height} {facts.format}, {target.codec} at {target.bpp:.3f} bpp "
        f"(level {target.level:.2f}), {analysis.risk_area_fraction:.1%} of the area at risk",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
    for reason in analysis.reasons:
        text = Text(f"  {reason.code}", style="cyan")
        text.append(f": {printable(reason.message)}", style="default")
        console.print(text, soft_wrap=True)
    if analysis.damage is not None:
        told = describe_damage(analysis.damage, analysis.safe_bpp)
        console.print(f"  an error: {told}", markup=False, highlight=False, soft_wrap=True)
    advice = describe_jpeg(analysis.jpeg)
    console.print(f"  JPEG: {advice}", markup=False, highlight=False, soft_wrap=True)
    for note in facts.notes:
        console.print(f"  note: {printable(note)}", markup=False, highlight=False, soft_wrap=True)
    if analysis.regions:
        console.print(regions_table(analysis.regions))
        print_why(console, analysis)
    more = len(analysis.regions) - REGIONS_SHOWN
    if more > 0:
        console.print(f"  and {more} more regions", markup=False, highlight=False)
    console.print()


def describe_jpeg(jpeg: JpegAdvice) -> str:
    """Quality, subsampling, size, and a warning where the JPEG is not safe."""
    size = "" if jpeg.estimated_bytes is None else f", about {jpeg.estimated_bytes:,} bytes"
    warning = ", not safe either" if jpeg.safe is False else ""
    return f"quality {jpeg.quality}, {jpeg.subsampling}{size}{warning}"


def describe_damage(damage: PredictedDamage, safe_bpp: float | None) -> str:
    """How probable an error is in each way to code the image."""
    ways = [("as asked", damage.uniform), ("with hints", damage.hinted)]
    if damage.safe is not None and safe_bpp is not None:
        ways.append((f"at {safe_bpp:.3f} bpp", damage.safe))
    ways.append(("as the JPEG", damage.jpeg))
    return ", ".join(f"{_probability(each.error_probability)} {way}" for way, each in ways)


def _probability(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.1%}"


def print_why(console: Console, analysis: Analysis) -> None:
    """A sentence for each region of the table, by its number."""
    for number, region in enumerate(by_risk(analysis.regions)[:REGIONS_SHOWN], start=1):
        if why := analysis.why(region):
            console.print(
                f"  {number}: {printable(why)}", markup=False, highlight=False, soft_wrap=True
            )


def by_risk(regions: Iterable[Region]) -> list[Region]:
    """Those of highest risk first: the order in which regions are numbered."""
    return sorted(regions, key=lambda region: -region.risk)


def regions_table(regions: tuple[Region, ...]) -> Table:
    """One row per region, at most 20, those of highest risk first."""
    table = Table(box=None, padding=(0, 1), header_style="bold")
    table.add_column("", justify="right")
    table.add_column("x, y, w, h", no_wrap=True)
    table.add_column("content", no_wrap=True)
    table.add_column("risk", justify="right")
    table.add_column("impact", justify="right")
    table.add_column("kind", no_wrap=True)
    table.add_column("safe bpp", justify="right")
    table.add_column("safe level", justify="right")
    for number, region in enumerate(by_risk(regions)[:REGIONS_SHOWN], start=1):
        kind, _ = strongest(region.kind)
        content, probability = named(region.content)
        table.add_row(
            str(number),
            ", ".join(str(number) for number in region.box),
            content if probability is None else f"{content} {probability:.2f}",
            f"{region.risk:.2f}",
            f"{region.high_impact:.2f}",
            kind,
            "none" if region.safe_bpp is None else f"{region.safe_bpp:.3f}",
            "none" if region.safe_level is None else f"{region.safe_level:.2f}",
        )
    return table


def named(content: Content) -> tuple[str, float | None]:
    """What a region is called, and how probable that is; ``detail`` where nothing is likely."""
    name, probability = strongest(content)
    return (name, probability) if probability >= LIKELY else ("detail", None)


def strongest(probabilities: Content | Kind) -> tuple[str, float]:
    """Name and value of the largest."""
    values: dict[str, float] = vars(probabilities)
    return max(values.items(), key=lambda item: item[1])


def print_server_info(console: Console, info: ServerInfo) -> None:
    """Version, model, codecs, hint formats and limits."""
    limits = info.limits
    rows = {
        "version": info.version,
        "model": f"{info.model.name} (sha256 {info.model.sha256})",
        "input": ", ".join((*info.input_formats, *info.pixel_formats)),
        "limits": f"{limits.max_image_bytes:,} bytes, {limits.max_image_pixels:,} pixels, "
        f"{limits.max_image_side:,} a side",
        "policies": ", ".join(info.policy_presets),
        "default": f"{info.default_codec} at {info.default_bpp:g} bpp",
    }
    rows["annotators"] = ", ".join(info.annotators) or "none"
    for missing in info.missing_annotators:
        rows[f"annotator {missing.name}"] = missing.message
    for hint in info.hint_formats:
        rows[f"hint {hint.name}"] = hint.effectiveness.lower().replace("_", " ")
    for codec in info.codecs:
        (low, high), (coarsest, finest) = codec.quality, codec.known_quality
        rows[f"codec {codec.name}"] = (
            f"quality {low:g} to {high:g} ({codec.quality_meaning}), known from {coarsest:g} to "
            f"{finest:g}, "
            f"levels {codec.level[0]:g} to {codec.level[1]:g}: {codec.description}"
        )
    for name, text in rows.items():
        line = Text(f"{name}: ", style="bold")
        line.append(printable(text), style="default")
        console.print(line, soft_wrap=True)

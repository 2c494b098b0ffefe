"""The bench's figures as text: one table, and the ratios that the project is held to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from riskmask.model.bench.methods import FACES, NETWORK, PEER, TEXT, WHOLE
from riskmask.model.bench.recall import Recall
from riskmask.model.bench.timing import Speed

BOXES_RATIO = 8.0  # text detection and YuNet take at least so many times as long
PEER_RATIO = 1.5


def describe(speeds: Mapping[str, Speed], recalls: Sequence[Recall] | None) -> list[str]:
    """The lines of the report.

    Args:
        speeds: by method; YuNet may be missing.
        recalls: of :func:`measure_recall`; None where the pictures have no labels.
    """
    boxes = speeds[TEXT].and_then(speeds[FACES]) if FACES in speeds else speeds[TEXT]
    shown = [*speeds.values(), *([boxes] if FACES in speeds else [])]
    overall = recalls[-1] if recalls else None
    found = {WHOLE: overall.own, boxes.name: overall.boxes} if overall else {}
    lines = [
        "| method | ms a picture | megapixel/s | times as long as riskmask | region recall |",
        "|---|---|---|---|---|",
    ]
    for speed in shown:
        recall = f"{found[speed.name]:.3f}" if speed.name in found else ""
        lines.append(
            f"| {speed.name} | {speed.milliseconds:.1f} | {speed.megapixels_per_second:.1f} | "
            f"{speed.ratio(speeds[WHOLE]):.2f} | {recall} |"
        )
    return [*lines, "", *_ratios(speeds, boxes), *_recalls(recalls, boxes.name)]


def _ratios(speeds: Mapping[str, Speed], boxes: Speed) -> list[str]:
    whole, network, peer = speeds[WHOLE], speeds[NETWORK], speeds[PEER]
    wanted = (
        f" (at least {BOXES_RATIO:g} wanted)"
        if FACES in speeds
        else "; YuNet is left out, name its file with --yunet"
    )
    return [
        f"{boxes.name}: {boxes.ratio(whole):.2f} times as long as riskmask{wanted}",
        f"{peer.name} in float32: {peer.ratio(network):.2f} times as long as riskmask's network on "
        f"the same pixels, {peer.ratio(whole):.2f} times as long as riskmask with its tiles "
        f"(at least {PEER_RATIO:g} wanted)",
    ]


def _recalls(recalls: Sequence[Recall] | None, boxes: str) -> list[str]:
    if recalls is None:
        return ["region recall: name a folder of labels with --labels"]
    if not recalls:
        return ["region recall: no level is contested on these pictures; take more of them"]
    return [
        f"region recall, {_named(each.levels)}, {each.changed} changed regions: "
        f"riskmask {each.own:.3f}, {boxes} {each.boxes:.3f}, "
        f"difference {each.difference[0]:+.3f} to {each.difference[1]:+.3f}"
        for each in recalls
    ]


def _named(levels: tuple[int, ...]) -> str:
    return ("level " if len(levels) == 1 else "levels ") + ", ".join(map(str, levels))

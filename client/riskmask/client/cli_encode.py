"""``riskmask encode``: one picture, one encoder, one size, with the bits where the risk is."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from riskmask.client._inputs import check_rereadable
from riskmask.client._messages import Options
from riskmask.client._outputs import write_atomically
from riskmask.client._types import Decision
from riskmask.client.cli import app
from riskmask.client.cli_connection import (
    Address,
    Ca,
    Cert,
    Credentials,
    Key,
    MaxErrorProbability,
    Model,
    Preset,
    Profiles,
    Threshold,
    Timeout,
    Tls,
    TokenFile,
    check_output,
    connect,
    errors_on_one_line,
    fail,
    has_profile,
    question,
)
from riskmask.client.cli_hints import MEANING, Bpp, Bytes, OnePicture, analyze_for, say

if TYPE_CHECKING:
    from riskmask.client import Analysis, Client
    from riskmask.model.encoders.base import Encoder

MOST_BYTES: Final = 1 << 30  # of the image; the service that is asked has limits of its own
MOST_PIXELS: Final = 1 << 28


@app.command()
def encode(
    image: OnePicture,
    out: Annotated[Path, typer.Option("--out", "-o", help="File to write.")],
    target: Annotated[
        str, typer.Option("--for", help="Encoder: hyperprior, jpeg, kvazaar, x264 or x265.")
    ],
    size_bytes: Bytes = None,
    bpp: Bpp = None,
    uniform: Annotated[
        bool, typer.Option("--uniform", help="Code all of the picture alike, without a hint.")
    ] = False,
    policy: Preset = None,
    threshold: Threshold = None,
    max_error_probability: MaxErrorProbability = None,
    address: Address = None,
    model: Model = None,
    profiles: Profiles = None,
    timeout: Timeout = 120.0,
    tls: Tls = False,
    ca: Ca = None,
    cert: Cert = None,
    key: Key = None,
    token_file: TokenFile = None,
) -> None:
    """Encode a still at a size, as close under it as the encoder's quantiser allows."""
    if (size_bytes is None) == (bpp is None):
        fail("say how large the file may be: --bytes or --bpp, one of them")
    if not 0 < (size_bytes or bpp or 0) < math.inf:
        fail("--bytes and --bpp must be finite and over 0")
    rules = policy, threshold, max_error_probability
    if uniform and rules != (None, None, None):
        fail(
            "--uniform codes without a hint: leave out --policy, --threshold and "
            "--max-error-probability"
        )
    try:
        from riskmask.model.encoders import find_encoder
        from riskmask.model.encoders.errors import EncoderError
        from riskmask.server.engine.decode import LONGEST_SIDE, Limits, decode
        from riskmask.server.engine.errors import EngineError
    except ModuleNotFoundError as missing:
        fail(f"encoding needs {missing.name}: pip install 'riskmask[server,encoders]'")

    try:
        with errors_on_one_line(image):
            encoder = find_encoder(target)
            suffix = out.suffix.lower()
            if suffix not in encoder.suffixes:
                fail(f"{target} writes {', '.join(encoder.suffixes)}; name {out} so")
            check_output(out, image)
            check_rereadable(image)
            # By the service's own decoder, or it would speak of other pixels than are encoded.
            decoded = decode(image.read_bytes(), Limits(MOST_BYTES, MOST_PIXELS, LONGEST_SIDE))
            pixels, lines = decoded.pixels, [f"{image.name}: {n}" for n in decoded.facts.notes]
            height, width = pixels.shape[:2]
            wanted = (bpp or 0) * height * width / 8
            if wanted == math.inf:
                fail(f"--bpp: {bpp:g} of this image are more bytes than can be counted")
            asked = int(wanted) if size_bytes is None else size_bytes
            encoded = encoder.encode(pixels, max(asked, 1), None, suffix)
            if not uniform:
                options = question(None, (bpp, size_bytes, None), rules)
                credentials = Credentials(tls, ca, cert, key, token_file)
                with connect(
                    address, timeout, credentials, model=model, profiles=profiles
                ) as client:
                    known = encoded.setting if has_profile(client, target) else None
                    analysis = _hinting(client, image, encoder, known, options)
                encoded = encoder.encode(pixels, max(asked, 1), analysis.hints[0].data, suffix)
                lines.append(
                    f"{image.name}: {analysis.decision} with {analysis.target.codec} at "
                    f"{analysis.target.bpp:.3g} bpp{_safe_at(analysis)}; "
                    f"{analysis.hints[0].format} hint: "
                    f"{MEANING[analysis.hints[0].effectiveness]}"
                )
            write_atomically(out, lambda file: file.write(encoded.data))
    except EncoderError as error:
        fail(str(error))
    except EngineError as error:
        fail(f"{image}: {error}")
    reached = len(encoded.data)
    share = 100 * reached / asked if asked else 100.0
    end = ", the finest there is" if encoded.finest else ""
    say(
        out,
        *lines,
        f"{out}: {reached} bytes of {asked} ({share:.1f}%), {8 * reached / (height * width):.3g} "
        f"bpp, {encoded.quality}{end}",
        *encoded.notes,
    )


def _safe_at(analysis: Analysis) -> str:
    """The rate from which on it is safe, where it is not safe as asked."""
    asked_is_safe = analysis.decision in (Decision.ENCODE, Decision.ENCODE_WITH_HINTS)
    if asked_is_safe or analysis.safe_bpp is None:
        return ""
    return f", safe from {analysis.safe_bpp:.3g} bpp on"


def _hinting(
    client: Client, image: Path, encoder: Encoder, setting: float | None, options: Options
) -> Analysis:
    """An analysis with the encoder's hint.

    How coarse the encoder has to be for a size is known better once it has coded the image than a
    prediction of its rate could tell; unless that is coarser or finer than its profile knows.
    """
    if setting is not None:
        by_quality: Options = {**options, "codec": encoder.name, "quality": setting}
        by_quality["bpp"] = by_quality["size_bytes"] = None
        analysis = analyze_for(client, image, encoder.name, encoder.hint_format, by_quality)
        if "RATE_OUT_OF_RANGE" not in {reason.code for reason in analysis.reasons}:
            return analysis
    return analyze_for(client, image, encoder.name, encoder.hint_format, options)

"""The calls as plain functions of messages: what a server serves and ``Client.local()`` runs."""

from __future__ import annotations

from importlib import metadata

from riskmask.model.runtime.profiles import CodecProfile
from riskmask.server import translate, translate_verify
from riskmask.server.engine.decode import accepted_formats
from riskmask.server.engine.engine import Engine
from riskmask.server.engine.hints import HINT_FORMATS
from riskmask.server.engine.job import Job
from riskmask.server.engine.policy import PRESETS
from riskmask.server.engine.raw_image import PixelFormat
from riskmask.server.engine.values import DEFAULT_TARGET, AnalysisRequest
from riskmask.server.translate_raw import from_pixel_format
from riskmask.server.verification.verifier import Verifier
from riskmask.v1 import riskmask_pb2 as pb


def analyze(engine: Engine, request: pb.AnalyzeRequest, job: Job) -> pb.AnalyzeResponse:
    """The engine's answer for one image; raises what is in :data:`riskmask.server.status.TABLE`."""
    job.begin()
    analysis = engine.analyze(translate.to_request(request), job)
    return pb.AnalyzeResponse(analysis=translate.from_analysis(analysis))


def verify(verifier: Verifier, request: pb.VerifyRequest, job: Job) -> pb.VerifyResponse:
    """What the reconstruction changed; raises what is in :data:`riskmask.server.status.TABLE`."""
    job.begin()
    return translate_verify.from_verification(
        verifier.verify(translate_verify.to_verification_request(request), job)
    )


def server_info(
    engine: Engine, verifier: Verifier, max_message_bytes: int
) -> pb.GetServerInfoResponse:
    """What engine and verifier can do and where their limits are."""
    return pb.GetServerInfoResponse(
        server_version=metadata.version("riskmask"),
        model=translate.from_model(engine.model),
        codecs=[codec_info(profile) for profile in engine.profiles.values()],
        hint_formats=[
            pb.HintFormatInfo(
                name=hint.name, effectiveness=translate.effectiveness_number(hint.effectiveness)
            )
            for hint in HINT_FORMATS.values()
        ],
        limits=pb.Limits(
            max_image_bytes=engine.limits.max_bytes,
            max_image_pixels=engine.limits.max_pixels,
            max_image_side=engine.limits.max_side,
            max_message_bytes=max_message_bytes,
        ),
        input_formats=accepted_formats(),
        pixel_formats=[from_pixel_format(pixel_format) for pixel_format in PixelFormat],
        policy_presets=sorted(PRESETS),
        annotators=verifier.annotators,
        missing_annotators=[
            pb.MissingAnnotator(name=name, message=message)
            for name, message in verifier.missing.items()
        ],
        default_codec=AnalysisRequest(image=b"").codec,
        default_bpp=DEFAULT_TARGET.bpp,
    )


def codec_info(profile: CodecProfile) -> pb.CodecInfo:
    """One codec profile as a message."""
    coarsest, finest = profile.coarsest_level, profile.finest_level
    return pb.CodecInfo(
        name=profile.name,
        description=profile.codec,
        version=profile.version,
        quality=pb.QualityRange(
            minimum=profile.quality_minimum,
            maximum=profile.quality_maximum,
            integer=profile.quality_integer,
            meaning=profile.quality_meaning,
            coarsest=profile.quality_of_level(coarsest),
            finest=profile.quality_of_level(finest),
        ),
        level=pb.Range(minimum=coarsest, maximum=finest),
    )

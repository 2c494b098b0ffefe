"""What a server answers with, as its settings name it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from riskmask.model.runtime.tile_batches import Batching
from riskmask.server.engine.any_image import Decode, decode_here
from riskmask.server.engine.engine import Engine
from riskmask.server.errors import StartError
from riskmask.server.settings import ServerSettings
from riskmask.server.verification.availability import AnnotatorFiles
from riskmask.server.verification.verifier import Verifier

if TYPE_CHECKING:
    from riskmask.server.decoding.pool import DecodingPool
    from riskmask.server.traces import Traces


def load_decoding(settings: ServerSettings) -> DecodingPool | None:
    """The processes that decode, not started yet; None where images are decoded in this one."""
    if not settings.decode_processes:
        return None
    from riskmask.server.decoding.pool import DecodingPool

    return DecodingPool(settings.decode_processes, settings.limits, settings.decode_memory_bytes)


def load_engine(
    settings: ServerSettings,
    told: Callable[[int], None] = lambda _: None,
    decode: Decode = decode_here,
) -> Engine:
    """The engine that these settings name, from its files as they are now.

    Args:
        settings: which model, profiles and limits.
        told: called with the number of tiles of each batch.
        decode: what decodes image files.

    Raises:
        AssetError: the model or a codec profile cannot be used.
    """
    return Engine.default(
        model=settings.model,
        profiles=settings.profiles,
        threads=settings.model_threads,
        limits=settings.limits,
        batching=Batching(settings.batch_tiles, settings.batch_wait_seconds, told),
        decode=decode,
    )


def load_warm_engine(
    settings: ServerSettings,
    told: Callable[[int], None] = lambda _: None,
    decode: Decode = decode_here,
) -> Engine:
    """The same, once the model is warm.

    Raises:
        AssetError: the model or a codec profile cannot be used, or the model failed.
    """
    engine = load_engine(settings, told, decode)
    engine.warm()
    return engine


def load_verifier(settings: ServerSettings, decode: Decode = decode_here) -> Verifier:
    """What these settings let a server verify; loads nothing yet."""
    return Verifier(
        AnnotatorFiles(settings.face_detector, settings.icons),
        limits=settings.limits,
        threads=settings.model_threads,
        decode=decode,
    )


def load_traces(settings: ServerSettings) -> Traces | None:
    """What makes spans, or None where they are off; OpenTelemetry is imported only if they are on.

    Raises:
        StartError: the extra is not installed, or the environment asks for what it does not have.
    """
    if not settings.traces:
        return None
    try:
        from riskmask.server.trace_export import provider_from_environment
        from riskmask.server.traces import Traces
    except ModuleNotFoundError as missing:
        if missing.name is None or missing.name.partition(".")[0] != "opentelemetry":
            raise
        raise StartError(f"traces: needs {missing.name}: pip install 'riskmask[otel]'") from None
    except ValueError as error:
        # OpenTelemetry loads the propagators that OTEL_PROPAGATORS names while it is imported
        raise StartError(f"traces: OTEL_PROPAGATORS: {error}") from None
    return Traces(provider_from_environment())

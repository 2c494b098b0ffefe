"""The one table from what goes wrong to what the caller is told."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Final

import grpc
from google.protobuf.duration_pb2 import Duration

from riskmask.model.runtime.errors import AssetError, ModelError
from riskmask.server import errors as service
from riskmask.server.engine import errors as engine
from riskmask.v1 import riskmask_pb2 as pb

STATUS_KEY: Final = "riskmask-status-bin"
# gRFC A6: a client with a retry policy waits for so long before it tries again.
PUSHBACK_KEY: Final = "grpc-retry-pushback-ms"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Row:
    """What a caller is told.

    Attributes:
        code: of gRPC.
        reason: one word that programs compare.
        message: in place of the exception's own where that could tell of internals.
    """

    code: grpc.StatusCode
    reason: str
    message: str | None = None


_OWN: Final = (engine.EngineError, service.ServiceError)  # whose reasons are ours
_INVALID: Final = grpc.StatusCode.INVALID_ARGUMENT
_EXHAUSTED: Final = grpc.StatusCode.RESOURCE_EXHAUSTED
_INTERNAL: Final = grpc.StatusCode.INTERNAL

# An exception gets the row of its nearest ancestor. One whose instances carry a `reason` of their
# own keeps that.
TABLE: Final[dict[type[BaseException], Row]] = {
    engine.EmptyImageError: Row(_INVALID, "EMPTY_IMAGE"),
    engine.UnsupportedFormatError: Row(_INVALID, "UNSUPPORTED_FORMAT"),
    engine.CorruptImageError: Row(_INVALID, "CORRUPT_IMAGE"),
    engine.DecoderCrashedError: Row(_INVALID, "DECODER_CRASHED"),
    engine.InvalidImageError: Row(_INVALID, "INVALID_IMAGE"),
    engine.ImageTooLargeError: Row(_EXHAUSTED, "IMAGE_TOO_LARGE"),
    engine.UnknownCodecError: Row(_INVALID, "UNKNOWN_CODEC"),
    engine.InvalidTargetError: Row(_INVALID, "INVALID_TARGET"),
    engine.InvalidPolicyError: Row(_INVALID, "INVALID_POLICY"),
    engine.UnknownHintFormatError: Row(_INVALID, "UNKNOWN_HINT_FORMAT"),
    engine.SizeMismatchError: Row(_INVALID, "SIZE_MISMATCH"),
    engine.InvalidRegionError: Row(_INVALID, "INVALID_REGION"),
    engine.UnknownAnnotatorError: Row(_INVALID, "UNKNOWN_ANNOTATOR"),
    engine.AnnotatorMissingError: Row(grpc.StatusCode.FAILED_PRECONDITION, "ANNOTATOR_MISSING"),
    engine.ExpiredError: Row(grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED"),
    engine.AbandonedError: Row(grpc.StatusCode.CANCELLED, "CANCELLED"),
    engine.EngineError: Row(_INVALID, "ENGINE_ERROR"),
    service.InvalidRequest: Row(_INVALID, "INVALID_REQUEST"),
    service.Unimplemented: Row(grpc.StatusCode.UNIMPLEMENTED, "UNIMPLEMENTED"),
    service.QueueFull: Row(_EXHAUSTED, "QUEUE_FULL"),
    service.TooManyCalls: Row(_EXHAUSTED, "TOO_MANY_CALLS"),
    service.TooManyStreams: Row(_EXHAUSTED, "TOO_MANY_STREAMS"),
    service.MessageTooLarge: Row(_EXHAUSTED, "MESSAGE_TOO_LARGE"),
    service.Unauthenticated: Row(grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED"),
    service.NoDecoder: Row(grpc.StatusCode.UNAVAILABLE, "NO_DECODER"),
    service.ShuttingDown: Row(grpc.StatusCode.UNAVAILABLE, "SHUTTING_DOWN"),
    ModelError: Row(_INTERNAL, "MODEL_FAILED"),
    AssetError: Row(_INTERNAL, "ASSET_UNUSABLE"),
    MemoryError: Row(
        _EXHAUSTED,
        "OUT_OF_MEMORY",
        "the server has not enough memory for this image; send it smaller or in parts",
    ),
    Exception: Row(_INTERNAL, "INTERNAL", "the server failed on this request; its log says why"),
}


def to_status(error: Exception) -> pb.Status:
    """What the caller is told of an error; the server's own failures are logged here."""
    row = next(TABLE[kind] for kind in type(error).__mro__ if kind in TABLE)
    if row.code is _INTERNAL:
        log.error("a request failed", exc_info=error)
    retry: float | None = getattr(error, "retry_seconds", None)
    status = pb.Status(
        code=row.code.value[0],
        reason=error.reason if isinstance(error, _OWN) else row.reason,
        message=row.message or str(error),
    )
    if retry is not None:
        status.retry_delay.CopyFrom(Duration(seconds=int(retry), nanos=int(retry % 1 * 1e9)))
    return status


def grpc_code(status: pb.Status) -> grpc.StatusCode:
    """gRPC's own object for the code of a status."""
    return next(code for code in grpc.StatusCode if code.value[0] == status.code)


def trailers(status: pb.Status) -> tuple[tuple[str, str | bytes], ...]:
    """The trailing metadata of a call that fails: the status, and when to try again."""
    whole: tuple[str, str | bytes] = (STATUS_KEY, status.SerializeToString())
    if not status.HasField("retry_delay"):
        return (whole,)
    milliseconds = round(status.retry_delay.ToTimedelta().total_seconds() * 1000)
    return whole, (PUSHBACK_KEY, str(milliseconds))

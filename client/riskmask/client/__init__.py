"""The riskmask client: which pixels a neural codec would change in meaning, and what to do.

Light on purpose: importing it loads neither torch nor onnxruntime, OpenCV or SciPy.
"""

from riskmask.client._async_client import AsyncClient
from riskmask.client._client import Client
from riskmask.client._damage import Damage, PredictedDamage
from riskmask.client._errors import (
    DeadlineExceeded,
    EngineNotInstalled,
    InternalError,
    InvalidImage,
    InvalidRequest,
    LimitExceeded,
    NotAuthorized,
    NotSupported,
    Overloaded,
    RiskmaskError,
    ServiceUnavailable,
)
from riskmask.client._explanation import Explanation, SafeTextHeight
from riskmask.client._fake import AsyncFakeTransport, FakeTransport
from riskmask.client._fallback import Fallback
from riskmask.client._messages import Options
from riskmask.client._miscompression import ChangeKind, ContentType
from riskmask.client._policy import Policy
from riskmask.client._raw import ColorMatrix, ColorRange, PixelFormat, Plane, RawImage
from riskmask.client._server_info import (
    CodecInfo,
    HintFormat,
    Limits,
    MissingAnnotator,
    ServerInfo,
)
from riskmask.client._transport import AsyncTransport, Transport
from riskmask.client._types import (
    Analysis,
    Content,
    Decision,
    Effectiveness,
    Hint,
    ImageFacts,
    JpegAdvice,
    Kind,
    Mask,
    MaskType,
    ModelInfo,
    Reason,
    Region,
    ResolvedTarget,
)
from riskmask.client._verification import (
    ExaminedRegion,
    Finding,
    FindingMask,
    KnownRegion,
    Verification,
    VerifyOptions,
)

__all__ = [
    "Analysis",
    "AsyncClient",
    "AsyncFakeTransport",
    "AsyncTransport",
    "ChangeKind",
    "Client",
    "CodecInfo",
    "ColorMatrix",
    "ColorRange",
    "Content",
    "ContentType",
    "Damage",
    "DeadlineExceeded",
    "Decision",
    "Effectiveness",
    "EngineNotInstalled",
    "ExaminedRegion",
    "Explanation",
    "FakeTransport",
    "Fallback",
    "Finding",
    "FindingMask",
    "Hint",
    "HintFormat",
    "ImageFacts",
    "InternalError",
    "InvalidImage",
    "InvalidRequest",
    "JpegAdvice",
    "Kind",
    "KnownRegion",
    "LimitExceeded",
    "Limits",
    "Mask",
    "MaskType",
    "MissingAnnotator",
    "ModelInfo",
    "NotAuthorized",
    "NotSupported",
    "Options",
    "Overloaded",
    "PixelFormat",
    "Plane",
    "Policy",
    "PredictedDamage",
    "RawImage",
    "Reason",
    "Region",
    "ResolvedTarget",
    "RiskmaskError",
    "SafeTextHeight",
    "ServerInfo",
    "ServiceUnavailable",
    "Transport",
    "Verification",
    "VerifyOptions",
]

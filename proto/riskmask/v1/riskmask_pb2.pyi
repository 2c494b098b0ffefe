import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class PixelFormat(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PIXEL_FORMAT_UNSPECIFIED: _ClassVar[PixelFormat]
    PIXEL_FORMAT_RGB8: _ClassVar[PixelFormat]
    PIXEL_FORMAT_RGBA8: _ClassVar[PixelFormat]
    PIXEL_FORMAT_GRAY8: _ClassVar[PixelFormat]
    PIXEL_FORMAT_NV12: _ClassVar[PixelFormat]
    PIXEL_FORMAT_I420: _ClassVar[PixelFormat]

class ColorMatrix(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    COLOR_MATRIX_UNSPECIFIED: _ClassVar[ColorMatrix]
    COLOR_MATRIX_BT601: _ClassVar[ColorMatrix]
    COLOR_MATRIX_BT709: _ClassVar[ColorMatrix]
    COLOR_MATRIX_BT2020_NCL: _ClassVar[ColorMatrix]

class ColorRange(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    COLOR_RANGE_UNSPECIFIED: _ClassVar[ColorRange]
    COLOR_RANGE_LIMITED: _ClassVar[ColorRange]
    COLOR_RANGE_FULL: _ClassVar[ColorRange]

class Rotation(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ROTATION_UNSPECIFIED: _ClassVar[Rotation]
    ROTATION_90: _ClassVar[Rotation]
    ROTATION_180: _ClassVar[Rotation]
    ROTATION_270: _ClassVar[Rotation]

class Priority(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PRIORITY_UNSPECIFIED: _ClassVar[Priority]
    PRIORITY_LIVE: _ClassVar[Priority]
    PRIORITY_BATCH: _ClassVar[Priority]

class Decision(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DECISION_UNSPECIFIED: _ClassVar[Decision]
    DECISION_ENCODE: _ClassVar[Decision]
    DECISION_ENCODE_WITH_HINTS: _ClassVar[Decision]
    DECISION_RAISE_RATE: _ClassVar[Decision]
    DECISION_FALLBACK_JPEG: _ClassVar[Decision]

class ReasonCode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REASON_CODE_UNSPECIFIED: _ClassVar[ReasonCode]
    REASON_CODE_NO_RISK: _ClassVar[ReasonCode]
    REASON_CODE_RISK_REGIONS: _ClassVar[ReasonCode]
    REASON_CODE_HINTS_SUFFICE: _ClassVar[ReasonCode]
    REASON_CODE_SAFE_RATE_CHEAPER_THAN_JPEG: _ClassVar[ReasonCode]
    REASON_CODE_NO_SMALLER_SAFE_NEURAL_RATE: _ClassVar[ReasonCode]
    REASON_CODE_JPEG_EXCEEDS_TARGET: _ClassVar[ReasonCode]
    REASON_CODE_RATE_OUT_OF_RANGE: _ClassVar[ReasonCode]
    REASON_CODE_JPEG_AT_RISK: _ClassVar[ReasonCode]
    REASON_CODE_ERROR_PROBABILITY: _ClassVar[ReasonCode]

class Effectiveness(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EFFECTIVENESS_UNSPECIFIED: _ClassVar[Effectiveness]
    EFFECTIVENESS_EFFECTIVE: _ClassVar[Effectiveness]
    EFFECTIVENESS_NOT_EFFECTIVE_ON_STILLS: _ClassVar[Effectiveness]
    EFFECTIVENESS_UNPROVEN: _ClassVar[Effectiveness]

class MaskType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MASK_TYPE_UNSPECIFIED: _ClassVar[MaskType]
    MASK_TYPE_RISK: _ClassVar[MaskType]
    MASK_TYPE_TEXT: _ClassVar[MaskType]
    MASK_TYPE_FACE: _ClassVar[MaskType]
    MASK_TYPE_SYMBOL: _ClassVar[MaskType]
    MASK_TYPE_HIGH_IMPACT: _ClassVar[MaskType]

class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    KIND_UNSPECIFIED: _ClassVar[Kind]
    KIND_AMPLITUDE: _ClassVar[Kind]
    KIND_GEOMETRY: _ClassVar[Kind]
    KIND_SHAPE: _ClassVar[Kind]

class Content(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CONTENT_UNSPECIFIED: _ClassVar[Content]
    CONTENT_TEXT: _ClassVar[Content]
    CONTENT_FACE: _ClassVar[Content]
    CONTENT_SYMBOL: _ClassVar[Content]
PIXEL_FORMAT_UNSPECIFIED: PixelFormat
PIXEL_FORMAT_RGB8: PixelFormat
PIXEL_FORMAT_RGBA8: PixelFormat
PIXEL_FORMAT_GRAY8: PixelFormat
PIXEL_FORMAT_NV12: PixelFormat
PIXEL_FORMAT_I420: PixelFormat
COLOR_MATRIX_UNSPECIFIED: ColorMatrix
COLOR_MATRIX_BT601: ColorMatrix
COLOR_MATRIX_BT709: ColorMatrix
COLOR_MATRIX_BT2020_NCL: ColorMatrix
COLOR_RANGE_UNSPECIFIED: ColorRange
COLOR_RANGE_LIMITED: ColorRange
COLOR_RANGE_FULL: ColorRange
ROTATION_UNSPECIFIED: Rotation
ROTATION_90: Rotation
ROTATION_180: Rotation
ROTATION_270: Rotation
PRIORITY_UNSPECIFIED: Priority
PRIORITY_LIVE: Priority
PRIORITY_BATCH: Priority
DECISION_UNSPECIFIED: Decision
DECISION_ENCODE: Decision
DECISION_ENCODE_WITH_HINTS: Decision
DECISION_RAISE_RATE: Decision
DECISION_FALLBACK_JPEG: Decision
REASON_CODE_UNSPECIFIED: ReasonCode
REASON_CODE_NO_RISK: ReasonCode
REASON_CODE_RISK_REGIONS: ReasonCode
REASON_CODE_HINTS_SUFFICE: ReasonCode
REASON_CODE_SAFE_RATE_CHEAPER_THAN_JPEG: ReasonCode
REASON_CODE_NO_SMALLER_SAFE_NEURAL_RATE: ReasonCode
REASON_CODE_JPEG_EXCEEDS_TARGET: ReasonCode
REASON_CODE_RATE_OUT_OF_RANGE: ReasonCode
REASON_CODE_JPEG_AT_RISK: ReasonCode
REASON_CODE_ERROR_PROBABILITY: ReasonCode
EFFECTIVENESS_UNSPECIFIED: Effectiveness
EFFECTIVENESS_EFFECTIVE: Effectiveness
EFFECTIVENESS_NOT_EFFECTIVE_ON_STILLS: Effectiveness
EFFECTIVENESS_UNPROVEN: Effectiveness
MASK_TYPE_UNSPECIFIED: MaskType
MASK_TYPE_RISK: MaskType
MASK_TYPE_TEXT: MaskType
MASK_TYPE_FACE: MaskType
MASK_TYPE_SYMBOL: MaskType
MASK_TYPE_HIGH_IMPACT: MaskType
KIND_UNSPECIFIED: Kind
KIND_AMPLITUDE: Kind
KIND_GEOMETRY: Kind
KIND_SHAPE: Kind
CONTENT_UNSPECIFIED: Content
CONTENT_TEXT: Content
CONTENT_FACE: Content
CONTENT_SYMBOL: Content

class AnalyzeRequest(_message.Message):
    __slots__ = ("image", "codec", "target", "hint_formats", "masks", "policy", "priority")
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    CODEC_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    HINT_FORMATS_FIELD_NUMBER: _ClassVar[int]
    MASKS_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    image: Image
    codec: str
    target: Target
    hint_formats: _containers.RepeatedScalarFieldContainer[str]
    masks: _containers.RepeatedScalarFieldContainer[MaskType]
    policy: Policy
    priority: Priority
    def __init__(self, image: _Optional[_Union[Image, _Mapping]] = ..., codec: _Optional[str] = ..., target: _Optional[_Union[Target, _Mapping]] = ..., hint_formats: _Optional[_Iterable[str]] = ..., masks: _Optional[_Iterable[_Union[MaskType, str]]] = ..., policy: _Optional[_Union[Policy, _Mapping]] = ..., priority: _Optional[_Union[Priority, str]] = ...) -> None: ...

class AnalyzeResponse(_message.Message):
    __slots__ = ("analysis",)
    ANALYSIS_FIELD_NUMBER: _ClassVar[int]
    analysis: Analysis
    def __init__(self, analysis: _Optional[_Union[Analysis, _Mapping]] = ...) -> None: ...

class AnalyzeStreamRequest(_message.Message):
    __slots__ = ("request_id", "request", "timeout")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    request: AnalyzeRequest
    timeout: _duration_pb2.Duration
    def __init__(self, request_id: _Optional[str] = ..., request: _Optional[_Union[AnalyzeRequest, _Mapping]] = ..., timeout: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class AnalyzeStreamResponse(_message.Message):
    __slots__ = ("request_id", "status", "analysis")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    ANALYSIS_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    status: Status
    analysis: Analysis
    def __init__(self, request_id: _Optional[str] = ..., status: _Optional[_Union[Status, _Mapping]] = ..., analysis: _Optional[_Union[Analysis, _Mapping]] = ...) -> None: ...

class VerifyRequest(_message.Message):
    __slots__ = ("original", "reconstruction", "known_regions", "annotators", "priority")
    ORIGINAL_FIELD_NUMBER: _ClassVar[int]
    RECONSTRUCTION_FIELD_NUMBER: _ClassVar[int]
    KNOWN_REGIONS_FIELD_NUMBER: _ClassVar[int]
    ANNOTATORS_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    original: Image
    reconstruction: Image
    known_regions: _containers.RepeatedCompositeFieldContainer[KnownRegion]
    annotators: _containers.RepeatedScalarFieldContainer[str]
    priority: Priority
    def __init__(self, original: _Optional[_Union[Image, _Mapping]] = ..., reconstruction: _Optional[_Union[Image, _Mapping]] = ..., known_regions: _Optional[_Iterable[_Union[KnownRegion, _Mapping]]] = ..., annotators: _Optional[_Iterable[str]] = ..., priority: _Optional[_Union[Priority, str]] = ...) -> None: ...

class VerifyResponse(_message.Message):
    __slots__ = ("findings", "original", "reconstruction", "examined", "annotators")
    FINDINGS_FIELD_NUMBER: _ClassVar[int]
    ORIGINAL_FIELD_NUMBER: _ClassVar[int]
    RECONSTRUCTION_FIELD_NUMBER: _ClassVar[int]
    EXAMINED_FIELD_NUMBER: _ClassVar[int]
    ANNOTATORS_FIELD_NUMBER: _ClassVar[int]
    findings: _containers.RepeatedCompositeFieldContainer[Finding]
    original: ImageFacts
    reconstruction: ImageFacts
    examined: _containers.RepeatedCompositeFieldContainer[ExaminedRegion]
    annotators: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, findings: _Optional[_Iterable[_Union[Finding, _Mapping]]] = ..., original: _Optional[_Union[ImageFacts, _Mapping]] = ..., reconstruction: _Optional[_Union[ImageFacts, _Mapping]] = ..., examined: _Optional[_Iterable[_Union[ExaminedRegion, _Mapping]]] = ..., annotators: _Optional[_Iterable[str]] = ...) -> None: ...

class GetServerInfoRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetServerInfoResponse(_message.Message):
    __slots__ = ("server_version", "model", "codecs", "hint_formats", "limits", "input_formats", "pixel_formats", "policy_presets", "annotators", "default_codec", "default_bpp", "missing_annotators")
    SERVER_VERSION_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    CODECS_FIELD_NUMBER: _ClassVar[int]
    HINT_FORMATS_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    INPUT_FORMATS_FIELD_NUMBER: _ClassVar[int]
    PIXEL_FORMATS_FIELD_NUMBER: _ClassVar[int]
    POLICY_PRESETS_FIELD_NUMBER: _ClassVar[int]
    ANNOTATORS_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_CODEC_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_BPP_FIELD_NUMBER: _ClassVar[int]
    MISSING_ANNOTATORS_FIELD_NUMBER: _ClassVar[int]
    server_version: str
    model: ModelInfo
    codecs: _containers.RepeatedCompositeFieldContainer[CodecInfo]
    hint_formats: _containers.RepeatedCompositeFieldContainer[HintFormatInfo]
    limits: Limits
    input_formats: _containers.RepeatedScalarFieldContainer[str]
    pixel_formats: _containers.RepeatedScalarFieldContainer[PixelFormat]
    policy_presets: _containers.RepeatedScalarFieldContainer[str]
    annotators: _containers.RepeatedScalarFieldContainer[str]
    default_codec: str
    default_bpp: float
    missing_annotators: _containers.RepeatedCompositeFieldContainer[MissingAnnotator]
    def __init__(self, server_version: _Optional[str] = ..., model: _Optional[_Union[ModelInfo, _Mapping]] = ..., codecs: _Optional[_Iterable[_Union[CodecInfo, _Mapping]]] = ..., hint_formats: _Optional[_Iterable[_Union[HintFormatInfo, _Mapping]]] = ..., limits: _Optional[_Union[Limits, _Mapping]] = ..., input_formats: _Optional[_Iterable[str]] = ..., pixel_formats: _Optional[_Iterable[_Union[PixelFormat, str]]] = ..., policy_presets: _Optional[_Iterable[str]] = ..., annotators: _Optional[_Iterable[str]] = ..., default_codec: _Optional[str] = ..., default_bpp: _Optional[float] = ..., missing_annotators: _Optional[_Iterable[_Union[MissingAnnotator, _Mapping]]] = ...) -> None: ...

class Image(_message.Message):
    __slots__ = ("encoded", "raw")
    ENCODED_FIELD_NUMBER: _ClassVar[int]
    RAW_FIELD_NUMBER: _ClassVar[int]
    encoded: bytes
    raw: RawImage
    def __init__(self, encoded: _Optional[bytes] = ..., raw: _Optional[_Union[RawImage, _Mapping]] = ...) -> None: ...

class RawImage(_message.Message):
    __slots__ = ("pixel_format", "width", "height", "planes", "color_matrix", "color_range", "rotation")
    PIXEL_FORMAT_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    PLANES_FIELD_NUMBER: _ClassVar[int]
    COLOR_MATRIX_FIELD_NUMBER: _ClassVar[int]
    COLOR_RANGE_FIELD_NUMBER: _ClassVar[int]
    ROTATION_FIELD_NUMBER: _ClassVar[int]
    pixel_format: PixelFormat
    width: int
    height: int
    planes: _containers.RepeatedCompositeFieldContainer[Plane]
    color_matrix: ColorMatrix
    color_range: ColorRange
    rotation: Rotation
    def __init__(self, pixel_format: _Optional[_Union[PixelFormat, str]] = ..., width: _Optional[int] = ..., height: _Optional[int] = ..., planes: _Optional[_Iterable[_Union[Plane, _Mapping]]] = ..., color_matrix: _Optional[_Union[ColorMatrix, str]] = ..., color_range: _Optional[_Union[ColorRange, str]] = ..., rotation: _Optional[_Union[Rotation, str]] = ...) -> None: ...

class Plane(_message.Message):
    __slots__ = ("data", "stride")
    DATA_FIELD_NUMBER: _ClassVar[int]
    STRIDE_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    stride: int
    def __init__(self, data: _Optional[bytes] = ..., stride: _Optional[int] = ...) -> None: ...

class ImageFacts(_message.Message):
    __slots__ = ("width", "height", "sha256", "format", "notes")
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    width: int
    height: int
    sha256: str
    format: str
    notes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, width: _Optional[int] = ..., height: _Optional[int] = ..., sha256: _Optional[str] = ..., format: _Optional[str] = ..., notes: _Optional[_Iterable[str]] = ...) -> None: ...

class Target(_message.Message):
    __slots__ = ("bpp", "size_bytes", "quality")
    BPP_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    QUALITY_FIELD_NUMBER: _ClassVar[int]
    bpp: float
    size_bytes: int
    quality: float
    def __init__(self, bpp: _Optional[float] = ..., size_bytes: _Optional[int] = ..., quality: _Optional[float] = ...) -> None: ...

class ResolvedTarget(_message.Message):
    __slots__ = ("codec", "bpp", "level")
    CODEC_FIELD_NUMBER: _ClassVar[int]
    BPP_FIELD_NUMBER: _ClassVar[int]
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    codec: str
    bpp: float
    level: float
    def __init__(self, codec: _Optional[str] = ..., bpp: _Optional[float] = ..., level: _Optional[float] = ...) -> None: ...

class Policy(_message.Message):
    __slots__ = ("preset", "threshold", "content_weights", "smallest_region", "max_error_probability")
    PRESET_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    CONTENT_WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    SMALLEST_REGION_FIELD_NUMBER: _ClassVar[int]
    MAX_ERROR_PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    preset: str
    threshold: float
    content_weights: ContentWeights
    smallest_region: int
    max_error_probability: float
    def __init__(self, preset: _Optional[str] = ..., threshold: _Optional[float] = ..., content_weights: _Optional[_Union[ContentWeights, _Mapping]] = ..., smallest_region: _Optional[int] = ..., max_error_probability: _Optional[float] = ...) -> None: ...

class ContentWeights(_message.Message):
    __slots__ = ("text", "face", "symbol", "other")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    FACE_FIELD_NUMBER: _ClassVar[int]
    SYMBOL_FIELD_NUMBER: _ClassVar[int]
    OTHER_FIELD_NUMBER: _ClassVar[int]
    text: float
    face: float
    symbol: float
    other: float
    def __init__(self, text: _Optional[float] = ..., face: _Optional[float] = ..., symbol: _Optional[float] = ..., other: _Optional[float] = ...) -> None: ...

class Analysis(_message.Message):
    __slots__ = ("decision", "reasons", "image", "target", "regions", "risk_area_fraction", "safe_bpp", "jpeg", "hints", "masks", "model", "damage", "policy")
    DECISION_FIELD_NUMBER: _ClassVar[int]
    REASONS_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    REGIONS_FIELD_NUMBER: _ClassVar[int]
    RISK_AREA_FRACTION_FIELD_NUMBER: _ClassVar[int]
    SAFE_BPP_FIELD_NUMBER: _ClassVar[int]
    JPEG_FIELD_NUMBER: _ClassVar[int]
    HINTS_FIELD_NUMBER: _ClassVar[int]
    MASKS_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    DAMAGE_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    decision: Decision
    reasons: _containers.RepeatedCompositeFieldContainer[Reason]
    image: ImageFacts
    target: ResolvedTarget
    regions: _containers.RepeatedCompositeFieldContainer[Region]
    risk_area_fraction: float
    safe_bpp: float
    jpeg: JpegAdvice
    hints: _containers.RepeatedCompositeFieldContainer[HintPayload]
    masks: _containers.RepeatedCompositeFieldContainer[Mask]
    model: ModelInfo
    damage: PredictedDamage
    policy: Policy
    def __init__(self, decision: _Optional[_Union[Decision, str]] = ..., reasons: _Optional[_Iterable[_Union[Reason, _Mapping]]] = ..., image: _Optional[_Union[ImageFacts, _Mapping]] = ..., target: _Optional[_Union[ResolvedTarget, _Mapping]] = ..., regions: _Optional[_Iterable[_Union[Region, _Mapping]]] = ..., risk_area_fraction: _Optional[float] = ..., safe_bpp: _Optional[float] = ..., jpeg: _Optional[_Union[JpegAdvice, _Mapping]] = ..., hints: _Optional[_Iterable[_Union[HintPayload, _Mapping]]] = ..., masks: _Optional[_Iterable[_Union[Mask, _Mapping]]] = ..., model: _Optional[_Union[ModelInfo, _Mapping]] = ..., damage: _Optional[_Union[PredictedDamage, _Mapping]] = ..., policy: _Optional[_Union[Policy, _Mapping]] = ...) -> None: ...

class PredictedDamage(_message.Message):
    __slots__ = ("uniform", "hinted", "safe", "jpeg")
    UNIFORM_FIELD_NUMBER: _ClassVar[int]
    HINTED_FIELD_NUMBER: _ClassVar[int]
    SAFE_FIELD_NUMBER: _ClassVar[int]
    JPEG_FIELD_NUMBER: _ClassVar[int]
    uniform: Damage
    hinted: Damage
    safe: Damage
    jpeg: Damage
    def __init__(self, uniform: _Optional[_Union[Damage, _Mapping]] = ..., hinted: _Optional[_Union[Damage, _Mapping]] = ..., safe: _Optional[_Union[Damage, _Mapping]] = ..., jpeg: _Optional[_Union[Damage, _Mapping]] = ...) -> None: ...

class Damage(_message.Message):
    __slots__ = ("error_probability", "pixels")
    ERROR_PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    PIXELS_FIELD_NUMBER: _ClassVar[int]
    error_probability: float
    pixels: float
    def __init__(self, error_probability: _Optional[float] = ..., pixels: _Optional[float] = ...) -> None: ...

class Reason(_message.Message):
    __slots__ = ("code", "message")
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    code: ReasonCode
    message: str
    def __init__(self, code: _Optional[_Union[ReasonCode, str]] = ..., message: _Optional[str] = ...) -> None: ...

class Region(_message.Message):
    __slots__ = ("box", "polygon", "content", "risk", "kind", "high_impact", "safe_level", "safe_bpp", "explanation")
    BOX_FIELD_NUMBER: _ClassVar[int]
    POLYGON_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    RISK_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    HIGH_IMPACT_FIELD_NUMBER: _ClassVar[int]
    SAFE_LEVEL_FIELD_NUMBER: _ClassVar[int]
    SAFE_BPP_FIELD_NUMBER: _ClassVar[int]
    EXPLANATION_FIELD_NUMBER: _ClassVar[int]
    box: Box
    polygon: _containers.RepeatedCompositeFieldContainer[Point]
    content: ContentProbabilities
    risk: float
    kind: KindProbabilities
    high_impact: float
    safe_level: float
    safe_bpp: float
    explanation: Explanation
    def __init__(self, box: _Optional[_Union[Box, _Mapping]] = ..., polygon: _Optional[_Iterable[_Union[Point, _Mapping]]] = ..., content: _Optional[_Union[ContentProbabilities, _Mapping]] = ..., risk: _Optional[float] = ..., kind: _Optional[_Union[KindProbabilities, _Mapping]] = ..., high_impact: _Optional[float] = ..., safe_level: _Optional[float] = ..., safe_bpp: _Optional[float] = ..., explanation: _Optional[_Union[Explanation, _Mapping]] = ...) -> None: ...

class Explanation(_message.Message):
    __slots__ = ("content", "content_probability", "kind", "kind_probability", "text_height", "safe_text_height")
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    CONTENT_PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    KIND_PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    TEXT_HEIGHT_FIELD_NUMBER: _ClassVar[int]
    SAFE_TEXT_HEIGHT_FIELD_NUMBER: _ClassVar[int]
    content: Content
    content_probability: float
    kind: Kind
    kind_probability: float
    text_height: float
    safe_text_height: SafeTextHeight
    def __init__(self, content: _Optional[_Union[Content, str]] = ..., content_probability: _Optional[float] = ..., kind: _Optional[_Union[Kind, str]] = ..., kind_probability: _Optional[float] = ..., text_height: _Optional[float] = ..., safe_text_height: _Optional[_Union[SafeTextHeight, _Mapping]] = ...) -> None: ...

class SafeTextHeight(_message.Message):
    __slots__ = ("pixels", "changed_share")
    PIXELS_FIELD_NUMBER: _ClassVar[int]
    CHANGED_SHARE_FIELD_NUMBER: _ClassVar[int]
    pixels: float
    changed_share: float
    def __init__(self, pixels: _Optional[float] = ..., changed_share: _Optional[float] = ...) -> None: ...

class Box(_message.Message):
    __slots__ = ("x", "y", "width", "height")
    X_FIELD_NUMBER: _ClassVar[int]
    Y_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    x: int
    y: int
    width: int
    height: int
    def __init__(self, x: _Optional[int] = ..., y: _Optional[int] = ..., width: _Optional[int] = ..., height: _Optional[int] = ...) -> None: ...

class Point(_message.Message):
    __slots__ = ("x", "y")
    X_FIELD_NUMBER: _ClassVar[int]
    Y_FIELD_NUMBER: _ClassVar[int]
    x: int
    y: int
    def __init__(self, x: _Optional[int] = ..., y: _Optional[int] = ...) -> None: ...

class ContentProbabilities(_message.Message):
    __slots__ = ("text", "face", "symbol")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    FACE_FIELD_NUMBER: _ClassVar[int]
    SYMBOL_FIELD_NUMBER: _ClassVar[int]
    text: float
    face: float
    symbol: float
    def __init__(self, text: _Optional[float] = ..., face: _Optional[float] = ..., symbol: _Optional[float] = ...) -> None: ...

class KindProbabilities(_message.Message):
    __slots__ = ("amplitude", "geometry", "shape")
    AMPLITUDE_FIELD_NUMBER: _ClassVar[int]
    GEOMETRY_FIELD_NUMBER: _ClassVar[int]
    SHAPE_FIELD_NUMBER: _ClassVar[int]
    amplitude: float
    geometry: float
    shape: float
    def __init__(self, amplitude: _Optional[float] = ..., geometry: _Optional[float] = ..., shape: _Optional[float] = ...) -> None: ...

class JpegAdvice(_message.Message):
    __slots__ = ("quality", "subsampling", "estimated_bytes", "safe")
    QUALITY_FIELD_NUMBER: _ClassVar[int]
    SUBSAMPLING_FIELD_NUMBER: _ClassVar[int]
    ESTIMATED_BYTES_FIELD_NUMBER: _ClassVar[int]
    SAFE_FIELD_NUMBER: _ClassVar[int]
    quality: int
    subsampling: str
    estimated_bytes: int
    safe: bool
    def __init__(self, quality: _Optional[int] = ..., subsampling: _Optional[str] = ..., estimated_bytes: _Optional[int] = ..., safe: bool = ...) -> None: ...

class HintPayload(_message.Message):
    __slots__ = ("format", "data", "grid", "effectiveness")
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    GRID_FIELD_NUMBER: _ClassVar[int]
    EFFECTIVENESS_FIELD_NUMBER: _ClassVar[int]
    format: str
    data: bytes
    grid: Grid
    effectiveness: Effectiveness
    def __init__(self, format: _Optional[str] = ..., data: _Optional[bytes] = ..., grid: _Optional[_Union[Grid, _Mapping]] = ..., effectiveness: _Optional[_Union[Effectiveness, str]] = ...) -> None: ...

class Grid(_message.Message):
    __slots__ = ("columns", "rows", "block")
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    BLOCK_FIELD_NUMBER: _ClassVar[int]
    columns: int
    rows: int
    block: int
    def __init__(self, columns: _Optional[int] = ..., rows: _Optional[int] = ..., block: _Optional[int] = ...) -> None: ...

class Mask(_message.Message):
    __slots__ = ("type", "png", "stride")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    PNG_FIELD_NUMBER: _ClassVar[int]
    STRIDE_FIELD_NUMBER: _ClassVar[int]
    type: MaskType
    png: bytes
    stride: int
    def __init__(self, type: _Optional[_Union[MaskType, str]] = ..., png: _Optional[bytes] = ..., stride: _Optional[int] = ...) -> None: ...

class ModelInfo(_message.Message):
    __slots__ = ("name", "sha256")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    name: str
    sha256: str
    def __init__(self, name: _Optional[str] = ..., sha256: _Optional[str] = ...) -> None: ...

class KnownRegion(_message.Message):
    __slots__ = ("box", "content", "transcription", "polygon", "icon")
    BOX_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    TRANSCRIPTION_FIELD_NUMBER: _ClassVar[int]
    POLYGON_FIELD_NUMBER: _ClassVar[int]
    ICON_FIELD_NUMBER: _ClassVar[int]
    box: Box
    content: Content
    transcription: str
    polygon: _containers.RepeatedCompositeFieldContainer[Point]
    icon: Icon
    def __init__(self, box: _Optional[_Union[Box, _Mapping]] = ..., content: _Optional[_Union[Content, str]] = ..., transcription: _Optional[str] = ..., polygon: _Optional[_Iterable[_Union[Point, _Mapping]]] = ..., icon: _Optional[_Union[Icon, _Mapping]] = ...) -> None: ...

class Icon(_message.Message):
    __slots__ = ("family", "name")
    FAMILY_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    family: str
    name: str
    def __init__(self, family: _Optional[str] = ..., name: _Optional[str] = ...) -> None: ...

class ExaminedRegion(_message.Message):
    __slots__ = ("box", "polygon", "content", "judged")
    BOX_FIELD_NUMBER: _ClassVar[int]
    POLYGON_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    JUDGED_FIELD_NUMBER: _ClassVar[int]
    box: Box
    polygon: _containers.RepeatedCompositeFieldContainer[Point]
    content: Content
    judged: bool
    def __init__(self, box: _Optional[_Union[Box, _Mapping]] = ..., polygon: _Optional[_Iterable[_Union[Point, _Mapping]]] = ..., content: _Optional[_Union[Content, str]] = ..., judged: bool = ...) -> None: ...

class Finding(_message.Message):
    __slots__ = ("box", "mask", "kind", "content", "high_impact", "severity", "evidence", "annotator", "polygon", "examined_region")
    BOX_FIELD_NUMBER: _ClassVar[int]
    MASK_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    HIGH_IMPACT_FIELD_NUMBER: _ClassVar[int]
    SEVERITY_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    ANNOTATOR_FIELD_NUMBER: _ClassVar[int]
    POLYGON_FIELD_NUMBER: _ClassVar[int]
    EXAMINED_REGION_FIELD_NUMBER: _ClassVar[int]
    box: Box
    mask: FindingMask
    kind: Kind
    content: Content
    high_impact: bool
    severity: float
    evidence: str
    annotator: str
    polygon: _containers.RepeatedCompositeFieldContainer[Point]
    examined_region: int
    def __init__(self, box: _Optional[_Union[Box, _Mapping]] = ..., mask: _Optional[_Union[FindingMask, _Mapping]] = ..., kind: _Optional[_Union[Kind, str]] = ..., content: _Optional[_Union[Content, str]] = ..., high_impact: bool = ..., severity: _Optional[float] = ..., evidence: _Optional[str] = ..., annotator: _Optional[str] = ..., polygon: _Optional[_Iterable[_Union[Point, _Mapping]]] = ..., examined_region: _Optional[int] = ...) -> None: ...

class FindingMask(_message.Message):
    __slots__ = ("png", "stride")
    PNG_FIELD_NUMBER: _ClassVar[int]
    STRIDE_FIELD_NUMBER: _ClassVar[int]
    png: bytes
    stride: int
    def __init__(self, png: _Optional[bytes] = ..., stride: _Optional[int] = ...) -> None: ...

class CodecInfo(_message.Message):
    __slots__ = ("name", "description", "version", "quality", "level")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    QUALITY_FIELD_NUMBER: _ClassVar[int]
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    name: str
    description: str
    version: str
    quality: QualityRange
    level: Range
    def __init__(self, name: _Optional[str] = ..., description: _Optional[str] = ..., version: _Optional[str] = ..., quality: _Optional[_Union[QualityRange, _Mapping]] = ..., level: _Optional[_Union[Range, _Mapping]] = ...) -> None: ...

class QualityRange(_message.Message):
    __slots__ = ("minimum", "maximum", "integer", "meaning", "coarsest", "finest")
    MINIMUM_FIELD_NUMBER: _ClassVar[int]
    MAXIMUM_FIELD_NUMBER: _ClassVar[int]
    INTEGER_FIELD_NUMBER: _ClassVar[int]
    MEANING_FIELD_NUMBER: _ClassVar[int]
    COARSEST_FIELD_NUMBER: _ClassVar[int]
    FINEST_FIELD_NUMBER: _ClassVar[int]
    minimum: float
    maximum: float
    integer: bool
    meaning: str
    coarsest: float
    finest: float
    def __init__(self, minimum: _Optional[float] = ..., maximum: _Optional[float] = ..., integer: bool = ..., meaning: _Optional[str] = ..., coarsest: _Optional[float] = ..., finest: _Optional[float] = ...) -> None: ...

class Range(_message.Message):
    __slots__ = ("minimum", "maximum")
    MINIMUM_FIELD_NUMBER: _ClassVar[int]
    MAXIMUM_FIELD_NUMBER: _ClassVar[int]
    minimum: float
    maximum: float
    def __init__(self, minimum: _Optional[float] = ..., maximum: _Optional[float] = ...) -> None: ...

class MissingAnnotator(_message.Message):
    __slots__ = ("name", "message")
    NAME_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    name: str
    message: str
    def __init__(self, name: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class HintFormatInfo(_message.Message):
    __slots__ = ("name", "effectiveness")
    NAME_FIELD_NUMBER: _ClassVar[int]
    EFFECTIVENESS_FIELD_NUMBER: _ClassVar[int]
    name: str
    effectiveness: Effectiveness
    def __init__(self, name: _Optional[str] = ..., effectiveness: _Optional[_Union[Effectiveness, str]] = ...) -> None: ...

class Limits(_message.Message):
    __slots__ = ("max_image_bytes", "max_image_pixels", "max_image_side", "max_message_bytes")
    MAX_IMAGE_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_IMAGE_PIXELS_FIELD_NUMBER: _ClassVar[int]
    MAX_IMAGE_SIDE_FIELD_NUMBER: _ClassVar[int]
    MAX_MESSAGE_BYTES_FIELD_NUMBER: _ClassVar[int]
    max_image_bytes: int
    max_image_pixels: int
    max_image_side: int
    max_message_bytes: int
    def __init__(self, max_image_bytes: _Optional[int] = ..., max_image_pixels: _Optional[int] = ..., max_image_side: _Optional[int] = ..., max_message_bytes: _Optional[int] = ...) -> None: ...

class Status(_message.Message):
    __slots__ = ("code", "reason", "message", "retry_delay")
    CODE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    RETRY_DELAY_FIELD_NUMBER: _ClassVar[int]
    code: int
    reason: str
    message: str
    retry_delay: _duration_pb2.Duration
    def __init__(self, code: _Optional[int] = ..., reason: _Optional[str] = ..., message: _Optional[str] = ..., retry_delay: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

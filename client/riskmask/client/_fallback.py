"""What to do with an image when nobody can look at it in time."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from riskmask.client._errors import RiskmaskError
from riskmask.client._types import Decision, JpegAdvice, Reason

SERVICE_UNAVAILABLE: Final = "SERVICE_UNAVAILABLE"
# Fine enough that a JPEG of an unknown picture rarely changes what it says, colour at full size.
UNSEEN_JPEG: Final = JpegAdvice(quality=92, subsampling="4:4:4", estimated_bytes=None, safe=None)


@dataclass(frozen=True)
class Fallback:
    """Stands in for an :class:`~riskmask.client.Analysis`: take JPEG, nobody looked at the image.

    Attributes:
        decision: always ``FALLBACK_JPEG``.
        reasons: one, ``SERVICE_UNAVAILABLE``.
        jpeg: quality 92, 4:4:4; neither its size nor its safety is known.
        cause: why there is no analysis.
    """

    decision: Decision
    reasons: tuple[Reason, ...]
    jpeg: JpegAdvice
    cause: RiskmaskError

    def to_dict(self) -> dict[str, Any]:
        """What goes into JSON."""
        return {
            "decision": str(self.decision),
            "reasons": [{"code": item.code, "message": item.message} for item in self.reasons],
            "jpeg": dict(vars(self.jpeg)),
        }

    def to_json(self) -> str:
        """:meth:`to_dict` as indented JSON."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False, allow_nan=False)


def fallback(cause: RiskmaskError) -> Fallback:
    """The answer in place of an analysis that did not come.

    Raises:
        RiskmaskError: the cause, where the client itself was closed.
    """
    if cause.reason == "CLOSED":
        raise cause
    reason = Reason(
        SERVICE_UNAVAILABLE, f"Nobody looked at this image ({cause.reason}): {cause.message}"
    )
    return Fallback(Decision.FALLBACK_JPEG, (reason,), UNSEEN_JPEG, cause)

"""What is remembered of one request: numbers and names, never its pixels."""

from __future__ import annotations

import json
import logging
import time
from dataclasses import dataclass, field

from riskmask.server.engine.job import Job

LONGEST_TEXT = 64

requests = logging.getLogger("riskmask.requests")


@dataclass
class Record:
    """One request, or one item of a stream.

    Attributes:
        method: of the service.
        peer: where it came from, as gRPC says it.
        image_bytes: as they arrived, of both images of a verification.
        request_id: a stream item's; empty otherwise.
        priority: ``live`` or ``batch``.
        job: when it ends, and what its stages took.
        decision: of the answer; empty where there is none.
        findings: of a verification; None where there is none.
        size: width and height of the upright image, 0 where there is no answer.
        reason: of the refusal; empty on success.
    """

    method: str
    peer: str
    image_bytes: int = 0
    request_id: str = ""
    priority: str = "live"
    job: Job = field(default_factory=Job)
    decision: str = ""
    findings: int | None = None
    size: tuple[int, int] = (0, 0)
    reason: str = ""
    begun: float = field(default_factory=time.perf_counter)

    def write(self) -> None:
        """One line of JSON in the log ``riskmask.requests``.

        JSON escapes whatever a caller wrote into a name: no line break, no terminal code and no
        letter beyond ASCII reaches the log as itself.
        """
        line: dict[str, object] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "method": self.method,
            "reason": self.reason or "OK",
            "seconds": round(time.perf_counter() - self.begun, 6),
            "peer": self.peer[:LONGEST_TEXT],
            "priority": self.priority,
            "image_bytes": self.image_bytes,
            "stages": {
                stage.value: round(seconds, 6) for stage, seconds in self.job.seconds.items()
            },
        }
        if self.request_id:
            line["request_id"] = self.request_id[:LONGEST_TEXT]
        if self.decision:
            line["decision"] = self.decision
        if self.findings is not None:
            line["findings"] = self.findings
        if self.size != (0, 0):
            line |= {"width": self.size[0], "height": self.size[1]}
        requests.info(json.dumps(line, ensure_ascii=True).replace("\x7f", "\\u007f"))

"""What is remembered of one request: numbers and names, never its pixels."""

from __future__ import annotations

import json
import logging
import time
from dataclasses import dataclass, field

from riskmask.server.engine.job import Job, Stage

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
        job: when it ends, and what its stages took; None where nothing waits or works.
        decision: of the answer; empty where there is none.
        findings: of a verification; None where there is none.
        size: width and height of the upright image, 0 where there is no answer.
        reason: of the refusal; empty on success.
        code: gRPC's name of the outcome.
        is_item: whether it is one of a stream.
        trace_id: of the trace that it belongs to, where traces are on.
        worker: number of the process, where there are several.
    """

    method: str
    peer: str
    image_bytes: int = 0
    request_id: str = ""
    priority: str = "live"
    job: Job | None = None
    decision: str = ""
    findings: int | None = None
    size: tuple[int, int] = (0, 0)
    reason: str = ""
    code: str = "OK"
    is_item: bool = False
    trace_id: str = ""
    worker: int | None = None
    begun: int = field(default_factory=time.perf_counter_ns)

    @property
    def seconds(self) -> dict[Stage, float]:
        """What each stage took that is over."""
        return {} if self.job is None else self.job.seconds

    def write(self) -> None:
        """One line of JSON in the log ``riskmask.requests``.

        JSON escapes whatever a caller wrote into a name: no line break, no terminal code and no
        letter beyond ASCII reaches the log as itself.
        """
        line: dict[str, object] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "method": self.method,
            "reason": self.reason or "OK",
            "seconds": round((time.perf_counter_ns() - self.begun) / 1e9, 6),
            "peer": self.peer[:LONGEST_TEXT],
            "priority": self.priority,
            "image_bytes": self.image_bytes,
            "stages": {stage.value: round(seconds, 6) for stage, seconds in self.seconds.items()},
        }
        if self.worker is not None:
            line["worker"] = self.worker
        if self.trace_id:
            line["trace_id"] = self.trace_id
        if self.request_id:
            line["request_id"] = self.request_id[:LONGEST_TEXT]
        if self.decision:
            line["decision"] = self.decision
        if self.findings is not None:
            line["findings"] = self.findings
        if self.size != (0, 0):
            line |= {"width": self.size[0], "height": self.size[1]}
        requests.info(_ascii(line))


def escaped(text: str) -> str:
    """A caller's text as the log has it: cut, printable, ASCII."""
    return _ascii(text[:LONGEST_TEXT])[1:-1]


def _ascii(content: object) -> str:
    return json.dumps(content, ensure_ascii=True).replace("\x7f", "\\u007f")

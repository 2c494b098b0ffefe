"""What Prometheus can scrape: stages, queues, outcomes, which model answers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import metadata

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, start_http_server

from riskmask.model.runtime.tile_batches import LARGEST_BATCH, batch_sizes
from riskmask.server.decoding.loss import Loss
from riskmask.server.engine.job import Stage
from riskmask.server.engine.values import ModelFacts
from riskmask.server.errors import StartError
from riskmask.server.pool import Priority, WorkerPool
from riskmask.server.record import Record

SECONDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0)


class BatchSizes:
    """How many tiles went through the model together, told by whichever engines there are."""

    def __init__(self) -> None:
        self.histogram = Histogram(
            "riskmask_batch_tiles",
            "Tiles in one batch of the model, where batch_tiles is 2 or more",
            buckets=batch_sizes(LARGEST_BATCH),
            registry=None,
        )

    def told(self, tiles: int) -> None:
        """One batch that the model has run."""
        self.histogram.observe(tiles)


class Metrics:
    """The metrics of one server.

    Attributes:
        port: where they are served, or None.
    """

    def __init__(self, pool: WorkerPool, model: ModelFacts, batches: BatchSizes) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(batches.histogram)
        self._stages = Histogram(
            "riskmask_stage_seconds",
            "Time of one analysis or verification in each stage",
            ["stage"],
            buckets=SECONDS,
            registry=self._registry,
        )
        self._outcomes = Counter(
            "riskmask_requests",
            "Requests by method and outcome: OK, or the reason of the refusal",
            ["method", "reason"],
            registry=self._registry,
        )
        for stage in Stage:
            self._stages.labels(stage.value)
        waiting = Gauge(
            "riskmask_queue_depth",
            "Analyses and verifications that wait",
            ["priority"],
            registry=self._registry,
        )
        for priority in Priority:
            depth = partial(pool.waiting, priority)
            waiting.labels(priority.name.lower()).set_function(depth)
        running = Gauge(
            "riskmask_running", "Analyses and verifications in a thread", registry=self._registry
        )
        running.set_function(lambda: pool.running)
        self._build = Info("riskmask_build", "What answers", registry=self._registry)
        self.name_model(model)
        self._reloads = Counter(
            "riskmask_model_reloads",
            "Times that the model was loaded anew: done, or refused and the old one kept",
            ["outcome"],
            registry=self._registry,
        )
        for outcome in ("done", "refused"):
            self._reloads.labels(outcome)
        self._lost_decoders = Counter(
            "riskmask_decoder_restarts",
            "Decoding processes that were replaced, by why",
            ["cause"],
            registry=self._registry,
        )
        for loss in Loss:
            self._lost_decoders.labels(loss.value)
        self._close: Callable[[], None] = lambda: None
        self.port: int | None = None

    def count(self, record: Record) -> None:
        """One request that is over."""
        self._outcomes.labels(record.method, record.reason or "OK").inc()
        for stage, seconds in record.seconds.items():
            self._stages.labels(stage.value).observe(seconds)

    def name_model(self, model: ModelFacts) -> None:
        """The model that answers from now on."""
        self._build.info(
            {
                "version": metadata.version("riskmask"),
                "model": model.name,
                "model_sha256": model.sha256,
            }
        )

    def count_reload(self, *, done: bool) -> None:
        """One attempt to load the model anew."""
        self._reloads.labels("done" if done else "refused").inc()

    def count_lost_decoder(self, loss: Loss) -> None:
        """One decoding process that is replaced; from any thread."""
        self._lost_decoders.labels(loss.value).inc()

    def serve(self, port: int, address: str) -> None:
        """Answers scrapes at ``/metrics``, from a thread of its own.

        Raises:
            StartError: the port is taken, or the address is not this machine's.
        """
        try:
            server, thread = start_http_server(port, address, self._registry)
        except OSError as error:
            raise StartError(
                f"metrics_port {port} on {address}: {error.strerror or error}"
            ) from None
        self.port = server.server_port

        def close() -> None:
            server.shutdown()
            server.server_close()
            thread.join()

        self._close = close

    def close(self) -> None:
        """Stops answering."""
        self._close()

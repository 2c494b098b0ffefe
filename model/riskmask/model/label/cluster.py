"""Hands shares of labelling out to actors on Ray, on this machine or on a cluster."""

from __future__ import annotations

import os

# Read when Ray is imported: nothing is reported to anybody, and its own log stays in its files.
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
# Ray would let its workers yield to everything else (15); they are as urgent as this process.
os.environ.setdefault("RAY_worker_niceness", "0")

import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import ray
import ray.data

from riskmask.model.data.shards import LabelsError
from riskmask.model.label.job import Job, Task, shares

# Only names and counts travel between processes. A store this small goes to a file in the
# temporary folder where /dev/shm is smaller still, as in a container.
_STORE_BYTES = 100 * 2**20
_BLOCK_BYTES = 2**20  # Ray reserves room for blocks of the size that it expects


class LabelActor:
    """One worker in a process of Ray's.

    Args:
        job: of the run.
    """

    def __init__(self, job: Job) -> None:
        import torch

        from riskmask.model.label.worker import Worker

        torch.set_num_threads(1)
        self._worker = Worker(job)

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """Work on ``share``, a list of tasks' fields; gives counts, or a ``conflict`` in words."""
        tasks = [Task(**task) for task in row["share"]]
        try:
            share = self._worker.work(tasks)
        except LabelsError as error:
            return {"made": 0, "kept": 0, "failed": 0, "conflict": str(error)}
        return {**asdict(share), "conflict": ""}


@contextmanager
def ray_running(address: str | None, workers: int) -> Iterator[int]:
    """Ray, started on this machine or joined at an address; gives the number of workers.

    Args:
        address: of a cluster's head; None for this machine alone.
        workers: processes at most; under 1 for one for each core of the cluster.
    """
    own: dict[str, Any] = {
        "address": "local",
        "num_cpus": workers,
        "include_dashboard": False,
        "object_store_memory": _STORE_BYTES,
    }
    with _without_stderr():
        ray.init(
            **(own if address is None else {"address": address}),
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    try:
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        context.target_max_block_size = _BLOCK_BYTES
        for handler in logging.getLogger("ray.data").handlers:
            handler.setLevel(logging.ERROR)
        cores = int(ray.cluster_resources()["CPU"])  # type: ignore[no-untyped-call]
        yield min(workers, cores) if workers > 0 else cores
    finally:
        ray.shutdown()


@contextmanager
def _without_stderr() -> Iterator[None]:
    """Ray's core says which log level it was given, whatever the level; errors are exceptions."""
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def hand_out(job: Job, tasks: Sequence[Task], workers: int) -> Iterator[dict[str, int]]:
    """Have a run's tasks worked on; gives the counts of each share as it is finished.

    An actor holds one share at a time, so nothing waits behind a slow picture. A share whose worker
    dies goes to another.

    Raises:
        LabelsError: rows that are there were made from other pictures.
    """
    rows = [{"share": [vars(task) for task in share]} for share in shares(tasks, workers)]
    done = ray.data.from_items(rows, override_num_blocks=len(rows)).map(
        LabelActor,  # type: ignore[arg-type]
        fn_constructor_args=(job,),
        compute=ray.data.ActorPoolStrategy(size=workers, max_tasks_in_flight_per_actor=1),
        num_cpus=1,
    )
    for row in done.iter_rows():
        if row["conflict"]:
            raise LabelsError(row["conflict"])
        yield {name: int(row[name]) for name in ("made", "kept", "failed")}

"""Many images, one run: a progress bar, results as they come, errors that end nothing."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from riskmask.client._client import Client
from riskmask.client._errors import NotAuthorized, RiskmaskError, ServiceUnavailable
from riskmask.client._messages import Options
from riskmask.client._outputs import write_outputs
from riskmask.client._picture import PictureError
from riskmask.client._report import in_options, print_analysis, printable
from riskmask.client._types import Analysis, Decision, MaskType


@dataclass(frozen=True)
class Run:
    """What is done with each image.

    Attributes:
        options: of every analysis.
        out: folder for the files, which exists; None writes none.
        as_json: print a line of JSON for each image, with its ``file``.
    """

    options: Options
    out: Path | None
    as_json: bool = False

    def over(self, files: Sequence[Path], client: Client) -> tuple[int, set[Decision]]:
        """Analyses the files in order; prints each result, and each failure on one line.

        Returns:
            how many failed, and the decisions that were made.

        Raises:
            ServiceUnavailable, NotAuthorized: no further image would fare better.
        """
        out, err = Console(emoji=False), Console(stderr=True, emoji=False)
        options: Options = {**self.options}
        if self.out is not None:
            options["masks"] = (MaskType.RISK,)
        failed = 0
        decisions: set[Decision] = set()
        with progress_bar(out, err, len(files)) as progress:
            task = progress.add_task("analysing", total=len(files))
            outcomes = client.analyze_many(files, **options)
            for file, outcome in zip(files, outcomes, strict=True):
                problem = self._finish(file, outcome, out)
                if isinstance(outcome, Analysis):
                    decisions.add(outcome.decision)
                if problem is not None:
                    failed += 1
                    line = f"riskmask: {printable(str(file))}: {printable(problem)}"
                    err.print(line, markup=False, highlight=False, soft_wrap=True)
                progress.advance(task)
        return failed, decisions

    def _finish(self, file: Path, outcome: Analysis | RiskmaskError, out: Console) -> str | None:
        """Prints and writes one result; what went wrong, or None."""
        if isinstance(outcome, ServiceUnavailable | NotAuthorized):
            raise outcome
        if isinstance(outcome, RiskmaskError):
            return in_options(outcome.message)
        if self.as_json:
            line = json.dumps({"file": str(file), **outcome.to_dict()}, allow_nan=False)
            out.out(line, highlight=False)
        else:
            print_analysis(out, file, outcome)
        if self.out is not None:
            try:
                write_outputs(file, outcome, self.out)
            except PictureError as error:
                return f"all is written but its overlay: {error}"
            except OSError as error:
                return f"its files could not be written: {error}"
        return None


def progress_bar(out: Console, err: Console, images: int) -> Progress:
    """A bar below the results where they go to a terminal, on stderr where they do not."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=out if out.is_terminal else err,
        # rich would lead stderr to stdout
        redirect_stderr=sys.stderr.isatty(),
        disable=images < 2,
    )

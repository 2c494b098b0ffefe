"""``python -m riskmask.model.evaluate``: measure the detector, and what other parts measure.

Without a command it evaluates the detector. Distributions and parts of this one that the model
does not know add commands by the entry points of the group ``riskmask.evaluations``.
"""

from __future__ import annotations

from importlib.metadata import entry_points

import typer

from riskmask.model.evaluate.command import evaluate_detector

app = typer.Typer(add_completion=False)
app.callback(invoke_without_command=True)(evaluate_detector)
for found in entry_points(group="riskmask.evaluations"):
    app.command(name=found.name)(found.load())

if __name__ == "__main__":
    app()

"""A run's folder: what is written is found again, and another run's folder is refused."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from riskmask.model import runs
from riskmask.model.runs import RunError, code_hash
from riskmask.server.closed_loop.record import Look, Run, Size, Trial
from riskmask.server.closed_loop.sizes import Coded
from riskmask.server.closed_loop.witnesses import Judgement

SAID = Judgement(5, 2, 3, 1, 0, 0, 1, 0, 0.02, {4: 2})
TRIAL = Trial(
    *("a", "tests", "x265", 0.7, "riskmask", 1000, 990, "crf 40", "ENCODE"),
    file="a.mp4",
    judgement=SAID,
    fidelity={"known": (30.5, 0.9)},
)


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    run = Run(tmp_path / "run", {"detector": "1"})
    size = Size("a", "x265", 900, (Coded(900, 0.25), Coded(1800, 0.0)))
    failed = Trial("a", "tests", "x265", 0.7, "saliency", 1000, error="too small")
    run.looks.add(Look("a", 5, 0.1))
    run.sizes.add(size)
    run.trials.add(TRIAL)
    run.trials.add(failed)
    run.keep("a.mp4", b"stream")
    again = Run(tmp_path / "run", {"detector": "1"})
    assert again.looks.all() == [Look("a", 5, 0.1)]
    assert again.sizes.get("a", "x265") == size
    assert again.trials.all() == [TRIAL, failed]
    assert again.trials.get("a", "x265", "1", "riskmask") is None
    assert again.kept("a.mp4") == b"stream"


@pytest.mark.parametrize("end", ["\u2028", "\u2029", "\x85", "\r", "\x0b"])
def test_a_name_may_hold_what_ends_a_line_elsewhere(end: str, tmp_path: Path) -> None:
    Run(tmp_path, {}).looks.add(Look(f"a{end}b", 5, 0.1))
    assert Run(tmp_path, {}).looks.all() == [Look(f"a{end}b", 5, 0.1)]


def test_a_line_that_was_cut_off_is_done_again(tmp_path: Path) -> None:
    Run(tmp_path, {}).trials.add(TRIAL)
    path = tmp_path / "coded.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:40])
    again = Run(tmp_path, {})
    assert again.trials.all() == [TRIAL]
    again.trials.add(TRIAL)
    assert path.read_bytes() == whole * 2


def test_a_run_with_another_detector_is_refused(tmp_path: Path) -> None:
    Run(tmp_path, {"detector": "1", "tesseract": "5"})
    with pytest.raises(RunError, match="differs in detector"):
        Run(tmp_path, {"detector": "2", "tesseract": "5"})


def test_a_run_knows_the_code_that_it_was_made_by(tmp_path: Path) -> None:
    package = ModuleType("package")
    package.__path__ = [str(tmp_path)]
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "module.py").write_text("x = 1\n")
    before = code_hash(package)
    assert code_hash(package) == before
    (tmp_path / "inner" / "module.py").write_text("x = 2\n")
    after = code_hash(package)
    assert after != before
    (tmp_path / "inner" / "module.py").rename(tmp_path / "module.py")
    assert code_hash(package) != after
    assert code_hash(package, runs) not in (code_hash(package), code_hash(runs))

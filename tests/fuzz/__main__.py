"""``python tests/fuzz``: sends damaged images to a real server, and watches what becomes of it.

It fails where the server dies, does not answer in time, answers that it failed itself, or keeps
more and more memory. Every file that it fails on is saved.
"""

from __future__ import annotations

import resource
import secrets
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated

import typer
from mutations import mutant, origin
from outcomes import Way, asked, way_of
from seeds import seeds
from tqdm import tqdm

from riskmask.server.bench.bound import bound_server

# Accepted as it is, so that no damaged header costs minutes of honest work.
MOST_PIXELS = 1_000_000
ANSWER_SECONDS = 110.0  # within max_seconds; the first verification loads the annotators
LEAVE_SECONDS = 5.0
MIB = 1 << 20


@contextmanager
def served(folder: Path, flags: Sequence[str]) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server process on a Unix socket, and its address; its log is ``server.log``."""
    address, log = f"unix:{folder / 'fuzz.sock'}", folder / "server.log"
    own = ("--address", address, "--max-image-pixels", str(MOST_PIXELS), *flags)
    with bound_server(own, log) as process:
        assert process.stdout is not None
        if not process.stdout.readline():
            raise typer.Exit(_say(f"no server: {log.read_text(encoding='utf-8')}"))
        yield process, address


def resident(process: int) -> int:
    """Bytes of memory that a process has at hand, those of its children included."""
    total = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            number, parent, pages = _stat(stat.read_text())
        except (FileNotFoundError, ProcessLookupError):
            continue
        if process in (number, parent):
            total += pages
    return total * resource.getpagesize()


def _stat(line: str) -> tuple[int, int, int]:
    """The process's number, its parent's, and its resident pages (proc_pid_stat(5))."""
    name, _, rest = line.rpartition(")")
    fields = rest.split()
    return int(name.split()[0]), int(fields[1]), int(fields[21])


def fuzz(
    count: Annotated[int, typer.Option(min=1, help="Damaged images to send.")] = 10_000,
    seconds: Annotated[float, typer.Option(help="Stops after this time.")] = 3600.0,
    seed: Annotated[
        int | None, typer.Option(help="Of the run; the same one, the same images.")
    ] = None,
    first: Annotated[int, typer.Option(min=0, help="The image to begin with.")] = 0,
    most_growth: Annotated[
        float, typer.Option(help="MiB that the server may grow by after a warm-up.")
    ] = 50.0,
    warm_up: Annotated[int, typer.Option(min=0, help="Images before memory counts.")] = 500,
    out: Annotated[Path, typer.Option(help="Folder for the images it failed on.")] = Path(
        "out/fuzz"
    ),
    flags: Annotated[
        list[str] | None, typer.Argument(help="Behind --: options of riskmask serve.")
    ] = None,
) -> None:
    """Send damaged images to a server; exit status 1 where it fails on one."""
    run = secrets.randbelow(1 << 32) if seed is None else seed
    print(f"seed {run}: repeat an image with --seed {run} --first NUMBER --count 1", flush=True)
    files = seeds()
    told: Counter[str] = Counter()
    ways: Counter[Way] = Counter()
    faults = []
    end = time.monotonic() + seconds
    with (
        tempfile.TemporaryDirectory(prefix="riskmask-") as folder,
        served(Path(folder), flags or []) as (process, address),
        asked(address, ANSWER_SECONDS) as server,
    ):
        for name, content in files.items():
            # the first verification loads the annotators
            verified = (Way.ORIGINAL,) if server.verifies and name == "rgb.png" else ()
            for way in (Way.ANALYZE, Way.STREAM, *verified):
                word, _ = server.outcome(way, content, content)
                if word != "OK":
                    raise typer.Exit(_say(f"{name}, not damaged, is answered with {word} by {way}"))
        print("the undamaged images are answered", flush=True)
        before, after_warm_up = resident(process.pid), min(warm_up, count // 2)
        for number in tqdm(range(first, first + count), unit="image", disable=None):
            if time.monotonic() > end:
                print(f"stopped after {seconds:g} s", flush=True)
                break
            name, content = mutant(run, number, files)
            way = way_of(number, server.verifies)
            word, is_fine = server.outcome(way, content, files[origin(run, number, files)])
            told[word] += 1
            ways[way] += 1
            if not is_fine:
                with suppress(subprocess.TimeoutExpired):  # it may be leaving
                    process.wait(LEAVE_SECONDS)
            if process.poll() is not None:
                word, is_fine = f"the server has left with status {process.returncode}", False
            if not is_fine:
                out.mkdir(parents=True, exist_ok=True)
                (out / name).write_bytes(content)
                faults.append(f"{name} by {way}: {word}, saved in {out}")
            if process.poll() is not None:
                break
            if number - first + 1 == after_warm_up:
                before = resident(process.pid)
        growth = (resident(process.pid) - before) / MIB
        if growth > most_growth:
            faults.append(f"memory grew by {growth:.1f} MiB, more than {most_growth:g}")
        if faults:
            out.mkdir(parents=True, exist_ok=True)
            (out / "server.log").write_bytes((Path(folder) / "server.log").read_bytes())
    print(f"{told.total()} images: " + ", ".join(f"{n} {w}" for w, n in told.most_common()))
    print("sent by " + "; ".join(f"{way}: {n}" for way, n in sorted(ways.items())))
    print(f"memory grew by {growth:.1f} MiB after the warm-up")
    if faults:
        raise typer.Exit(_say("\n".join(faults)))


def _say(what: str) -> int:
    print(what, file=sys.stderr)
    return 1


if __name__ == "__main__":
    typer.run(fuzz)

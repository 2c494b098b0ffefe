"""What is written down holds elsewhere too: no private paths, no dead links."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

# Folders whose name says nothing about a machine; a checkout may well lie in one of them.
COMMON = {Path("/"), *(Path("/", name) for name in ("app", "opt", "root", "run", "src", "tmp"))}
LINK = re.compile(r"!?\[[^\]]*\]\(\s*<?([^)>\s]+)>?[^)]*\)")
HEADING = re.compile(r"^#+\s+(.*?)\s*$", flags=re.MULTILINE)
FENCED = re.compile(r"^```.*?^```", flags=re.MULTILINE | re.DOTALL)


def test_no_file_names_a_path_of_this_machine(checkout: Path, files: tuple[str, ...]) -> None:
    private = {checkout, checkout.parent, Path.home()} - COMMON
    # not as a part of a longer path or of an address
    own = "|".join(re.escape(str(path)) for path in sorted(private))
    pattern = re.compile(rf"(?<![\w.:}}/-])(?:(?:{own})(?![\w-])|/(?:home|Users)/\w+)")
    found = []
    for name in files:
        text = (checkout / name).read_bytes().decode("utf-8", errors="ignore")
        found += [f"{name}: {match[0]}" for match in pattern.finditer(text)]
    assert found == []


def _anchor(heading: str) -> str:
    """The fragment that code hosts give a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_links_between_documents_lead_somewhere(checkout: Path, files: tuple[str, ...]) -> None:
    dead = []
    documents = [name for name in files if name.endswith(".md")]
    assert "README.md" in documents
    for name in documents:
        text = FENCED.sub("", (checkout / name).read_text(encoding="utf-8"))
        for target in LINK.findall(text):
            if re.match(r"[a-z]+:", target):
                continue
            path, _, fragment = target.partition("#")
            document = (checkout / name).parent / unquote(path) if path else checkout / name
            if not document.exists():
                dead.append(f"{name}: {target}")
            elif fragment and document.suffix == ".md":
                headings = HEADING.findall(document.read_text(encoding="utf-8"))
                if fragment not in map(_anchor, headings):
                    dead.append(f"{name}: {target}")
    assert dead == []


def test_each_decision_has_its_number_and_its_three_parts(
    checkout: Path, files: tuple[str, ...]
) -> None:
    decisions = sorted(name for name in files if name.startswith("docs/decisions/"))
    numbers = [int(Path(name).name[:4]) for name in decisions]
    assert numbers == list(range(1, len(decisions) + 1))
    for name in decisions:
        text = (checkout / name).read_text(encoding="utf-8")
        assert HEADING.findall(text)[1:] == ["Context", "Decision", "Consequences"], name


def test_contributing_fits_one_screen(checkout: Path) -> None:
    lines = (checkout / "CONTRIBUTING.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 50
    assert max(map(len, lines)) <= 100


def test_every_pin_has_a_reason(checkout: Path) -> None:
    text = (checkout / "constraints.txt").read_text(encoding="utf-8")
    header, *blocks = text.strip().split("\n\n")
    assert all(line.startswith("#") for line in header.splitlines())
    for block in blocks:
        assert block.startswith("# "), f"no reason is given for: {block}"


def test_each_example_is_credited(checkout: Path, files: tuple[str, ...]) -> None:
    credits = (checkout / "examples" / "CREDITS.md").read_text(encoding="utf-8")
    pictures = [
        name for name in files if name.startswith("examples/") and name.endswith((".jpg", ".png"))
    ]
    assert pictures
    for name in pictures:
        assert f"`{Path(name).name}`" in credits

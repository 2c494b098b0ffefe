"""What cannot be written to its end leaves what was there, and nothing beside it."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import pytest

from riskmask.client._outputs import write_atomically
from riskmask.model.whole_file import replacing, write_whole


class DiskFullError(OSError):
    """Stands for it."""


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    path = tmp_path / "kept"
    path.write_text("before", encoding="utf-8")
    return path


def test_the_client_s_files(kept: Path) -> None:
    def half(file: BinaryIO) -> None:
        file.write(b"half of")
        raise DiskFullError

    with pytest.raises(DiskFullError):
        write_atomically(kept, half)
    assert kept.read_text(encoding="utf-8") == "before"
    assert list(kept.parent.iterdir()) == [kept]
    write_atomically(kept, lambda file: file.write(b"after"))
    assert kept.read_text(encoding="utf-8") == "after"
    assert list(kept.parent.iterdir()) == [kept]


def test_pages_profiles_and_checkpoints(kept: Path) -> None:
    def half() -> None:
        with replacing(kept) as partial:
            partial.write_text("half of", encoding="utf-8")
            raise DiskFullError

    with pytest.raises(DiskFullError):
        half()
    assert kept.read_text(encoding="utf-8") == "before"
    assert list(kept.parent.iterdir()) == [kept]
    write_whole(kept, "after")
    assert kept.read_text(encoding="utf-8") == "after"
    assert list(kept.parent.iterdir()) == [kept]

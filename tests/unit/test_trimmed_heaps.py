"""What was freed between things in use leaves the process when its heaps are trimmed."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

TRIMMED = """
from riskmask.server.allocator import trim

def resident():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * 4096 / 2**20

held, kept = [], []
for _ in range(600):  # of 100 KiB each, under any threshold, with something small in between
    held.append(bytearray(b"x") * (100 << 10))
    kept.append(bytes(1000))
del held
before = resident()
told = trim()
print(before - resident(), int(told))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_what_is_free_between_small_things_is_given_back_by_trimming() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", TRIMMED], capture_output=True, text=True, check=True
    )
    freed, told = map(float, ran.stdout.split())
    assert freed > 40  # of 59 MiB
    assert told == 1

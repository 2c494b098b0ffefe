"""Large arrays leave the process when they are freed, however many there were before."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

# Arrays of 20 MiB are freed first, after which glibc by itself would keep smaller ones in its heap:
# the small ones that stay in between hold on to the large ones' room.
CHURN = """
import sys
from riskmask.server.allocator import give_large_arrays_back

def resident():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * 4096 / 2**20

if sys.argv[1] == "kept":
    assert give_large_arrays_back()
block = bytearray(20 << 20)
del block
before = resident()
held = []
for _ in range(60):
    large = bytearray(b"x") * (2 << 20)
    held.append((large, bytearray(200 << 10)))
peak = resident()
held = [small for _, small in held]
del large
print(before, peak, resident())
"""


def _churned(how: str) -> tuple[float, float, float]:
    ran = subprocess.run(
        [sys.executable, "-c", CHURN, how], capture_output=True, text=True, check=True
    )
    before, peak, after = map(float, ran.stdout.split())
    return before, peak, after


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_arrays_of_two_mebibytes_are_given_back_at_once() -> None:
    _, peak, after = _churned("kept")
    assert peak - after > 110  # of 120 MiB
    _, peak, after = _churned("as it is")
    assert peak - after < 60  # or there would be nothing to mend


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

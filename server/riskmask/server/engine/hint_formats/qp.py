"""How an encoder's quantiser parameter follows its step, where no profile says it better.

Only differences matter to a hint. A profile fitted to an encoder takes the place of these.
"""

from __future__ import annotations

import math

# H.264 (8.5.9), HEVC (8.6.4.2): the step doubles every 6 QP, and a halved step is 6 QP less.
QP_PER_OCTAVE = -6.0
QP_RANGE = 51

# AV1 (7.12.2), VP9 (8.6.1), 8 bit: the AC step is an eighth of 128 at index 108 and of 1828 at 255.
# An eighth of 128 is 16, the step of level 7; the table is close to geometric between the two.
QINDEX_PER_OCTAVE = -(255 - 108) / math.log2(1828 / 128)
QINDEX_RANGE = 255

# libaom's and libvpx's outer scale of 0 to 63 has 4 indexes to a step.
QUANTIZER_PER_OCTAVE = QINDEX_PER_OCTAVE / 4
QUANTIZER_RANGE = 63

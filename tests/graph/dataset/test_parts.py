"""Frames that are held on the disk come back as they were, in their order, as often as they are asked for."""

from __future__ import annotations

import numpy as np
import pandas as pd

from samgraph.graph.dataset.parts import Parts


def frame(begin: int, rows: int) -> pd.DataFrame:
    number = np.arange(begin, begin + rows)
    weight = np.where(number % 3 == 0, np.nan, number / 7)
    names = pd.Series([f"公司 {one}" for one in number], dtype="str")
    return pd.DataFrame({"start": names, "weight": weight, "valid_from": number - 2**40})


def test_frames_beyond_the_rows_in_memory_come_back_unchanged():
    given = [frame(0, 4), frame(4, 6), frame(10, 1), frame(11, 0), frame(11, 30)]
    held = Parts(10)
    for part in given:
        held.append(part)
    assert len(held) == 5 and held.rows == 41
    first, second = iter(held), iter(held)  # two readers at once, as two lanes are
    for expected in given:
        for reader in (first, second):
            pd.testing.assert_frame_equal(next(reader), expected)
    assert sum(isinstance(part, pd.DataFrame) for part in held._parts) == 2

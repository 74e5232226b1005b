"""The report on a dataset: its numbers and its remarks."""

from collections import Counter

import numpy as np

from s4al_jax.report.dataset import data_report
from s4al_jax.streets.dataset import streets
from s4al_jax.survey.validate import SplitSurvey, Survey, survey


def test_shares_sizes_and_remarks_are_listed() -> None:
    spec = streets(height=24, width=32, train=1, val=0, test=0, seed=0)
    classes = np.zeros(11, np.int64)
    classes[3] = 30
    empty = SplitSurvey(0, 0, np.zeros(11, np.int64), 0, Counter())
    sizes = Counter({(24, 32): 3, (48, 64): 2, (5, 5): 1, (6, 6): 1})
    found = Survey(
        {"train": SplitSurvey(7, 2, classes, 10, sizes), "val": empty, "test": empty},
        ("a is broken",),
        ("b is strange",),
        {},
    )
    lines = [" ".join(line.split()) for line in data_report(spec, found).splitlines()]
    assert "| train | 7 | 2 | 24x32, 48x64, 5x5 and 1 more |" in lines
    assert "| 3 | road | 75.00 | - | - |" in lines
    assert "| 255 | void | 25.00 | - | - |" in lines
    assert lines[-2:] == ["note: b is strange", "error: a is broken"]


def test_a_sound_dataset_is_said_to_be_sound() -> None:
    spec = streets(height=24, width=32, train=5, val=1, test=1, seed=0)
    assert data_report(spec, survey(spec)).endswith("No errors.")

"""What was bought, counted by hand."""

from pathlib import Path

import numpy as np

from s4al_jax.report.page.head_tail import Groups, mean_of
from s4al_jax.rundir import answers as paid
from s4al_jax.rundir.records import read
from tests.support.small_runs import bought, small_run

HALF = 24 * 64


def test_asked_are_the_pixels_of_each_class_and_void_at_the_end(tmp_path: Path) -> None:
    record = read(small_run(tmp_path / "run"))
    assert paid.answers(record) == []
    bought(record.path)
    answers = paid.answers(record)
    assert paid.asked(answers, 0, 3) == [HALF, HALF, 0, 0]
    assert paid.asked(answers, 1, 3) == [16, 0, 192, 176]
    assert paid.asked(answers, 2, 3) == [0, 0, 0, 0]


def test_known_is_what_answers_on_an_image_cover(tmp_path: Path) -> None:
    run = small_run(tmp_path / "run")
    bought(run)
    answers = paid.answers(read(run))
    of_b = paid.by_image(answers)[1]
    known = paid.known(of_b, (48, 64))
    assert known.sum() == 2 * 12 * 16
    assert known[:12, :16].all() and known[36:, 48:].all()
    assert set(paid.by_image(paid.before(answers, 0))) == {0}


def test_head_and_tail_are_counted_from_what_a_cycle_learns_from(tmp_path: Path) -> None:
    run = small_run(tmp_path / "run")
    bought(run)
    answers = paid.answers(read(run))
    head, tail = Groups(read(run), answers, 3).of(0) or ()
    # Half of a third of 3072 pixels are 512: road and tree have more.
    np.testing.assert_array_equal(head, [True, True, False])
    # With factor 0 whatever was seen is in the head, the 192 pixels of the car from cycle 1 on.
    told = Groups(read(small_run(tmp_path / "all", method__kwargs__head_factor=0.0)), answers, 3)
    assert [groups[1].tolist() for c in (0, 1) if (groups := told.of(c))] == [
        [False, False, True],
        [False, False, False],
    ]
    named = read(small_run(tmp_path / "named", method__kwargs__head=(2,)))
    head, tail = Groups(named, answers, 3).of(0) or ()
    assert head.tolist() == [False, False, True] and tail.tolist() == [True, True, False]
    supervised = read(small_run(tmp_path / "supervised", method__name="supervised"))
    assert Groups(supervised, answers, 3).of(0) is None


def test_a_mean_over_classes_leaves_out_those_without_a_number() -> None:
    assert mean_of([0.2, None, 0.6, 0.9], np.array([True, True, True, False])) == 0.4
    assert mean_of([None, 0.5], np.array([True, False])) is None

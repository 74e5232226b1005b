"""An interview repeats what the run asked, and says what it would have asked otherwise."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from ml_collections import ConfigDict

from s4al_jax.labels.store import LabelStore
from s4al_jax.run import build, loop, probe
from s4al_jax.rundir import directory
from s4al_jax.types import UNLABELED, InputError
from tests.run.stages_test import made
from tests.support.tiny import tiny_config

Tiny = Callable[..., ConfigDict]


class Stepped(NamedTuple):
    """A run of networks of one weight, and its networks as they were after each cycle."""

    workdir: Path
    guests: list[probe.Snapshot]


@pytest.fixture(scope="module")
def stepped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stepped]:
    workdir = tmp_path_factory.mktemp("interview") / "run"
    built = made(tiny_config(schedule__acquisitions=2))
    yield Stepped(
        workdir, [probe.snapshot(built, workdir) for _ in loop.run_cycles(built, workdir)]
    )


def asked(guest: probe.Snapshot, **changes: object) -> probe.Scores:
    return probe.score_pool(made(tiny_config(schedule__acquisitions=2, **changes)), guest)


def test_the_run_s_own_question_is_answered_as_the_run_was(stepped: Stepped) -> None:
    for cycle in (0, 1):
        guest, folder = stepped.guests[cycle], directory.cycle_folder(stepped.workdir, cycle)
        reply = asked(guest)
        assert guest.cycle == cycle and folder.scores and folder.chosen
        np.testing.assert_array_equal(reply.scores, folder.scores[0])
        np.testing.assert_array_equal(reply.eligible, folder.scores[1])
        np.testing.assert_array_equal(np.argwhere(reply.chosen), folder.chosen)


def test_a_guest_knows_what_was_known_when_it_learned(stepped: Stepped) -> None:
    built = made(tiny_config(schedule__acquisitions=2))
    labels = LabelStore.open(
        stepped.workdir / "annotations", names=built.spec.train.names, height=48, width=64,
        num_classes=11,
    )  # fmt: skip
    known = [
        sum(np.count_nonzero(guest.known(image) != UNLABELED) for image in range(6))
        for guest in stepped.guests
    ]
    # two images of six, then each time two cells of 12 x 16 pixels in the four others
    assert known == [2 * 48 * 64 + cycle * 8 * 12 * 16 for cycle in range(3)]
    for image in range(6):
        np.testing.assert_array_equal(stepped.guests[2].known(image), labels.label_map(image))


def test_other_questions_are_put_to_the_same_network(stepped: Stepped) -> None:
    guest = stepped.guests[0]
    own = asked(guest)
    pixels = own.chosen.sum() * 12 * 16
    for name in ("random", "least_confidence", "margin"):
        reply = asked(guest, acquisition__name=name)
        assert reply.chosen.sum() == own.chosen.sum()
        assert not np.array_equal(reply.scores, own.scores)
        np.testing.assert_array_equal(reply.eligible, own.eligible)
    large = asked(
        guest,
        acquisition__cell_height=24, acquisition__cell_width=16, acquisition__cells_per_image=1,
    )  # fmt: skip
    assert large.chosen.shape == (6, 2, 4) and large.chosen.sum() * 24 * 16 == pixels
    # a large cell's score is the mean of the two small ones that it is made of
    halves = own.scores.reshape(6, 2, 2, 4).mean(axis=2)
    np.testing.assert_allclose(large.scores, halves, rtol=1e-5)
    pool = asked(guest, acquisition__scope="pool")
    np.testing.assert_array_equal(pool.scores, own.scores)
    best = np.sort(own.scores[own.eligible])[-pool.chosen.sum() :]
    np.testing.assert_array_equal(np.sort(own.scores[pool.chosen]), best)


def test_cells_that_are_known_in_part_are_not_asked_for(stepped: Stepped) -> None:
    """Cells of twice the side after a purchase: none that holds a bought one is left."""
    guest = stepped.guests[1]
    large = asked(
        guest,
        acquisition__cell_height=24, acquisition__cell_width=32, acquisition__cells_per_image=1,
    )  # fmt: skip
    untouched = asked(guest).eligible.reshape(6, 2, 2, 2, 2).all(axis=(2, 4))
    np.testing.assert_array_equal(large.eligible, untouched)
    assert not (large.chosen & ~untouched).any()
    assert np.isnan(large.open_scores[~untouched]).all()
    np.testing.assert_array_equal(large.open_scores[untouched], large.scores[untouched])


def test_where_nothing_is_left_or_trained_it_is_said(stepped: Stepped, tmp_path: Path) -> None:
    built = build.build(tiny_config())
    with pytest.raises(InputError, match="nothing has been trained in"):
        probe.snapshot(built, tmp_path)
    (tmp_path / "checkpoints").mkdir()
    with pytest.raises(InputError, match="holds no checkpoint"):
        probe.snapshot(built, tmp_path)
    whole = np.zeros((48, 64), np.uint8)
    with pytest.raises(InputError, match="no cell of the pool is wholly unknown"):
        asked(stepped.guests[2]._replace(known=lambda image: whole))

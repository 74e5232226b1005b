"""Views come back from their file as they were written."""

from pathlib import Path

import numpy as np
import pytest

from s4al_jax.rundir import views
from s4al_jax.rundir.views import Place
from s4al_jax.types import InputError


def test_images_are_spread_over_their_splits_with_both_ends() -> None:
    assert views.spread_evenly({"pool": 5}, 3) == [Place("pool", i) for i in (0, 2, 4)]
    found = views.spread_evenly({"val": 2, "test": 3}, 9)
    assert found == [*(Place("val", i) for i in range(2)), *(Place("test", i) for i in range(3))]
    assert views.spread_evenly({"val": 100, "test": 101}, 3)[1:] == [
        Place("test", 0),
        Place("test", 100),
    ]
    assert views.spread_evenly({"pool": 7}, 0) == views.spread_evenly({}, 4) == []
    many = views.spread_evenly({"pool": 3000}, 400)
    assert len(set(many)) == 400 and many[-1].image == 2999


def test_views_come_back_as_they_were_written(tmp_path: Path) -> None:
    maps = np.random.default_rng(0).integers(0, 256, (3, 4, 6, 3), np.uint8)
    places = (Place("pool", 7), Place("val", 0), Place("test", 300))
    path = tmp_path / "views.npz"
    assert views.read(path) is None
    path.write_bytes(views.pack(places, maps))
    found = views.read(path)
    assert found and found.places == places and places[0].id == "pool-7"
    for field, channel in (("predicted", 0), ("confidence", 1), ("uncertainty", 2)):
        np.testing.assert_array_equal(getattr(found, field), maps[..., channel])
    assert views.pack(places, maps) == path.read_bytes()


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "views.npz"
    path.write_bytes(views.pack([Place("pool", 0)], np.zeros((1, 4, 6, 3), np.uint8))[:-40])
    with pytest.raises(InputError, match=r"views.npz is damaged .*: remove it"):
        views.read(path)

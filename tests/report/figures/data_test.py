"""The sheet of a dataset's pictures."""

import numpy as np

from s4al_jax.report.figures.data import sheet
from s4al_jax.streets.dataset import streets


def test_pictures_of_all_splits_are_drawn_with_their_labels() -> None:
    spec = streets(height=24, width=32, train=5, val=1, test=1, seed=0)
    figure = sheet(spec, 3)
    drawn = [axis for axis in figure.axes if axis.images]
    assert [axis.get_title() for axis in drawn] == ["train_00000", "train_00003", "test_00000"]
    label = spec.train.read_truth(3)
    mixed = (spec.train.read_image(3).astype(int) + np.array(spec.palette)[label.clip(0, 10)]) // 2
    shown = np.asarray(drawn[1].images[0].get_array())
    assert np.array_equal(shown[label < 11], mixed[label < 11])

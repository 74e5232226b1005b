"""Networks give the numbers of their references in PyTorch, which `tools/parity.py` wrote down."""

import json
from pathlib import Path

import jax
import numpy as np
import pytest

from s4al_jax.models import weights
from tools import parity_numbers as parity

FIXTURES = sorted(Path(__file__).parent.joinpath("data").glob("parity_*.npz"))


@pytest.mark.parametrize("path", FIXTURES, ids=[path.stem[7:] for path in FIXTURES])
def test_features_logits_and_running_means_are_those_of_the_reference(path: Path) -> None:
    with np.load(path) as file:
        about, expected = json.loads(str(file["about"])), file["expected"]
    conventions = weights.TORCHVISION._replace(**about["conventions"])
    size, wanted = tuple(about["size"]), {k: tuple(v) for k, v in about["stages"].items()}
    network, names = parity.network_of(about["model"], conventions, size, platform="gpu")
    shapes = jax.eval_shape(network.init, jax.random.PRNGKey(0))
    zeros = jax.tree.map(lambda leaf: np.zeros(leaf.shape, np.float32), shapes)
    tensors = {
        name: parity.drawn_tensor(name, value.shape)
        for name, value in parity.file_tensors(zeros, names).items()
    }
    variables, report = parity.variables_of(network, names, tensors, conventions)
    assert report.unused == ()
    # Operations as on a GPU: they compile faster, and others are held to them elsewhere.
    # In training: a pass in which every batch normalizes itself. Gradients take longer to compile
    # than a test may; the tool compares them.
    data = parity.example(size)
    found = parity.our_features(network, names, variables, data, wanted, "training")
    quantities = [(mode, name) for mode, name in about["quantities"]]
    assert set(quantities) == set(found)
    ours = np.stack([parity.samples(found[quantity]) for quantity in quantities])
    # The first number of a row is the largest magnitude.
    far = np.abs(ours - expected) / expected[:, :1]
    assert far.max() <= parity.TOLERANCE, quantities[int(far.max(axis=1).argmax())]


def test_a_difference_is_relative_to_the_largest_number_and_infinite_if_one_is_none() -> None:
    theirs = np.array([0.0, -4.0, 1.0])
    assert parity.difference(theirs + [0.0, 0.0, 0.5], theirs) == 0.125
    assert parity.difference(theirs + [0.0, 0.0, 0.5], theirs, floor=10.0) == 0.05
    assert parity.difference(np.zeros(2), np.zeros(2)) == 0.0
    assert parity.difference(np.ones(2), np.zeros(2)) == np.inf
    assert parity.difference(np.array([0.0, np.nan, 1.0]), theirs) == np.inf
    assert parity.difference(theirs[:1], theirs) == np.inf


def test_a_row_is_the_worst_of_all_gradients_and_small_ones_count_as_larger() -> None:
    expected = {
        ("inference", "logits"): np.array([2.0]),
        ("training", "gradient of a.weight"): np.array([1000.0]),
        ("training", "gradient of a.bias"): np.array([0.0]),
        ("training", "gradient of fc.weight"): np.array([1.0]),
    }
    found = dict(list(expected.items())[:3])
    found["training", "gradient of a.bias"] = np.array([1e-6])
    assert parity.differences(found, expected) == {
        ("inference", "logits"): 0.0,
        ("training", "gradients"): 1e-6,
    }
    with pytest.raises(SystemExit, match="the reference lacks decode"):
        parity.differences(found | {("inference", "decode"): np.ones(1)}, expected)
    with pytest.raises(SystemExit, match="our network has no stage logits"):
        parity.differences({}, expected)


def test_a_tensor_is_drawn_by_its_name_whatever_was_drawn_before() -> None:
    one, other = (parity.drawn_tensor(name, (4, 3)) for name in ("a.weight", "b.weight"))
    np.testing.assert_array_equal(one, parity.drawn_tensor("a.weight", (4, 3)))
    assert not np.array_equal(one, other)
    for name in ("bn.running_var", "bn.weight"):
        assert 0.5 <= parity.drawn_tensor(name, (99,)).min() < 0.6
    assert np.abs(parity.drawn_tensor("bn.bias", (99,))).max() < 0.5


def test_samples_are_the_largest_magnitude_and_evenly_spread_values() -> None:
    assert parity.samples(np.arange(-12.0, 1.0)).tolist() == [12, -12, -10, -8, -6, -4, -2, 0]

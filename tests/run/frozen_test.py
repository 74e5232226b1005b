"""A frozen backbone: its features on disk, and what comes back when they are damaged."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict

from s4al_jax.console.terminal import Terminal
from s4al_jax.engine.checkpoint import newest
from s4al_jax.run import build, export, loop
from s4al_jax.run.build import Experiment
from s4al_jax.run.events import EpochEnded, Event
from s4al_jax.run.features import keep_features
from s4al_jax.types import Batch, DatasetSpec, InputError, Prediction, StepInputs, Tree
from tests.support.frozen_runs import frozen_config


@pytest.fixture(scope="module")
def experiment(tmp_path_factory: pytest.TempPathFactory) -> Experiment:
    return build.build(frozen_config(tmp_path_factory.mktemp("frozen")))


def kept(experiment: Experiment, workdir: Path) -> DatasetSpec:
    assert experiment.frozen
    with Terminal(enabled=False) as terminal:
        return keep_features(
            experiment.spec, experiment.frozen, workdir, experiment.mesh, batch=2, terminal=terminal
        )


def test_features_on_disk_are_those_of_the_image_and_of_its_mirrored_copy(
    experiment: Experiment, tmp_path: Path
) -> None:
    frozen = experiment.frozen
    assert frozen
    spec = kept(experiment, tmp_path)
    image = experiment.spec.train.read_image(3)
    both = np.stack([image, image[:, ::-1]])
    straight, mirrored = np.asarray(jax.jit(frozen.features)(frozen.variables, both))
    found = spec.train.read_image(3)
    np.testing.assert_allclose(found[..., : straight.shape[-1]], straight, rtol=2e-3, atol=1e-3)
    np.testing.assert_allclose(found[..., straight.shape[-1] :], mirrored, rtol=2e-3, atol=1e-3)
    # The mirrored features are others: a kernel is not symmetric.
    assert np.abs(straight[:, ::-1].astype(np.float32) - mirrored).max() > 0.1
    assert spec.test.read_image(0).shape == straight.shape


def test_a_pass_that_was_stopped_or_damaged_comes_to_the_same_bits(
    experiment: Experiment, tmp_path: Path
) -> None:
    whole = [kept(experiment, tmp_path).train.read_image(i).copy() for i in range(6)]
    index, rows = tmp_path / "features/pool.index", tmp_path / "features/pool.rows"
    # Two whole records and a half; and a byte of the first row is another one.
    index.write_bytes(index.read_bytes()[:90])
    with rows.open("r+b") as file:
        byte = file.read(1)
        file.seek(0)
        file.write(bytes([byte[0] ^ 1]))
    again = kept(experiment, tmp_path)
    for number, features in enumerate(whole):
        np.testing.assert_array_equal(again.train.read_image(number), features)


def test_only_the_head_is_in_the_state_and_an_export_has_the_backbone(
    experiment: Experiment,
) -> None:
    assert experiment.frozen
    student = experiment.state_shapes.student
    assert "backbone" not in student["params"]
    whole = experiment.frozen.whole(student)
    assert set(whole["params"]) == {*student["params"], "backbone"}
    assert set(whole["batch_stats"]["backbone"]) == {"norm_0", "norm_1"}


def supervised_config(folder: Path, **changes: object) -> ConfigDict:
    method = ConfigDict({"name": "supervised", "kwargs": {}})
    return frozen_config(
        folder, method=method, schedule__acquisitions=0, evaluate__splits=("test",), **changes
    )


def test_a_step_on_kept_features_is_one_in_which_the_backbone_runs(
    experiment: Experiment, tmp_path: Path
) -> None:
    frozen = experiment.frozen
    assert frozen
    folder = tmp_path / "weights"
    folder.mkdir()
    config = supervised_config(folder, augment__flip_probability=0.0)
    network = build.build_network(config.model, experiment.spec, experiment.mesh)[0]
    spec, indices = kept(experiment, tmp_path), np.array([1, 4])
    labels = np.stack([spec.train.read_truth(int(i)) for i in indices])

    def apply(variables: Tree, images: jax.Array, **options: Any) -> tuple[Prediction, Tree]:
        pixels = jnp.round(images * 255).astype(jnp.uint8)
        features = frozen.features(frozen.variables, pixels).astype(jnp.float32)
        return network.apply(variables, features, **options)

    states = []
    for net, views, read in (
        (network, frozen, spec.train.read_image),
        (network._replace(apply=apply), None, experiment.spec.train.read_image),
    ):
        method = build.build_method(config, net, 11, views)
        batch = Batch(np.stack([read(int(i)) for i in indices]), labels, indices, np.ones(2, bool))
        inputs = StepInputs({"labeled": batch}, np.float32(0.0))
        state = method.init(jax.random.PRNGKey(0), np.ones(11, np.int64), None)
        states.append(jax.jit(method.update, static_argnums=2)(state, inputs, "supervised")[0])
    start = method.init(jax.random.PRNGKey(0), np.ones(11, np.int64), None).student["params"]
    moved = jax.tree.map(
        lambda a, b: float(jnp.abs(a - b).max()), states[0].student["params"], start
    )
    assert max(jax.tree.leaves(moved)) > 1e-3
    # A batch of two is another program than that of the pass: the last bit of 16 may differ.
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4),
        states[0].student,
        states[1].student,
    )


def test_a_run_that_was_interrupted_ends_with_the_same_bits(tmp_path: Path) -> None:
    built = build.build(supervised_config(tmp_path, schedule__last_epochs=2))

    def interrupt(event: Event) -> None:
        if isinstance(event, EpochEnded) and event.epoch == 1:
            raise KeyboardInterrupt

    list(loop.run_cycles(built, tmp_path / "straight"))
    with pytest.raises(KeyboardInterrupt):
        list(loop.run_cycles(built, tmp_path / "run", listeners=[interrupt]))
    list(loop.run_cycles(built, tmp_path / "run"))
    ends = [
        newest(tmp_path / name / "checkpoints", built.state_shapes, mesh=built.mesh)
        for name in ("straight", "run")
    ]
    jax.tree.map(np.testing.assert_array_equal, *ends)


def test_the_exported_network_sees_in_images_what_the_run_saw_in_features(tmp_path: Path) -> None:
    config = supervised_config(tmp_path, schedule__last_epochs=1)
    built = build.build(config)
    (result,) = loop.run_cycles(built, tmp_path / "run")
    export.export_network(built, tmp_path / "run", tmp_path / "model")
    network = export.read_network(tmp_path / "model", built.mesh)
    test = built.spec.test
    images = np.stack([test.read_image(index) for index in range(3)])
    truth = np.stack([test.read_truth(index) for index in range(3)])
    seen = np.asarray(jax.jit(network.predict)(network.variables, images).logits).argmax(-1)
    counted = truth < 11
    cells = np.bincount(11 * truth[counted].astype(int) + seen[counted], minlength=121)
    confusion = np.load(tmp_path / "run/cycles/00/confusion_student_test.npy")
    # Rounding to 16 bits moves a pixel only where two classes are as likely.
    assert np.abs(cells.reshape(11, 11) - confusion).sum() <= 0.01 * counted.sum()
    assert result.metrics["measures"]["student"]["test"]["miou"] is not None


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (
            {"model__pretrained": ""},
            "config.model.frozen is 'backbone', but config.model.pretrained is empty, and random "
            "features are never learned: name a file with the backbone's weights",
        ),
        (
            {"model__frozen": "head"},
            "config.model.frozen is 'head': 'backbone', or empty to train all",
        ),
        (
            {"optimizer__backbone_factor": 0.1},
            "config.optimizer.backbone_factor is 0.1, but config.model.frozen is 'backbone', "
            "which is not trained: leave it 1.0",
        ),
    ],
)
def test_what_has_no_meaning_is_refused(
    changes: dict[str, object], line: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError) as error:
        build.build(frozen_config(tmp_path, **changes))
    assert str(error.value) == line

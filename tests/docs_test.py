"""The worked examples of docs/adding.md are code that runs, through the real experiment."""

import functools
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import jax
import numpy as np
import pytest
from ml_collections import ConfigDict

from s4al_jax.acquisition.functions import uncertainty
from s4al_jax.config import defaults
from s4al_jax.labels.oracle import Oracle
from s4al_jax.models import build as models_build
from s4al_jax.run import build
from s4al_jax.types import Batch, Phase, RegionRef, StepInputs

ROOT = Path(__file__).parents[1]
BLOCKS = re.findall(
    r"```python\n# s4al_jax/(\S+)\.py\n(.*?)```", (ROOT / "docs/adding.md").read_text(), re.S
)


@pytest.fixture(scope="module")
def examples() -> dict[str, ModuleType]:
    found = {}
    for path, code in BLOCKS:
        name = path.split("/")[-1]
        module = ModuleType(f"example_{name}")
        sys.modules[module.__name__] = module
        exec(compile(code, path, "exec"), module.__dict__)
        found[name] = module
    return found


@pytest.fixture
def config(
    examples: dict[str, ModuleType],
    tiny: Callable[..., ConfigDict],
    monkeypatch: pytest.MonkeyPatch,
) -> ConfigDict:
    """Every axis but the method is an example."""
    monkeypatch.setitem(build.DATASETS, "stripes", examples["stripes"].stripes)
    monkeypatch.setitem(models_build.BACKBONES, "example", examples["plain"].Plain)
    asked = functools.partial(uncertainty, examples["difference"].difference)
    monkeypatch.setitem(build.ACQUISITIONS, "difference", asked)
    monkeypatch.setattr(defaults, "QUESTIONS", (*defaults.QUESTIONS, "difference"))
    monkeypatch.setitem(
        build.ANNOTATORS, "careless", lambda *about: Oracle(examples["careless"].careless)
    )
    monkeypatch.setitem(build.METHODS, "averaged", examples["averaged"].averaged)
    return tiny(
        data__name="stripes",
        data__kwargs=ConfigDict({"count": 6}),
        model__backbone=ConfigDict({"name": "example", "kwargs": {"features": 8}}),
        acquisition__name="difference",
        oracle__name="careless",
    )


def test_every_example_of_the_document_is_there(examples: dict[str, ModuleType]) -> None:
    assert set(examples) == {"stripes", "plain", "averaged", "difference", "careless"}


def test_the_example_dataset_reads_as_it_says(config: ConfigDict) -> None:
    spec = build.build(config).spec
    assert spec.train.read_image(0).shape == (48, 64, 3)
    assert spec.classes == ("above", "below")
    np.testing.assert_array_equal(np.unique(spec.train.read_truth(3)), [0, 1])


def test_the_example_backbone_question_and_oracle_work_together(
    config: ConfigDict,
) -> None:
    built = build.build(config)
    state = built.fresh_state(0, np.ones(2, np.int64))
    images = np.stack([built.spec.train.read_image(index) for index in range(2)])
    known = np.full((2, 48, 64), 254, np.uint8)
    keys = jax.random.split(state.key, 2)
    scores = built.acquisition.summarize(
        built.method, state, jax.numpy.asarray(images), jax.numpy.asarray(known), keys
    )
    assert scores.shape == (2, built.grid.rows, built.grid.cols)
    assert np.all(np.asarray(scores) <= 0)
    ((answer,),) = list(built.oracle(Path()).answers([RegionRef(4, 1, 2)], built.grid, 1))
    assert answer.labels.shape == (12, 16) and answer.annotator == "careless"


def test_the_example_method_averages_what_its_student_learns(config: ConfigDict) -> None:
    config.method = ConfigDict({"name": "averaged", "kwargs": {}})
    made = build.build(config)
    state = made.fresh_state(0, np.ones(2, np.int64))
    label = np.stack([made.spec.train.read_truth(index) for index in range(2)])
    image = np.stack([made.spec.train.read_image(index) for index in range(2)])
    batch = Batch(*map(jax.numpy.asarray, (image, label, np.arange(2), np.ones(2, bool))))
    inputs = StepInputs(batch, None, None, jax.numpy.float32(0))
    after, metrics = jax.jit(lambda state: made.method.update(state, inputs, Phase.WARMUP))(state)
    assert metrics["loss"] > 0
    before, student, teacher = (
        jax.tree.leaves(tree["params"]) for tree in (state.student, after.student, after.teacher)
    )
    for old, new, average in zip(before, student, teacher, strict=True):
        np.testing.assert_allclose(average, 0.9 * old + 0.1 * new, rtol=1e-4, atol=1e-6)

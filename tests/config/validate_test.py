"""Values without sense are refused by name before anything is built of them."""

import math
from typing import Any

import pytest

from s4al_jax.config import options
from s4al_jax.config.defaults import default
from s4al_jax.config.validate import validate
from s4al_jax.types import InputError

AT_LEAST_1 = (
    "data.height",
    "data.width",
    "data.max_pixels",
    "batch.labeled",
    "batch.unlabeled",
    "batch.microbatches",
    "model.loss_bands",
    "schedule.iterations",
    "schedule.epochs",
    "schedule.last_epochs",
    "evaluate.every_epochs",
    "evaluate.batch",
    "checkpoint.every_epochs",
    "checkpoint.keep",
    "budget.regions_per_image",
)
AT_LEAST_0 = (
    "seed",
    "devices",
    "schedule.acquisitions",
    "score.batch",
    "report.pool_images",
    "report.measured_images",
)


def refusal(**values: Any) -> str:
    """What is said of the defaults with some options at other values; `__` is the dot."""
    config = options.with_options(
        default(), {name.replace("__", "."): value for name, value in values.items()}
    )
    with pytest.raises(InputError) as caught:
        validate(config)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_defaults_make_sense() -> None:
    validate(default())


@pytest.mark.parametrize(
    ("name", "least"), [(name, 1) for name in AT_LEAST_1] + [(name, 0) for name in AT_LEAST_0]
)
def test_a_number_is_not_below_its_least(name: str, least: int) -> None:
    assert refusal(**{name: least - 1}) == (
        f"config.{name} is {least - 1}: it must be at least {least}"
    )
    # The least itself fits.
    small = {"data.height": 1, "data.width": 1} if name in ("data.height", "data.width") else {}
    if name == "data.max_pixels":
        small = {"data.height": 1, "data.width": 1}
    validate(options.with_options(default(), {**small, name: least}))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", ["optimizer.learning_rate", "method.kwargs.ema_decay"])
def test_a_number_can_be_counted_with(name: str, value: float) -> None:
    assert refusal(**{name: value}) == f"config.{name} is {value}: give what can be counted with"
    assert refusal(augment__contrast=(0.5, value)).startswith("config.augment.contrast is [0.5, ")


@pytest.mark.parametrize("name", ["data.initial_share", "budget.image_share"])
def test_a_share_is_above_0_and_up_to_1(name: str) -> None:
    for value in (0.0, -0.5, 1.01):
        wanted = f"config.{name} is {value}: it must be above 0.0 and up to 1.0"
        assert refusal(**{name: value}) == wanted
    validate(options.with_options(default(), {name: 1.0}))


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"budget__scope": "all"}, "config.budget.scope is 'all': one of image, pool"),
        ({"model__norm_momentum": 1.0}, "config.model.norm_momentum is 1.0: it must be from 0 to"),
        ({"model__norm_momentum": -0.1}, "config.model.norm_momentum is -0.1: it must be from 0"),
        (
            {"model__norm_statistics": "frozen"},
            "config.model.norm_statistics is 'frozen': one of batch, frozen_backbone, frozen_net",
        ),
        (
            {"model__norm_statistics": "frozen_backbone"},
            "config.model.norm_statistics is 'frozen_backbone', but there are no weights whose",
        ),
        ({"seed": 2**32}, f"config.seed is {2**32}: it must be below {2**32}"),
        (
            {"data__max_pixels": 360 * 480 - 1},
            "config.data.height 360 x config.data.width 480 is more than config.data.max_pixels",
        ),
        ({"model__loss_bands": 361}, "config.model.loss_bands is 361, but there are 360 rows"),
        (
            {"augment__crop_height": 361},
            "config.augment.crop_height is 361, but images have 360 (config.data.height)",
        ),
        (
            {"augment__crop_width": 481},
            "config.augment.crop_width is 481, but images have 480 (config.data.width)",
        ),
        ({"augment__scale_range": (1.0,)}, "config.augment.scale_range is (1.0,): give a lowest"),
        ({"evaluate__splits": ()}, "config.evaluate.splits is (): name val, test"),
        ({"evaluate__splits": ("val", "val")}, "config.evaluate.splits is ('val', 'val'): name"),
        ({"evaluate__splits": ("val", "train")}, "config.evaluate.splits is ('val', 'train'): n"),
        ({"annotator__person": ""}, "config.annotator.person is '': give a name of one line"),
        ({"annotator__person": "a\nb"}, "config.annotator.person is 'a\\nb': give a name of one"),
    ],
)
def test_a_value_without_sense_is_refused_in_one_line(values: dict[str, Any], line: str) -> None:
    assert refusal(**values).startswith(line)


def test_what_just_fits_is_taken() -> None:
    largest = {"seed": 2**32 - 1, "model.loss_bands": 360, "data.max_pixels": 360 * 480}
    largest |= {"augment.crop_height": 360, "augment.crop_width": 480, "score.batch": 0}
    validate(options.with_options(default(), largest))
    validate(
        options.with_options(default(), {"evaluate.splits": ("test",), "model.norm_momentum": 0.0})
    )

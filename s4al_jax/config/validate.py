"""Values that no part could work with; each part checks its own besides."""

import math
from typing import Any

from ml_collections import ConfigDict

from s4al_jax.config.options import flat
from s4al_jax.types import InputError


def validate(config: ConfigDict) -> None:
    """Raise `InputError` for a value that makes no sense, whatever the rest is."""
    for name, value in flat(config).items():
        for number in value if isinstance(value, list) else [value]:
            if isinstance(number, float) and not math.isfinite(number):
                raise InputError(f"config.{name} is {value}: give what can be counted with")
    _at_least(config, 1, "data.height", "data.width")
    _at_least(config, 1, "batch.labeled", "batch.unlabeled", "batch.microbatches")
    _at_least(config, 1, "model.loss_bands")
    _at_least(config, 1, "schedule.iterations", "schedule.epochs", "schedule.last_epochs")
    _at_least(config, 1, "evaluate.every_epochs", "evaluate.batch")
    _at_least(config, 1, "checkpoint.every_epochs", "checkpoint.keep")
    _at_least(config, 0, "seed", "devices", "schedule.acquisitions")
    _at_least(config, 0, "score.batch", "report.pool_images", "report.measured_images")
    _at_least(config, 1, "data.max_pixels")
    _at_least(config, 1, "budget.regions_per_image")
    _one_of(config, "budget.scope", ("image", "pool"))
    _within(config, 0.0, 1.0, "data.initial_share", "budget.image_share")
    if not 0.0 <= config.model.norm_momentum < 1.0:
        raise InputError(
            f"config.model.norm_momentum is {config.model.norm_momentum}: it must be from 0 to "
            "below 1"
        )
    _check_statistics(config)
    _check_sizes(config)
    for name in ("scale_range", "brightness", "contrast"):
        if len(config.augment[name]) != 2:
            raise InputError(
                f"config.augment.{name} is {config.augment[name]}: give a lowest and a highest "
                "factor"
            )
    splits = config.evaluate.splits
    if not splits or set(splits) - {"val", "test"} or len(set(splits)) < len(splits):
        raise InputError(f"config.evaluate.splits is {splits}: name val, test")
    who = config.annotator.person
    if not who or not who.isprintable():
        raise InputError(f"config.annotator.person is {ascii(who)}: give a name of one line")


def _check_statistics(config: ConfigDict) -> None:
    """Refuse to keep statistics that come from nowhere."""
    model = config.model
    _one_of(config, "model.norm_statistics", ("batch", "frozen_backbone", "frozen_network"))
    if model.norm_statistics != "batch" and not model.pretrained:
        raise InputError(
            f"config.model.norm_statistics is {model.norm_statistics!r}, but there are no weights "
            "whose statistics could be kept: name a file in config.model.pretrained, or leave it "
            "'batch'"
        )


def _check_sizes(config: ConfigDict) -> None:
    """Refuse numbers that are larger than what they are cut from."""
    data, model = config.data, config.model
    if config.seed >= 2**32:
        # JAX would use its last 32 bits, and another seed would give the same run.
        raise InputError(f"config.seed is {config.seed}: it must be below {2**32}")
    if data.height * data.width > data.max_pixels:
        raise InputError(
            f"config.data.height {data.height} x config.data.width {data.width} is more than "
            f"config.data.max_pixels {data.max_pixels}: choose a smaller working size"
        )
    if model.loss_bands > data.height:
        raise InputError(
            f"config.model.loss_bands is {model.loss_bands}, but there are {data.height} rows of "
            "pixels (config.data.height): choose less"
        )
    for side in ("height", "width"):
        if config.augment[f"crop_{side}"] > data[side]:
            raise InputError(
                f"config.augment.crop_{side} is {config.augment[f'crop_{side}']}, but images have "
                f"{data[side]} (config.data.{side}): choose less, or 0 for all of it"
            )


def _at_least(config: ConfigDict, least: int, *names: str) -> None:
    for name in names:
        value = _option(config, name)
        if value < least:
            raise InputError(f"config.{name} is {value}: it must be at least {least}")


def _within(config: ConfigDict, low: float, high: float, *names: str) -> None:
    for name in names:
        value = _option(config, name)
        if not low < value <= high:
            raise InputError(f"config.{name} is {value}: it must be above {low} and up to {high}")


def _one_of(config: ConfigDict, name: str, choices: tuple[str, ...]) -> None:
    value = _option(config, name)
    if value not in choices:
        raise InputError(f"config.{name} is {value!r}: one of {', '.join(choices)}")


def _option(config: ConfigDict, name: str) -> Any:
    for part in name.split("."):
        config = config[part]
    return config

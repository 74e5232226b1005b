"""Bad configurations, as building an experiment finds them."""

import math
from typing import Any, NamedTuple

import pytest
from ml_collections import ConfigDict

from s4al_jax.config import defaults, options
from s4al_jax.run import build
from s4al_jax.types import InputError
from tests.support.tiny import tiny_config


class Options(NamedTuple):
    """Options of the tiny experiment that make no sense, alone or together."""

    name: str
    given: dict[str, Any]
    line: str


def option(given: str, value: Any, line: str) -> Options:
    return Options(f"{given} {value!r}", {given.replace(".", "__"): value}, line)


COUNTED = "give what can be counted with"
FACTORS = "give a lowest and a highest factor above 0"

ALONE = (
    option("seed", -1, "config.seed is -1: it must be at least 0"),
    option("seed", 2**32, "config.seed is 4294967296: it must be below 4294967296"),
    option(
        "devices",
        9,
        "config.devices is 9, but this host has 8 cpu devices: choose up to 8, or 0 for all",
    ),
    option(
        "data.name",
        "kitti",
        "config.data.name is 'kitti': one of camvid, cityscapes, coco, csv, folder, label_studio, "
        "noise, parquet, streets, tfds, voc",
    ),
    option("data.height", 0, "config.data.height is 0: it must be at least 1"),
    option(
        "data.height",
        10**9,
        "config.data.height 1000000000 x config.data.width 64 is more than "
        "config.data.max_pixels 100000000: choose a smaller working size",
    ),
    option(
        "data.width",
        8,
        "streets: scenes of 48x8 are too small to draw; give a height and width of 24 or more",
    ),
    option("data.max_pixels", 0, "config.data.max_pixels is 0: it must be at least 1"),
    option(
        "data.cache",
        "disk",
        "config.data.cache is 'disk': one of auto, device, host, none",
    ),
    option("data.initial_share", math.nan, f"config.data.initial_share is nan: {COUNTED}"),
    option(
        "data.initial_share",
        0.0,
        "config.data.initial_share is 0.0: it must be above 0.0 and up to 1.0",
    ),
    option("data.kwargs.train", 0, "streets: train=0 leaves nothing to learn from; give 1 or more"),
    option("data.kwargs.test", -1, "streets: test=-1 is negative; give 0 or more"),
    option("model.compute", "float8", "config.model.compute is 'float8': one of float32, bfloat16"),
    option(
        "model.loss_bands",
        49,
        "config.model.loss_bands is 49, but there are 48 rows of pixels "
        "(config.data.height): choose less",
    ),
    option(
        "model.head.name",
        "fcn",
        "config.model.head.name is 'fcn': one of deeplab_v3, deeplab_v3_plus, dpt, drn_seg, light, "
        "unet",
    ),
    option(
        "model.head.kwargs.aspp_channels",
        0,
        "the head's aspp_channels are 0 and its low_level_channels 8: give 1 or more",
    ),
    option(
        "model.head.kwargs.low_level_channels",
        0,
        "the head's aspp_channels are 16 and its low_level_channels 0: give 1 or more",
    ),
    option(
        "model.head.kwargs.rates",
        (),
        "the head's rates are () and its dropout 0.5: give rates "
        "from 1 and a dropout from 0 to below 1",
    ),
    option(
        "model.pretrained",
        "nowhere.pth",
        "nowhere.pth: no such file; give the path of a .safetensors or .pth file",
    ),
    option(
        "augment.scale_range",
        (1.0, math.inf),
        f"config.augment.scale_range is [1.0, inf]: {COUNTED}",
    ),
    option("augment.scale_range", (1.25, 0.75), f"scale_range is (1.25, 0.75): {FACTORS}"),
    option(
        "augment.brightness",
        (1.0,),
        "config.augment.brightness is (1.0,): give a lowest and a highest factor",
    ),
    option(
        "augment.crop_height",
        49,
        "config.augment.crop_height is 49, but images have 48 "
        "(config.data.height): choose less, or 0 for all of it",
    ),
    option(
        "augment.flip_probability", 1.5, "flip_probability is 1.5: give a probability from 0 to 1"
    ),
    option(
        "optimizer.learning_rate", math.inf, f"config.optimizer.learning_rate is inf: {COUNTED}"
    ),
    option(
        "optimizer.learning_rate",
        0.0,
        "learning rate from 0.0 to 1e-06: give a base above 0 and a floor below it",
    ),
    option("optimizer.power", -1.0, "power is -1.0: give 0 or more"),
    option(
        "optimizer.kwargs.weight_decay",
        math.inf,
        f"config.optimizer.kwargs.weight_decay is inf: {COUNTED}",
    ),
    option("optimizer.kwargs.momentum", 1.0, "momentum is 1.0: give a number from 0 to below 1"),
    option(
        "method.kwargs.ema_decay", math.nan, f"config.method.kwargs.ema_decay is nan: {COUNTED}"
    ),
    option("method.kwargs.head", (11,), "head is (11,): give class ids from 0 to 10"),
    option("method.kwargs.tail_draws", -1, "tail_draws is -1: give 0 or more classes"),
    option("batch.labeled", 0, "config.batch.labeled is 0: it must be at least 1"),
    option(
        "batch.microbatches",
        3,
        "config.batch.labeled 2 cannot be learned in 3 equal parts on 1 devices: "
        "choose config.batch.microbatches so that it divides",
    ),
    option("schedule.epochs", 0, "config.schedule.epochs is 0: it must be at least 1"),
    option(
        "schedule.steps_per_call",
        3,
        "steps_per_call is 3, which does not divide the 2 iterations "
        "of an epoch: choose one that does",
    ),
    option(
        "method.kwargs.warmup_epochs",
        9,
        "config.method.kwargs.replay_start_epoch is 2, but the buffer is empty until the warm-up "
        "of 9 epochs is over: use at least 10",
    ),
    option(
        "method.kwargs.replay_capacity",
        1,
        "the replay buffer of 1 images is smaller than its batch of 2: make room for one batch",
    ),
    option(
        "acquisition.name",
        "vote",
        "config.acquisition.name is 'vote': one of entropy, least_confidence, margin, random",
    ),
    option(
        "regions.kwargs.cell_width",
        65,
        "a cell of 12 x 65 pixels does not fit an image of 48 x 64: "
        "choose from 1 x 1 up to the size of the image",
    ),
    option(
        "budget.regions_per_image",
        17,
        "config.budget.regions_per_image 17 in 1 acquisitions is a budget of 17 regions, but there "
        "are 16 in an image to annotate: choose less",
    ),
    option(
        "budget.regions_per_image",
        0,
        "config.budget.regions_per_image is 0: it must be at least 1",
    ),
    option("annotator.name", "crowd", "config.annotator.name is 'crowd': one of oracle, files"),
    option("annotator.person", "", "config.annotator.person is '': give a name of one line"),
    option(
        "annotator.person", "a\nb", "config.annotator.person is 'a\\nb': give a name of one line"
    ),
    option("evaluate.splits", (), "config.evaluate.splits is (): name val, test"),
    option(
        "evaluate.splits",
        ("val", "val"),
        "config.evaluate.splits is ('val', 'val'): name val, test",
    ),
    option("score.batch", -1, "config.score.batch is -1: it must be at least 0"),
    option("checkpoint.keep", 0, "config.checkpoint.keep is 0: it must be at least 1"),
)

TOGETHER = (
    Options(
        "a batch that devices cannot share",
        {"batch__labeled": 3, "devices": 2},
        "config.batch.labeled 3 is not divisible by 2 devices: choose a multiple, or fewer "
        "config.devices",
    ),
    Options(
        "more images than are left",
        {"regions": ConfigDict({"name": "image", "kwargs": {}}), "budget__image_share": 0.9},
        "config.budget.image_share 0.9 in 1 acquisitions is a budget of 5 images, but there "
        "are 4 to annotate: choose less",
    ),
    Options(
        "questions where all is known",
        {"data__initial_share": 1.0},
        "all 6 images are labeled from the start: nothing is left to ask for; set "
        "config.schedule.acquisitions to 0, or config.annotator.name to oracle and "
        "config.data.initial_share below 1",
    ),
    Options(
        "a class in head and tail",
        {"method__kwargs__head": (1,), "method__kwargs__tail": (1,)},
        "tail is (1,): name a class in head or in tail",
    ),
    Options(
        "steps together on a CPU",
        {"schedule__steps_per_call": 2},
        "config.schedule.steps_per_call is 2, with which a CPU takes many times longer: leave it 1",
    ),
    Options(
        "a teacher that is not trained",
        {
            "method": defaults.study(defaults.default(), "supervised").method,
            "acquisition__kwargs": ConfigDict({"network": "teacher"}),
        },
        "config.acquisition.kwargs.network is 'teacher', but the method only trains student",
    ),
)


@pytest.mark.parametrize("case", (*ALONE, *TOGETHER), ids=lambda case: case.name)
def test_a_configuration(case: Options) -> None:
    with pytest.raises(InputError) as error:
        build.build(tiny_config(**case.given))
    assert str(error.value) == case.line


KEPT = (
    ("data.height", "tall", "config.data.height is 'tall': give a whole number"),
    ("data.height", 48.0, "config.data.height is 48.0: give a whole number"),
    ("data.initial_share", None, "config.data.initial_share is None: give a number"),
    ("optimizer.kwargs.nesterov", 1, "config.optimizer.kwargs.nesterov is 1: give True or False"),
    ("evaluate.splits", "val", "config.evaluate.splits is 'val': give a list"),
    ("data.kwargs.train", "6", "config.data.kwargs.train is '6': give a whole number"),
    ("model.head.kwargs.rates", 3, "config.model.head.kwargs.rates is 3: give a list"),
    ("seed", ..., "config.seed is missing: s4al_jax/config/defaults.py lists all options"),
)
"""Options of other kinds, as a damaged config.json may hold them; `...`: none of the name."""


@pytest.mark.parametrize("name, value, line", KEPT, ids=lambda part: str(part)[:30])
def test_a_configuration_of_another_kind(name: str, value: object, line: str) -> None:
    kept = {**options.flat(tiny_config()), name: value}
    restored = options.from_options(
        {name: value for name, value in kept.items() if value is not ...}
    )
    with pytest.raises(InputError) as error:
        build.build(restored)
    assert str(error.value) == line


def test_an_option_that_is_free_need_not_have_been_known_to_an_earlier_version() -> None:
    kept = options.flat(tiny_config())
    earlier = {name: value for name, value in kept.items() if name not in options.FREE_OPTIONS}
    assert options.from_options(earlier).data.max_pixels == defaults.default().data.max_pixels

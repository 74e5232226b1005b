"""Every option: its default, its unit, and where in the paper it comes from.

`default()` is the CamVid protocol of the paper on scenes that the project draws itself; a file in
`configs/` is a short diff on it. The numbers come from the paper's Sec. 3 and 4 and Tables S1 and
S2; "authors" marks what only their published code says.
"""

import hashlib
import importlib.metadata
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from s4al_jax.types import InputError

FREE_OPTIONS = (
    "data.root",
    "data.residence",
    "data.max_pixels",
    "checkpoint.every_epochs",
    "checkpoint.keep",
    "devices",
    "oracle.annotator",
    "report.pool_images",
    "report.measured_images",
)
"""Options that change where a run reads and how it is kept and shown, not what it computes."""

QUESTIONS = ("random", "least_confidence", "entropy", "margin")

STUDIES = ("supervised", "supervised_initial", *QUESTIONS)


def default() -> ConfigDict:
    """A complete, locked configuration."""
    config = ConfigDict()
    config.seed = 0
    config.devices = 0  # how many devices of this host share a batch; 0: all, of all hosts
    config.data = _data()
    config.model = _model()
    config.augment = _augment()
    config.optimizer = _optimizer()
    config.method = {"name": "s4al", "kwargs": _s4al()}
    config.batch = {"labeled": 4, "unlabeled": 4}  # as many replayed as unlabeled (Sec. 3.3)
    config.batch.parts = 1  # that the student learns a batch in, one after the other: less memory
    config.schedule = _schedule()
    config.replay = {"capacity": 50, "pop": False}  # M (Sec. 4.2); pop: authors, drawn ones leave
    config.acquisition = _acquisition()
    # "folder": a person answers through files in the run's directory
    config.oracle = {"name": "simulated", "annotator": "person"}
    config.evaluate = {"every_epochs": 10, "batch": 8, "splits": ("val", "test")}
    config.score = {"batch": 8}  # images; 0: as many as fit, up to 64 a device (CPU: 8)
    config.checkpoint = {"every_epochs": 5, "keep": 2}
    # images in the report's pictures, evenly spread: of the pool, and of those measured on; 0: none
    config.report = {"pool_images": 400, "measured_images": 64}
    config.lock()
    return config


def _data() -> ConfigDict:
    data = ConfigDict()
    data.name = "synthetic"
    data.root = ""  # the folder of a dataset on disk
    data.height, data.width = 360, 480  # pixels; the working size (Sec. 4.1)
    data.residence = "auto"  # of decoded images: "resident", "cached", "streamed"; same results
    data.max_pixels = 100_000_000  # of one picture file; larger ones are refused, not decoded
    data.initial_share = 0.10  # of the images, drawn uniformly, labeled before the first cycle
    data.kwargs = {"train": 367, "val": 101, "test": 233, "seed": 0}
    return data


def _model() -> ConfigDict:
    model = ConfigDict()
    model.pretrained = ""  # a .safetensors or .pth file for the backbone; empty: random weights
    # or "bfloat16": what layers calculate in, on a CPU only what products multiply
    model.compute = "float32"
    model.remat = False  # True: compute cheap layers twice instead of keeping them; less memory
    model.loss_bands = 1  # of rows, in which the loss is summed; more: logits are never whole
    model.norm_momentum = 0.9  # share of the old running statistics that a step keeps
    model.backbone = {"name": "mobilenet_v2", "kwargs": {"width": 1.0, "output_stride": 16}}
    model.head = ConfigDict({"name": "deeplab_v3_plus"})
    model.head.kwargs = {
        "aspp_channels": 256,
        "low_level_channels": 48,
        "rates": (6, 12, 18),
        "dropout": 0.5,
    }
    return model


def _augment() -> ConfigDict:
    augment = ConfigDict()  # Tables S1, S2
    augment.scale_range = (0.75, 1.25)
    augment.crop_height, augment.crop_width = 0, 0  # pixels that a step sees; 0: the working size
    augment.jitter_probability = 0.5
    augment.brightness = (0.75, 1.25)  # factors, as torchvision's ColorJitter
    augment.contrast = (0.75, 1.25)
    augment.flip_probability = 0.5
    return augment


def _optimizer() -> ConfigDict:
    optimizer = ConfigDict()  # Tables S1, S2; momentum and decay: authors
    optimizer.learning_rate = 1e-2
    optimizer.power = 0.9  # "poly": (1 - epoch / epochs) ** power
    optimizer.floor = 1e-6
    optimizer.momentum = 0.9
    optimizer.nesterov = True
    optimizer.weight_decay = 5e-4
    return optimizer


def _s4al() -> ConfigDict:
    s4al = ConfigDict()
    s4al.ema_decay = 0.99  # m of Eqn. 1
    s4al.confidence_threshold = 0.97  # p above which a pixel counts for eta (Sec. 3.1)
    s4al.confidence_weighting = True  # Eqn. 5; False leaves Eqn. 3
    s4al.balanced = True  # Balanced ClassMix (Sec. 3.3); False: plain ClassMix of replayed images
    s4al.warmup_weight = 1.5  # on the supervised loss during warm-up (authors)
    s4al.teacher_statistics = "batch"  # batch normalization of the teacher (authors); or "running"
    s4al.student_passes = "separate"  # each pass its own batch statistics (authors); or "joint"
    s4al.head = ()  # ids of the head classes; empty: read from the labels at each cycle's start
    s4al.tail = ()  # ids of the tail classes; empty: all that are not head
    s4al.head_factor = 0.5  # head: at least this times the uniform share of the labeled pixels
    s4al.head_draws = 3  # head classes pasted by Balanced ClassMix (authors)
    s4al.tail_draws = 2
    s4al.warm_start = False  # True: a cycle goes on from the last one's networks
    return s4al


def _schedule() -> ConfigDict:
    schedule = ConfigDict()  # Table S2
    schedule.acquisitions = 2  # rounds of questions; there is one training more
    schedule.iterations = 50  # steps an epoch
    schedule.epochs = 100
    schedule.last_epochs = 200  # of the cycle after the last acquisition
    schedule.warmup_epochs = 10  # labeled images only
    schedule.steps_together = 1  # steps that a device does in one go; 1 on a CPU
    schedule.replay_from_cycle = 1  # counted from 0: once regions have been bought (Sec. S1)
    schedule.replay_start_epoch = 30  # of such a cycle (authors)
    return schedule


def _acquisition() -> ConfigDict:
    acquisition = ConfigDict()
    acquisition.name = "entropy"  # one of QUESTIONS (Sec. 3.4)
    acquisition.unit = "cells"  # or "images": whole images, Tables 2a and 2b
    acquisition.cell_height, acquisition.cell_width = 30, 30  # pixels
    acquisition.cells_per_image = 4
    acquisition.image_share = 0.05  # of the pool a cycle, where whole images are asked for
    acquisition.scope = "image"  # the best cells of each image; or "pool": of all, same pixels
    acquisition.network = "teacher"  # which one is asked (Sec. 3.4); "student": authors
    return acquisition


def study(
    config: ConfigDict, argument: str | None, *, supervised: Mapping[str, int] | None = None
) -> ConfigDict:
    """Turn a configuration into one of its studies: what stands after the colon of `--config`.

    `supervised` learns from all labels, `supervised_initial` from the initial ones, both for
    `supervised["iterations"]` steps in each of `supervised["epochs"]` epochs; the name of a
    question asks that instead.
    """
    if argument and argument not in STUDIES:
        raise InputError(f"unknown study {argument!r}: one of {', '.join(STUDIES)}")
    if argument in QUESTIONS:
        config.acquisition.name = argument
    elif argument:
        _make_supervised(config, supervised or {})
        config.data.initial_share = 1.0 if argument == "supervised" else config.data.initial_share
    config.lock()
    return config


def _make_supervised(config: ConfigDict, schedule: Mapping[str, int]) -> None:
    with config.unlocked():
        config.method = ConfigDict({"name": "supervised", "kwargs": {}})
    config.acquisition.network = "student"
    config.schedule.update(acquisitions=0, **schedule)
    config.schedule.last_epochs = config.schedule.epochs


def changed(config: ConfigDict, values: Mapping[str, Any]) -> ConfigDict:
    """The configuration with some options, by dotted name, at other values."""
    known = flat(config)
    for name in values:
        if name not in known:
            raise InputError(
                f"there is no option config.{name}: s4al_jax/config/defaults.py lists all"
            )
    other = ConfigDict(config)
    try:
        other.update_from_flattened_dict(dict(values))
    except (TypeError, ValueError) as error:
        raise InputError(f"options of the wrong kind: {' '.join(str(error).split())}") from error
    other.lock()
    return other


def flat(config: ConfigDict, prefix: str = "") -> dict[str, Any]:
    """Options by dotted name, as JSON would keep them."""
    leaves: dict[str, Any] = {}
    for name, value in config.items():
        if isinstance(value, ConfigDict):
            leaves |= flat(value, f"{prefix}{name}.")
        else:
            leaves[prefix + name] = list(value) if isinstance(value, tuple) else value
    return leaves


def restored(options: Mapping[str, Any]) -> ConfigDict:
    """The configuration that has these options, by dotted name, as a run's directory keeps them."""
    # A block of options that is empty leaves no name behind.
    blocks = ("data.kwargs", "method.kwargs", "model.backbone.kwargs", "model.head.kwargs")
    tree: dict[str, Any] = {}
    usual = flat(default())
    # A run of an earlier version does not say what has become a option since.
    options = {**{name: usual[name] for name in FREE_OPTIONS}, **options}
    for name in (*blocks, *options):
        *path, last = name.split(".")
        place = tree
        for part in path:
            place = place.setdefault(part, {})
        place[last] = {} if name in blocks else _frozen(options[name])
    config = ConfigDict(tree)
    config.lock()
    return config


def check_version(identity: Mapping[str, Any], path: Path) -> None:
    """Refuse what a version wrote that this one does not promise to read.

    Versions that promise to read each other share the first number, and before 1.0 the second.
    """
    versions = identity.get("versions")
    kept = versions.get("s4al_jax") if isinstance(versions, Mapping) else None
    now = importlib.metadata.version("s4al_jax")
    if kept is not None and _promise(str(kept)) != _promise(now):
        raise InputError(
            f"{path} was written by s4al_jax {kept}, this is {now}: go on with a version "
            f"{'.'.join(_promise(str(kept)))}, or choose another directory"
        )


def _promise(version: str) -> list[str]:
    numbers = version.split(".")
    return numbers[:2] if numbers[0] == "0" else numbers[:1]


def of_run(workdir: Path) -> ConfigDict:
    """The configuration that a run's directory was made with."""
    path = workdir / "config.json"
    try:
        identity = json.loads(path.read_text())
        found = restored(identity["options"])
        check_version(identity, path)
        return found
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; is this the directory of a run?") from error
    except InputError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"{path} is not as a run writes it: restore it from a copy") from error


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


def fingerprint(options: Mapping[str, Any]) -> str:
    """A short hash of all options that change what is computed."""
    fixed = {name: value for name, value in options.items() if name not in FREE_OPTIONS}
    return hashlib.sha256(json.dumps(fixed, sort_keys=True).encode()).hexdigest()[:16]


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """`option: before -> now` for all options that may not differ between two starts of a run."""
    names = sorted((set(before) | set(now)) - set(FREE_OPTIONS))
    absent = "(absent)"
    return [
        f"{name}: {before.get(name, absent)} -> {now.get(name, absent)}"
        for name in names
        if before.get(name, absent) != now.get(name, absent)
    ]


def validate(config: ConfigDict) -> None:
    """Refuse values that no part could work with; each part checks its own besides."""
    for name, value in flat(config).items():
        for number in value if isinstance(value, list) else [value]:
            if isinstance(number, float) and not math.isfinite(number):
                raise InputError(f"config.{name} is {value}: give what can be counted with")
    _at_least(config, 1, "data.height", "data.width")
    _at_least(config, 1, "batch.labeled", "batch.unlabeled", "batch.parts")
    _at_least(config, 1, "model.loss_bands")
    _at_least(config, 1, "schedule.iterations", "schedule.epochs", "schedule.last_epochs")
    _at_least(config, 1, "evaluate.every_epochs", "evaluate.batch")
    _at_least(config, 1, "checkpoint.every_epochs", "checkpoint.keep", "replay.capacity")
    _at_least(config, 0, "seed", "devices", "schedule.acquisitions", "schedule.warmup_epochs")
    _at_least(config, 0, "score.batch", "report.pool_images", "report.measured_images")
    _at_least(config, 1, "data.max_pixels")
    _one_of(config, "acquisition.name", QUESTIONS)
    _one_of(config, "acquisition.unit", ("cells", "images"))
    _one_of(config, "acquisition.scope", ("image", "pool"))
    _one_of(config, "acquisition.network", ("student", "teacher"))
    _within(config, 0.0, 1.0, "data.initial_share", "acquisition.image_share")
    if not 0.0 <= config.model.norm_momentum < 1.0:
        raise InputError(
            f"config.model.norm_momentum is {config.model.norm_momentum}: it must be from 0 to "
            "below 1"
        )
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
    who = config.oracle.annotator
    if not who or not who.isprintable():
        raise InputError(f"config.oracle.annotator is {ascii(who)}: give a name of one line")
    if config.replay.capacity < config.batch.unlabeled:
        raise InputError(
            f"config.replay.capacity {config.replay.capacity} is smaller than "
            f"config.batch.unlabeled {config.batch.unlabeled}: make room for one batch"
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

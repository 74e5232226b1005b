"""Every option: its default, its unit, and where in the paper it comes from.

`default()` is the CamVid protocol of the paper on scenes that the project draws itself; a file in
`configs/` is a short diff on it. The numbers come from the paper's Sec. 3 and 4 and Tables S1 and
S2; "authors" marks what only their published code says.
"""

import re
from collections.abc import Mapping

from ml_collections import ConfigDict

from s4al_jax.config.names import SUPERVISED
from s4al_jax.types import InputError

_NAME = re.compile(r"\w+([.:]\w+)*")
"""One of the project's own, or "package.module:name"."""


def default() -> ConfigDict:
    """A complete, locked configuration."""
    config = ConfigDict()
    config.seed = 0  # of all random numbers
    config.devices = 0  # how many devices of this host share a batch; 0: all, of all hosts
    config.data = _data()
    config.model = _model()
    config.augment = _augment()
    config.optimizer = _optimizer()
    config.method = {"name": "s4al", "kwargs": _s4al()}
    config.batch = {"labeled": 4, "unlabeled": 4}  # images; as many replayed (Sec. 3.3)
    config.batch.microbatches = 1  # parts that a batch is learned in, one by one: less memory
    config.schedule = _schedule()
    # name: or "image"; cell_height: pixels; cell_width: pixels
    config.regions = {"name": "grid", "kwargs": {"cell_height": 30, "cell_width": 30}}
    # network: the one whose uncertainty counts; empty: the one that the method prefers, S4AL's
    # teacher (Sec. 3.4); "student": authors
    config.acquisition = {"name": "entropy", "kwargs": {"network": ""}}
    config.budget = _budget()
    # name: or "files", a person who answers through files of the run; person: whose name is kept
    # with the answers; kwargs: none of these two has any
    config.annotator = {"name": "oracle", "person": "person", "kwargs": {}}
    # every_epochs: and at the end of a cycle; batch: images; splits: of "val" and "test"
    config.evaluate = {"every_epochs": 10, "batch": 8, "splits": ("val", "test")}
    config.score = {"batch": 8}  # images; 0: as many as fit, up to 64 a device (CPU: 8)
    # every_epochs: and before an evaluation; keep: how many stay, the newest ones
    config.checkpoint = {"every_epochs": 5, "keep": 2}
    # images in the report's pictures, evenly spread: of the pool, and of those measured on; 0: none
    config.report = {"pool_images": 400, "measured_images": 64}
    config.lock()
    return config


def _data() -> ConfigDict:
    data = ConfigDict()
    data.name = "streets"
    data.root = ""  # the folder of a dataset on disk
    data.height, data.width = 360, 480  # pixels; the working size (Sec. 4.1)
    data.cache = "auto"  # where decoded images are kept: "device", "host", "none"; same results
    data.max_pixels = 100_000_000  # of one picture file; larger ones are refused, not decoded
    data.initial_share = 0.10  # of the images, drawn uniformly, labeled before the first cycle
    # images of a split; seed: of the drawn scenes
    data.kwargs = {"train": 367, "val": 101, "test": 233, "seed": 0}
    return data


def _model() -> ConfigDict:
    model = ConfigDict()
    # of the backbone: a .safetensors or .pth file, "imagenet": its published ones; empty: random
    model.pretrained = ""
    # "backbone": its features are computed once and kept, and the head alone is trained; or ""
    model.frozen = ""
    # or "bfloat16": what layers calculate in, on a CPU only what products multiply
    model.compute = "float32"
    model.remat = False  # True: compute cheap layers twice instead of keeping them; less memory
    model.loss_bands = 1  # of rows, in which the loss is summed; more: logits are never whole
    model.norm_momentum = 0.9  # share of the old running statistics that a step keeps
    # of a step's images; "frozen_backbone", "frozen_network": the running ones, for small batches
    model.norm_statistics = "batch"
    # width: factor on the channels of all layers; output_stride: 8, 16 or 32
    model.backbone = {"name": "mobilenet_v2", "kwargs": {"width": 1.0, "output_stride": 16}}
    model.head = ConfigDict({"name": "deeplab_v3_plus"})
    model.head.kwargs = {
        "aspp_channels": 256,  # of each branch of the pyramid
        "low_level_channels": 48,  # of the finest features in the decoder
        "rates": (6, 12, 18),  # dilations of the branches
        "dropout": 0.5,  # share of the pyramid's channels that a step drops
    }
    return model


def _augment() -> ConfigDict:
    augment = ConfigDict()  # Tables S1, S2
    augment.scale_range = (0.75, 1.25)  # factors, lowest and highest, drawn uniformly
    augment.crop_height, augment.crop_width = 0, 0  # pixels that a step sees; 0: the working size
    augment.jitter_probability = 0.5  # of a change of brightness and contrast
    augment.brightness = (0.75, 1.25)  # factors, as torchvision's ColorJitter
    augment.contrast = (0.75, 1.25)  # factors
    augment.flip_probability = 0.5  # left to right
    return augment


def _optimizer() -> ConfigDict:
    optimizer = ConfigDict()  # Tables S1, S2; momentum and decay: authors
    optimizer.name = "sgd"
    # as in torch's SGD (authors)
    optimizer.kwargs = {"momentum": 0.9, "nesterov": True, "weight_decay": 5e-4}
    optimizer.learning_rate = 1e-2  # at the start of a cycle
    optimizer.power = 0.9  # "poly": (1 - epoch / epochs) ** power
    optimizer.floor = 1e-6  # the lowest learning rate
    optimizer.backbone_factor = 1.0  # on the learning rate of the backbone
    # on that of each backbone layer, once more for all nearer the images
    optimizer.layer_decay = 1.0
    return optimizer


def _s4al() -> ConfigDict:
    s4al = ConfigDict()
    s4al.ema_decay = 0.99  # m of Eqn. 1
    s4al.confidence_threshold = 0.97  # p above which a pixel counts for eta (Sec. 3.1)
    s4al.confidence_weighting = True  # Eqn. 5; False leaves Eqn. 3
    s4al.balanced = True  # Balanced ClassMix (Sec. 3.3); False: plain ClassMix of replayed images
    s4al.warmup_epochs = 10  # labeled images only
    s4al.warmup_weight = 1.5  # on the supervised loss during warm-up (authors)
    s4al.teacher_statistics = "batch"  # batch normalization of the teacher (authors); or "running"
    s4al.student_passes = "separate"  # each pass its own batch statistics (authors); or "joint"
    s4al.partial_share = 0.0  # of a labeled batch, from images labeled in some regions only
    s4al.replay = True
    s4al.replay_from_cycle = 1  # counted from 0: once regions have been annotated (Sec. S1)
    s4al.replay_start_epoch = 30  # of such a cycle (authors)
    s4al.replay_capacity = 50  # M (Sec. 4.2)
    s4al.replay_pop = False  # True: images that are drawn leave the buffer (authors)
    s4al.head = ()  # ids of the head classes; empty: read from the labels at each cycle's start
    s4al.tail = ()  # ids of the tail classes; empty: all that are not head
    s4al.head_factor = 0.5  # head: at least this times the uniform share of the labeled pixels
    s4al.head_draws = 3  # head classes pasted by Balanced ClassMix (authors)
    s4al.tail_draws = 2
    s4al.warm_start = False  # True: a cycle goes on from the last one's networks
    return s4al


def _schedule() -> ConfigDict:
    schedule = ConfigDict()  # Table S2
    schedule.acquisitions = 2  # there is one training more
    schedule.iterations = 50  # steps an epoch
    schedule.epochs = 100  # of every cycle but the last
    schedule.last_epochs = 200  # of the cycle after the last acquisition
    schedule.steps_per_call = 1  # steps that a device takes in one call; 1 on a CPU
    return schedule


def _budget() -> ConfigDict:
    budget = ConfigDict()  # of one acquisition
    budget.regions_per_image = 4  # at most, in every image
    budget.scope = "image"  # the best regions of each image; or "pool": of all, same pixels
    budget.image_share = 0.05  # of the pool, where regions are whole images (Tables 2a, 2b)
    return budget


def study(
    config: ConfigDict,
    argument: str | None,
    *,
    supervised: Mapping[str, int] | None = None,
    data: str = "",
) -> ConfigDict:
    """Turn a configuration into one of its studies: what stands after the colon of its name.

    Args:
      config: is changed and locked.
      argument: "supervised" learns from all labels, "supervised_initial" from the initial ones; any
        other name is that of an acquisition function. None: no study.
      supervised: the "iterations" and "epochs" of both supervised studies.
      data: how the data are named, for users who name them in the place of the study.
    """
    if argument and not _NAME.fullmatch(argument):
        hint = f"; {data}" if data else ""
        raise InputError(
            f"unknown study {argument!r}: supervised, supervised_initial or the name of an "
            f"acquisition function{hint}"
        )
    if argument in SUPERVISED:
        _make_supervised(config, supervised or {})
        config.data.initial_share = 1.0 if argument == "supervised" else config.data.initial_share
    elif argument:
        config.acquisition.name = argument
    config.lock()
    return config


def _make_supervised(config: ConfigDict, schedule: Mapping[str, int]) -> None:
    with config.unlocked():
        config.method = ConfigDict({"name": "supervised", "kwargs": {}})
    config.schedule.update(acquisitions=0, **schedule)
    config.schedule.last_epochs = config.schedule.epochs

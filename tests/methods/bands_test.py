"""A loss that is summed in bands of rows teaches what the whole one does."""

import jax
import pytest

from s4al_jax.learn.augment import augmentation
from s4al_jax.learn.optimizer import optimizer, poly, sgd
from s4al_jax.methods.s4al import s4al
from s4al_jax.methods.supervised import supervised
from s4al_jax.models.deeplab import DeepLabV3Plus
from s4al_jax.models.network import network_from_module
from tests.support.plain_backbone import Plain
from tests.support.toy_network import CLASSES, KEY, OPTIONS, PIXELS, compiled, same, some_inputs

HALF = (0.5, 0.5, 0.5)


def learned(learner, stage, loss_bands):
    """The state and the metrics after one step, and the program's text."""
    head = {"aspp_channels": 4, "low_level_channels": 2, "rates": (1, 2, 3)}
    model = DeepLabV3Plus(Plain(4), CLASSES, **head)
    net = network_from_module(model, mean=HALF, std=HALF, image_size=(8, 12), loss_bands=loss_bands)
    method = learner(net, optimizer(sgd(), poly()), augmentation(**OPTIONS), num_classes=CLASSES)
    state = method.init(KEY, PIXELS, None)
    program = jax.make_jaxpr(method.update, static_argnums=2)(state, some_inputs(), stage)
    return compiled(method.update)(state, some_inputs(), stage), str(program)


@pytest.mark.parametrize(
    ("learner", "stage"), [(s4al, "replay"), (supervised, "supervised")], ids=["s4al", "plain"]
)
def test_bands_teach_the_same_and_never_make_the_students_logits_whole(learner, stage):
    (banded, program), (whole, plain) = (learned(learner, stage, bands) for bands in (3, 1))
    assert float(whole[1]["loss"]) > 0.1
    assert same(banded[1], whole[1], rtol=1e-4)
    assert same(banded[0].student, whole[0].student, rtol=1e-4, atol=1e-5)
    images = 3 * 2 if learner is s4al else 2
    student = f"f32[{images},8,12,{CLASSES}]"
    assert student in plain and student not in program

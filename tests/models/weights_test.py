"""Weights into a backbone: names, layouts, conventions, and what does not fit."""

import os
from pathlib import Path

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from safetensors.numpy import save_file

from s4al_jax.models import weights as pretrained
from s4al_jax.models.conv_config import ConvConfig
from s4al_jax.models.mobilenet_v2 import MobileNetV2
from s4al_jax.types import InputError
from tests.support.plain_backbone import GroupNormed
from tests.support.variable_shapes import variable_shapes

IMAGENET = {"padding": "tf_same", "bn_eps": "0.001"} | dict.fromkeys(
    ("input_mean", "input_std"), "[0.5, 0.5, 0.5]"
)


@pytest.fixture(scope="module")
def shapes():
    return variable_shapes(MobileNetV2(width=0.35))


@pytest.fixture(scope="module")
def tensors(shapes):
    """A made-up file for `shapes`, with torchvision's names written out rather than derived."""
    made = {"classifier.1.bias": np.zeros(3, np.float32)}
    made["features.18.0.weight"] = np.zeros((4, 4, 1, 1), np.float32)
    made["features.0.1.num_batches_tracked"] = np.asarray(5)
    rng = np.random.default_rng(0)

    def conv(name, leaf):
        height, width, given, out = leaf["kernel"].shape
        made[f"{name}.weight"] = rng.normal(size=(out, given, height, width)).astype(np.float32)

    def norm(name, leaf):
        for part in ("weight", "bias", "running_mean", "running_var"):
            made[f"{name}.{part}"] = rng.normal(size=leaf["bias"].shape).astype(np.float32)

    blocks = shapes["params"]
    conv("features.0.0", blocks["features_0"]["0"])
    norm("features.0.1", blocks["features_0"]["1"])
    for index in range(1, 18):
        block, name = blocks[f"features_{index}"], f"features.{index}.conv"
        wide = index > 1
        for part in range(1 + wide):
            conv(f"{name}.{part}.0", block[f"conv_{part}_0"])
            norm(f"{name}.{part}.1", block[f"conv_{part}_1"])
        conv(f"{name}.{1 + wide}", block[f"conv_{1 + wide}"])
        norm(f"{name}.{2 + wide}", block[f"conv_{2 + wide}"])
    return made


def of(tensors):
    return pretrained.TORCHVISION._replace(tensors=tensors, source="made.pth")


def test_every_tensor_goes_where_its_name_says(shapes, tensors):
    variables, report = pretrained.fill(of(tensors), shapes)
    params, stats = variables["params"], variables["batch_stats"]
    assert jax.tree.map(jnp.shape, variables) == jax.tree.map(jnp.shape, shapes)
    stem = params["features_0"]["0"]["kernel"]
    assert stem[2, 1, 0, 7] == tensors["features.0.0.weight"][7, 0, 2, 1]
    depthwise = params["features_3"]["conv_1_0"]["kernel"]
    assert depthwise[0, 2, 0, 5] == tensors["features.3.conv.1.0.weight"][5, 0, 0, 2]
    scale, mean = params["features_1"]["conv_2"]["scale"], stats["features_1"]["conv_2"]["mean"]
    np.testing.assert_array_equal(scale, tensors["features.1.conv.2.weight"])
    np.testing.assert_array_equal(mean, tensors["features.1.conv.2.running_mean"])
    assert len(report.loaded) == len(jax.tree.leaves(shapes)) == 51 * 5
    assert report.unused == ("classifier.1.bias", "features.18.0.weight")
    assert str(report) == "255 tensors loaded, 2 not needed (classifier.1, features.18)"


def test_kernels_for_other_bands_are_those_of_rgb_and_their_mean():
    # one tap, two outputs: red, green and blue weigh 3, 6, 9 and 1, 0, -4
    kernel = np.float32([[3, 1], [6, 0], [9, -4]]).reshape(1, 1, 3, 2)
    wide = pretrained.widen_kernel(kernel, 6)
    expected = [[1.5, 0.5], [3, 0], [4.5, -2], *[[3, -0.5]] * 3]  # half of them
    assert wide.dtype == np.float32 and wide[0, 0].tolist() == expected
    assert pretrained.widen_kernel(kernel, 1)[0, 0].tolist() == [[18, -3]]
    assert pretrained.widen_kernel(kernel, 2)[0, 0].tolist() == [[9, -1.5]] * 2
    assert pretrained.widen_kernel(kernel, 3).tolist() == kernel.tolist()
    for bands in range(1, 17):  # bands that are all alike
        sums = pretrained.widen_kernel(kernel, bands).sum(axis=2)
        np.testing.assert_allclose(sums, kernel.sum(axis=2), rtol=1e-6)


@pytest.mark.parametrize("bands", [1, 2, 4, 6])
def test_a_network_of_rgb_starts_one_of_other_bands(shapes, tensors, bands):
    image = jax.ShapeDtypeStruct((1, 32, 32, bands), jnp.float32)
    network = MobileNetV2(width=0.35)
    wanted = jax.eval_shape(lambda x: network.init(jax.random.key(0), x, groups=None), image)
    weights = pretrained.for_bands(of(tensors), bands)
    assert len(weights.mean) == len(weights.std) == bands
    if bands == 4:
        np.testing.assert_allclose(weights.mean, (0.485, 0.456, 0.406, 1.347 / 3))
        np.testing.assert_allclose(weights.std, (0.229, 0.224, 0.225, 0.226))
    variables, _ = pretrained.fill(weights, wanted)
    stem = variables["params"]["features_0"]["0"]["kernel"]
    rgb = tensors["features.0.0.weight"].transpose(2, 3, 1, 0)
    np.testing.assert_array_equal(stem, pretrained.widen_kernel(rgb, bands))
    # A gray picture is seen as it is in RGB, whatever the number of its bands.
    gray = jax.random.uniform(jax.random.key(1), (1, 32, 32, 1))
    of_rgb, _ = pretrained.fill(of(tensors), shapes)
    low, _ = network.apply(variables, jnp.repeat(gray, bands, -1), groups=None)
    as_rgb, _ = network.apply(of_rgb, jnp.repeat(gray, 3, -1), groups=None)
    np.testing.assert_allclose(low, as_rgb, rtol=1e-3, atol=1e-4 * float(jnp.abs(as_rgb).max()))


def test_weights_of_six_bands_are_for_six_bands_alone(tmp_path):
    six = pretrained.for_bands(pretrained.TORCHVISION, 6)
    pretrained.write(tmp_path / "six.safetensors", {"params": {"w": np.ones(2)}}, six)
    read = pretrained.read(tmp_path / "six.safetensors")
    assert read.mean == six.mean and read.std == six.std
    assert pretrained.for_bands(read, 6) is read
    with pytest.raises(InputError) as caught:
        pretrained.for_bands(read, 3)
    assert str(caught.value) == (
        f"{tmp_path}/six.safetensors: its network sees 6 bands, and config.data.kwargs.channels is "
        "3: set that to 6, or choose other weights"
    )


def test_what_is_missing_or_misshapen_is_named(shapes, tensors):
    name = "features.4.conv.1.0.weight"
    with pytest.raises(InputError, match=rf"made\.pth: holds no {name}"):
        pretrained.fill(of({k: tensors[k] for k in tensors if k != name}), shapes)
    odd = np.zeros((7, 1, 3, 3), np.float32)
    channels = tensors[name].shape[0]
    with pytest.raises(InputError) as refusal:
        pretrained.fill(of(tensors | {name: odd}), shapes)
    assert name in str(refusal.value)
    assert "[7, 1, 3, 3]" in str(refusal.value)
    assert f"[{channels}, 1, 3, 3]" in str(refusal.value)


def test_a_files_conventions_are_read_from_its_metadata(tmp_path):
    path = tmp_path / "w.safetensors"
    save_file({"w": np.arange(3, dtype=np.float32)}, path, metadata=IMAGENET)
    weights = pretrained.read(path)
    assert (weights.padding, weights.norm_eps) == ("same", 1e-3)
    assert weights.mean == weights.std == (0.5, 0.5, 0.5)
    assert weights.tensors["w"].tolist() == [0.0, 1.0, 2.0]
    save_file({"w": np.zeros(1, np.float32)}, path)
    assert pretrained.read(path)._replace(tensors={}, source="") == pretrained.TORCHVISION
    torch = pretrained.read(Path(__file__).parent / "data" / "tiny.pth")
    assert torch._replace(tensors={}, source="") == pretrained.TORCHVISION
    assert torch.tensors["features.0.1.weight"].tolist() == [5.0, 6.0]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"padding": "reflect"}, "padding is 'reflect'"),
        ({"bn_eps": "small"}, "bn_eps is 'small'"),
        ({"input_mean": "[0.5]"}, "3 numbers are needed"),
        ({"input_std": "[0.5, null, 1]"}, "not numbers"),
    ],
)
def test_conventions_that_mean_nothing_are_input_errors(tmp_path, wrong, message):
    path = tmp_path / "w.safetensors"
    save_file({"w": np.zeros(1, np.float32)}, path, metadata=IMAGENET | wrong)
    with pytest.raises(InputError, match=rf"w\.safetensors: .*{message.split(' is ')[0]}") as e:
        pretrained.read(path)
    assert message in str(e.value)


def test_files_that_are_not_weights_are_input_errors(tmp_path):
    (tmp_path / "w.safetensors").write_text("nothing of the kind")
    (tmp_path / "w.h5").write_text("")
    for name, message in {
        "w.safetensors": "not a readable",
        "w.h5": "only",
        "none.safetensors": "no such file",
    }.items():
        with pytest.raises(InputError, match=message) as refusal:
            pretrained.read(tmp_path / name)
        assert name in str(refusal.value)
        assert "\n" not in str(refusal.value)


# ---- other names, and layers that are no convolution


class Transformer(nn.Module):
    """A bit of everything that files of transformers hold."""

    @staticmethod
    def weight_name(path: tuple[str, ...]) -> str:
        """As timm calls it: blocks.0.mlp.fc1.weight, and nothing else has a dot for "_"."""
        first, *modules = path[:-1] or [""]
        block = first.replace("blocks_", "blocks.")
        variable = {"kernel": "weight", "scale": "weight"}.get(path[-1], path[-1])
        return ".".join(filter(None, [block, *modules, variable]))

    @nn.compact
    def __call__(self, x, *, groups):
        x = nn.Conv(8, (2, 2), strides=2, name="patch_embed")(x).reshape(len(x), -1, 8)
        x = x + self.param("pos_embed", nn.initializers.normal(0.02), (1, 1, 8))
        x = nn.Dense(12, name="blocks_0")(nn.LayerNorm(name="norm")(x))
        return nn.Conv(5, (3,), name="mix")(x)


def test_kernels_of_two_three_and_four_axes_are_transposed_and_embeddings_are_not():
    shapes = variable_shapes(Transformer())
    rng = np.random.default_rng(0)
    layout = {
        "patch_embed.weight": (8, 3, 2, 2),
        "patch_embed.bias": (8,),
        "pos_embed": (1, 1, 8),
        "blocks.0.weight": (12, 8),
        "blocks.0.bias": (12,),
        "norm.weight": (8,),
        "norm.bias": (8,),
        "mix.weight": (5, 12, 3),
        "mix.bias": (5,),
    }
    made = {name: rng.normal(size=shape).astype(np.float32) for name, shape in layout.items()}
    made["mask_token"] = np.zeros((1, 8), np.float32)
    variables, report = pretrained.fill(of(made), shapes, Transformer().weight_name)
    params = variables["params"]
    assert params["blocks_0"]["kernel"][3, 7] == made["blocks.0.weight"][7, 3]
    assert params["mix"]["kernel"][2, 3, 4] == made["mix.weight"][4, 3, 2]
    assert params["patch_embed"]["kernel"][1, 0, 2, 7] == made["patch_embed.weight"][7, 2, 1, 0]
    np.testing.assert_array_equal(params["pos_embed"], made["pos_embed"])
    assert report.unused == ("mask_token",) and set(report.loaded) == set(layout)
    wrong = made | {"blocks.0.weight": np.zeros((8, 12), np.float32)}
    with pytest.raises(InputError, match=r"\[8, 12\], which the network wants as \[12, 8\]"):
        pretrained.fill(of(wrong), shapes, Transformer().weight_name)


def test_a_written_network_is_read_as_it_was_with_its_backbones_own_names(tmp_path):
    shapes = variable_shapes(GroupNormed())["params"]
    rng = np.random.default_rng(0)
    variables = jax.tree.map(
        lambda leaf: rng.normal(size=leaf.shape).astype(np.float32),
        {"params": {"backbone": shapes, "classify": {"kernel": np.zeros((8, 3))}}},
    )
    names = pretrained.network_names(GroupNormed.weight_name)
    path = tmp_path / "w.safetensors"
    pretrained.write(path, variables, pretrained.TORCHVISION, names)
    found = pretrained.read(path)
    assert found.tensors["classify.weight"].shape == (3, 8)
    assert {"position", "stage.0.kernel", "stage.3.scale"} < set(found.tensors)
    again, report = pretrained.fill(found, variables, names)
    jax.tree.map(np.testing.assert_array_equal, again, variables)
    assert not report.unused
    alone, _ = pretrained.fill(found, {"params": shapes}, GroupNormed.weight_name)
    np.testing.assert_array_equal(
        alone["params"]["conv_1"]["kernel"], variables["params"]["backbone"]["conv_1"]["kernel"]
    )
    with pytest.raises(ValueError, match="one name"):
        pretrained.write(path, variables, pretrained.TORCHVISION, lambda path: "w")


# ---- the ImageNet weights themselves


@pytest.fixture(scope="module")
def imagenet():
    place = os.environ.get("S4AL_WEIGHTS")
    if not place:
        pytest.skip("S4AL_WEIGHTS does not name the ImageNet weights")
    path = Path(place)
    return pretrained.read(path / "mobilenet_v2_imagenet.safetensors" if path.is_dir() else path)


def in_numpy(x, tensors, name, *, stride=1, groups=1, active=True, eps):
    """Convolution, batch norm, ReLU6 on [channels, height, width], TensorFlow's padding."""
    kernel = tensors[f"{name[0]}.weight"].astype(np.float64)
    out, _, size, _ = kernel.shape
    pads = []
    for side in x.shape[1:]:
        total = max((-(-side // stride) - 1) * stride + size - side, 0)
        pads.append((total // 2, total - total // 2))
    x = np.pad(x, ((0, 0), *pads))
    rows, cols = ((side - size) // stride + 1 for side in x.shape[1:])
    y = np.zeros((out, rows, cols))
    for row in range(rows):
        for col in range(cols):
            patch = x[:, row * stride :, col * stride :][:, :size, :size]
            if groups == 1:
                y[:, row, col] = np.tensordot(kernel, patch, 3)
            else:
                y[:, row, col] = (kernel[:, 0] * patch).sum((1, 2))
    part = {
        key: tensors[f"{name[1]}.{key}"].astype(np.float64)[:, None, None]
        for key in ("weight", "bias", "running_mean", "running_var")
    }
    y = (y - part["running_mean"]) / np.sqrt(part["running_var"] + eps)
    y = y * part["weight"] + part["bias"]
    return np.clip(y, 0, 6) if active else y


def test_the_first_blocks_see_what_numpy_sees(imagenet):
    image = np.random.default_rng(0).uniform(-1, 1, (32, 40, 3))
    kept, eps = imagenet.tensors, imagenet.norm_eps

    def names(block, conv, norm):
        return f"features.{block}.{conv}", f"features.{block}.{norm}"

    y = in_numpy(image.transpose(2, 0, 1), kept, names(0, "0", "1"), stride=2, eps=eps)
    y = in_numpy(y, kept, names(1, "conv.0.0", "conv.0.1"), groups=32, eps=eps)
    y = in_numpy(y, kept, names(1, "conv.1", "conv.2"), active=False, eps=eps)
    y = in_numpy(y, kept, names(2, "conv.0.0", "conv.0.1"), eps=eps)
    y = in_numpy(y, kept, names(2, "conv.1.0", "conv.1.1"), stride=2, groups=96, eps=eps)
    y = in_numpy(y, kept, names(2, "conv.2", "conv.3"), active=False, eps=eps)
    model = MobileNetV2(conv=ConvConfig(padding=imagenet.padding, norm_eps=eps))
    variables, report = pretrained.fill(imagenet, variable_shapes(model))
    _, seen = model.apply(
        variables,
        jnp.asarray(image[None], jnp.float32),
        groups=None,
        capture_intermediates=lambda module, _: module.name == "features_2",
        mutable=["intermediates"],
    )
    (got,) = seen["intermediates"]["features_2"]["__call__"]
    assert got.shape == (1, 8, 10, 24)
    np.testing.assert_allclose(got[0].transpose(2, 0, 1), y, atol=1e-3 * np.abs(y).max())
    assert str(report) == "255 tensors loaded, 7 not needed (classifier.1, features.18)"


def test_the_file_has_as_many_parameters_as_the_backbone(imagenet):
    shapes = variable_shapes(MobileNetV2())["params"]
    ours = sum(leaf.size for leaf in jax.tree.leaves(shapes))
    theirs = sum(
        tensor.size
        for name, tensor in imagenet.tensors.items()
        if not name.startswith(("features.18", "classifier")) and "running" not in name
    )
    assert ours == theirs == 1_811_712

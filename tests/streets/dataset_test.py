"""Drawn street scenes: repeatable, in CamVid's proportions, and not to be told by color alone."""

import ast
from pathlib import Path

import numpy as np
import pytest

from s4al_jax.streets import canvas, figures, textures, weather
from s4al_jax.streets import dataset as module
from s4al_jax.streets.dataset import PALETTE, scene, streets
from s4al_jax.types import VOID, DatasetSpec, InputError

CLASSES = (
    *("sky", "building", "pole", "road", "pavement", "tree"),
    *("sign", "fence", "car", "pedestrian", "bicyclist"),
)
RARE = ("pole", "sign", "fence", "pedestrian", "bicyclist")
COMMON = ("sky", "building", "road", "pavement", "tree")


def spec(
    height: int = 36,
    width: int = 48,
    train: int = 4,
    val: int = 3,
    test: int = 2,
    seed: int = 0,
) -> DatasetSpec:
    return streets(height=height, width=width, train=train, val=val, test=test, seed=seed)


@pytest.fixture(scope="module")
def scenes() -> tuple[np.ndarray, np.ndarray]:
    pool = spec(height=72, width=96, train=60, seed=5).train
    pairs = [(pool.read_image(i), pool.read_truth(i)) for i in range(60)]
    return np.stack([image for image, _ in pairs]), np.stack([truth for _, truth in pairs])


@pytest.fixture(scope="module")
def share(scenes: tuple[np.ndarray, np.ndarray]) -> dict[str, float]:
    counts = np.bincount(scenes[1].ravel(), minlength=256) / scenes[1].size
    return dict(zip(CLASSES, counts[:11].tolist(), strict=True)) | {"void": float(counts[VOID])}


def mean_iou(truth: np.ndarray, guess: np.ndarray) -> float:
    known = truth != VOID
    confusion = np.bincount(truth[known] * 11 + guess[known], minlength=121).reshape(11, 11)
    both = np.diag(confusion)
    return float(np.mean(both / (confusion.sum(0) + confusion.sum(1) - both)))


def test_the_dataset_says_what_was_asked_for() -> None:
    data = spec()
    assert data.classes == CLASSES
    assert len(data.palette) == 11 and len(set(data.palette)) == 11
    assert PALETTE[0] == (128, 128, 128) and PALETTE[8] == (64, 0, 128)
    assert (data.height, data.width) == (36, 48)
    assert [len(part.names) for part in (data.train, data.val, data.test)] == [4, 3, 2]
    names = data.train.names + data.val.names + data.test.names
    assert len(set(names)) == 9
    image, truth = data.val.read_image(2), data.val.read_truth(2)
    assert image.shape == (36, 48, 3) and image.dtype == np.uint8
    assert truth.shape == (36, 48) and truth.dtype == np.uint8


def test_a_scene_is_the_same_whatever_was_drawn_before_it() -> None:
    forward, backward = spec(train=6), spec(train=6)
    first = [forward.train.read_image(i) for i in range(6)]
    for i in reversed(range(6)):
        np.testing.assert_array_equal(backward.train.read_image(i), first[i])
        np.testing.assert_array_equal(backward.train.read_truth(i), forward.train.read_truth(i))
    longer = spec(train=40, val=0, test=0)
    np.testing.assert_array_equal(longer.train.read_image(5), first[5])


def test_no_two_splits_or_seeds_or_indices_share_a_picture() -> None:
    one, other = (spec(train=2, val=2, test=2, seed=seed) for seed in (0, 1))
    pictures = [
        part.read_image(i).tobytes()
        for data in (one, other)
        for part in (data.train, data.val, data.test)
        for i in range(len(part.names))
    ]
    assert len(pictures) == 12
    assert len(set(pictures)) == 12


def test_pictures_are_drawn_on_demand_and_cannot_be_changed() -> None:
    data = spec(train=10**5, val=0, test=0)
    image = data.train.read_image(99_999)
    assert data.train.read_image(99_999) is image
    with pytest.raises(ValueError, match="read-only"):
        image[0, 0] = 0
    with pytest.raises(IndexError, match="100000"):
        data.train.read_image(100_000)
    with pytest.raises(IndexError, match="index -1"):
        data.train.read_truth(-1)


def test_labels_are_class_ids_or_void_and_every_class_appears(
    scenes: tuple[np.ndarray, np.ndarray],
) -> None:
    values = set(np.unique(scenes[1]).tolist())
    assert values == {*range(11), VOID}
    images_with = [(scenes[1] == k).any((1, 2)).sum() for k in range(11)]
    assert min(images_with) >= 20
    assert max(images_with) == 60


def test_small_things_are_rare_and_the_rest_is_not(share: dict[str, float]) -> None:
    for name in RARE:
        assert 0.002 < share[name] < 0.015, name
    for name in COMMON:
        assert share[name] > 0.07, name
    assert 0.03 < share["car"] < 0.07
    assert 0.01 < share["void"] < 0.04


def test_color_alone_does_not_give_the_class_away(
    scenes: tuple[np.ndarray, np.ndarray],
) -> None:
    images, truths = scenes
    fit, held = slice(0, 30), slice(30, 60)
    known = truths[fit] != VOID
    pixels, labels = images[fit][known].astype(np.int64), truths[fit][known]
    truth = truths[held].astype(np.int64)

    means = np.stack([pixels[labels == k].mean(0) for k in range(11)])
    far = ((images[held][..., None, :] - means) ** 2).sum(-1)
    by_mean = mean_iou(truth, far.argmin(-1))

    def bins(colors: np.ndarray) -> np.ndarray:
        red, green, blue = np.moveaxis(colors.astype(np.int64) // 32, -1, 0)
        return red * 64 + green * 8 + blue

    counts = np.bincount(bins(pixels) * 11 + labels, minlength=512 * 11).reshape(512, 11)
    by_bin = mean_iou(truth, counts.argmax(1)[bins(images[held])])
    assert 0.01 < by_mean < 0.25
    assert 0.01 < by_bin < 0.25


def test_a_class_has_many_colors_and_places(scenes: tuple[np.ndarray, np.ndarray]) -> None:
    images, truths = scenes
    for name in ("building", "tree", "car", "pedestrian"):
        seen = truths == CLASSES.index(name)
        colors = [images[i][seen[i]].mean(0) for i in range(60) if seen[i].sum() > 20]
        assert np.std(colors, 0).max() > 20, name
    ground_from = [np.nonzero((t == CLASSES.index("road")).any(1))[0].min() for t in truths]
    assert np.ptp(ground_from) > 5


@pytest.mark.parametrize(("height", "width"), [(61, 83), (30, 40), (24, 24), (25, 90), (90, 25)])
def test_any_size_can_be_drawn(height: int, width: int) -> None:
    image, label = scene(height=height, width=width, rng=np.random.default_rng(3))
    assert image.shape == (height, width, 3)
    assert label.shape == (height, width)
    assert {0, 3} & set(np.unique(label).tolist())
    assert image.std() > 5


def test_a_scene_is_the_same_street_at_every_size() -> None:
    small = scene(height=48, width=64, rng=np.random.default_rng(8))[1]
    large = scene(height=96, width=128, rng=np.random.default_rng(8))[1]
    agree = (large[::2, ::2] == small).mean()
    assert agree > 0.85
    assert set(np.unique(small)) <= set(np.unique(large))


def upright(depth: float, tall: float = 1.7, label: int = 9) -> canvas.Thing:
    def look(patch: textures.Patch) -> textures.Paint:
        return textures.Paint(
            textures.flat(patch, textures.color(1.0, 0.0, 0.0)), np.ones(len(patch.s), np.float32)
        )

    return canvas.Thing((-0.5, depth), (0.5, depth), 0.0, tall, look, label)


def empty(rng: np.random.Generator) -> canvas.Canvas:
    view = canvas.canvas(rng, height=120, width=160, top_label=0)
    return view._replace(focal=100.0, center=80.0, horizon=50.0, camera=1.5)


def test_a_thing_stands_where_the_camera_equations_put_it() -> None:
    rng = np.random.default_rng(0)
    view = empty(rng)
    canvas.stand(view, upright(5.0), weather.weather(rng))
    rows, cols = np.nonzero(view.label == 9)
    # At 5 m a meter is 20 pixels: the foot is 1.5 m below the horizon, the head 0.2 m above.
    assert (rows.min(), rows.max()) == (46, 79)
    assert (cols.min(), cols.max()) == (70, 89)
    assert np.unique(view.depth[rows, cols]) == pytest.approx([5.0])


def test_near_things_are_larger_stand_lower_and_hide_far_ones() -> None:
    rng = np.random.default_rng(0)
    heights, feet = [], []
    for depth in (6.0, 12.0, 24.0):
        view = empty(rng)
        canvas.stand(view, upright(depth), weather.weather(rng))
        rows = np.nonzero((view.label == 9).any(1))[0]
        heights.append(len(rows))
        feet.append(rows.max())
    assert heights == sorted(heights, reverse=True) and feet == sorted(feet, reverse=True)
    assert heights[0] == pytest.approx(4 * heights[2], abs=3)

    near, far = upright(6.0, label=1), upright(12.0, label=2)
    one, other = empty(rng), empty(rng)
    for view, things in ((one, (near, far)), (other, (far, near))):
        for thing in things:
            canvas.stand(view, thing, weather.weather(rng))
    np.testing.assert_array_equal(one.label, other.label)
    assert one.label[60, 80] == 1


def test_a_roof_recedes_as_it_rises() -> None:
    rng = np.random.default_rng(0)
    view = empty(rng)
    roof = upright(10.0, tall=8.0, label=1)._replace(base=4.0, lean=(0.0, 2.0))
    canvas.stand(view, roof, weather.weather(rng))
    rows, cols = np.nonzero(view.label == 1)
    depth = view.depth[rows, cols]
    # The eaves are 2.5 m above the camera at 10 m, the ridge 6.5 m above it at 18 m.
    assert rows.max() == 24 and rows.min() == 14
    assert depth.min() == pytest.approx(10.0, abs=0.3)
    assert depth.max() == pytest.approx(18.0, abs=1.5)
    np.testing.assert_allclose(50 - 100 * (1 + (depth - 10) / 2 + 1.5) / depth, rows + 0.5, atol=1)


def test_one_sees_through_a_fence() -> None:
    fence = textures.fence(np.random.default_rng(2), height=1.2)
    s, y = np.meshgrid(np.linspace(0, 3, 90, dtype=np.float32), np.linspace(0, 1.2, 60))
    patch = textures.Patch(s.ravel(), y.ravel().astype(np.float32), np.full(s.size, 60, np.float32))
    cover = fence(patch).cover
    assert 0.2 < (cover >= 0.5).mean() < 0.8
    assert set(np.unique(cover)) == {0.0, 1.0}


@pytest.mark.parametrize("make", [figures.pedestrian, figures.bicyclist, figures.bicyclist_ahead])
def test_people_touch_the_ground_and_fill_their_height(make: type) -> None:
    for seed in range(5):
        figure = make(np.random.default_rng(seed))
        s, y = np.meshgrid(
            np.linspace(0, figure.width, 60, dtype=np.float32),
            np.linspace(0, figure.height, 120, dtype=np.float32),
        )
        px = np.full(s.size, 40, np.float32)
        cover = figure.look(textures.Patch(s.ravel(), y.ravel(), px)).cover.reshape(s.shape) > 0.5
        assert cover[:8].any() and cover[-25:].any()
        assert 0.08 < cover.mean() < 0.7


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"height": 23}, "23x48"),
        ({"width": 8}, "24 or more"),
        ({"train": 0}, "train=0"),
        ({"val": -1}, "val=-1"),
        ({"seed": -2}, "seed=-2"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_one_line(wrong: dict[str, int], message: str) -> None:
    with pytest.raises(InputError, match=message) as refused:
        spec(**wrong)
    assert "\n" not in str(refused.value)
    assert "give" in str(refused.value)


def test_scenes_need_no_jax() -> None:
    folder = Path(module.__file__).parent
    for file in folder.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [getattr(node, "module", None) or "", *(a.name for a in node.names)]
                assert not any(n.split(".")[0] in ("jax", "jaxlib", "flax") for n in names), file

"""Near-duplicates and the frames of a video belong together, single photographs do not."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from s4al_jax.data.camvid import camvid
from s4al_jax.data.folder import folder
from s4al_jax.data.related import related_files, related_pictures
from s4al_jax.data.thumbs import thumb
from s4al_jax.files.images import image_file
from s4al_jax.files.resize import resize_image
from s4al_jax.types import InputError

PANORAMA = resize_image(np.random.default_rng(0).integers(0, 256, (4, 30), np.uint8), 120, 1200)


def frame(number: int, step: int = 4) -> np.ndarray:
    """The view of a camera that turns by `step` pixels from frame to frame."""
    return PANORAMA[:, number * step : number * step + 160]


def other(number: int) -> np.ndarray:
    rng = np.random.default_rng((5, number))
    return resize_image(rng.integers(0, 256, (9, 12), np.uint8), 120, 160)


def test_frames_of_a_video_belong_together_and_photographs_with_numbers_do_not() -> None:
    video = {f"clip/f{number}": thumb(frame(number)) for number in range(20)}
    photographs = {f"IMG_{number:04d}": thumb(other(number)) for number in range(20)}
    assert related_pictures({**photographs, **video}) == [sorted(video)]
    mixed = {f"f{number}": thumb(frame(7 * number % 20, 40)) for number in range(20)}
    assert related_pictures(mixed) == []


def test_pictures_that_all_look_alike_are_no_video() -> None:
    things = {}
    for number in range(12):
        picture = np.full((120, 160), 220, np.uint8)
        picture[30:90, 40:120] = 20 + other(number)[30:90, 40:120] // 2
        things[f"thing_{number}"] = thumb(picture)
    assert related_pictures(things) == []


def test_files_are_read_and_what_cannot_be_is_left_out(tmp_path: Path) -> None:
    paths = {}
    for name, picture in (("a", other(1)), ("b", other(2)), ("c", other(1)), ("e", other(3))):
        paths[name] = tmp_path / f"{name}.{'png' if name == 'a' else 'jpg'}"
        Image.fromarray(picture).save(paths[name])
    paths["d"] = tmp_path / "d.jpg"
    paths["d"].write_text("no picture")
    deep = other(3).astype(np.uint16) << 8
    paths["f"] = tmp_path / "f.png"
    Image.fromarray(deep).save(paths["f"])
    files = {name: image_file(path) for name, path in paths.items()}
    assert related_files(files, str(tmp_path)) == [["a", "c"], ["e", "f"]]
    assert related_pictures({}) == []


def test_a_folder_keeps_related_pictures_in_one_split(tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text("earth\nsky")
    for kind in ("images", "masks"):
        (tmp_path / kind).mkdir()
    for number in range(20):
        Image.fromarray(other(number % 10)).save(tmp_path / f"images/{number:02d}x.png")
        Image.fromarray(other(number) // 128).save(tmp_path / f"masks/{number:02d}x.png")

    def splits(**how: object) -> list[tuple[str, ...]]:
        spec = folder(str(tmp_path), height=60, width=80, **how)  # type: ignore[arg-type]
        return [images.names for images in (spec.train, spec.val, spec.test)]

    for seed in range(5):
        of_pairs = [{int(name[:2]) % 10 for name in names} for names in splits(seed=seed)]
        assert [len(pairs) for pairs in of_pairs] == [8, 1, 1]
        assert set.union(*of_pairs) == set(range(10))
    apart = [splits(seed=seed, keep_together=False) for seed in range(5)]
    assert any(int(val[0][:2]) % 10 != int(val[1][:2]) % 10 for _, val, _ in apart)
    for path in (tmp_path / "images").iterdir():
        Image.fromarray(other(0)).save(path)
    with pytest.raises(InputError, match="keep_together=False"):
        splits()


@pytest.mark.skipif("S4AL_CAMVID" not in os.environ, reason="needs CamVid")
def test_the_videos_of_camvid_are_told_apart() -> None:
    spec = camvid(os.environ["S4AL_CAMVID"], height=90, width=120)
    thumbs = {
        name: thumb(images.read_image(index))
        for images in (spec.train, spec.val, spec.test)
        for index, name in enumerate(images.names)
    }
    found = related_pictures(thumbs)
    # 0016E5 was filmed in two pieces: its names differ in length, not in kind.
    starts = [{name.split("_")[0] for name in group} for group in found]
    assert all(len(of_group) == 1 for of_group in starts)
    assert sorted(map(len, found)) == [101, 124, 171, 305]

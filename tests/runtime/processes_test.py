"""What processes exchange, with a store that lets one test be several processes in turn."""

import json
from collections.abc import Callable
from pathlib import Path

import jax
import pytest

from s4al_jax.run import shared_directory
from s4al_jax.runtime import processes
from s4al_jax.types import AnnotationsPending, InputError


class Store:
    """The store that processes share; what the other processes put into it is prepared."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}
        self.late = 0
        """times that a value is not there yet"""

    def key_value_set(self, key: str, value: str) -> None:
        assert key not in self.kept
        self.kept[key] = value

    def blocking_key_value_get(self, key: str, milliseconds: int) -> str:
        if self.late:
            self.late -= 1
            raise jax.errors.JaxRuntimeError(f"DEADLINE_EXCEEDED: {key}")
        return self.kept[key]


Join = Callable[[int, Store], None]


@pytest.fixture
def join(monkeypatch: pytest.MonkeyPatch) -> Join:
    """Makes this the given one of two processes."""

    def joined(process: int, store: Store) -> None:
        group = processes._Group()
        group.store, group.process, group.count = store, process, 2
        monkeypatch.setattr(processes, "_group", group)

    return joined


def test_a_process_on_its_own_does_everything_itself() -> None:
    made = object()
    assert processes.is_primary() and not processes.is_distributed()
    assert (
        processes.broadcast_from_primary(lambda: made) is made
        and processes.on_every_process(lambda: made) is made
    )
    processes.assert_equal_across_processes("anything", [1], "never said")
    with processes.join_processes(None):
        assert not processes.is_distributed()


def test_the_first_process_alone_works_and_all_get_its_result(join: Join) -> None:
    store, done = Store(), []

    def work() -> dict:
        done.append(1)
        return {"found": [1, 2.5, None, "é"]}

    join(0, store)
    first = processes.broadcast_from_primary(work)
    join(1, store)
    store.late = 2
    assert processes.broadcast_from_primary(work) == first == {"found": [1, 2.5, None, "é"]}
    assert done == [1]


@pytest.mark.parametrize("kind", [InputError, AnnotationsPending])
def test_what_is_raised_by_the_first_process_is_raised_by_all(
    kind: type[Exception], join: Join
) -> None:
    store = Store()

    def work() -> None:
        raise kind("the disk is full")

    for process in range(2):
        join(process, store)
        with pytest.raises(kind, match="the disk is full"):
            processes.broadcast_from_primary(work)


def test_calls_inside_a_broadcast_are_made_by_the_first_process_alone(join: Join) -> None:
    store = Store()
    join(0, store)
    assert (
        processes.broadcast_from_primary(
            lambda: processes.broadcast_from_primary(lambda: processes.on_every_process(lambda: 3))
        )
        == 3
    )
    assert len(store.kept) == 1
    processes.broadcast_from_primary(lambda: 4)
    join(1, store)
    assert [processes.broadcast_from_primary(int), processes.broadcast_from_primary(int)] == [3, 4]


def test_an_error_of_one_process_is_an_error_of_all(join: Join) -> None:
    store = Store()
    store.kept["s4al/exchange/1/1"] = json.dumps(
        {"error": "InputError", "message": "b.png is torn"}
    )
    join(0, store)
    with pytest.raises(InputError, match=r"^b.png is torn \(process 1\)$"):
        processes.on_every_process(lambda: "all is well")


@pytest.mark.parametrize("value", [[2, 3], b"\x00\xff"])
def test_processes_that_have_the_same_agree_and_others_are_named(value: object, join: Join) -> None:
    store = Store()
    join(1, store)
    with pytest.raises(KeyError):  # nobody else has spoken
        processes.assert_equal_across_processes("the choice", value, "look again")
    said = store.kept["s4al/exchange/1/1"]
    for other, fits in ((said, True), ("another", False)):
        store = Store()
        store.kept["s4al/exchange/1/1"] = other
        join(0, store)
        if fits:
            processes.assert_equal_across_processes("the choice", value, "look again")
            continue
        with pytest.raises(InputError, match="the choice of process 1 differs from .* look again"):
            processes.assert_equal_across_processes("the choice", value, "look again")


def test_a_directory_that_another_host_does_not_see_is_refused(
    join: Join, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "_VISIBLE_SECONDS", 0.2)
    store = Store()
    store.kept["s4al/exchange/2/1"] = json.dumps({"value": None})
    join(0, store)
    shared_directory.check_shared(tmp_path / "seen")
    store.kept.pop("s4al/exchange/2/1")
    join(1, store)
    with pytest.raises(InputError, match=r"not see in .*hidden what process 0 writes .* share \(p"):
        shared_directory.check_shared(tmp_path / "hidden")

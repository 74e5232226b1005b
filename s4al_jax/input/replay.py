"""The replay buffer of the paper: which unlabeled images the student has lately seen."""

from typing import Any

import numpy as np

from s4al_jax.types import InputError


class ReplayBuffer:
    """At most `capacity` image indices; with `pop`, those drawn leave until they are seen again."""

    def __init__(self, *, capacity: int, pop: bool) -> None:
        """An empty buffer."""
        self._capacity = capacity
        self._pop = pop
        self._indices = np.zeros(0, np.int32)
        self.check_valid()

    def __len__(self) -> int:
        """Indices held, an image seen twice counted twice."""
        return len(self._indices)

    def add(self, indices: np.ndarray, rng: np.random.Generator) -> None:
        """Take `indices` in; when there are too many, chance decides which are forgotten."""
        held = np.concatenate([self._indices, np.asarray(indices, np.int32)])
        self._indices = rng.permutation(held)[: self._capacity]

    def draw(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """`count` indices, each equally likely; none twice unless fewer than `count` are held."""
        if not len(self):
            raise ValueError("nothing can be drawn from an empty replay buffer")
        places = rng.choice(len(self), size=count, replace=len(self) < count)
        drawn = self._indices[places]
        if self._pop:
            self._indices = np.delete(self._indices, places)
        return drawn

    def get_state(self) -> dict[str, Any]:
        """Everything there is to know, as plain numbers."""
        return {"capacity": self._capacity, "pop": self._pop, "indices": self._indices.tolist()}

    def set_state(self, state: dict[str, Any]) -> None:
        """Become the buffer whose `get_state` gave `state`."""
        other = ReplayBuffer(capacity=state["capacity"], pop=state["pop"])
        other._indices = np.asarray(state["indices"], np.int32).reshape(-1)
        other.check_valid()
        self.__dict__.update(other.__dict__)

    def check_valid(self) -> None:
        """Raise `InputError` if what is held contradicts itself."""
        if self._capacity < 1:
            raise InputError(f"replay capacity {self._capacity} holds nothing: use at least 1")
        if len(self) > self._capacity:
            raise InputError(
                f"{len(self)} replayed images exceed the capacity {self._capacity}: raise it"
            )
        if len(self) and self._indices.min() < 0:
            raise InputError(
                f"replayed image {self._indices.min()} is no index: use numbers from 0"
            )

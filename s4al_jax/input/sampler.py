"""Which images come when: a pure function of the seed, the cycle and the step."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple
from zlib import crc32

import numpy as np

from s4al_jax.input.replay import ReplayBuffer
from s4al_jax.types import InputError, Replay, Shuffle, Stage

_STREAM_IDS = {"labeled": 0, "unlabeled": 1, "replay": 2}
"""Each stream has random numbers of its own, so that none shifts another's."""

_PARTIAL = 3


class StepPlan(NamedTuple):
    """One step: its stage, and the images of each of its streams, counted in the full pool."""

    step: int
    stage: str
    progress: float
    streams: Mapping[str, np.ndarray]

    @property
    def images(self) -> int:
        """How many images it learns from."""
        return sum(len(images) for images in self.streams.values())


class PoolImages(NamedTuple):
    """What is known of the pool's images when a cycle begins; bool `[images]` each."""

    whole: np.ndarray
    """labeled in every pixel"""
    known: np.ndarray
    """labeled in some pixel"""

    def select(self, kind: str) -> np.ndarray:
        """The images of a kind that a `Shuffle` can name, int32."""
        if kind == "whole":
            # Where no image is labeled from edge to edge, those with some labels must do.
            chosen = self.whole if self.whole.any() else self.known
        elif kind in ("known", "partial"):
            chosen = self.known if kind == "known" else self.known & ~self.whole
        elif kind in ("unlabeled", "all"):
            chosen = ~self.whole if kind == "unlabeled" else np.ones_like(self.whole)
        else:
            raise ValueError(f"a stream cannot be of {kind!r} images")
        return np.flatnonzero(chosen).astype(np.int32)


def plan_steps(
    stages: Sequence[Stage],
    streams: Mapping[str, Shuffle | Replay],
    pool: PoolImages,
    *,
    iterations: int,
    batches: Mapping[str, int],
    seed: int,
    cycle: int,
    start: int = 0,
) -> Iterator[StepPlan]:
    """The steps of a cycle from `start` on, the same whether or not earlier ones are asked for.

    Args:
      stages: of the cycle, in order.
      streams: where the images of each stream come from.
      pool: what is known of the pool's images.
      iterations: steps of an epoch.
      batches: sizes, by the names that streams give.
      seed: of the run.
      cycle: counted from 0.
      start: the first step that is wanted.
    """
    timeline = [stage for stage in stages for _ in range(stage.epochs)]
    if not 0 <= start <= len(timeline) * iterations:
        raise ValueError(f"cycle {cycle} has no step {start}")
    if seed < 0:
        raise InputError(f"seed is {seed}: use 0 or more")
    used = {name for stage in stages for name in stage.streams}
    draw = {
        name: _shuffle(stream, pool, batches[stream.batch], [seed, cycle, _stream_id(name)])
        for name in sorted(used)
        if isinstance(stream := streams[name], Shuffle)
    }
    replays = {name: stream for name in sorted(used) if isinstance(stream := streams[name], Replay)}
    sources = {stream.stream for stream in replays.values()}
    _check_replays(stages, streams, replays, batches)
    progress = _progress(stages)

    def steps() -> Iterator[StepPlan]:
        turns = dict.fromkeys(draw, 0)
        buffers = {n: ReplayBuffer(capacity=r.capacity, pop=r.pop) for n, r in replays.items()}
        # A buffer depends on every step that filled it; nothing else depends on earlier steps.
        for step in range(len(timeline) * iterations):
            stage, epoch = timeline[step // iterations], step // iterations
            wanted = step >= start
            images = {}
            for name in stage.streams:
                if name in draw:
                    if wanted or name in sources:
                        images[name] = draw[name](turns[name])
                    turns[name] += 1
            for name, buffer in buffers.items():
                source = replays[name].stream
                if source not in images:
                    continue
                rng = np.random.default_rng([seed, cycle, _stream_id(name), step])
                if name in stage.streams:
                    images[name] = buffer.draw(len(images[source]), rng)
                # What a step sees goes in after it has drawn.
                buffer.add(images[source], rng)
            if wanted:
                yield StepPlan(step, stage.name, progress[epoch], images)

    return steps()


def _check_replays(
    stages: Sequence[Stage],
    streams: Mapping[str, Shuffle | Replay],
    replays: Mapping[str, Replay],
    batches: Mapping[str, int],
) -> None:
    for name, replay in replays.items():
        source = streams.get(replay.stream)
        if not isinstance(source, Shuffle):
            raise ValueError(
                f"the stream {name} replays {replay.stream}, which is not a stream of shuffled "
                "images"
            )
        size = batches[source.batch]
        if replay.capacity < size:
            raise InputError(
                f"the replay buffer of {replay.capacity} images is smaller than its batch of "
                f"{size}: make room for one batch"
            )
    earlier: set[str] = set()
    for stage in stages:
        for name in stage.streams:
            if name not in replays:
                continue
            source_name = replays[name].stream
            if source_name not in stage.streams:
                raise ValueError(
                    f"stage {stage.name} has the stream {name}, and not {source_name}, which it "
                    "replays"
                )
            if source_name not in earlier:
                # The buffer is filled by the steps before: the first one finds it empty.
                raise ValueError(
                    f"stage {stage.name} replays {source_name}, of which no earlier stage has any "
                    "image"
                )
        earlier |= set(stage.streams) if stage.epochs else set()


def _progress(stages: Sequence[Stage]) -> list[float]:
    """For each epoch the share of its training that is done; a generation is one training."""
    lengths = [0]
    for number, stage in enumerate(stages):
        if stage.new_generation and number:
            lengths.append(0)
        lengths[-1] += stage.epochs
    return [epoch / length for length in lengths for epoch in range(length)]


def _stream_id(name: str) -> int:
    return _STREAM_IDS.get(name, crc32(name.encode()) + len(_STREAM_IDS) + 1)


def _shuffle(
    stream: Shuffle, pool: PoolImages, batch: int, entropy: list[int]
) -> Callable[[int], np.ndarray]:
    """turn -> `batch` images, of which some are partially labeled if the stream says so."""
    if batch < 1:
        raise InputError(f"a batch of {batch} images: use at least 1")
    images, partial = pool.select(stream.images), pool.select("partial")
    if not len(images) and stream.images == "unlabeled":
        raise ValueError("every image is labeled in every pixel: a stage has no unlabeled image")
    if not len(images):
        raise InputError("no image is labeled: training needs at least 1 to start from")
    count = round(stream.partial_share * batch) if len(partial) and pool.whole.any() else 0
    whole = _permute(images, batch - count, entropy)
    some = _permute(partial, count, [*entropy, _PARTIAL]) if count else None
    return lambda turn: np.concatenate([whole(turn), some(turn)]) if some else whole(turn)


def _permute(images: np.ndarray, batch: int, entropy: list[int]) -> Callable[[int], np.ndarray]:
    """turn -> `batch` images; all come once, in an order of their own, before any comes again."""
    count = len(images)

    @lru_cache(maxsize=2)
    def order(number: int) -> np.ndarray:
        return images[np.random.default_rng([*entropy, number]).permutation(count)]

    def turn(number: int) -> np.ndarray:
        positions = range(number * batch, (number + 1) * batch)
        return np.array([order(p // count)[p % count] for p in positions], np.int32)

    return turn

"""Whether two run directories hold the same results, to the bit; not a test.

What times and dates are in is left out: `timing.jsonl`, TensorBoard's files, the lock.
"""

import json
from pathlib import Path

import jax
import numpy as np

from s4al_jax.engine.checkpoint import Checkpoints
from s4al_jax.run import build


def arrays(run: Path, made: build.Experiment) -> dict[str, np.ndarray]:
    """The last checkpoint's arrays by path."""
    kept = Checkpoints(run / "checkpoints", keep=2, mesh=made.mesh)
    counts = np.ones(len(made.spec.classes), np.int64)
    state = kept.state(jax.eval_shape(lambda: made.fresh_state(0, counts)))
    kept.close()
    leaves = jax.tree_util.tree_flatten_with_path(state)[0]
    return {jax.tree_util.keystr(path): np.asarray(leaf) for path, leaf in leaves}


def files(run: Path) -> dict[str, bytes]:
    """All results but those that hold times, checkpoints by their arrays elsewhere."""
    kept = [run / name for name in ("metrics.jsonl", "splits.json", "checksums.json")]
    for place in ("annotations/**/*", "cycles/*/*", "requests/**/*"):
        kept += sorted(run.glob(place))
    # Somebody may change the source while the tests run.
    identity = {**json.loads((run / "config.json").read_text()), "revision": ""}
    return {"config.json": json.dumps(identity).encode()} | {
        path.relative_to(run).as_posix(): path.read_bytes()
        for path in kept
        if path.is_file() and path.suffix != ".npz"
    }


def archives(run: Path) -> dict[str, np.ndarray]:
    """What the cycles' archives hold: scores, and images as the networks saw them."""
    found = {}
    for path in sorted(run.glob("cycles/*/*.npz")):
        with np.load(path, allow_pickle=False) as file:
            place = path.relative_to(run).as_posix()
            found |= {f"{place} {name}": file[name] for name in file.files}
    return found


def differences(run: Path, straight: Path, made: build.Experiment) -> list[str]:
    """What differs between a run and the straight one: files, arrays; empty if nothing."""
    wanted, got = files(straight), files(run)
    found = [name for name in sorted({*wanted, *got}) if wanted.get(name) != got.get(name)]
    page = Path("report/index.html")
    if (straight / page).exists() and not (run / page).exists():
        found.append(f"{page} is missing")
    before = arrays(straight, made) | archives(straight)
    after = arrays(run, made) | archives(run)
    found += sorted(before.keys() ^ after.keys())
    both = before.keys() & after.keys()
    return found + [name for name in both if not np.array_equal(before[name], after[name])]

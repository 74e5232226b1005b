"""`data/tiny.pth` and, in the format from before 1.6, `data/tiny_old.pth` are PyTorch 2.13's.

Both are {"epoch": 3, "state_dict": OrderedDict} with the names of a wrapped module; the first
tensor is the transpose of arange(12).reshape(3, 4) and the second two numbers of the same storage.
"""

import io
import os
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest

from s4al_jax.models.torch_file import read_pth
from s4al_jax.types import InputError
from tests.support.old_torch_file import old_file, state_dict, tensor

DATA = Path(__file__).parent / "data"


class Call:
    """Pickles to a call of `function` with `arguments`."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def archive(path, pickled, *, method=zipfile.ZIP_STORED, **storages):
    with zipfile.ZipFile(path, "w", method) as file:
        file.writestr("tiny/data.pkl", pickled)
        for key, content in storages.items():
            file.writestr(f"tiny/data/{key.removeprefix('key')}", content)
    return path


def with_tensor(path, *, offset, size, stride, count=4, stored=16):
    """A file like PyTorch's of one float tensor, whose description need not be true."""
    numbers = "".join(f"I{n}\n" for n in size)
    steps = "".join(f"I{n}\n" for n in stride)
    pickled = (
        "(S'w'\nctorch._utils\n_rebuild_tensor_v2\n(((S'storage'\nctorch\nFloatStorage\nS'0'\n"
        f"S'cpu'\nI{count}\ntQI{offset}\n({numbers}t({steps}tI00\nNtRd."
    ).replace("(((S'storage'", "((S'storage'")
    content = np.arange(stored // 4, dtype=np.float32).tobytes()
    return archive(path, pickled.encode(), key0=content)


@pytest.mark.parametrize("name", ["tiny.pth", "tiny_old.pth"])
def test_what_pytorch_saved_is_read_back(name):
    tensors = read_pth(DATA / name)
    assert tensors["features.0.0.weight"].tolist() == [[0, 4, 8], [1, 5, 9], [2, 6, 10], [3, 7, 11]]
    assert tensors["features.0.1.weight"].tolist() == [5.0, 6.0]
    assert tensors["half"].dtype == np.float16
    assert tensors["half"].tolist() == [0.5, -1.5]
    assert tensors["brain"].astype(np.float32).tolist() == [1.5, -2.0]
    assert tensors["num_batches_tracked"] == 7
    assert tensors["parameter"].tolist() == [[2.0, 4.0]]
    assert tensors["empty"].shape == (0, 3)
    assert len(tensors) == 7
    assert all(t.flags.owndata and t.flags.c_contiguous for t in tensors.values())


def test_a_call_hidden_in_the_file_is_refused_and_not_made(tmp_path):
    trace = tmp_path / "trace"
    for number, call in enumerate(
        [
            Call(os.mkdir, str(trace)),
            Call(eval, f"__import__('os').mkdir({str(trace)!r})"),
            OrderedDict(w=Call(os.mkdir, str(trace))),
        ]
    ):
        path = archive(tmp_path / f"{number}.pth", pickle.dumps(call, protocol=2))
        with pytest.raises(InputError, match=r"mkdir|eval") as refusal:
            read_pth(path)
        assert str(path) in str(refusal.value)
        assert "\n" not in str(refusal.value)
        assert not trace.exists()


def test_a_true_description_is_followed_and_a_false_one_refused(tmp_path):
    path = tmp_path / "w.pth"
    good = read_pth(with_tensor(path, offset=1, size=(3,), stride=(1,)))
    assert good["w"].tolist() == [1.0, 2.0, 3.0]
    swapped = read_pth(with_tensor(path, offset=0, size=(2, 2), stride=(1, 2)))
    assert swapped["w"].tolist() == [[0.0, 2.0], [1.0, 3.0]]
    for reason, lie in {
        "beyond": {"offset": 2, "size": (3,), "stride": (1,)},
        "no sense": {"offset": -1, "size": (3,), "stride": (1,)},
        "more numbers": {"offset": 0, "size": (10**12,), "stride": (0,)},
        "more sizes": {"offset": 0, "size": (2, 2), "stride": (1,)},
        "fewer numbers than it says": {"offset": 0, "size": (4,), "stride": (1,), "stored": 8},
    }.items():
        with pytest.raises(InputError, match=reason):
            read_pth(with_tensor(path, **lie))


@pytest.mark.parametrize("name", ["tiny.pth", "tiny_old.pth"])
def test_a_file_cut_anywhere_is_an_input_error(tmp_path, name):
    content = (DATA / name).read_bytes()
    path = tmp_path / "cut.pth"
    for length in [*range(0, len(content), 97), len(content) - 1]:
        path.write_bytes(content[:length])
        with pytest.raises(InputError, match=r"cut\.pth"):
            read_pth(path)
    start = content.index(b"_rebuild")
    path.write_bytes(content[:start] + bytes(100) + content[start + 100 :])
    with pytest.raises(InputError, match=r"cut\.pth"):
        read_pth(path)


def test_other_files_are_refused_with_what_to_do(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        read_pth(tmp_path / "none.pth")
    (tmp_path / "text.pth").write_text("hello")
    with pytest.raises(InputError, match="not a PyTorch file"):
        read_pth(tmp_path / "text.pth")
    empty = io.BytesIO()
    zipfile.ZipFile(empty, "w").close()
    (tmp_path / "empty.pth").write_bytes(empty.getvalue())
    with pytest.raises(InputError, match=r"no data\.pkl"):
        read_pth(tmp_path / "empty.pth")
    for value, reason in (([1, 2], "not hold a state dict"), ({"a": 1}, "no tensors")):
        with pytest.raises(InputError, match=reason):
            read_pth(archive(tmp_path / "v.pth", pickle.dumps(value)))
    packed = archive(tmp_path / "z.pth", pickle.dumps({}), method=zipfile.ZIP_DEFLATED)
    with pytest.raises(InputError, match="compressed"):
        read_pth(packed)


def read_old(path, state, *storages, **parts):
    path.write_bytes(old_file(state, *storages, **parts))
    return read_pth(path)


def test_the_old_format_is_followed_by_hand(tmp_path):
    path = tmp_path / "old.pth"
    halves = ("h", 2, np.float16([0.5, 4.0]).tobytes())
    floats = ("f", 6, np.arange(6, dtype=np.float32).tobytes())
    state = state_dict(
        a=tensor("f", count=6, offset=1, size=(2, 2), stride=(1, 3)),
        h=tensor("h", count=2, size=(2,), kind="HalfStorage"),
        # Of before 0.4, and a storage that is the last four numbers of another one.
        v=tensor("f", count=6, offset=1, size=(2,), view=(2, 4), function="_rebuild_tensor"),
    )
    # Arrays come in the order of the list of keys, not in that of the tensors.
    found = read_old(path, state, (halves, floats))
    assert found["a"].tolist() == [[1.0, 4.0], [2.0, 5.0]]
    assert found["h"].tolist() == [0.5, 4.0] and found["h"].dtype == np.float16
    assert found["v"].tolist() == [3.0, 4.0]
    assert list(found) == ["a", "h", "v"]
    assert read_old(path, state_dict(a=tensor()))["a"].tolist() == [0.0, 1.0, 2.0, 3.0]


def test_what_the_old_format_says_falsely_is_refused(tmp_path):
    good = state_dict(w=tensor())
    sixteen = bytes(16)
    lies = {
        "not begin with PyTorch's magic": (good, {"magic": pickle.dumps(1, 2)}),
        "none of version 1001": (good, {"version": pickle.dumps(1002, 2)}),
        "lists are not those": (good, {"keys": pickle.dumps(["7", "8"], 2)}),
        "it lists": (good, {"keys": pickle.dumps({"7": 1}, 2)}),
        "that its tensors need": (state_dict(w=tensor("8")), {}),
        "in two ways": (state_dict(w=tensor(), v=tensor(kind="IntStorage")), {}),
        "reaches beyond its end": (state_dict(w=tensor(size=(2,), view=(3, 2))), {}),
        "view of a storage makes no sense": (state_dict(w=tensor(view=(-1, 2))), {}),
        "beyond the numbers": (state_dict(w=tensor(offset=1, size=(3,), view=(1, 3))), {}),
        "more numbers than are stored": (state_dict(w=tensor(size=(3,), view=(1, 2))), {}),
        "not a storage of numbers": (state_dict(w=tensor(count=-4)), {}),
        "another count": (good, {"storages": [("7", 2**60, sixteen)]}),
        "cut short": (good, {"storages": [("7", 4, sixteen[:-1])]}),
    }
    for reason, (state, parts) in lies.items():
        with pytest.raises(InputError, match=reason) as refusal:
            read_old(tmp_path / "lie.pth", state, **parts)
        assert "\n" not in str(refusal.value)
    shared = state_dict(**{f"w{i}": tensor(count=9999, size=(9999,)) for i in range(99)})
    with pytest.raises(InputError, match="would take 3959604 bytes, and it has "):
        read_old(tmp_path / "lie.pth", shared, [("7", 9999, bytes(4 * 9999))])
    huge = state_dict(w=tensor(count=2**60, size=(2**60,)))
    with pytest.raises(InputError, match="cut short"):
        read_old(tmp_path / "lie.pth", huge, [("7", 2**60, sixteen)])


def test_a_call_hidden_in_any_pickle_of_the_old_format_is_not_made(tmp_path):
    trace = tmp_path / "trace"
    call = pickle.dumps(Call(os.mkdir, str(trace)), 2)
    for part in ({"magic": call}, {"version": call}, {"state": call}, {"keys": call}):
        with pytest.raises(InputError, match="asks for posix.mkdir"):
            read_old(tmp_path / "old.pth", **{"state": state_dict(w=tensor()), **part})
        assert not trace.exists()

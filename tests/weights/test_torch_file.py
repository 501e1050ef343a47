"""Checkpoints built here byte by byte, as torch's format has them; torch itself is not needed."""

import dataclasses
import pickle
import struct
import zipfile
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from jaxrelic.errors import UserError
from jaxrelic.weights import read_weights


@dataclasses.dataclass(frozen=True)
class Name:
    """A global."""

    module: str
    name: str


@dataclasses.dataclass(frozen=True)
class Call:
    function: Name
    arguments: tuple


@dataclasses.dataclass(frozen=True)
class Persistent:
    id: tuple


@dataclasses.dataclass(frozen=True)
class Module:
    """An object of a TorchScript class."""

    kind: Name
    attributes: dict


def dump(value: Any, stop: bytes = b".") -> bytes:
    """A pickle of protocol 2."""
    return b"\x80\x02" + encode(value) + stop


def encode(value: Any) -> bytes:
    match value:
        case None:
            return b"N"
        case bool():
            return b"\x88" if value else b"\x89"
        case int():
            return b"J" + struct.pack("<i", value)
        case float():
            return b"G" + struct.pack(">d", value)
        case str():
            text = value.encode()
            return b"X" + struct.pack("<I", len(text)) + text
        case tuple():
            return b"(" + b"".join(map(encode, value)) + b"t"
        case list():
            return b"](" + b"".join(map(encode, value)) + b"e"
        case dict():
            items = b"".join(encode(key) + encode(item) for key, item in value.items())
            return b"}(" + items + b"u"
        case Name(module, name):
            return f"c{module}\n{name}\n".encode()
        case Call(function, arguments):
            return encode(function) + encode(arguments) + b"R"
        case Persistent(name):
            return encode(name) + b"Q"
        case Module(kind, attributes):
            return encode(kind) + b")\x81" + encode(attributes) + b"b"
        case bytes():
            return value  # Opcodes as they are.
    raise TypeError(value)


def storage(key, kind, count):
    return Persistent(("storage", Name("torch", kind), key, "cpu", count))


def tensor(stored, shape, strides, offset=0):
    hooks = Call(Name("collections", "OrderedDict"), ())
    arguments = (stored, offset, shape, strides, False, hooks)
    return Call(Name("torch._utils", "_rebuild_tensor_v2"), arguments)


def write(path, tree, storages, *, compression=zipfile.ZIP_STORED, root="archive/"):
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr(f"{root}data.pkl", tree if isinstance(tree, bytes) else dump(tree))
        for key, array in storages.items():
            archive.writestr(f"{root}data/{key}", np.asarray(array).tobytes())
    return path


NUMBERS = np.arange(24, dtype=np.float32)


def test_strides_offsets_and_nested_names_give_the_arrays_that_were_saved(tmp_path):
    shared = storage("0", "FloatStorage", 24)
    tree = {
        "state_dict": {
            "plain": tensor(shared, (2, 3), (3, 1)),
            "transposed": tensor(shared, (3, 2), (1, 3), offset=6),
            "scalar": tensor(shared, (), (), offset=5),
            "none": tensor(shared, (0, 3), (3, 1)),
        },
        "layers": [tensor(shared, (2,), (12,), offset=11)],
        "epoch": 7,
        "lr": 0.1,
    }
    read = read_weights(write(tmp_path / "a.pt", tree, {"0": NUMBERS}))
    assert sorted(read) == [
        "layers.0",
        *(f"state_dict.{name}" for name in ("none", "plain", "scalar", "transposed")),
    ]
    np.testing.assert_array_equal(read["state_dict.plain"], NUMBERS[:6].reshape(2, 3))
    np.testing.assert_array_equal(read["state_dict.transposed"], NUMBERS[6:12].reshape(2, 3).T)
    np.testing.assert_array_equal(read["layers.0"], [11, 23])
    assert read["state_dict.scalar"] == 5
    assert read["state_dict.none"].shape == (0, 3)


def test_tensors_of_one_storage_share_its_memory_and_cannot_be_written(tmp_path):
    shared = storage("0", "FloatStorage", 24)
    tree = {"a": tensor(shared, (24,), (1,)), "b": tensor(shared, (4,), (1,), offset=20)}
    read = read_weights(write(tmp_path / "a.pt", tree, {"0": NUMBERS}))
    assert np.shares_memory(read["a"], read["b"])
    with pytest.raises(ValueError, match="read-only"):
        read["b"][0] = 1


@pytest.mark.parametrize(
    ("kind", "dtype"),
    [
        ("HalfStorage", np.float16),
        ("BFloat16Storage", ml_dtypes.bfloat16),
        ("LongStorage", np.int64),
        ("BoolStorage", np.bool_),
    ],
)
def test_types_are_those_of_the_file(tmp_path, kind, dtype):
    values = np.array([0, 1, 1, 0]).astype(dtype)
    tree = {"x": tensor(storage("7", kind, 4), (2, 2), (2, 1))}
    x = read_weights(write(tmp_path / "a.bin", tree, {"7": values}))["x"]
    assert x.dtype == dtype
    np.testing.assert_array_equal(x, values.reshape(2, 2))


def test_tensors_on_untyped_storages_have_the_type_that_is_said_beside_them(tmp_path):
    values = np.array([1, 2, 3], np.uint16)
    stored = Persistent(("storage", Name("torch.storage", "UntypedStorage"), "0", "cpu", 6))
    hooks = Call(Name("collections", "OrderedDict"), ())
    arguments = (stored, 1, (2,), (1,), False, hooks, Name("torch", "uint16"))
    tree = {"x": Call(Name("torch._utils", "_rebuild_tensor_v3"), arguments)}
    x = read_weights(write(tmp_path / "a.pt", tree, {"0": values}))["x"]
    assert x.dtype == np.uint16
    np.testing.assert_array_equal(x, [2, 3])


def test_parameters_and_the_metadata_of_a_state_dict_are_read_through(tmp_path):
    x = tensor(storage("0", "FloatStorage", 24), (24,), (1,))
    hooks = Call(Name("collections", "OrderedDict"), ())
    parameter = Call(Name("torch._utils", "_rebuild_parameter"), (x, True, hooks))
    state = encode(hooks) + b"(" + encode("w") + encode(parameter) + b"u"
    state += encode({"_metadata": {"": {"version": 1}}}) + b"b"
    read = read_weights(write(tmp_path / "a.pt", b"\x80\x02" + state + b".", {"0": NUMBERS}))
    assert list(read) == ["w"]


def test_modules_of_a_torchscript_archive_are_dictionaries_of_their_attributes(tmp_path):
    linear = Module(
        Name("__torch__.torch.nn.modules.linear", "Linear"),
        {
            "training": False,
            "padding": Call(Name("torch.jit._pickle", "build_intlist"), ([1, 2],)),
            "weight": tensor(storage("0", "FloatStorage", 24), (4, 6), (6, 1)),
        },
    )
    tree = Module(Name("__torch__.clip.model", "CLIP"), {"visual": linear, "training": False})
    read = read_weights(write(tmp_path / "ViT.pt", tree, {"0": NUMBERS}, root="ViT/"))
    assert {name: x.shape for name, x in read.items()} == {"visual.weight": (4, 6)}


HOSTILE = {
    "os.system": dump(Call(Name("os", "system"), ("touch ran",))),
    "posix.system": dump({"x": Call(Name("posix", "system"), ("touch ran",))}),
    "builtins.eval": b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93(X\x01\x00\x00\x001tR.",
    "builtins.getattr": dump(Call(Name("builtins", "getattr"), (Name("os", "system"), "x"))),
    "torch.load": dump(Call(Name("torch", "load"), ("x",))),
    "numpy.core.multiarray._reconstruct": dump(
        Call(Name("numpy.core.multiarray", "_reconstruct"), ())
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_pickle_is_refused_by_name_and_nothing_of_it_runs(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    path = write(tmp_path / "evil.pt", HOSTILE[name], {})
    with pytest.raises(UserError, match=rf"evil\.pt asks for {name}, which is no tensor"):
        read_weights(path)
    assert [each.name for each in tmp_path.iterdir()] == ["evil.pt"]


def test_the_hostile_pickle_of_these_tests_would_run_elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pickle.loads(HOSTILE["os.system"])  # noqa: S301
    assert (tmp_path / "ran").exists()


def damaged_trees():
    shared = storage("0", "FloatStorage", 24)
    loop = b"}q\x00X\x01\x00\x00\x00ah\x00s"  # A dictionary that holds itself.
    return {
        "beyond the end": {"x": tensor(shared, (5, 5), (5, 1))},
        "before the start": {"x": tensor(shared, (2,), (1,), offset=-1)},
        "negative strides": {"x": tensor(shared, (2,), (-1,), offset=3)},
        "a claim of all memory": {"x": tensor(shared, (2**30, 2**30), (0, 0))},
        "sizes without strides": {"x": tensor(shared, (2, 2), (1,))},
        "other bytes than items": {"x": tensor(storage("0", "FloatStorage", 25), (1,), (1,))},
        "a missing storage": {"x": tensor(storage("1", "FloatStorage", 24), (1,), (1,))},
        "an unknown storage": {"x": tensor(Persistent(("file", "/etc/passwd")), (1,), (1,))},
        "no storage": {"x": tensor("0", (1,), (1,))},
        "the same name twice": {
            "a": {"b": tensor(shared, (1,), (1,))},
            "a.b": tensor(shared, (1,), (1,)),
        },
        "an endless dictionary": b"\x80\x02" + loop + b".",
        "a call of a string": dump(encode("x") + b")R"),
        "too many pops": b"\x80\x0200.",
        "a forgotten mark": b"\x80\x02t.",
        "an unknown memo": b"\x80\x02h\x09.",
        "a tuple as a key": dump(b"}(" + encode((1,)) + encode(1) + b"u"),
        "an extension code": b"\x80\x02\x82\x01.",
        "no end": b"\x80\x02}",
        "no pickle": b"\xff\xff",
        "an attribute of a function": dump(
            encode(Name("torch._utils", "_rebuild_tensor_v2")) + encode({"__code__": 1}) + b"b"
        ),
    }


@pytest.mark.parametrize("name", damaged_trees())
def test_a_damaged_checkpoint_is_one_line_that_names_the_file(tmp_path, name):
    path = write(tmp_path / "bad.pt", damaged_trees()[name], {"0": NUMBERS})
    with pytest.raises(UserError, match=r"bad\.pt is a damaged torch checkpoint") as error:
        read_weights(path)
    assert "\n" not in str(error.value)


def test_a_cut_off_checkpoint_is_damaged_at_every_length(tmp_path):
    tree = {"x": tensor(storage("0", "FloatStorage", 24), (24,), (1,))}
    whole = write(tmp_path / "a.pt", tree, {"0": NUMBERS}).read_bytes()
    cut = tmp_path / "cut.pt"
    for length in range(20, len(whole), 7):
        cut.write_bytes(whole[:length])
        with pytest.raises(UserError, match="damaged"):
            read_weights(cut)


def test_compressed_members_are_refused_before_they_are_unpacked(tmp_path):
    tree = {"x": tensor(storage("0", "FloatStorage", 10**6), (10**6,), (1,))}
    path = write(tmp_path / "bomb.pt", tree, {"0": np.zeros(10**6, np.float32)}, compression=8)
    with pytest.raises(UserError, match="is compressed"):
        read_weights(path)


def test_a_checkpoint_without_tensors_is_refused(tmp_path):
    with pytest.raises(UserError, match="holds no named tensor"):
        read_weights(write(tmp_path / "a.pt", {"epoch": 3}, {}))


def test_files_of_before_torch_1_6_are_told_apart(tmp_path):
    path = tmp_path / "old.pth"
    path.write_bytes(pickle.dumps(0x1950A86A20F9469CFC6C, protocol=2) + b"\x80\x02}.")
    with pytest.raises(UserError, match=r"old\.pth has torch's format of before 1\.6"):
        read_weights(path)

"""Torch checkpoints: a zip of one pickle and the bytes of every storage it mentions.

The pickle is interpreted by `pickles`, which calls nothing but the functions of this page. They
rebuild tensors as views, so tensors that share a storage share memory, and no size that a file
claims is allocated before it is compared with the bytes that are there.
"""

import math
import pathlib
import re
import zipfile
from collections.abc import Callable, Mapping
from typing import Any

import ml_dtypes
import numpy as np

from jaxrelic.errors import UserError
from jaxrelic.weights import pickles

MAX_PICKLE_BYTES = 256_000_000
"""A checkpoint's pickle holds names and shapes: kilobytes, or a few megabytes."""
MAX_DEPTH = 64
"""Dictionaries within dictionaries; a dictionary that holds itself has no end."""
MAX_ITEMS = 300_000
"""Values of all dictionaries: one that holds another twice, which holds another twice, ... could
otherwise spell out more names than there is time for."""
MAX_AXES = 64
"""Largest number of axes of a tensor; NumPy's limit."""

_DAMAGE = (ValueError, TypeError, OverflowError, RuntimeError, EOFError, zipfile.BadZipFile)
"""What reading a zip and its pickle raises; RuntimeError is a password or a recursion."""

STORAGES = {
    "BoolStorage": np.bool_,
    "ByteStorage": np.uint8,
    "CharStorage": np.int8,
    "ShortStorage": np.int16,
    "IntStorage": np.int32,
    "LongStorage": np.int64,
    "HalfStorage": np.float16,
    "BFloat16Storage": ml_dtypes.bfloat16,
    "FloatStorage": np.float32,
    "DoubleStorage": np.float64,
    "ComplexFloatStorage": np.complex64,
    "ComplexDoubleStorage": np.complex128,
    "UntypedStorage": np.uint8,
}
"""Names in `torch` (and `torch.storage`) to the type of their items."""

DTYPES = {
    "uint8": np.uint8,
    "uint16": np.uint16,
    "uint32": np.uint32,
    "uint64": np.uint64,
    "float8_e4m3fn": ml_dtypes.float8_e4m3fn,
    "float8_e5m2": ml_dtypes.float8_e5m2,
    "bfloat16": ml_dtypes.bfloat16,
    "float16": np.float16,
    "float32": np.float32,
}
"""Names in `torch` of what tensors on untyped storages may hold."""


def read(path: pathlib.Path) -> dict[str, np.ndarray]:
    """The tensors of a torch zip checkpoint or TorchScript archive, under dotted names."""
    try:
        with zipfile.ZipFile(path) as archive:
            checkpoint = _Archive(archive, path.stat().st_size)
            tree = pickles.read(
                checkpoint.pickle(),
                functions=_FUNCTIONS,
                constants=_CONSTANTS,
                records=_TORCHSCRIPT_CLASS,
                persistent=checkpoint.storage,
            )
        tensors = _flatten(tree)
    except pickles.ForbiddenGlobalError as error:
        raise UserError(
            f"{path} asks for {error.name}, which is no tensor; nothing of it was run. Save only "
            "its state_dict, or get its .safetensors"
        ) from error
    except _DAMAGE as error:
        raise UserError(f"{path} is a damaged torch checkpoint ({error}); get it again") from error
    if not tensors:
        raise UserError(f"{path} holds no named tensor; save a state_dict")
    return tensors


class _Archive:
    """The members of a checkpoint: `NAME/data.pkl` and `NAME/data/KEY`."""

    def __init__(self, archive: zipfile.ZipFile, size: int):
        self._archive = archive
        self._members = {member.filename: member for member in archive.infolist()}
        plain = [each for each in archive.infolist() if each.compress_type == zipfile.ZIP_STORED]
        if sum(member.file_size for member in plain) > size:
            raise ValueError("its members overlap")
        pages = [name for name in self._members if re.fullmatch(r"([^/]+/)?data\.pkl", name)]
        if len(pages) != 1:
            raise ValueError(f"{len(pages)} members are called data.pkl")
        self._page = pages[0]
        self._root = self._page.removesuffix("data.pkl")
        self._storages: dict[str, bytes] = {}
        if self._members.get(f"{self._root}byteorder") and self._bytes("byteorder") != b"little":
            raise ValueError("its bytes are in big-endian order")

    def _bytes(self, name: str) -> bytes:
        member = self._members.get(self._root + name)
        if member is None:
            raise ValueError(f"it has no member {name!r}")
        if member.compress_type != zipfile.ZIP_STORED:
            # Torch stores them; a compressed one could unpack to any size.
            raise ValueError(f"its member {name!r} is compressed")
        return self._archive.read(member)

    def pickle(self) -> bytes:
        """The page that says what the checkpoint holds."""
        if self._members[self._page].file_size > MAX_PICKLE_BYTES:
            raise ValueError("its pickle is too large")
        return self._bytes("data.pkl")

    def storage(self, name: Any) -> np.ndarray:
        """The items of the storage that a persistent id names."""
        match name:
            case ("storage", np.dtype() as kind, str(key), str(), int(count)):
                pass
            case _:
                # What it is instead is not printed: values may hold each other without end.
                raise ValueError("a storage is named in an unknown way")
        if key not in self._storages:
            self._storages[key] = self._bytes(f"data/{key}")
        data = self._storages[key]
        if len(data) != count * kind.itemsize:
            raise ValueError(f"storage {key} has {len(data)} bytes for {count} items of {kind}")
        return np.frombuffer(data, kind)


def _tensor(storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> np.ndarray:
    """A view of a storage; sizes, strides and offset are counted in items, as torch does."""
    axes = isinstance(shape, tuple) and isinstance(strides, tuple) and len(shape) == len(strides)
    if not isinstance(storage, np.ndarray) or not axes or len(shape) > MAX_AXES:
        raise ValueError("a tensor without storage or with other strides than sizes")
    if not all(type(number) is int and number >= 0 for number in (offset, *shape, *strides)):
        raise ValueError("a tensor with sizes, strides or offset that are no counts")
    count = math.prod(shape)
    last = offset + sum((n - 1) * stride for n, stride in zip(shape, strides, strict=True))
    # More items than the storage has would let a file of a kilobyte claim all memory.
    if count and (last >= storage.size or count > storage.size):
        raise ValueError(f"a tensor of shape {shape} leaves its storage of {storage.size} items")
    if not count:
        return np.empty(shape, storage.dtype)
    return np.lib.stride_tricks.as_strided(
        storage[offset:], shape, [n * storage.itemsize for n in strides], writeable=False
    )


def _tensor_of_type(
    storage: Any, offset: Any, shape: Any, strides: Any, _grad: Any, _hooks: Any, kind: Any, *_: Any
) -> np.ndarray:
    """A view of an untyped storage."""
    if not isinstance(storage, np.ndarray) or not isinstance(kind, np.dtype):
        raise ValueError("a tensor without storage or type")
    if storage.nbytes % kind.itemsize:
        raise ValueError(f"a storage of {storage.nbytes} bytes for items of {kind}")
    return _tensor(storage.view(kind), offset, shape, strides)


def _listed(items: Any) -> list:
    if not isinstance(items, list):
        raise ValueError("a list of attributes that is none")
    return items


def _dictionary(*pairs: Any) -> dict:
    if pairs:
        raise ValueError("an OrderedDict made from something")
    return {}


_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_tensor_v3": _tensor_of_type,
    "torch._utils._rebuild_parameter": lambda tensor, *_: tensor,
    "collections.OrderedDict": _dictionary,
    # Attributes of TorchScript modules, such as the padding of a convolution.
    "torch.jit._pickle.build_boollist": _listed,
    "torch.jit._pickle.build_doublelist": _listed,
    "torch.jit._pickle.build_intlist": _listed,
    "torch.jit._pickle.build_tensorlist": _listed,
}
_CONSTANTS = {
    **{f"torch.{name}": np.dtype(kind) for name, kind in (STORAGES | DTYPES).items()},
    "torch.storage.UntypedStorage": np.dtype(np.uint8),
}
_TORCHSCRIPT_CLASS = re.compile(r"__torch__\.[\w.]+")
"""Modules of a TorchScript archive (OpenAI's CLIP is published as one): records of attributes."""


def _flatten(tree: Any) -> dict[str, np.ndarray]:
    """The arrays of a tree under their dotted names."""
    tensors: dict[str, np.ndarray] = {}
    waiting: list[tuple[tuple[str, ...], Any]] = [((), tree)]
    for _ in range(MAX_ITEMS):
        if not waiting:
            return tensors
        names, value = waiting.pop()
        if len(names) > MAX_DEPTH:
            raise ValueError(f"more than {MAX_DEPTH} dictionaries within one another")
        if isinstance(value, np.ndarray) and names:
            name = ".".join(names)
            if name in tensors:
                raise ValueError(f"two tensors are called {name!r}")
            tensors[name] = value
        elif isinstance(value, dict | list | tuple):
            pairs = value.items() if isinstance(value, dict) else enumerate(value)
            waiting.extend(reversed([((*names, str(key)), item) for key, item in pairs]))
    raise ValueError(f"more than {MAX_ITEMS} values")

"""Pickles as plain data: an interpreter for the opcodes that checkpoints are made of.

A pickle is a program, and Python's own unpickler runs whatever it names. This one knows only how to
build dictionaries, lists and tuples. A name in the pickle stands for a function of the caller's
table, for a constant of it, or for a class whose objects become dictionaries of their attributes;
any other name ends the reading.
"""

import dataclasses
import pickletools
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any


class ForbiddenGlobalError(Exception):
    """A pickle asked for something that the caller's tables do not have."""

    def __init__(self, name: str):
        super().__init__(name)
        self.name = name


def read(
    data: bytes,
    *,
    functions: Mapping[str, Callable[..., Any]],
    constants: Mapping[str, Any],
    records: re.Pattern[str],
    persistent: Callable[[Any], Any],
) -> Any:
    """The value of a pickle; ValueError or TypeError if it is damaged.

    Args:
        data: The pickle.
        functions: What it may call, by dotted name; they get arguments of the file's choosing.
        constants: What other names stand for.
        records: Names of classes whose objects are read as dictionaries of their attributes.
        persistent: From a persistent id to its value.
    """
    machine = _Machine(functions, constants, records, persistent)
    for opcode, argument, _ in pickletools.genops(data):
        if opcode.name == "STOP":
            return machine.pop()
        machine.execute(opcode.name, argument)
    raise ValueError("its pickle has no end")  # pragma: no cover  (genops raises first)


_PUSH_ARGUMENT = frozenset(
    [
        "BININT",
        "BININT1",
        "BININT2",
        "LONG1",
        "BINFLOAT",
        "BINUNICODE",
        "SHORT_BINUNICODE",
        "BINBYTES",
        "SHORT_BINBYTES",
    ]
)
_PUSH_CONSTANT = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_TUPLE_SIZES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_NOTHING = frozenset({"PROTO", "FRAME"})


@dataclasses.dataclass(frozen=True)
class _Function:
    """A name of the caller's table, not called yet."""

    name: str


@dataclasses.dataclass(frozen=True)
class _Class:
    """A name whose objects are records."""

    name: str


class _Record(dict):
    """Attributes of an object."""


_MARK = object()


class _Machine:
    """Stack and memo of a pickle that is being read."""

    def __init__(self, functions, constants, records, persistent):
        self._functions, self._constants, self._records = functions, constants, records
        self._persistent = persistent
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}

    def execute(self, name: str, argument: Any) -> None:
        """One opcode."""
        if name in _NOTHING:
            return
        if name in _PUSH_ARGUMENT:
            self._stack.append(argument)
        elif name in _PUSH_CONSTANT:
            self._stack.append(_PUSH_CONSTANT[name])
        elif name in _TUPLE_SIZES:
            items = [self.pop() for _ in range(_TUPLE_SIZES[name])]
            self._stack.append(tuple(reversed(items)))
        elif (operation := _OPERATIONS.get(name)) is not None:
            operation(self, argument)
        else:
            raise ValueError(f"its pickle uses the opcode {name}")

    def pop(self) -> Any:
        """Takes one value, which must not be a mark."""
        if not self._stack or self._stack[-1] is _MARK:
            raise ValueError("its pickle takes more than it gave")
        return self._stack.pop()

    def _pop_to_mark(self) -> list[Any]:
        items: list[Any] = []
        while self._stack:
            value = self._stack.pop()
            if value is _MARK:
                return items[::-1]
            items.append(value)
        raise ValueError("its pickle has no mark")

    def _top(self, kind: type) -> Any:
        if not self._stack or not isinstance(self._stack[-1], kind):
            raise ValueError(f"its pickle fills what is no {kind.__name__}")
        return self._stack[-1]

    def _mark(self, _: Any) -> None:
        self._stack.append(_MARK)

    def _empty_dict(self, _: Any) -> None:
        self._stack.append({})

    def _empty_list(self, _: Any) -> None:
        self._stack.append([])

    def _tuple(self, _: Any) -> None:
        self._stack.append(tuple(self._pop_to_mark()))

    def _discard(self, _: Any) -> None:
        self.pop()

    def _put(self, index: Any) -> None:
        value = self.pop()
        self._stack.append(value)
        # MEMOIZE has no index of its own: it counts.
        self._memo[len(self._memo) if index is None else int(index)] = value

    def _get(self, index: Any) -> None:
        if int(index) not in self._memo:
            raise ValueError(f"its pickle recalls value {index}, which it never kept")
        self._stack.append(self._memo[int(index)])

    def _set_item(self, _: Any) -> None:
        value, key = self.pop(), self.pop()
        self._fill([(key, value)])

    def _set_items(self, _: Any) -> None:
        items = self._pop_to_mark()
        self._fill(zip(items[::2], items[1::2], strict=True))

    def _fill(self, pairs: Iterable[tuple[Any, Any]]) -> None:
        target = self._top(dict)
        for key, value in pairs:
            # Hashing a tuple of tuples of tuples ... has no end that Python checks.
            if not isinstance(key, str | int):
                raise ValueError("its pickle has a key that is no name")
            target[key] = value

    def _append(self, _: Any) -> None:
        value = self.pop()
        self._top(list).append(value)

    def _appends(self, _: Any) -> None:
        items = self._pop_to_mark()
        self._top(list).extend(items)

    def _global(self, argument: Any) -> None:
        self._push_name(str(argument).replace(" ", "."))

    def _stack_global(self, _: Any) -> None:
        name, module = self.pop(), self.pop()
        self._push_name(f"{module}.{name}")

    def _push_name(self, name: str) -> None:
        if name in self._constants:
            self._stack.append(self._constants[name])
        elif name in self._functions:
            self._stack.append(_Function(name))
        elif self._records.fullmatch(name):
            self._stack.append(_Class(name))
        else:
            raise ForbiddenGlobalError(name)

    def _reduce(self, _: Any) -> None:
        arguments, function = self.pop(), self.pop()
        if not isinstance(function, _Function) or not isinstance(arguments, tuple):
            raise ValueError("its pickle calls what is no function")
        self._stack.append(self._functions[function.name](*arguments))

    def _new_object(self, _: Any) -> None:
        arguments, kind = self.pop(), self.pop()
        if not isinstance(kind, _Class) or arguments != ():
            raise ValueError("its pickle makes an object of what is no class")
        self._stack.append(_Record())

    def _build(self, _: Any) -> None:
        """Attributes make a record; those of a dictionary (torch's `_metadata`) say nothing."""
        state = self.pop()
        target = self._top(dict)
        if isinstance(target, _Record):
            if not isinstance(state, dict):
                raise ValueError("its pickle has an object without named attributes")
            target.update(state)

    def _persistent_id(self, _: Any) -> None:
        self._stack.append(self._persistent(self.pop()))


_OPERATIONS: Mapping[str, Callable[[_Machine, Any], None]] = {
    "MARK": _Machine._mark,
    "POP": _Machine._discard,
    "EMPTY_DICT": _Machine._empty_dict,
    "EMPTY_LIST": _Machine._empty_list,
    "TUPLE": _Machine._tuple,
    "PUT": _Machine._put,
    "BINPUT": _Machine._put,
    "LONG_BINPUT": _Machine._put,
    "MEMOIZE": _Machine._put,
    "GET": _Machine._get,
    "BINGET": _Machine._get,
    "LONG_BINGET": _Machine._get,
    "SETITEM": _Machine._set_item,
    "SETITEMS": _Machine._set_items,
    "APPEND": _Machine._append,
    "APPENDS": _Machine._appends,
    "GLOBAL": _Machine._global,
    "STACK_GLOBAL": _Machine._stack_global,
    "REDUCE": _Machine._reduce,
    "NEWOBJ": _Machine._new_object,
    "BUILD": _Machine._build,
    "BINPERSID": _Machine._persistent_id,
}

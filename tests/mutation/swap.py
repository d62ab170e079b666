"""A fault put into the modules that are loaded, and taken out again."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import CodeType, FunctionType, ModuleType
from typing import Any


@contextmanager
def swapped(module: ModuleType, source: str) -> Iterator[bool]:
    """Let the functions and constants of `module` be those of `source`; whether they are any other.

    The functions stay the objects that they are, as other modules hold them, and take the code of the mutant's.
    """
    namespace = {**module.__dict__}
    exec(compile(source, str(module.__file__), "exec", dont_inherit=True), namespace)
    old = _functions(module.__dict__, module.__name__)
    new = _functions(namespace, module.__name__)
    kept: list[tuple[Any, str, Any]] = []
    for name in old.keys() & new.keys():
        for part in ("__code__", "__defaults__", "__kwdefaults__"):
            was, becomes = getattr(old[name], part), getattr(new[name], part)
            if not _same(was, becomes):
                kept.append((old[name], part, was))
    constants = [
        (holder, name, module.__dict__[name], namespace[name])
        for name in module.__dict__
        if not name.startswith("__") and not isinstance(module.__dict__[name], FunctionType | type | ModuleType)
        if not _same(module.__dict__[name], namespace[name])
        for holder in list(sys.modules.values())
        if (getattr(holder, "__name__", None) or "").startswith("klsurv")
        if vars(holder).get(name) is module.__dict__[name]
    ]
    try:
        for function, part, _ in kept:
            setattr(function, part, getattr(new[_key(function)], part))
        for holder, name, _, becomes in constants:
            setattr(holder, name, becomes)
        yield bool(kept or constants)
    finally:
        for function, part, was in kept:
            setattr(function, part, was)
        for holder, name, was, _ in constants:
            setattr(holder, name, was)


def _functions(namespace: dict[str, Any], module: str) -> dict[str, FunctionType]:
    found: dict[str, FunctionType] = {}
    for value in list(namespace.values()):
        if isinstance(value, FunctionType) and value.__module__ == module:
            found[_key(value)] = value
        elif isinstance(value, type) and value.__module__ == module:
            for name, member in vars(value).items():
                inner = getattr(member, "fget", None) or getattr(member, "__func__", None) or member
                if isinstance(inner, FunctionType) and name not in ("__new__", "__annotate__"):
                    found[f"{value.__qualname__}.{name}"] = inner
    return found


def _key(function: FunctionType) -> str:
    return function.__qualname__


def _same(a: object, b: object) -> bool:
    if isinstance(a, CodeType) and isinstance(b, CodeType):
        return (
            a.co_code == b.co_code
            and a.co_names == b.co_names
            and a.co_varnames == b.co_varnames
            and len(a.co_consts) == len(b.co_consts)
            and all(_same(x, y) for x, y in zip(a.co_consts, b.co_consts, strict=True))
        )
    return type(a) is type(b) and repr(a) == repr(b)

"""A JSON file that grows an alpha at a time. In: a field, an alpha, a value. Out: the file, whole or as it was."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from klsurv import durable
from klsurv.ingest.values import Json, by_alpha
from klsurv.output.files import replacing


@dataclass(frozen=True)
class Document:
    """The fields of a JSON object, each as the text that stands in the file, so that nothing is encoded twice.

    `by_alpha` holds the fields that have an alpha per key; `other` all the rest.
    """

    by_alpha: Mapping[str, Mapping[float, str]]
    other: Mapping[str, str]

    @classmethod
    def new(cls, fields: Sequence[str], other: Mapping[str, object]) -> Self:
        """A document without any alpha."""
        return cls({name: {} for name in fields}, {name: json.dumps(value) for name, value in other.items()})

    @classmethod
    def of(cls, content: Json, file: str, fields: Sequence[str]) -> Self:
        """What was read of a file, which has all of `fields`.

        Raises:
            CellError: one of the fields is no object with an alpha per key.
        """
        found = {name: by_alpha(content[name], file, name) for name in fields}
        return cls(
            {name: {alpha: encoded(value) for alpha, (_, value) in doses.items()} for name, doses in found.items()},
            {name: json.dumps(value) for name, value in content.items() if name not in fields},
        )

    def alphas(self, name: str) -> set[float]:
        """The alphas that a field has."""
        return set(self.by_alpha[name])

    def with_alpha(self, alpha: float, values: Mapping[str, object]) -> Self:
        """The document with an alpha's values in place of those it had."""
        kept = self.without(alpha)
        fields = {
            name: {**doses, alpha: encoded(values[name])} if name in values else doses
            for name, doses in kept.by_alpha.items()
        }
        return type(self)(fields, kept.other)

    def with_other(self, **fields: object) -> Self:
        """The document with fields that have no alpha per key."""
        return type(self)(self.by_alpha, {**self.other, **{name: json.dumps(value) for name, value in fields.items()}})

    def without(self, alpha: float) -> Self:
        """The document with no field that knows the alpha."""
        fields = {
            name: {dose: text for dose, text in doses.items() if dose != alpha} for name, doses in self.by_alpha.items()
        }
        return type(self)(fields, self.other)

    def write(self, path: Path) -> None:
        """Put the document in the place of the file.

        Raises:
            OutputError: the file cannot be written.
        """
        fields = {
            name: _object({str(alpha): doses[alpha] for alpha in sorted(doses)})
            for name, doses in self.by_alpha.items()
        }
        write_text(path, _object({**fields, **self.other}))


def encoded(value: object) -> str:
    """A value as JSON with bare NaN and Infinity, each row of a list on a line of its own."""
    if isinstance(value, list) and value and isinstance(value[0], list):
        return "[\n" + ",\n".join(map(json.dumps, value)) + "\n]"
    return json.dumps(value)


def write_text(path: Path, text: str) -> None:
    """Put the text in the place of the file: by rename, after it has reached the disk.

    Raises:
        OutputError: the file cannot be written.
    """
    with replacing(path) as temporary:
        durable.write(temporary, text.encode())
    durable.sync(path.parent)


def _object(fields: Mapping[str, str]) -> str:
    lines = ",\n".join(f"{json.dumps(name)}: {text}" for name, text in fields.items())
    return f"{{\n{lines}\n}}" if lines else "{}"

"""Read what a GGUF file is from its header: name, architecture, sizes and widths by tensor.

Format: ggml's docs/gguf.md. The header is a stranger's: everything in it is counted and bounded
before it is kept, and the sizes come from the tensors, which are what is computed with.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from suites.base.errors import UserError
from suites.base.files import open_plain

if TYPE_CHECKING:
    from io import BufferedIOBase
    from pathlib import Path

__all__ = ["GgufHeader", "Tensor", "read_header"]

_HEAD = struct.Struct("<4sIQQ")
_VERSIONS = {2, 3}
_MOST_KEYS, _MOST_TENSORS = 2**16, 2**16
_MOST_DIMENSIONS = 4
# A tokenizer of 300,000 tokens with its merges takes 15 MB.
_MOST_BYTES = 2**28
_MOST_TEXT, _MOST_ITEMS = 2**16, 2**22
_SCALARS = {
    0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q",
    12: "<d",
}  # fmt: skip
_TEXT, _ARRAY = 8, 9
# Lists that describe layers have one item each; longer ones are the tokenizer's and are passed by.
_MOST_KEPT = 10_000
_EXPECTED = "weights in GGUF format"


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor as the header describes it.

    Attributes:
        shape: innermost size first, as GGUF has it.
        type: number of its storage in ggml.
    """

    shape: tuple[int, ...]
    type: int

    @property
    def count(self) -> int:
        """Values it holds."""
        return math.prod(self.shape)


@dataclass(frozen=True, kw_only=True)
class GgufHeader:
    """A header.

    Attributes:
        where: the file, for messages.
        keys: metadata but for long lists.
        tensors: by name.
    """

    where: str
    keys: dict[str, Any] = field(repr=False)
    tensors: dict[str, Tensor] = field(repr=False)

    @cached_property
    def architecture(self) -> str:
        """What llama.cpp calls the kind of model."""
        value = self.keys.get("general.architecture")
        return value[:60] if isinstance(value, str) and value else "unknown"

    @cached_property
    def name(self) -> str:
        """What the file calls the model; empty where it does not say."""
        value = self.keys.get("general.name")
        printable = "".join(letter for letter in str(value or "")[:200] if letter.isprintable())
        return printable.strip()

    @cached_property
    def parameters(self) -> int:
        """Values of all tensors, tables of rotation left out."""
        return sum(t.count for name, t in self.tensors.items() if not name.startswith("rope_"))

    def bits(self, tensor: Tensor) -> float | None:
        """Bits of one value, scales included; None of a storage nobody knows."""
        return _bits_by_type().get(tensor.type)

    @cached_property
    def precision(self) -> str:
        """The storage most matrix values have, such as "q4_k"."""
        from gguf import GGMLQuantizationType

        counts: dict[int, int] = {}
        for tensor in self.tensors.values():
            if len(tensor.shape) > 1:
                counts[tensor.type] = counts.get(tensor.type, 0) + tensor.count
        most = max(counts, key=lambda kind: counts[kind], default=-1)
        known = {int(kind): kind.name.lower() for kind in GGMLQuantizationType}
        return known.get(most, "unknown")

    @cached_property
    def mean_bits(self) -> float | None:
        """Bits of a weight over all tensors; None where a storage is not known."""
        bits = [(tensor.count, self.bits(tensor)) for tensor in self.tensors.values()]
        if not bits or any(width is None for _, width in bits):
            return None
        return sum(count * (width or 0) for count, width in bits) / sum(count for count, _ in bits)

    def number(self, key: str, default: int | None = None) -> int:
        """A whole number of the architecture's own keys.

        Raises:
            UserError: it is missing and has no default, or is none.
        """
        value = self.keys.get(f"{self.architecture}.{key}")
        if value is None and default is not None:
            return default
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 10**9:
            raise self.wrong(f"{self.architecture}.{key}", "a whole number from 0 to 10^9")
        return value

    def each(self, key: str, index: int, default: int | None = None) -> int:
        """A number that may be given for all layers, or for each.

        Raises:
            UserError: as `number`.
        """
        value = self.keys.get(f"{self.architecture}.{key}")
        if not isinstance(value, list):
            return self.number(key, default)
        if index >= len(value) or not isinstance(value[index], int) or not 0 <= value[index] < 1e9:
            raise self.wrong(f"{self.architecture}.{key}", "a number for each layer")
        return int(value[index])

    def wrong(self, key: str, expected: str) -> UserError:
        """An error about a key."""
        value = self.keys.get(key)
        what = "is missing" if value is None else f"is {str(value)[:60]!r}"
        return UserError(what, where=f"{self.where}:{key}", expected=expected)


def read_header(path: Path, *, texts: str = "") -> GgufHeader:
    """Read the header of a GGUF file.

    Lists of texts are passed by, but for the one named `texts`.

    Raises:
        UserError: the file is missing, unreadable or no GGUF, or its header is cut off or counts
            what no model has.
    """
    try:
        with open_plain(path) as file:
            return _Reader(file, str(path), texts).header()
    except OSError as error:
        what = f"cannot read the weights ({error.strerror})"
        raise UserError(what, where=str(path), expected=_EXPECTED) from error


class _Reader:
    """Takes a header apart, and stops where it asks for more than any has."""

    def __init__(self, file: BufferedIOBase, where: str, texts: str) -> None:
        self._file, self._where, self._left = file, where, _MOST_BYTES
        self._texts = texts

    def header(self) -> GgufHeader:
        magic = self._file.read(4)
        if magic != b"GGUF":
            raise self._broken("not a GGUF file")
        version, tensors, keys = struct.unpack("<IQQ", self._take(_HEAD.size - 4))
        if version not in _VERSIONS:
            raise self._broken(f"GGUF of version {version}")
        if tensors > _MOST_TENSORS or keys > _MOST_KEYS:
            raise self._broken("its header is cut off or counts what no model has")
        values: dict[str, Any] = {}
        for _ in range(keys):
            name = self._text()
            value = self._value(self._whole("<I"), texts=name == self._texts)
            if value is not None:
                values[name] = value
        held = dict(self._tensor() for _ in range(tensors))
        if len(held) != tensors:
            raise self._broken("names a tensor twice")
        return GgufHeader(where=self._where, keys=values, tensors=held)

    def _tensor(self) -> tuple[str, Tensor]:
        name = self._text()
        dimensions = self._whole("<I")
        if not 1 <= dimensions <= _MOST_DIMENSIONS:
            raise self._broken(f"a tensor of {dimensions} dimensions")
        shape = struct.unpack(f"<{dimensions}Q", self._take(8 * dimensions))
        if not all(0 < size <= 2**40 for size in shape) or math.prod(shape) > 2**50:
            raise self._broken("a tensor of a size no model has")
        kind, _offset = struct.unpack("<IQ", self._take(12))
        return name, Tensor(shape=shape, type=kind)

    def _value(self, kind: int, *, texts: bool) -> Any:
        """A value; None of a list that is passed by."""
        if kind in _SCALARS:
            return self._whole(_SCALARS[kind])
        if kind == _TEXT:
            return self._text()
        if kind != _ARRAY:
            raise self._broken(f"a value of kind {kind}")
        inner, count = struct.unpack("<IQ", self._take(12))
        if count > _MOST_ITEMS or inner == _ARRAY:
            raise self._broken("a list no model has")
        if inner == _TEXT and texts:
            return [self._text() for _ in range(count)]
        if inner == _TEXT:
            for _ in range(count):
                self._skip(self._whole("<Q"))
            return None
        if inner not in _SCALARS:
            raise self._broken(f"a list of kind {inner}")
        item = struct.Struct(_SCALARS[inner])
        if count > _MOST_KEPT:
            self._skip(count * item.size)
            return None
        return [value for (value,) in item.iter_unpack(self._take(count * item.size))]

    def _text(self) -> str:
        length = self._whole("<Q")
        if length > _MOST_TEXT:
            self._skip(length)
            return ""
        return self._take(length).decode("utf-8", "replace")

    def _whole(self, form: str) -> Any:
        return struct.unpack(form, self._take(struct.calcsize(form)))[0]

    def _skip(self, length: int) -> None:
        while length > 0:
            length -= len(self._take(min(length, 2**16)))

    def _take(self, length: int) -> bytes:
        self._left -= length
        data = self._file.read(length) if self._left >= 0 else b""
        if len(data) != length:
            raise self._broken("its header is cut off or counts what no model has")
        return data

    def _broken(self, what: str) -> UserError:
        return UserError(f"a broken GGUF file: {what}", where=self._where, expected=_EXPECTED)


def _bits_by_type() -> dict[int, float]:
    from gguf.constants import GGML_QUANT_SIZES

    return {int(kind): 8 * size / block for kind, (block, size) in GGML_QUANT_SIZES.items()}

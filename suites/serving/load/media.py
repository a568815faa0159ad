"""Images and sounds of a stated size for prompts: noise, each another, so that no cache knows one.

PNG (ISO/IEC 15948) of 8 bits a channel in stored blocks (RFC 1950, RFC 1951), and WAV of 16 bits.
Noise does not compress, and a server decodes it like any other. Only the last bytes differ from
one to the next; what stands before them is encoded once, or a load would wait for its pictures.
"""

from __future__ import annotations

import math
import random
import struct
import zlib
from base64 import b64encode
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from suites.base.records import Label

__all__ = ["Media", "MediaParts"]

_NUMBER = struct.Struct(">Q")  # what tells one from the next
_BLOCK = 65_535
_SAMPLE_RATE = 16_000
# Different pictures of one request; further ones repeat them but for their numbers.
_MOST_BASES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """What every prompt holds besides its text.

    Attributes:
        images: how many, each of `width` × `height` pixels.
        audio_s: seconds of sound at 16 kHz, one channel; 0 for none.
    """

    images: int = 0
    width: int = 0
    height: int = 0
    audio_s: float = 0.0

    @property
    def name(self) -> str:
        """As a case has it."""
        images = [f"img{self.images}x{self.width}x{self.height}"] if self.images else []
        return "/".join([*images, *([f"audio{self.audio_s:g}s"] if self.audio_s else [])])

    @property
    def labels(self) -> dict[str, Label]:
        labels: dict[str, Label] = {}
        if self.images:
            labels |= {"images": self.images, "image_size": f"{self.width}x{self.height}"}
        if self.audio_s:
            labels["audio_s"] = self.audio_s
        return labels


class MediaParts:
    """Parts of a chat's message that hold them, as JSON."""

    def __init__(self, media: Media, seed: int | str) -> None:
        """Draw the noise."""
        draw = random.Random(f"{seed}/media")
        self._count = media.images
        self._images = [
            _Png(media.width, media.height, draw) for _ in range(min(media.images, _MOST_BASES))
        ]
        self._sound = _Wav(media.audio_s, draw) if media.audio_s else None

    def __call__(self, number: int) -> bytes:
        """Parts of request `number`, separated by commas."""
        parts = [
            b'{"type":"image_url","image_url":{"url":"data:image/png;base64,%b"}}'
            % self._images[place % len(self._images)].encoded(number * self._count + place)
            for place in range(self._count)
        ]
        if self._sound:
            parts.append(
                b'{"type":"input_audio","input_audio":{"data":"%b","format":"wav"}}'
                % self._sound.encoded(number)
            )
        return b",".join(parts)


class _Encoded:
    """Bytes of which only the end changes, in base64."""

    def __init__(self, start: bytes) -> None:
        whole = len(start) - len(start) % 3
        self._start, self._rest = b64encode(start[:whole]), start[whole:]

    def with_end(self, end: bytes) -> bytes:
        return self._start + b64encode(self._rest + end)


class _Png:
    """A picture of noise; its number is its last pixels."""

    def __init__(self, width: int, height: int, draw: random.Random) -> None:
        rows = b"".join(b"\0" + draw.randbytes(3 * width) for _ in range(height))
        noise = rows[: -_NUMBER.size]
        self._adler = zlib.adler32(noise)
        # Blocks of one length, or the number might lie across two.
        blocks = math.ceil(len(rows) / _BLOCK)
        edges = [len(rows) * place // blocks for place in range(blocks + 1)]
        data = bytearray(b"\x78\x01")
        for begin, end in pairwise(edges):
            length = end - begin
            data += struct.pack("<BHH", end == len(rows), length, length ^ 0xFFFF)
            data += noise[begin:end]
        start = b"IDAT" + bytes(data)
        self._crc = zlib.crc32(start)
        header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
        size = struct.pack(">I", len(data) + _NUMBER.size + 4)
        self._encoded = _Encoded(b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR" + header) + size + start)

    def encoded(self, number: int) -> bytes:
        pixels = _NUMBER.pack(number)
        end = pixels + struct.pack(">I", zlib.adler32(pixels, self._adler))
        crc = struct.pack(">I", zlib.crc32(end, self._crc))
        return self._encoded.with_end(end + crc + _chunk(b"IEND"))


def _chunk(named: bytes) -> bytes:
    return struct.pack(">I", len(named) - 4) + named + struct.pack(">I", zlib.crc32(named))


class _Wav:
    """Noise for so long; its number is its last four samples."""

    def __init__(self, seconds: float, draw: random.Random) -> None:
        samples = max(_NUMBER.size, round(seconds * _SAMPLE_RATE))
        length, rate = 2 * samples, _SAMPLE_RATE
        head = struct.pack(
            "<4sI4s4sIHHIIHH4sI",
            *(b"RIFF", 36 + length, b"WAVE", b"fmt ", 16, 1, 1, rate, 2 * rate, 2, 16),
            *(b"data", length),
        )
        self._encoded = _Encoded(head + draw.randbytes(length - _NUMBER.size))

    def encoded(self, number: int) -> bytes:
        return self._encoded.with_end(_NUMBER.pack(number))

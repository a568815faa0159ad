"""Images and sounds in a prompt are of the stated size, each another, and read as such."""

from __future__ import annotations

import io
import json
import struct
import wave
import zlib
from base64 import b64decode

import pytest

from suites.client.prompts import Prompts
from suites.client.target import Target
from suites.serving.load.media import Media, MediaParts

CHAT = Target(url="http://h", model="m", api="chat")


def parts_of(media, number=0, seed="s"):
    return json.loads(b"[%b]" % MediaParts(media, seed)(number))


def bytes_of(part):
    if part["type"] == "input_audio":
        return b64decode(part["input_audio"]["data"], validate=True)
    prefix, _, data = part["image_url"]["url"].partition(",")
    assert prefix == "data:image/png;base64"
    return b64decode(data, validate=True)


def pixels_of(png):
    """Width, height and rows of a PNG, by the standard: every checksum is looked at."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, rest = {}, png[8:]
    while rest:
        (length,) = struct.unpack(">I", rest[:4])
        kind, data = rest[4:8], rest[8 : 8 + length]
        assert struct.unpack(">I", rest[8 + length : 12 + length]) == (zlib.crc32(kind + data),)
        chunks[kind], rest = data, rest[12 + length :]
    assert list(chunks) == [b"IHDR", b"IDAT", b"IEND"]
    width, height, depth, colour, *_ = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    assert (depth, colour) == (8, 2)
    rows = zlib.decompress(chunks[b"IDAT"])  # checks Adler-32 too
    assert len(rows) == height * (1 + 3 * width)
    assert set(rows[:: 1 + 3 * width]) == {0}
    return width, height, rows


# The last sizes leave one to seven bytes for a last block, were blocks as long as they may be.
@pytest.mark.parametrize(
    ("width", "height"), [(8, 8), (640, 480), (21_845, 1), (257, 85), (7282, 3)]
)
def test_an_image_is_a_png_of_its_size_that_no_other_request_has(width, height):
    media = Media(images=1, width=width, height=height)
    made = [pixels_of(bytes_of(parts_of(media, number)[0])) for number in (0, 1, 2**40)]
    assert {size[:2] for size in made} == {(width, height)}
    assert len({rows for *_, rows in made}) == 3
    noise = made[0][2]
    assert len(zlib.compress(noise)) > 0.97 * len(noise) - 64


def test_several_images_and_a_sound_stand_beside_each_other():
    media = Media(images=10, width=8, height=8, audio_s=0.5)
    made = [bytes_of(part) for number in (0, 1) for part in parts_of(media, number)]
    assert len(set(made)) == len(made) == 22
    assert {bytes_of(part) for part in parts_of(media, 0, seed="t")}.isdisjoint(made)
    with wave.open(io.BytesIO(made[10])) as sound:
        assert sound.getparams()[:4] == (1, 2, 16_000, 8_000)
        assert len(set(sound.readframes(8_000))) > 200


def test_a_message_holds_them_before_its_text_and_its_length_is_right():
    parts = MediaParts(Media(images=2, width=8, height=8), "s")
    prompts = Prompts(CHAT, input_tokens=9, output_tokens=4, seed=0, parts=parts)
    for index in (0, 1):
        head, _, body = prompts.request(index).partition(b"\r\n\r\n")
        assert f"Content-Length: {len(body)}".encode() in head
        (message,) = json.loads(body)["messages"]
        assert [part["type"] for part in message["content"]] == ["image_url", "image_url", "text"]
        assert len(message["content"][2]["text"].split()) == 9

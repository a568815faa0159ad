"""Bad, slow and lying witnesses: none keeps another's cosignature from the log."""

import asyncio
import gzip
from functools import partial

import httpx
import pytest
from securesystemslib.signer import CryptoSigner

from results.proof import checkpoint, cosignature, witness
from results.proof.ledger import Ledger
from results.service import cosigning
from results.service.cosigning import Cosigning
from tests.event_loops import JumpingLoop

ORIGIN = "fenmark.log/test"
GOOD, BAD = "http://good", "http://bad/"
LINE = "— bad.example/w " + "A" * 100 + "\n"


@pytest.fixture
def own():
    return CryptoSigner.generate_ed25519()


def raw(signer):
    return bytes.fromhex(signer.public_key.to_dict()["keyval"]["public"])


@pytest.fixture
def grow(tmp_path, log_signer):
    def grow(by):
        ledger = Ledger(tmp_path / "log")
        (tmp_path / "log").mkdir(exist_ok=True)
        items = [b"entry %d" % (ledger.unverified().size + at) for at in range(by)]
        ledger.extend(items, origin=ORIGIN, signer=log_signer)
        return ledger

    return grow


@pytest.fixture
def client(tmp_path, own, log_signer):
    """Makes a client that reaches a good witness, and one that answers as told."""
    home = tmp_path / "witness"
    home.mkdir()
    good = witness.Witness(name="w", signer=own, logs={ORIGIN: raw(log_signer)}, home=home)
    asked, make = [], httpx.AsyncClient

    def client(answer, **given):
        async def handle(request):
            asked.append(request.url.host)
            if request.url.host == "good":
                reply = good.add_checkpoint(await request.aread())
                return httpx.Response(reply.status, stream=httpx.ByteStream(reply.body))
            assert request.headers["accept-encoding"] == "identity"
            return await answer() if asyncio.iscoroutinefunction(answer) else answer()

        return make(**given | {"transport": httpx.MockTransport(handle)})

    client.asked = asked
    return client


def names(ledger, own):
    """Whose cosignature holds on the note, which is still the log's own."""
    note = (ledger.home / "cosigned").read_bytes()
    return cosignature.cosigners(note, {"w": raw(own)}, "note")


async def never():
    await asyncio.sleep(10**6)
    return httpx.Response(500)


async def a_byte_at_a_time():
    async def body():
        while True:
            yield b"x"
            await asyncio.sleep(0.05)

    return httpx.Response(200, content=body())


async def without_end():
    async def body():
        while True:
            yield b"x" * 1024

    return httpx.Response(200, content=body())


def answers(status, content="", **headers):
    data = content.encode() if isinstance(content, str) else content
    return lambda: httpx.Response(status, stream=httpx.ByteStream(data), headers=headers)


def breaks():
    raise httpx.RemoteProtocolError("\x1b[2J not even HTTP")


def surprises():
    raise RuntimeError("what nobody thought of")


HOSTILE = {
    "never": never,
    "a byte at a time": a_byte_at_a_time,
    "without end": without_end,
    "a packed bomb": answers(200, gzip.compress(bytes(10**7)), **{"content-encoding": "gzip"}),
    "no HTTP": breaks,
    "a surprise": surprises,
    "not found": answers(404),
    "an error": answers(500, LINE),
    "elsewhere": answers(307, location="http://good/add-checkpoint"),
    "nothing": answers(200),
    "no line": answers(200, "hello\n"),
    "no base64": answers(200, "— bad.example/w AAAAAAAAA\n"),
    "no UTF-8": answers(200, LINE.encode().replace(b"bad", b"\xff")),
    "half a line": answers(200, LINE[:-1]),
    "another note behind the note": answers(200, f"\n{LINE}"),
    "a line before its signature": answers(200, f"extension\n\n{LINE}"),
    "a number without end": answers(409, "9" * 4000),
    "digits of another script": answers(409, "٣"),
    "more than the log has": answers(409, "8"),
    "a negative size": answers(409, "-1"),
    "the same lie again": answers(409, "2"),
}


@pytest.mark.parametrize("answer", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_witness_keeps_no_other_from_cosigning(grow, client, own, log_key, answer):
    ledger = grow(7)

    async def gather():
        asking = Cosigning(ledger=ledger, witnesses=[BAD, GOOD])
        async with client(answer) as to:
            assert not await asking.gather(to)
            assert names(ledger, own) == {"w"}
            grow(3)
            assert not await asking.gather(to)

    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        runner.run(gather())
        assert runner.get_loop().time() <= 2 * cosigning._WITHIN_S
    note = (ledger.home / "cosigned").read_bytes()
    assert checkpoint.verify(note, [log_key], "note").size == 10
    assert names(ledger, own) == {"w"}
    assert note.count(b"\xe2\x80\x94") == 2  # the log's line and the good witness's


def test_who_has_cosigned_is_not_asked_again_for_the_same_checkpoint(grow, client, own):
    ledger = grow(1)

    async def gather():
        asking = Cosigning(ledger=ledger, witnesses=[GOOD, BAD])
        async with client(answers(500)) as to:
            await asking.gather(to)
            await asking.gather(to)
        async with client(answers(200, LINE)) as to:
            assert await asking.gather(to)

    asyncio.run(gather())
    assert sorted(client.asked) == ["bad", "bad", "bad", "good"]
    assert names(ledger, own) == {"w"}
    assert LINE.encode() in (ledger.home / "cosigned").read_bytes()


def test_cosigning_goes_on_after_a_full_disk_and_says_so_once(
    grow, client, own, monkeypatch, caplog
):
    ledger, write, full = grow(1), cosigning.write_atomically, []

    def refuse_first(path, data):
        if not full:
            full.append(path)
            raise OSError(28, "No space left on device")
        write(path, data)

    monkeypatch.setattr(cosigning, "write_atomically", refuse_first)
    monkeypatch.setattr(cosigning, "_EVERY_S", 0.01)
    monkeypatch.setattr(httpx, "AsyncClient", partial(client, answers(500)))

    async def until_cosigned(size):
        place = ledger.home / "cosigned"
        while not place.exists() or checkpoint.read(place.read_bytes(), "note")[0].size < size:  # noqa: ASYNC110 - a file is waited for
            await asyncio.sleep(0.01)

    async def run():
        asking = Cosigning(ledger=ledger, witnesses=[BAD, GOOD])
        running = asyncio.create_task(asking.run())
        await asyncio.wait_for(until_cosigned(1), 240)
        grow(2)
        await asyncio.wait_for(until_cosigned(3), 240)
        running.cancel()

    asyncio.run(run())
    assert names(ledger, own) == {"w"}
    told = [record.getMessage() for record in caplog.records]
    assert told.count("cosigning: [Errno 28] No space left on device") == 1
    assert told.count("witness http://bad/: answered 500") == 1

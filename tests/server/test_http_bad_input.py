"""Bad input over a real socket: the right status, problem+json, no effect, and the next request is fine."""

from __future__ import annotations

import asyncio
import gzip
import json
from typing import NamedTuple

import pytest

GOOD = b'{"userId":"u1","event":"Order Completed"}'


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


async def read_answer(reader: asyncio.StreamReader) -> Answer:
    head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)).decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Answer(int(head[0].split()[1]), headers, body)


class Wire:
    """Raw HTTP/1.1 to the server, byte by byte."""

    def __init__(self, url: str, write_key: str) -> None:
        self.port = int(url.rpartition(":")[2])
        self.write_key = write_key

    async def send(
        self,
        body: bytes,
        path: str = "/v1/track",
        headers: dict[str, str] | None = None,
        *,
        chunked: bool = False,
        length: int | None = None,
    ) -> Answer:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            lines = {"content-type": "application/json", "authorization": f"Bearer {self.write_key}", **(headers or {})}
            lines |= {"transfer-encoding": "chunked"} if chunked else {"content-length": str(length or len(body))}
            head = "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value)
            writer.write(f"POST {path} HTTP/1.1\r\nhost: relance\r\n{head}\r\n".encode())
            if chunked:
                for start in range(0, len(body), 10_000):
                    piece = body[start : start + 10_000]
                    writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                writer.write(b"0\r\n\r\n")
            else:
                writer.write(body)
            return await read_answer(reader)
        finally:
            writer.close()


@pytest.fixture
async def wire(services, socket_url):
    return Wire(socket_url, await services.sources.add("shop"))


def event(properties: bytes) -> bytes:
    return b'{"userId":"u1","event":"Order Completed","properties":' + properties + b"}"


BODIES = {
    "empty": (b"", 400),
    "null": (b"null", 400),
    "array": (b"[" + GOOD + b"]", 400),
    "scalar": (b'"Order Completed"', 400),
    "number": (b"42", 400),
    "truncated": (GOOD[:-5], 400),
    "trailing data": (GOOD + b" {}", 400),
    "two bodies": (GOOD + GOOD, 400),
    "byte order mark": (b"\xef\xbb\xbf" + GOOD, 400),
    "UTF-16": (GOOD.decode().encode("utf-16"), 400),
    "UTF-16 without mark": (GOOD.decode().encode("utf-16-le"), 400),
    "invalid UTF-8": (event(b'{"a":"\xff"}'), 400),
    "invalid UTF-8 in a key": (event(b'{"\xc3(":1}'), 400),
    "overlong UTF-8": (event(b'{"a":"\xc0\x80"}'), 400),
    "surrogate in UTF-8": (event(b'{"a":"\xed\xa0\x80"}'), 400),
    "lone high surrogate": (event(rb'{"a":"\ud800"}'), 400),
    "lone high surrogate within": (event(rb'{"a":"\ud800abcdefghij"}'), 400),
    "lone low surrogate": (event(rb'{"a":"\udc00"}'), 400),
    "lone surrogate in a key": (event(rb'{"\ud800":1}'), 400),
    "NUL": (event(rb'{"a":"x\u0000y"}'), 400),
    "NUL in a key": (event(rb'{"a\u0000":1}'), 400),
    "NUL in the user id": (rb'{"userId":"u\u0000","event":"E"}', 400),
    "NUL byte": (event(b'{"a":"\x00"}'), 400),
    "duplicate keys": (event(b'{"a":1,"a":2}'), 400),
    "duplicate keys, one escaped": (event(rb'{"a":1,"\u0061":2}'), 400),
    "duplicate keys, a colon in disguise": (event(rb'{"a":1,"a":"\u003a"}'), 400),
    "duplicate keys in the event": (b'{"userId":"u1","userId":"u2","event":"E"}', 400),
    "NaN": (event(b'{"a":NaN}'), 400),
    "Infinity": (event(b'{"a":-Infinity}'), 400),
    "1e999": (event(b'{"a":1e999}'), 400),
    "-1e999": (event(b'{"a":[-1e999]}'), 400),
    "400-digit integer": (event(b'{"a":' + b"9" * 400 + b"}"), 400),
    "65-bit integer": (event(b'{"a":18446744073709551616}'), 400),
    "float for integer": (b'{"userId":1.5,"event":"E"}', 400),
    "bool for integer": (b'{"userId":true,"event":"E"}', 400),
    "number for text": (b'{"userId":"u1","event":7}', 400),
    "text for object": (event(b'"x"'), 400),
    "list for object": (event(b"[]"), 400),
    "no ids": (b'{"event":"E"}', 400),
    "no event": (b'{"userId":"u1"}', 400),
    "blank event": (b'{"userId":"u1","event":"  "}', 400),
    "bad time": (b'{"userId":"u1","event":"E","timestamp":"yesterday"}', 400),
    "time as number": (b'{"userId":"u1","event":"E","timestamp":1700000000}', 400),
    "time out of range": (b'{"userId":"u1","event":"E","timestamp":"99999-01-01T00:00:00Z"}', 400),
    "long message id": (b'{"userId":"u1","event":"E","messageId":"' + b"m" * 101 + b'"}', 400),
    "message id of another type": (b'{"userId":"u1","event":"E","messageId":0}', 400),
    "depth 1,000": (event(b'{"a":' + b"[" * 1_000 + b"]" * 1_000 + b"}"), 400),
    "depth 15,000": (event(b'{"a":' + b'{"a":' * 5_000 + b"1" + b"}" * 5_000 + b"}"), 400),
    "depth 100,000": (event(b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"), 413),
    "2,000 keys": (event(json.dumps({f"k{n}": n for n in range(2_000)}).encode()), 400),
    "100,000 keys": (event(json.dumps({f"k{n}": n for n in range(100_000)}).encode()), 413),
    "long key": (event(b'{"' + b"k" * 300 + b'":1}'), 400),
    "1 MB key": (event(b'{"' + b"k" * 1_000_000 + b'":1}'), 413),
    "limit + 1": (GOOD + b" " * (32 * 1024 + 1 - len(GOOD)), 413),
    "far over the limit": (GOOD + b" " * 3_000_000, 413),
}
BATCHES = {
    "empty": (b"", 400),
    "null": (b"null", 400),
    "list": (b"[" + GOOD + b"]", 400),
    "no batch": (b"{}", 400),
    "batch null": (b'{"batch":null}', 400),
    "batch object": (b'{"batch":{}}', 400),
    "two batches": (b'{"batch":[' + GOOD + b'],"batch":[]}', 400),
    "duplicate key beside the batch": (b'{"sentAt":null,"sentAt":null,"batch":[' + GOOD + b"]}", 400),
    "duplicate key within the context": (b'{"context":{"a":1,"a":2},"batch":[' + GOOD + b"]}", 400),
    "bad sentAt": (b'{"sentAt":"now","batch":[' + GOOD + b"]}", 400),
    "truncated": (b'{"batch":[' + GOOD + b",", 400),
    "trailing data": (b'{"batch":[' + GOOD + b"]}}", 400),
    "depth 100,000": (b'{"batch":' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400),
    "invalid UTF-8": (b'{"batch":[' + GOOD + b'],"x":"\xff"}', 400),
    "2,501 events": (b'{"batch":[' + b",".join([b"{}"] * 2_501) + b"]}", 400),
    "limit + 1": (b'{"batch":[' + GOOD + b"]" + b" " * (500 * 1024 - 11 - len(GOOD)) + b"}", 413),
    "100,000 keys": (b'{"batch":[],' + json.dumps({f"k{n}": n for n in range(30_000)}).encode()[1:], 400),
}


async def refused(services, wire, answer: Answer, status: int) -> None:
    assert answer.status == status, answer.body
    assert answer.headers["content-type"] == "application/problem+json"
    problem = json.loads(answer.body)
    assert problem["status"] == status
    assert problem["type"].startswith("urn:relance:problem:")
    assert problem["title"]
    assert await services.logged() == []
    again = await wire.send(GOOD)
    assert again.status == 200
    assert len(await services.logged()) == 1


@pytest.mark.parametrize("name", BODIES)
async def test_a_bad_event_is_refused_and_has_no_effect(services, wire, name):
    body, status = BODIES[name]
    await refused(services, wire, await wire.send(body), status)


@pytest.mark.parametrize("name", BATCHES)
async def test_a_bad_batch_is_refused_and_has_no_effect(services, wire, name):
    body, status = BATCHES[name]
    await refused(services, wire, await wire.send(body, "/v1/batch"), status)


@pytest.mark.parametrize("name", [name for name, (body, status) in BODIES.items() if status == 400 and body])
async def test_a_bad_event_never_harms_the_good_ones_of_its_batch(services, wire, name):
    bad = BODIES[name][0]
    answer = await wire.send(b'{"batch":[' + GOOD[:-1] + b',"type":"track"},' + bad + b"]}", "/v1/batch")
    logged = [entry.name for _, entry in await services.logged()]
    if answer.status == 200:
        [rejection] = json.loads(answer.body)["rejected"]
        assert rejection["index"] == 1
        assert rejection["errors"][0]["message"]
        assert logged == ["Order Completed"]
    else:
        assert answer.status == 400
        assert logged == []


@pytest.mark.parametrize("value", [b"-0", b"-0.0", b"0e0", b"1e308", b"-9223372036854775808", b"0.1" + b"0" * 400])
async def test_odd_but_valid_numbers_are_accepted(services, wire, value):
    assert (await wire.send(event(b'{"a":' + value + b"}"))).status == 200
    [(_, entry)] = await services.logged()
    assert entry.properties["a"] == float(value)


@pytest.mark.parametrize(
    "value",
    [rb'"\\u0000"', rb'"\u003a\u003A"', rb'":::"', rb'"\ud83d\ude00"', rb'"\""', '"é😀"'.encode(), rb'"\u003c"'],
)
async def test_odd_but_valid_texts_are_accepted(services, wire, value):
    assert (await wire.send(event(b'{"a":' + value + b"}"))).status == 200
    [(_, entry)] = await services.logged()
    assert entry.properties["a"] == json.loads(value)


async def test_a_body_at_its_limit_is_accepted(services, wire):
    body = event(b'{"a":"' + b"x" * (32 * 1024 - len(event(b'{"a":""}'))) + b'"}')
    assert len(body) == 32 * 1024
    assert (await wire.send(body)).status == 200


async def test_a_chunked_body_over_the_limit_is_refused(services, wire):
    await refused(services, wire, await wire.send(GOOD + b" " * 40_000, chunked=True), 413)


async def test_a_chunked_body_within_the_limit_is_accepted(wire):
    assert (await wire.send(GOOD + b" " * 20_000, chunked=True)).status == 200


async def test_a_content_length_beyond_the_body_is_answered_by_a_time_out(services, wire):
    answer = await wire.send(GOOD, length=len(GOOD) + 10)
    assert answer.headers["connection"] == "close"
    await refused(services, wire, answer, 408)


async def test_a_content_length_short_of_the_body_makes_a_truncated_body(services, wire):
    await refused(services, wire, await wire.send(GOOD, length=len(GOOD) - 3), 400)


async def test_a_slow_body_is_given_up(services, wire):
    reader, writer = await asyncio.open_connection("127.0.0.1", wire.port)
    head = f"host: relance\r\nauthorization: Bearer {wire.write_key}\r\ncontent-type: application/json\r\n"
    writer.write(f"POST /v1/track HTTP/1.1\r\n{head}content-length: {len(GOOD)}\r\n\r\n".encode())

    writer.write(GOOD[:10])  # and no more, for longer than a body may take
    answer = await read_answer(reader)
    writer.close()
    await refused(services, wire, answer, 408)


async def test_gzip_is_accepted(services, wire):
    assert (await wire.send(gzip.compress(GOOD), headers={"content-encoding": "gzip"})).status == 200
    assert len(await services.logged()) == 1


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (gzip.compress(b" " * 50_000_000), 413),
        (gzip.compress(GOOD + b" " * (32 * 1024 + 1 - len(GOOD))), 413),
        (gzip.compress(GOOD)[:-3], 400),
        (gzip.compress(GOOD) + b"x", 400),
        (GOOD, 400),
        (gzip.compress(gzip.compress(GOOD)), 400),
        (gzip.compress(b""), 400),
    ],
    ids=["bomb", "limit + 1", "truncated", "trailing", "not gzip", "twice", "empty"],
)
async def test_bad_gzip_is_refused(services, wire, body, status):
    await refused(services, wire, await wire.send(body, headers={"content-encoding": "gzip"}), status)


@pytest.mark.parametrize("coding", ["br", "deflate", "zstd", "gzip, gzip"])
async def test_another_content_encoding_is_refused(services, wire, coding):
    await refused(services, wire, await wire.send(GOOD, headers={"content-encoding": coding}), 415)


@pytest.mark.parametrize(
    "kind",
    [
        "",
        "text/plain",
        "text/html",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonx",
        "application/json; charset=utf-16",
        "application/json; charset=latin-1",
        'application/json; charset="x-user-defined"',
        "é",
    ],
)
async def test_another_content_type_or_charset_is_refused(services, wire, kind):
    await refused(services, wire, await wire.send(GOOD, headers={"content-type": kind}), 415)


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", 'Application/JSON;Charset="UTF-8"'])
async def test_json_in_utf_8_is_accepted(wire, kind):
    assert (await wire.send(GOOD, headers={"content-type": kind})).status == 200


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer wrong", "Basic !!!", "Basic bm9ib2R5Og==", "Digest x", "Bearer é", "Bearer " + "k" * 5_000],
)
async def test_an_unknown_key_is_refused_in_whatever_form(services, wire, header):
    answer = await wire.send(GOOD, headers={"authorization": header})
    assert "www-authenticate" in answer.headers
    await refused(services, wire, answer, 401)


async def test_no_answer_repeats_what_was_sent(wire):
    for body, _ in BODIES.values():
        answer = await wire.send(body.replace(b"Order Completed", b"Secret Thing").replace(b"u1", b"private@person.fr"))
        assert b"Secret" not in answer.body
        assert b"private" not in answer.body

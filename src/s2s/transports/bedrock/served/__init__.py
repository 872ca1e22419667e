"""The service's end of a conversation over Bedrock. Needs h2, of the extra `nova`.

What a client signed is verified before anything of it is handed on. What the service answers to an event
whose signature is wrong is not documented, and the service model has no exception for it that a stream could
carry, so it is a validationException here.

Source: the service model of Bedrock Runtime in botocore 1.44, and aws-sdk-bedrock-runtime 0.12.0 (2026-11).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from uuid import uuid4

import msgspec
import pybase64
from h2.errors import ErrorCodes

from s2s.errors import ConnectionLostError, RemoteProtocolError
from s2s.items import JSON
from s2s.transports.bedrock.events import CHUNK, CODES, UNKNOWN, UNREADABLE
from s2s.transports.bedrock.eventstream import Decoder, Message, encode, framed, header_block
from s2s.transports.bedrock.served.refusals import WRONG_SIGNATURE, Refusal
from s2s.transports.bedrock.served.stream import Manners, ServedLimits, Stream
from s2s.transports.bedrock.signing import CONTENT_TYPE
from s2s.transports.bedrock.verifying import Flaw, Verifier
from s2s.transports.ending import BROKEN, CUT, NORMAL, TOO_BIG, Ending

__all__ = ["EXCEPTIONS", "Manners", "ServedBedrock", "ServedLimits", "refuse"]

EXCEPTIONS = {status: kind for kind, status in CODES.items()}
"""What an open stream can say by the status that it would have been before."""
UNEXPECTED = "The system encountered an unexpected error during processing."
_JSON = "application/json"
_CHUNK = header_block(tuple(reversed(CHUNK.items())))  # their order is free, so clients meet another one
_MOST_PART_BYTES = 1_000_000


class _Part(msgspec.Struct, rename={"part": "bytes"}):
    part: bytes


class _Response(msgspec.Struct, rename="camel"):
    request_id: str = ""


class _Head(msgspec.Struct):
    response: _Response | None = None


_PARTS = msgspec.json.Decoder(_Part)
_HEADS = msgspec.json.Decoder(_Head)


class ServedBedrock:
    """One JSON document a message; of ours the first, `{"response": ...}`, is the head of the answer.

    Iteration ends without an error when the client says so by its last signature. What it sends after that,
    or after the end on this side, is heard by nobody.
    """

    def __init__(self, stream: Stream, verifier: Verifier, request_id: str = "") -> None:
        self._stream = stream
        self._verifier = verifier
        self._request_id = request_id or str(uuid4())
        self._outer = Decoder()
        self._inner = Decoder()
        self._whole: Iterator[Message] = iter(())
        self._unfinished_bytes = 0
        self._ending: Ending | None = None

    async def send(self, message: bytes) -> None:
        """Write a message, waiting while the client is slow. Raises ConnectionLostError."""
        await self._stream.room()
        if self._stream.lost:
            raise _error(Ending(CUT, self._stream.lost))
        if self._stream.ended:
            raise _error(self._ending or Ending(NORMAL, "ended here"))
        if self._stream.answered or not self._accepts(message):
            pad = self._stream.line.manners.pad
            junk = b',"p":' + msgspec.json.encode(pad) if pad else b""
            self._stream.write(framed(_CHUNK, b'{"bytes":"%b"%b}' % (pybase64.b64encode(message), junk)))

    def __aiter__(self) -> ServedBedrock:
        """Read on; leaving a loop loses nothing."""
        return self

    async def __anext__(self) -> bytes:
        """Return the next message. Raises ConnectionLostError, and says why to a client that is at fault."""
        while self._ending is None:
            try:
                signed = next(self._whole, None)
                if signed is not None:
                    return self._verified(signed)
                self._take(await self._stream.read())
            except RemoteProtocolError as broken:
                self._object(BROKEN, str(broken))
        if self._ending.wanted:
            raise StopAsyncIteration
        raise _error(self._ending)

    async def close(self, code: int = NORMAL, reason: str = "") -> None:
        """End as the service would, and wait until the client has heard it, though not for long."""
        if not self._stream.ended:
            match code:
                case 1000:
                    self._accept()
                    self._finish()
                case 1001:
                    with suppress(TimeoutError):
                        async with asyncio.timeout(self._stream.line.limits.close_s):
                            await self._stream.drained()
                    self.go_away()
                case 1011:
                    self.fail(EXCEPTIONS[500], UNEXPECTED)
                case _ if code in EXCEPTIONS:
                    self.fail(EXCEPTIONS[code], reason)
                case _:
                    self.reset()
        await self._stream.drained()

    def abort(self) -> None:
        """Drop the connection, and every stream of it."""
        self._leave("dropped here")
        self._stream.line.abort()

    def reset(self, code: int = ErrorCodes.NO_ERROR) -> None:
        """End the stream by RST_STREAM; what a slow client has not heard yet is lost."""
        self._leave("reset here")
        self._stream.lose("reset here", code)

    def go_away(self) -> None:
        """End the connection by GOAWAY, and every stream of it."""
        self._leave("gone away")
        self._stream.line.go_away()

    def fail(self, kind: str, message: str, **fields: JSON) -> None:
        """End by an exception such as modelStreamErrorException; before the answer by a status of HTTP."""
        if self._stream.answered:
            headers = ((":exception-type", kind), (":content-type", _JSON), (":message-type", "exception"))
            self._stream.write(encode(headers, msgspec.json.encode({"message": message, **fields})))
            self._finish()
        else:
            self._leave("refused here")
            name = kind[:1].upper() + kind[1:]
            refuse(self._stream, Refusal(CODES.get(kind, UNKNOWN), name, message), self._request_id)

    def error(self, code: str, message: str) -> None:
        """End by an error that no service model knows."""
        self._accept()
        headers = ((":message-type", "error"), (":error-code", code), (":error-message", message))
        self._stream.write(encode(headers, b""))
        self._finish()

    def cut(self, message: bytes) -> None:
        """End in order, but in the middle of a message."""
        self._accept()
        whole = framed(_CHUNK, b'{"bytes":"%b"}' % pybase64.b64encode(message))
        self._stream.write(whole[: len(whole) // 2])
        self._finish()

    def _accepts(self, message: bytes) -> bool:
        """Send the head of the answer, and tell whether that is what the message was."""
        try:
            head = _HEADS.decode(message).response
        except UNREADABLE:
            head = None
        self._accept("" if head is None else head.request_id)
        return head is not None

    def _accept(self, request_id: str = "") -> None:
        self._stream.answer(
            (
                (":status", "200"),
                ("x-amzn-requestid", request_id or self._request_id),
                ("content-type", CONTENT_TYPE),
            )
        )

    def _take(self, data: bytes) -> None:
        """Take in bytes of the client, or the end of them."""
        if data:
            if self._unfinished_bytes > self._stream.line.limits.message_bytes:
                self._object(TOO_BIG, f"a message has more than {self._unfinished_bytes} bytes")
            self._unfinished_bytes += len(data)
            self._whole = self._outer.push(data)
        elif self._stream.lost:
            self._ending = self._ending or Ending(CUT, self._stream.lost)
        elif self._ending is None:
            amid = "in the middle of a message" if self._outer.amid else "without the signed message for it"
            self._object(BROKEN, f"the client ended its stream {amid}")

    def _verified(self, signed: Message) -> bytes:
        """Return what is in a message. Raises RemoteProtocolError."""
        self._unfinished_bytes = 0
        inner = self._verifier.check(signed)
        if isinstance(inner, Flaw):
            raise RemoteProtocolError(WRONG_SIGNATURE)
        if not inner:
            self._ending = Ending(NORMAL, wanted=True)
            raise StopAsyncIteration
        messages = tuple(self._inner.push(inner))
        if len(messages) != 1 or self._inner.amid:
            raise RemoteProtocolError("What was signed is not one message of an event stream.")
        if messages[0].headers != CHUNK:
            raise RemoteProtocolError(f"What was signed is no chunk of JSON: {messages[0].headers}.")
        return _document(messages[0].payload)

    def _object(self, code: int, reason: str) -> None:
        """End because of the client, and tell it."""
        self._ending = Ending(code, reason)
        self.fail(EXCEPTIONS[400], reason)

    def _finish(self) -> None:
        self._leave("ended here")
        self._stream.end()

    def _leave(self, reason: str) -> None:
        self._ending = self._ending or Ending(NORMAL, reason, wanted=True)


def refuse(stream: Stream, refusal: Refusal, request_id: str) -> None:
    """Answer a request that gets no stream."""
    stream.answer(refusal.headers(request_id))
    stream.write(refusal.body)
    stream.end()


def _document(payload: bytes) -> bytes:
    try:
        part = _PARTS.decode(payload).part
    except UNREADABLE as broken:
        raise RemoteProtocolError(f"The payload of a chunk cannot be read: {broken}") from None
    if len(part) > _MOST_PART_BYTES:
        raise RemoteProtocolError(f"A chunk may have {_MOST_PART_BYTES} bytes, and not {len(part)}.")
    return part


def _error(ending: Ending) -> ConnectionLostError:
    said = f" ({ending.reason})" if ending.reason else ""
    told = f"the stream of a client ended with code {ending.code}{said}: it may open another one"
    return ConnectionLostError(told, code=ending.code, reason=ending.reason)

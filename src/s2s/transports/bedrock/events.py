"""What the messages of the event stream of Bedrock hold: a document each, or why it is over; pure.

Source: the service model of Bedrock Runtime in botocore 1.44, and aws-sdk-bedrock-runtime 0.12.0 (2026-11).
"""

from __future__ import annotations

from binascii import Error as Base64Error

import msgspec
import pybase64

from s2s.errors import RemoteProtocolError
from s2s.transports.bedrock.eventstream import Message, framed, header_block
from s2s.transports.ending import Ending

CODES = {
    "validationException": 400,
    "modelTimeoutException": 408,
    "modelStreamErrorException": 424,
    "throttlingException": 429,
    "internalServerException": 500,
    "serviceUnavailableException": 503,
}
"""What an open stream can end with, and the status that it would have been before."""
UNKNOWN = 500
"""Stands for whatever else it ends with."""
CHUNK = {":message-type": "event", ":event-type": "chunk", ":content-type": "application/json"}
"""The headers of every message that holds a document."""
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What reading JSON raises that a peer has written."""

_CHUNK = header_block(tuple(CHUNK.items()))
_BEFORE, _AFTER = b'{"bytes":"', b'"}'


class _Chunk(msgspec.Struct, rename={"document": "bytes"}):
    document: bytes


class _Trouble(msgspec.Struct):
    message: str = ""


_chunk = msgspec.json.Decoder(_Chunk)
_trouble = msgspec.json.Decoder(_Trouble)


def chunk(document: bytes) -> bytes:
    """Return the message that holds a document. Raises LocalProtocolError for one that is too long."""
    return framed(_CHUNK, b"".join((_BEFORE, pybase64.b64encode(document), _AFTER)))


def read(message: Message) -> bytes | Ending | None:
    """Return the document that a message holds, what it ends the stream with, or None where it is unknown.

    Raises RemoteProtocolError.
    """
    headers = message.headers
    match headers.get(":message-type"):
        case "event" if headers.get(":event-type") == "chunk":
            return _document(message.payload)
        case "exception":
            return _exception(str(headers.get(":exception-type", "exception")), message.payload)
        case "error":
            told = [str(headers.get(name, "")) for name in (":error-code", ":error-message")]
            return Ending(UNKNOWN, ": ".join(told))
        case _:
            return None


def _document(payload: bytes) -> bytes:
    try:
        if payload.startswith(_BEFORE) and payload.endswith(b"}"):
            start = len(_BEFORE)
            return pybase64.b64decode(payload[start : payload.find(b'"', start)], validate=True)
    except Base64Error:
        pass  # it is escaped, perhaps
    try:
        return _chunk.decode(payload).document
    except UNREADABLE:
        raise RemoteProtocolError(
            "an event holds no bytes in base64: open another connection, and report it if that happens again",
            received=payload,
        ) from None


def _exception(kind: str, payload: bytes) -> Ending:
    try:
        told = _trouble.decode(payload).message
    except UNREADABLE:
        told = payload.decode(errors="replace")
    code = CODES.get(kind)
    return Ending(UNKNOWN, f"{kind}: {told}") if code is None else Ending(code, told)

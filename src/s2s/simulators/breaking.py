"""How a stream of Nova Sonic breaks on purpose, over HTTP/2 and inside this process.

Source: the service model of Bedrock Runtime in botocore 1.44 for what says no, and by which status.
"""

from __future__ import annotations

from collections.abc import Mapping

from h2.errors import ErrorCodes

from s2s.errors import ConfigError
from s2s.simulators.temper import Deed, Fault
from s2s.simulators.unruly import Break
from s2s.transports import Transport
from s2s.transports.bedrock.served import ServedBedrock
from s2s.transports.bedrock.served.refusals import Refusal
from s2s.transports.ending import CUT, INTERNAL

_STATUSES = {
    "ValidationException": 400,
    "ServiceQuotaExceededException": 400,
    "AccessDeniedException": 403,
    "ExpiredTokenException": 403,
    "IncompleteSignatureException": 403,
    "InvalidSignatureException": 403,
    "MissingAuthenticationTokenException": 403,
    "UnrecognizedClientException": 403,
    "ResourceNotFoundException": 404,
    "ModelTimeoutException": 408,
    "ModelErrorException": 424,
    "ModelStreamErrorException": 424,
    "ModelNotReadyException": 429,
    "ThrottlingException": 429,
    "InternalServerException": 500,
    "ServiceUnavailableException": 503,
}
_USUAL = {
    400: "ValidationException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    408: "ModelTimeoutException",
    424: "ModelStreamErrorException",
    429: "ThrottlingException",
    503: "ServiceUnavailableException",
}
_OTHERWISE = "InternalServerException"
_SAID = "It was told to."


def require_known(faults: tuple[Fault, ...]) -> None:
    """Raise ConfigError for a fault with a code that HTTP/2 does not have."""
    for fault in faults:
        if fault.does == "reset" and isinstance(fault.code, str) and fault.code not in ErrorCodes.__members__:
            known = ", ".join(ErrorCodes.__members__)
            raise ConfigError(f"HTTP/2 has no code {fault.code!r} to reset a stream with: use {known}")


def refusal_of(fault: Fault) -> Refusal:
    """Return the answer to a request that this fault turns away."""
    name = _named(fault.code)
    return Refusal(_STATUSES.get(name, 400), name, fault.reason or _SAID)


def status_of(fault: Fault) -> int:
    """Return the status of what this fault says."""
    return fault.code if isinstance(fault.code, int) and fault.code != INTERNAL else refusal_of(fault).status


def _named(code: int | str) -> str:
    """Return the name of an exception as HTTP has it: in a stream its first letter is small."""
    return _USUAL.get(code, _OTHERWISE) if isinstance(code, int) else code[:1].upper() + code[1:]


async def _fail(transport: Transport, fault: Fault, message: bytes) -> None:
    name, reason = _named(fault.code), fault.reason or _SAID
    if isinstance(transport, ServedBedrock):
        transport.fail(name[:1].lower() + name[1:], reason)
    else:
        await transport.close(status_of(fault), reason)


async def _error(transport: Transport, fault: Fault, message: bytes) -> None:
    code, reason = str(fault.code), fault.reason or _SAID
    if isinstance(transport, ServedBedrock):
        transport.error(code, reason)
    else:
        await transport.close(500, f"{code}: {reason}")


async def _reset(transport: Transport, fault: Fault, message: bytes) -> None:
    code = ErrorCodes[fault.code] if isinstance(fault.code, str) else ErrorCodes.NO_ERROR
    if isinstance(transport, ServedBedrock):
        transport.reset(code)
    else:
        await transport.close(CUT, f"RST_STREAM {code.name}")


async def _go_away(transport: Transport, fault: Fault, message: bytes) -> None:
    if isinstance(transport, ServedBedrock):
        transport.go_away()
    else:
        await transport.close(CUT, "GOAWAY NO_ERROR")


async def _cut(transport: Transport, fault: Fault, message: bytes) -> None:
    if isinstance(transport, ServedBedrock):
        transport.cut(message or b"{}")
    else:
        await transport.close(CUT, "the stream ended in the middle of a message")


async def _abort(transport: Transport, fault: Fault, message: bytes) -> None:
    if isinstance(transport, ServedBedrock):
        transport.abort()
    else:
        await transport.close(CUT, "the connection dropped")


BREAKS: Mapping[Deed, Break] = {
    "fail": _fail,
    "error": _error,
    "reset": _reset,
    "goaway": _go_away,
    "cut": _cut,
    "abort": _abort,
}

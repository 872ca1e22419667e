"""How Bedrock says no before a stream is open: an HTTP answer with a name, a message and a request id, pure.

Source: the service model of Bedrock Runtime in botocore 1.44, and the errors of Signature Version 4 as AWS
documents them (2026-11). Where AWS documents a name and no text, the text is what clients report of it.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec import Struct

from s2s.transports.bedrock.signing import SERVICE, seconds, spelled
from s2s.transports.bedrock.verifying import Flaw

_COLLECTION = ":http://internal.amazon.com/coral/com.amazon.coral.service/"
"""What services put behind the name of an error; clients cut it off."""


class Refusal(Struct, frozen=True):
    """An answer in place of a stream."""

    status: int
    name: str
    """Such as ThrottlingException."""
    message: str
    retry_after_ms: int | None = None

    def headers(self, request_id: str) -> list[tuple[str, str]]:
        """Return the headers of the answer."""
        told = [
            (":status", str(self.status)),
            ("x-amzn-requestid", request_id),
            ("x-amzn-errortype", self.name + _COLLECTION),
            ("content-type", "application/json"),
            ("content-length", str(len(self.body))),
        ]
        if self.retry_after_ms is not None:
            told.append(("x-amz-retry-after", str(self.retry_after_ms)))
        return told

    @property
    def body(self) -> bytes:
        """The JSON of the answer."""
        return msgspec.json.encode({"message": self.message})


UNKNOWN_PATH = Refusal(404, "UnknownOperationException", "The requested operation is not known.")
WRONG_METHOD = Refusal(405, "UnknownOperationException", "This operation is asked for by POST.")
WRONG_TYPE = Refusal(
    415, "UnsupportedMediaTypeException", "The content type must be application/vnd.amazon.eventstream."
)
UNSIGNED_EVENTS = Refusal(
    400,
    "ValidationException",
    "The header x-amz-content-sha256 must be STREAMING-AWS4-HMAC-SHA256-EVENTS.",
)
UNKNOWN_MODEL = Refusal(400, "ValidationException", "The provided model identifier is invalid.")
RETIRED_MODEL = Refusal(
    404, "ResourceNotFoundException", "This model version has reached the end of its life."
)
NO_PLACE = Refusal(429, "ThrottlingException", "Too many connections, please wait before trying again.")
CLOSING = Refusal(503, "ServiceUnavailableException", "The service is going away: connect elsewhere.")

_MISSING = Refusal(403, "MissingAuthenticationTokenException", "Missing Authentication Token")
_INCOMPLETE = Refusal(
    403,
    "IncompleteSignatureException",
    "Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' "
    "parameter. Authorization header requires 'SignedHeaders' parameter. Authorization header requires "
    "existence of either a 'X-Amz-Date' or a 'Date' header.",
)
_PARTLY = Refusal(
    403,
    "InvalidSignatureException",
    "'host', 'x-amz-date' and 'x-amz-content-sha256' must be a 'SignedHeader' in the AWS Authorization.",
)
_UNKNOWN_KEY = Refusal(
    403, "UnrecognizedClientException", "The security token included in the request is invalid."
)
_EXPIRED = Refusal(403, "ExpiredTokenException", "The security token included in the request is expired")
WRONG_SIGNATURE = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret "
    "Access Key and signing method. Consult the service documentation for details."
)


def refusal_of(flaw: Flaw, headers: Mapping[str, str], now_s: float, skew_s: float) -> Refusal:
    """Return how the service puts what is wrong with the signature of a request."""
    match flaw:
        case Flaw.UNSIGNED:
            return _unsigned(headers)
        case Flaw.UNKNOWN_KEY | Flaw.TOKEN:
            return _UNKNOWN_KEY
        case Flaw.EXPIRED:
            return _EXPIRED
        case Flaw.SCOPE:
            return _wrong(_misplaced(headers))
        case Flaw.SKEWED:
            return _wrong(_mistimed(headers.get("x-amz-date", ""), now_s, skew_s))
        case Flaw.SIGNATURE:
            return _wrong(WRONG_SIGNATURE)


def _unsigned(headers: Mapping[str, str]) -> Refusal:
    told = headers.get("authorization", "")
    if not told.startswith("AWS4-"):
        return _MISSING
    parts = ("Credential=", "SignedHeaders=", "Signature=")
    return _PARTLY if "x-amz-date" in headers and all(each in told for each in parts) else _INCOMPLETE


def _wrong(message: str) -> Refusal:
    return Refusal(403, "InvalidSignatureException", message)


def _misplaced(headers: Mapping[str, str]) -> str:
    if f"/{SERVICE}/aws4_request" not in headers.get("authorization", ""):
        return f"Credential should be scoped to correct service: '{SERVICE}'. "
    return "Credential should be scoped to a valid region. "


def _mistimed(date: str, now_s: float, skew_s: float) -> str:
    now, minutes = spelled(int(now_s * 1000)), f"{skew_s / 60:g} min."
    signed_s = seconds(date)
    if signed_s is None or abs(signed_s - now_s) <= skew_s:
        return f"Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date: '{date}'."
    if signed_s < now_s:
        limit = spelled(int((now_s - skew_s) * 1000))
        return f"Signature expired: {date} is now earlier than {limit} ({now} - {minutes})"
    limit = spelled(int((now_s + skew_s) * 1000))
    return f"Signature not yet current: {date} is still later than {limit} ({now} + {minutes})"

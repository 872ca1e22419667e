"""Why the service did not open a stream: its answer, as ours.

Source: the service model of Bedrock Runtime in botocore 1.44, and the errors of Signature Version 4 as AWS
documents them (2026-11).
"""

from __future__ import annotations

import msgspec

from s2s.errors import AuthError, ConnectError
from s2s.transports.bedrock.events import UNREADABLE
from s2s.transports.bedrock.headers import Head
from s2s.transports.ws.refusal import Hide

MOST_BYTES = 64 * 1024
"""What is read of an answer."""

_MODEL = (
    "check the model and the region: Nova Sonic is served in us-east-1, us-west-2, eu-north-1 and "
    "ap-northeast-1"
)
_BY_NAME = {
    "AccessDeniedException": "ask for access to the model in this region, and have the policy of this "
    "identity allow bedrock:InvokeModelWithBidirectionalStream",
    "ExpiredTokenException": "the credentials have expired: fetch new ones",
    "IncompleteSignatureException": "give an access key and a secret key",
    "InvalidSignatureException": "check the secret key, and that the region is that of the URL",
    "MissingAuthenticationTokenException": "give an access key and a secret key",
    "UnrecognizedClientException": "check the access key, and give the token of a temporary one",
    "ModelNotReadyException": "try again in a moment",
    "ResourceNotFoundException": _MODEL,
    "ServiceQuotaExceededException": "raise the quota",
    "UnknownOperationException": "check the URL",
}
_BY_WORDS = {
    "signature expired": "set the clock of this machine, which is slow",
    "signature not yet current": "set the clock of this machine, which is fast",
    "security token included in the request is expired": "the credentials have expired: fetch new ones",
    "valid region": "give the region of the URL",
    "model identifier": _MODEL,
}
_BY_STATUS = {
    403: "check the credentials and what they may do",
    404: _MODEL,
    408: "try again",
    429: "try again later, or raise the quota",
}


class Place(msgspec.Struct, frozen=True):
    """Where a stream leads, and what makes foreign words fit to be shown."""

    where: str
    provider: str
    hide: Hide


class _Body(msgspec.Struct):
    message: str = ""
    Message: str = ""
    type: str = msgspec.field(default="", name="__type")


class Refusal(msgspec.Struct, frozen=True):
    """An answer that is no stream; all of its text was made fit to be shown."""

    where: str
    status: str
    name: str = ""
    told: str = ""
    request_id: str = ""
    retry_after_ms: str = ""

    @property
    def summary(self) -> str:
        """What was answered, on one line."""
        request = f"request {self.request_id}" if self.request_id else ""
        said = "; ".join(each for each in (self.told, request) if each)
        return f"HTTP {self.status}{' ' * bool(self.name)}{self.name}{f' ({said})' if said else ''}"

    def error(self, provider: str = "") -> ConnectError:
        """Return what to raise to whoever waits for the stream."""
        retryable = self.status in {"408", "425", "429"} or self.status >= "500"
        kind = AuthError if self.status in {"401", "403"} else ConnectError
        told = f"{self.where} refused with {self.summary}: {self._what_to_do(retryable)}"
        return kind(told, retryable=retryable, provider=provider)

    def _what_to_do(self, retryable: bool) -> str:
        if self.retry_after_ms.isdecimal():
            return f"try again after {int(self.retry_after_ms) / 1000:g} s"
        said = self.told.lower()
        by_words = (what for words, what in _BY_WORDS.items() if words in said)
        otherwise = "try again" if retryable else "check the URL and the settings"
        by_status = _BY_STATUS.get(int(self.status) if self.status.isdecimal() else 0, otherwise)
        return next(by_words, _BY_NAME.get(self.name, by_status))


def refusal(place: Place, head: Head, body: bytes) -> Refusal:
    """Return what an answer says that is no stream."""
    try:
        read = msgspec.json.decode(body, type=_Body)
    except UNREADABLE:
        read = _Body(message=body.decode(errors="replace"))
    name = head.get("x-amzn-errortype", "").partition(":")[0] or read.type.rpartition("#")[2]
    shown = [head.get(":status", ""), name, read.message or read.Message]
    shown += [head.get("x-amzn-requestid", ""), head.get("x-amz-retry-after", "")]
    return Refusal(place.where, *map(place.hide, shown))

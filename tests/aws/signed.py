"""What our client sends, read and signed again by the SDK: `python -m tests.aws.signed FILE`.

The file has requests as JSON, each with its headers, its body, and who has signed it. The SDK's decoder reads
the body, its types take what is in there, and its signers sign all of it once more with the same key and by
the same dates: what comes out must be what was sent, byte by byte.
"""

from __future__ import annotations

import asyncio
import base64
import datetime as times
import json
import re
import sys
from io import BytesIO
from pathlib import Path

from aws_sdk_bedrock_runtime.models import (
    InvokeModelWithBidirectionalStreamInputChunk,
    _InvokeModelWithBidirectionalStreamInputDeserializer,
)
from aws_sdk_signers import (
    URI,
    AsyncEventSigner,
    AsyncSigV4Signer,
    AWSCredentialIdentity,
    AWSRequest,
    Field,
    Fields,
    signers,
)
from smithy_aws_core.aio.protocols import RestJsonClientProtocol
from smithy_aws_event_stream._private.deserializers import EventDeserializer
from smithy_aws_event_stream._private.serializers import EventSerializer
from smithy_aws_event_stream.events import Event, EventHeaderEncoder, EventMessage
from smithy_core.aio.interfaces import ProtocolSettings

from tests.aws.order import JSON
from tests.aws.stand import tell

CODEC = RestJsonClientProtocol(
    ProtocolSettings(namespace="com.amazonaws.bedrockruntime", service_target="")
).payload_codec
SIGNATURE = re.compile(r"AWS4-HMAC-SHA256 Credential=[^,]+, SignedHeaders=([^,]+), Signature=([0-9a-f]{64})")


class Clock:
    """Stands for the module `datetime` in the signers, which ask it for nothing but the time."""

    UTC = times.UTC
    at: times.datetime

    @property
    def datetime(self) -> Clock:
        return self

    def now(self, zone: times.tzinfo) -> times.datetime:
        return self.at.astimezone(zone)


CLOCK = Clock()
signers.datetime = CLOCK


class Request:
    """One stream that was asked for."""

    def __init__(self, given: dict[str, JSON]) -> None:
        self.headers: dict[str, str] = given["headers"]
        self.body = base64.b64decode(given["body"])
        signer = given["signer"]
        self.identity = AWSCredentialIdentity(
            access_key_id=signer["aws_access_key_id"],
            secret_access_key=signer["aws_secret_access_key"],
            session_token=signer.get("aws_session_token"),
        )
        self.properties = {"region": signer["region"], "service": "bedrock"}
        self.scheme: str = self.headers[":scheme"]

    async def seed(self) -> str:
        """Sign the request again, and return its signature. Raises AssertionError where that differs."""
        sent = self.headers["authorization"]
        told = SIGNATURE.fullmatch(sent)
        assert told, f"no signature: {sent}"
        named = told[1].split(";")
        assert named == sorted(named), named
        left_out = {each for each in self.headers if not each.startswith(":")} - set(named)
        assert left_out <= set(signers.HEADERS_EXCLUDED_FROM_SIGNING), f"not signed: {left_out}"
        host, _, port = self.headers[":authority"].partition(":")
        path, _, query = self.headers[":path"].partition("?")
        place = URI(
            scheme=self.scheme, host=host, port=int(port) if port else None, path=path, query=query or None
        )
        fields = [Field(name=name, values=[self.headers[name]]) for name in named if name in self.headers]
        request = AWSRequest(
            destination=place, method=self.headers[":method"], body=None, fields=Fields(fields)
        )
        properties = {**self.properties, "date": self.headers["x-amz-date"]}
        signed = await AsyncSigV4Signer().sign(request=request, identity=self.identity, properties=properties)
        assert signed.fields["Authorization"].as_string() == sent, "the request is signed in another way"
        return told[2]

    async def said(self) -> list[str]:
        """Read and sign the events again, and return what is in them. Raises AssertionError."""
        seed = await self.seed()
        signer = AsyncEventSigner(initial_signature=seed.encode(), event_encoder_cls=EventHeaderEncoder)
        source, over = BytesIO(self.body), False
        found: list[str] = []
        while True:
            began = source.tell()
            outer = Event.decode(source)
            if outer is None:
                assert over, "there is no last message"
                return found
            assert not over, "there is something after the last message"
            CLOCK.at = outer.message.headers[":date"]
            if outer.message.payload:
                found.append(_understood(outer.message.payload))
                inner = Event.decode(BytesIO(outer.message.payload)).message
                signed = await signer.sign(event=inner, identity=self.identity, properties=self.properties)
            else:
                over = True
                signed = await signer.sign_empty(
                    event=EventMessage(), identity=self.identity, properties=self.properties
                )
            assert signed.encode() == self.body[began : source.tell()], (
                f"event {len(found)} is signed in another way"
            )


def _understood(payload: bytes) -> str:
    """Return what the SDK's own types find in a chunk, which they would have written in the same way."""
    read = EventDeserializer(event=Event.decode(BytesIO(payload)), payload_codec=CODEC, is_client_mode=False)
    chunk = _InvokeModelWithBidirectionalStreamInputDeserializer().deserialize(read)
    assert isinstance(chunk, InvokeModelWithBidirectionalStreamInputChunk), chunk
    serializer = EventSerializer(payload_codec=CODEC)
    chunk.serialize(serializer)
    assert serializer.get_result().encode() == payload, "the SDK writes a chunk in another way"
    return str(chunk.value.bytes_.decode())


async def main(requests: list[dict[str, JSON]]) -> int:
    """Read all of them."""
    failed = 0
    for number, each in enumerate(requests, 1):
        name = f"signed-{number}"
        try:
            said = await Request(each).said()
        except AssertionError as wrong:
            tell(name, failed=str(wrong))
            failed += 1
        else:
            tell(name, got=said, counts={"messages": len(said)})
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(json.loads(Path(sys.argv[1]).read_bytes()))))

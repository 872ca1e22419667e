"""What the service may say when, and what is wrong with what it says; nothing of ours is in here.

Source: the bidirectional API of Amazon Nova Sonic as AWS documents it (2026-11).
"""

from __future__ import annotations

import base64
import json
from typing import Any, TypeAlias

JSON: TypeAlias = Any
"""A decoded JSON value."""

STOPS = {
    "TEXT": {"PARTIAL_TURN", "END_TURN", "INTERRUPTED"},
    "AUDIO": {"PARTIAL_TURN", "END_TURN", "INTERRUPTED"},
    "TOOL": {"TOOL_USE"},
}
CONTENTS = {"textOutput": "TEXT", "audioOutput": "AUDIO", "toolUse": "TOOL"}
ROLES = {"TEXT": {"USER", "ASSISTANT"}, "AUDIO": {"ASSISTANT"}, "TOOL": {"TOOL"}}
MEDIA = {"TEXT": "textOutputConfiguration", "AUDIO": "audioOutputConfiguration"}


class Block:
    """One block of what the service said."""

    def __init__(self, at: int, start: dict[str, JSON]) -> None:
        self.at = at
        """Which event began it."""
        self.type: str = start["type"]
        self.role: str = start["role"]
        self.stage: str = json.loads(start.get("additionalModelFields") or "{}").get("generationStage", "")
        self.stop = ""
        self.contents: list[dict[str, JSON]] = []

    @property
    def text(self) -> str:
        return "".join(each["content"] for each in self.contents)

    @property
    def pcm(self) -> bytes:
        return b"".join(base64.b64decode(each["content"], validate=True) for each in self.contents)


class Order:
    """The blocks so far, and all that there is against them."""

    def __init__(self, prompt: str, rate: int) -> None:
        self.blocks: list[Block] = []
        self.problems: list[str] = []
        self._prompt = prompt
        self._rate = rate
        self._open: dict[str, Block] = {}
        self._seen: set[str] = set()
        self._names: list[str] = []
        self._ids: set[tuple[str, str]] = set()

    @property
    def open(self) -> int:
        """How many blocks have not ended."""
        return len(self._open)

    def hear(self, name: str, body: dict[str, JSON]) -> None:
        """Take an event, and find what is wrong with it."""
        self._ids.add((body["sessionId"], body["completionId"]))
        self._require(body["promptName"] == self._prompt, f"{name} is of the prompt {body['promptName']}")
        self._require(len(self._ids) == 1, f"{name} changes sessionId or completionId")
        match name:
            case "contentStart":
                self._begin(body)
            case "textOutput" | "audioOutput" | "toolUse":
                self._content(name, body)
            case "contentEnd":
                self._end(body)
            case "completionStart" | "completionEnd":
                self._require(name not in self._names, f"a second {name}")
                self._require(not self._open, f"{name} while a block is open")
            case "usageEvent":
                self._count(body)
            case _:
                self.problems.append(f"nobody knows an event {name}")
        self._names.append(name)

    def _begin(self, start: dict[str, JSON]) -> None:
        block, key = Block(len(self._names), start), start["contentId"]
        self._require("completionStart" in self._names, "a block before completionStart")
        self._require(key not in self._seen, f"contentId {key} is used again")
        self._require(block.role in ROLES[block.type], f"a block of {block.type} and {block.role}")
        stages = {"FINAL"} if block.role == "USER" else {"SPECULATIVE", "FINAL"}
        self._require(block.type != "TEXT" or block.stage in stages, f"{block.role} says {block.stage}")
        self._require(MEDIA.get(block.type, "type") in start, f"no configuration in {start}")
        if block.type == "AUDIO":
            audio = start["audioOutputConfiguration"]
            wanted = {"sampleRateHertz": self._rate, "sampleSizeBits": 16, "channelCount": 1}
            self._require(audio.items() >= wanted.items(), f"not the audio that was asked for: {audio}")
        self._open[key] = block
        self._seen.add(key)
        self.blocks.append(block)

    def _content(self, name: str, body: dict[str, JSON]) -> None:
        block = self._open.get(body["contentId"])
        self._require(
            block is not None and block.type == CONTENTS[name], f"{name} outside of a block of its own"
        )
        if block is None:
            return
        self._require(body.get("role", block.role) == block.role, f"{name} changes the role")
        block.contents.append(body)
        if name == "audioOutput":
            pcm = base64.b64decode(body["content"], validate=True)
            self._require(bool(pcm) and len(pcm) % 2 == 0, f"{len(pcm)} bytes of audio")
        if name == "toolUse":
            told = body["toolName"] and body["toolUseId"] and isinstance(json.loads(body["content"]), dict)
            self._require(bool(told), f"no call: {body}")

    def _end(self, end: dict[str, JSON]) -> None:
        block = self._open.pop(end["contentId"], None)
        self._require(block is not None, "contentEnd without a block")
        if block is None:
            return
        self._require(end["type"] == block.type, f"a block of {block.type} ends as {end['type']}")
        self._require(end["stopReason"] in STOPS[block.type], f"{block.type} ends with {end['stopReason']}")
        self._require(bool(block.contents), f"a block of {block.type} without content")
        block.stop = end["stopReason"]

    def _count(self, body: dict[str, JSON]) -> None:
        totals, details = {}, body["details"]
        for side in ("input", "output"):
            totals[side] = sum(details["total"][side][each] for each in ("speechTokens", "textTokens"))
            self._require(min(details["delta"][side].values()) >= 0, f"tokens are taken back: {details}")
        told = (body["totalInputTokens"], body["totalOutputTokens"], body["totalTokens"])
        summed = (totals["input"], totals["output"], sum(totals.values()))
        self._require(told == summed, f"usage does not add up: {told} and {summed}")

    def _require(self, holds: bool, otherwise: str) -> None:
        if not holds:
            self.problems.append(otherwise)

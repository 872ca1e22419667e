"""What an application asks of an engine: imperatives, as plain data."""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import UNSET, Struct, UnsetType

from s2s.config import Modality, TurnDetection
from s2s.items import Item
from s2s.tools import ToolSpec

InterruptMode: TypeAlias = Literal["cancel", "reset"]
"""Whether an engine is asked to stop, or replaced by one that knows what was heard and no more of it."""


class AppendAudio(Struct, frozen=True, gc=False, tag="append_audio"):
    """Hear this: PCM16 LE mono at the input rate that the link declares."""

    audio: bytes


class AppendImage(Struct, frozen=True, gc=False, tag="append_image"):
    """See this: a still or one frame of a video."""

    image: bytes
    mime_type: str = "image/jpeg"


class CommitAudio(Struct, frozen=True, gc=False, tag="commit_audio"):
    """The user's turn is over; in manual turn detection only the application knows."""


class ClearAudio(Struct, frozen=True, gc=False, tag="clear_audio"):
    """Forget the audio that no turn has taken yet."""


class AddItem(Struct, frozen=True, tag="add_item"):
    """Put an entry into the conversation."""

    item: Item


class RemoveItem(Struct, frozen=True, gc=False, tag="remove_item"):
    """Forget an entry of the conversation."""

    item_id: str


class CreateResponse(Struct, frozen=True, tag="create_response"):
    """Answer now."""

    instructions: str | None = None
    metadata: dict[str, str] = {}
    """Comes back in ResponseStarted."""
    out_of_band: bool = False
    """Beside the conversation: at any time, and nothing of it is kept there."""
    context: tuple[Item, ...] | None = None
    """What to answer in place of the conversation."""
    output_modalities: tuple[Modality, ...] | None = None


PLAIN_RESPONSE = CreateResponse()
"""An answer without wishes."""


class SendToolResult(Struct, frozen=True, gc=False, tag="send_tool_result"):
    """Here is what the tool returned."""

    call_id: str
    output: str
    is_error: bool = False
    respond: bool = True


class Cancel(Struct, frozen=True, gc=False, omit_defaults=True, tag="cancel"):
    """Stop this response, or the active one."""

    response_id: str | None = None
    mode: InterruptMode = "cancel"


class Truncate(Struct, frozen=True, gc=False, tag="truncate"):
    """The user heard this item up to here and no further."""

    item_id: str
    heard_ms: float


class UpdateSession(Struct, frozen=True, omit_defaults=True, tag="update_session"):
    """Change these settings from now on; what is UNSET stays."""

    instructions: str | UnsetType = UNSET
    voice: str | UnsetType = UNSET
    tools: tuple[ToolSpec, ...] | UnsetType = UNSET
    turn_detection: TurnDetection | UnsetType = UNSET
    transcription: bool | UnsetType = UNSET
    language: str | UnsetType | None = UNSET
    output_modalities: tuple[Modality, ...] | UnsetType = UNSET
    temperature: float | UnsetType | None = UNSET
    max_output_tokens: int | UnsetType | None = UNSET


Command: TypeAlias = (
    AppendAudio
    | AppendImage
    | CommitAudio
    | ClearAudio
    | AddItem
    | RemoveItem
    | CreateResponse
    | SendToolResult
    | Cancel
    | Truncate
    | UpdateSession
)

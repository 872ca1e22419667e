from typing import get_args

import msgspec

from s2s.commands import AppendAudio, Command, UpdateSession


def test_every_command_has_a_tag_of_its_own() -> None:
    tags = [each.__struct_config__.tag for each in get_args(Command)]
    assert sorted(tags) == [
        "add_item",
        "append_audio",
        "append_image",
        "cancel",
        "clear_audio",
        "commit_audio",
        "create_response",
        "remove_item",
        "send_tool_result",
        "truncate",
        "update_session",
    ]


def test_a_command_survives_json() -> None:
    said: Command = AppendAudio(b"\x00\xff")
    assert msgspec.json.decode(msgspec.json.encode(said), type=AppendAudio) == said


def test_an_update_says_only_what_changes() -> None:
    assert msgspec.to_builtins(UpdateSession(voice="marin")) == {"type": "update_session", "voice": "marin"}

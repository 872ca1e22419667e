"""Whom the stock Python SDK of Google talks to: every generation that we simulate, and our gateway."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeAlias

import pytest
from google.genai import types
from msgspec import Struct

from s2s.config import Config
from s2s.gateway import Doors, Gateway
from s2s.items import JSON
from s2s.providers.script import Reply, ScriptEngine
from s2s.simulators.gemini import GeminiSimulator
from s2s.simulators.temper import GeminiTemper
from s2s.wire.gemini.profiles import FLASH_31, HALF_CASCADE, LIVE_38, NATIVE_25, THINKING_38, Profile
from tests.support.genai import SECRET, Line, connected
from tests.support.websockets import run

QUICK = GeminiTemper(pace=20.0, plays=False)
Serve: TypeAlias = Callable[[Sequence[Reply]], AbstractAsyncContextManager[str]]


class Who(Struct, frozen=True):
    """Somebody to talk to, and how that one is asked for."""

    serve: Serve
    """Serves a script, and yields the URL for the SDK."""
    model: str
    profile: Profile

    def connect(self, base_url: str, **config: JSON) -> AbstractAsyncContextManager[Line]:
        """Connect, with what this model must be told."""
        thinks = self.profile.thinking == "level_required"
        level = {"thinking_config": {"thinking_level": "LOW"}} if thinks else {}
        vertex = self.profile.surface == "vertex"
        return connected(base_url, self.model, vertex=vertex, **{**level, **config})

    def tool(self, name: str = "look_up") -> types.Tool:
        """Return a function with one parameter that the model waits for, if it can."""
        behaviors = sorted(self.profile.behaviors)
        declared = types.FunctionDeclaration(
            name=name,
            parameters=types.Schema.model_validate(_CITY),
            behavior=types.Behavior(behaviors[0]) if behaviors else None,
        )
        return types.Tool(function_declarations=[declared])


@asynccontextmanager
async def simulated(script: Sequence[Reply], temper: GeminiTemper = QUICK) -> AsyncIterator[str]:
    """Serve a script as the service would, but quickly."""
    async with GeminiSimulator(script, temper=temper, tls=SECRET) as served:
        yield served.base_url
    assert served.failures == []


@asynccontextmanager
async def by_gateway(script: Sequence[Reply]) -> AsyncIterator[str]:
    """Serve a script as any engine is served."""
    engine = ScriptEngine(Config(extra={"script": list(script), "pace": QUICK.pace}))
    async with Gateway(engine, Doors(tls=SECRET)) as served:
        yield served.gemini_base_url
    assert served.failures == []


_CITY = {"type": "OBJECT", "properties": {"city": {"type": "STRING"}}, "required": ["city"]}
_MODELS = {
    "gemini-2.5-flash-native-audio-preview-12-2025": NATIVE_25,
    "gemini-3.1-flash-live-preview": FLASH_31,
    "gemini-3.8-live": LIVE_38,
    "gemini-3.8-live-extended-thinking": THINKING_38,
    "gemini-live-2.5-flash": HALF_CASCADE,
}
GENERATIONS = {profile.name: Who(simulated, model, profile) for model, profile in _MODELS.items()}
GATEWAY = Who(by_gateway, "gemini-3.8-live", LIVE_38)
EVERYBODY = {**GENERATIONS, "gateway": GATEWAY}


def with_each(*names: str) -> pytest.MarkDecorator:
    """Have a test talk with each of these."""
    return pytest.mark.parametrize("who", [EVERYBODY[each] for each in names], ids=names)


every = with_each(*EVERYBODY)


def talked(
    who: Who, script: Sequence[Reply], talk: Callable[[Line], Coroutine[Any, Any, None]], **config: JSON
) -> Line:
    """Hold a conversation, and return what came."""

    async def main() -> Line:
        async with who.serve(script) as base_url, who.connect(base_url, **config) as line:
            await talk(line)
        return line

    return run(main(), 20.0)

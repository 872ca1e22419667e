"""Frames, processors, and the three ways to a voice agent: cascade, S2S and hybrid."""

from s2s.pipeline.cascade import CascadePipeline
from s2s.pipeline.engine import as_engine
from s2s.pipeline.frames import (
    AudioFrame,
    CommandFrame,
    ControlFrame,
    EventFrame,
    Frame,
    ImageFrame,
    TextFrame,
    ToolCallFrame,
    ToolResultFrame,
)
from s2s.pipeline.hooks import PipelineHooks, compose_pipeline_hooks, watch
from s2s.pipeline.hybrid import (
    Either,
    HybridPipeline,
    OnFailure,
    OnToolOverload,
    PipelineState,
    Side,
    Stay,
    SwitchPolicy,
)
from s2s.pipeline.outlet import Outlet, concurrently
from s2s.pipeline.processor import FrameProcessor, Frames, Processor, chain, frame_loop
from s2s.pipeline.running import FrameTransport, run
from s2s.pipeline.speaking import as_frame_processor
from s2s.pipeline.stages import BrainProcessor, STTProcessor, TTSProcessor, VADProcessor
from s2s.pipeline.transports import InMemory, SoundCard, WavFile

__all__ = [
    "AudioFrame",
    "BrainProcessor",
    "CascadePipeline",
    "CommandFrame",
    "ControlFrame",
    "Either",
    "EventFrame",
    "Frame",
    "FrameProcessor",
    "FrameTransport",
    "Frames",
    "HybridPipeline",
    "ImageFrame",
    "InMemory",
    "OnFailure",
    "OnToolOverload",
    "Outlet",
    "PipelineHooks",
    "PipelineState",
    "Processor",
    "STTProcessor",
    "Side",
    "SoundCard",
    "Stay",
    "SwitchPolicy",
    "TTSProcessor",
    "TextFrame",
    "ToolCallFrame",
    "ToolResultFrame",
    "VADProcessor",
    "WavFile",
    "as_engine",
    "as_frame_processor",
    "chain",
    "compose_pipeline_hooks",
    "concurrently",
    "frame_loop",
    "run",
    "watch",
]

"""Frames, processors, and the three ways to a voice agent: cascade, S2S and hybrid."""

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
from s2s.pipeline.outlet import Outlet, concurrently
from s2s.pipeline.processor import FrameProcessor, Frames, Processor, chain, frame_loop

__all__ = [
    "AudioFrame",
    "CommandFrame",
    "ControlFrame",
    "EventFrame",
    "Frame",
    "FrameProcessor",
    "Frames",
    "ImageFrame",
    "Outlet",
    "Processor",
    "TextFrame",
    "ToolCallFrame",
    "ToolResultFrame",
    "chain",
    "concurrently",
    "frame_loop",
]

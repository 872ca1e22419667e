"""Calls over WebRTC: messages on a channel, sound beside them. Importing it loads no aiortc."""

from s2s.transports.webrtc.inbox import Arrival, Sound
from s2s.transports.webrtc.peer import Exchange, Peer, PeerOptions, require_aiortc

__all__ = ["Arrival", "Exchange", "Peer", "PeerOptions", "Sound", "require_aiortc"]

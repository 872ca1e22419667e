"""The parts of the WebSocket client."""

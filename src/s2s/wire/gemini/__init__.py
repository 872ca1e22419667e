"""Gemini Live: BidiGenerateContent."""

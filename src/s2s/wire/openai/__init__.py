"""OpenAI Realtime, the GA protocol, and those who speak it in their own way."""

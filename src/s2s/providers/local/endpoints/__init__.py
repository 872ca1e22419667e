"""Stages that are somewhere else, behind HTTP as OpenAI spells it: what they share, ears and a voice."""

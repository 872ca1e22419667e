"""Providers that live on your machine: a server wire, a script, and a temper."""

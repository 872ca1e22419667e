"""Measured figures. `python -m bench` prints all of them, `python -m bench NAME ...` some."""

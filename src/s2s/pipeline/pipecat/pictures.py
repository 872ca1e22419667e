"""Images as Pipecat has them, which is pixels, and as we have them, which is a file."""

from __future__ import annotations

from io import BytesIO

from PIL import Image, UnidentifiedImageError

_PIXELS = ("RGB", "RGBA", "L")


def encoded(image: bytes, size: tuple[int, int], form: str | None) -> tuple[bytes, str] | None:
    """Return an image as a file and its media type; None if it is not what it claims to be."""
    if form not in _PIXELS:
        return (image, f"image/{form.lower().removeprefix('image/')}") if form else None
    file = BytesIO()
    try:
        Image.frombytes(form, size, image).convert("RGB").save(file, format="JPEG")
    except ValueError:
        return None
    return file.getvalue(), "image/jpeg"


def decoded(file: bytes) -> tuple[bytes, tuple[int, int]] | None:
    """Return the RGB pixels of an image and its size; None if this is none."""
    try:
        with Image.open(BytesIO(file)) as image:
            pixels = image.convert("RGB")
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError):
        return None
    return pixels.tobytes(), pixels.size

"""Sound as numbers: formats, PCM16, resampling, G.711, WAV files, levels. Importing it loads no numpy."""

from s2s.audio.convert import InputConverter, OutputConverter
from s2s.audio.g711 import decode_alaw, decode_ulaw, encode_alaw, encode_ulaw
from s2s.audio.levels import FLOOR_DBFS, is_silent, peak_dbfs, rms_dbfs
from s2s.audio.pcm import Carry, as_bytes, downmix, spread
from s2s.audio.resample import Resampler
from s2s.audio.wav import Wav, WavReader, WavWriter, open_wav, read_wav, write_wav
from s2s.formats import AudioFormat

__all__ = [
    "FLOOR_DBFS",
    "AudioFormat",
    "Carry",
    "InputConverter",
    "OutputConverter",
    "Resampler",
    "Wav",
    "WavReader",
    "WavWriter",
    "as_bytes",
    "decode_alaw",
    "decode_ulaw",
    "downmix",
    "encode_alaw",
    "encode_ulaw",
    "is_silent",
    "open_wav",
    "peak_dbfs",
    "read_wav",
    "rms_dbfs",
    "spread",
    "write_wav",
]

"""ALSA's library, libasound.so.2: the few calls that a microphone takes.

It is the system's own, whose configuration and plugins (PipeWire, PulseAudio) fit to it; a copy in a Python package
knows neither. Its calls let other threads run. Constants and prototypes: alsa/pcm.h.
"""

from __future__ import annotations

import ctypes
import errno
import sys
from ctypes import POINTER, byref, c_char_p, c_int, c_long, c_uint, c_ulong, c_void_p
from functools import cache

_CAPTURE, _NONBLOCK = 1, 1
_INTERLEAVED = 3
_S16 = 2 if sys.byteorder == "little" else 3
_AGAIN = (-errno.EAGAIN, -errno.EINTR)
_RECOVERED = (-errno.EPIPE, -errno.ESTRPIPE)


class AlsaError(OSError):
    """errno, and ALSA's text for it."""


class Pcm:
    """One open device that hears: 16 bit, interleaved, converted by ALSA where the device cannot. One thread.

    latency: seconds that the device's buffer holds; a quarter of it is what one reading waits for. All
    calls raise AlsaError.
    """

    def __init__(self, name: str, rate: int, channels: int, latency: float):
        self.overruns = 0
        self._library = _library()
        self._pcm = c_void_p()
        self._frame = 2 * channels
        self._check(self._library.snd_pcm_open(byref(self._pcm), name.encode(), _CAPTURE, _NONBLOCK))
        try:
            self._check(self._library.snd_pcm_set_params(
                self._pcm, _S16, _INTERLEAVED, channels, rate, 1, round(latency * 1e6)))
            self._check(self._library.snd_pcm_start(self._pcm))
        except AlsaError:
            self.close()
            raise

    def read(self, frames: int, timeout: float) -> tuple[bytes, int]:
        """At most so many frames, once there are enough for a reading, and how many are there behind them; b"" if
        there are none within `timeout` seconds, or if some were lost."""
        ready = self._library.snd_pcm_wait(self._pcm, max(1, round(timeout * 1000)))
        if ready == 0:
            return b"", 0
        buffer = ctypes.create_string_buffer(frames * self._frame)
        count = ready if ready < 0 else self._library.snd_pcm_readi(self._pcm, buffer, frames)
        if count in _AGAIN:
            return b"", 0
        if count in _RECOVERED:
            self.overruns += 1
            self._check(self._library.snd_pcm_recover(self._pcm, count, 1))
            self._check(self._library.snd_pcm_start(self._pcm))
            return b"", 0
        self._check(count)
        left = c_long(0)
        if self._library.snd_pcm_delay(self._pcm, byref(left)) < 0:
            left.value = 0
        return buffer.raw[: count * self._frame], max(0, left.value)

    def close(self) -> None:
        """May be called twice."""
        if self._pcm:
            self._library.snd_pcm_close(self._pcm)
            self._pcm = c_void_p()

    def _check(self, result: int) -> None:
        if result < 0:
            raise AlsaError(-result, self._library.snd_strerror(result).decode(errors="replace"))


@cache
def _library() -> ctypes.CDLL:
    """Raises OSError if it is not there."""
    library = ctypes.CDLL("libasound.so.2")
    library.snd_strerror.restype = c_char_p
    library.snd_pcm_readi.restype = c_long
    for name, arguments in {
        "snd_strerror": [c_int],
        "snd_pcm_open": [POINTER(c_void_p), c_char_p, c_int, c_int],
        "snd_pcm_set_params": [c_void_p, c_int, c_int, c_uint, c_uint, c_int, c_uint],
        "snd_pcm_start": [c_void_p],
        "snd_pcm_wait": [c_void_p, c_int],
        "snd_pcm_readi": [c_void_p, c_void_p, c_ulong],
        "snd_pcm_delay": [c_void_p, POINTER(c_long)],
        "snd_pcm_recover": [c_void_p, c_int, c_int],
        "snd_pcm_close": [c_void_p],
    }.items():
        getattr(library, name).argtypes = arguments
    return library

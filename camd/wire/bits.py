"""Bit strings with the variable-length numbers of Rec. ITU-T H.264 and H.265 (sections 7.2 and 9.1/9.2)."""

from __future__ import annotations

from ..errors import Invalid


class Bits:
    """Reads bits from the most significant on. data: a few hundred bytes at most; each read costs its length.

    Every read raises Invalid behind the end.
    """

    def __init__(self, data: bytes):
        self._value = int.from_bytes(data, "big")
        self._left = len(data) * 8

    def read(self, count: int) -> int:
        """u(count): an unsigned number."""
        self._left -= count
        if self._left < 0:
            raise Invalid("", "a parameter set ends in the middle")
        return self._value >> self._left & (1 << count) - 1

    def flag(self) -> bool:
        return self.read(1) == 1

    def unsigned(self) -> int:
        """ue(v): Exp-Golomb, at most 32 bits of value."""
        zeros = 0
        while not self.read(1):
            zeros += 1
            if zeros > 32:
                raise Invalid("", "a parameter set has a number of more than 32 bits")
        return (1 << zeros) - 1 + self.read(zeros)

    def signed(self) -> int:
        """se(v)"""
        value = self.unsigned()
        return (value + 1) // 2 if value & 1 else -(value // 2)

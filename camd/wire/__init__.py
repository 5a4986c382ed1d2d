"""Pure protocol code: bytes to objects and back, no I/O, no Twisted."""

"""What flows: pictures and packets, the streams that carry them, and the cameras they come from."""

from .frame import Encoding, Format, Frame, Packet
from .policy import Gop, Latest
from .snapshot import snapshot
from .source import Capabilities, Mode, Source, SourceSettings
from .stage import Stage
from .stream import Stream, Subscription

__all__ = (
    "Capabilities", "Encoding", "Format", "Frame", "Gop", "Latest", "Mode", "Packet", "Source", "SourceSettings",
    "Stage", "Stream", "Subscription", "snapshot",
)  # fmt: skip

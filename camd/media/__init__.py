"""What flows: pictures and packets, the streams that carry them, and the cameras they come from."""

from .frame import Encoding, Format, Frame, Packet
from .snapshot import snapshot
from .source import Capabilities, Mode, Source, SourceSettings
from .stream import Latest, Stage, Stream, Subscription

__all__ = (
    "Capabilities", "Encoding", "Format", "Frame", "Latest", "Mode", "Packet", "Source", "SourceSettings", "Stage",
    "Stream", "Subscription", "snapshot",
)

"""From Frames to Packets."""

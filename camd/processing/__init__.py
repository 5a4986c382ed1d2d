"""What is done to pictures between the camera and its viewers: turn, mask, crop, zoom, adjust, write on."""

from .mask import masks_from_json
from .overlay import Overlay
from .processing import Processing
from .view import crop_from_json, to_picture, to_scene, window

__all__ = ("Overlay", "Processing", "crop_from_json", "masks_from_json", "to_picture", "to_scene", "window")

"""Processing: everything that is done to a camera's pictures, as one value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..errors import Invalid
from ..media.frame import Frame
from .adjust import Adjustment
from .mask import Masks, Polygon
from .orient import Orientation
from .overlay import Overlay
from .view import HOME, WHOLE, Crop, Framing, View, cropped


@dataclass(frozen=True, slots=True)
class Processing:
    """What is done to pictures, in this order: rotate, flip; masks; crop; view; adjust; overlay. Immutable.

    rotate: degrees clockwise; flip: after it, see Orientation. All that follows is in shares of the
    picture after both, x to the right, y down. masks: polygons filled black, before crop and view, so they
    stay on the scene. crop: x, y, width, height; the picture keeps their size in pixels. view: pan, tilt,
    zoom of digital pan-tilt-zoom, see view.window; the picture keeps its size. brightness to blue_gain: see
    Adjustment. Raises Invalid with the name of the value.

    reasons: what is done, for people, in order; empty: nothing, so nobody needs pixels for it.
    Pictures that something is done to come out with even width and height, which encoders need.
    """

    rotate: int = 0
    flip: str = "none"
    crop: Crop = WHOLE
    view: View = HOME
    masks: tuple[Polygon, ...] = ()
    brightness: int = 50
    contrast: int = 50
    saturation: int = 50
    sharpness: int = 50
    gamma: int = 100
    hue: int = 0
    noise_suppression: int = 0
    red_gain: int = 50
    blue_gain: int = 50
    overlay: Overlay | None = None
    reasons: tuple[str, ...] = field(init=False, compare=False)
    _orientation: Orientation = field(init=False, repr=False, compare=False)
    _masks: Masks = field(init=False, repr=False, compare=False)
    _framing: Framing = field(init=False, repr=False, compare=False)
    _adjustment: Adjustment = field(init=False, repr=False, compare=False)
    _overlay: Overlay = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.overlay, Overlay | None):
            raise Invalid("overlay", "Value must be an Overlay")
        steps = {
            "_orientation": Orientation(self.rotate, self.flip),
            "_masks": Masks(self.masks),
            "_framing": Framing(self.crop, self.view),
            "_adjustment": Adjustment(
                self.brightness, self.contrast, self.saturation, self.sharpness, self.gamma, self.hue,
                self.noise_suppression, self.red_gain, self.blue_gain,
            ),
            "_overlay": self.overlay or Overlay(),
        }  # fmt: skip
        for name, step in steps.items():
            object.__setattr__(self, name, step)
        # As the steps hold them: tuples of floats, so that equal values are equal and can be hashed.
        object.__setattr__(self, "masks", self._masks.polygons)
        object.__setattr__(self, "crop", self._framing.crop)
        object.__setattr__(self, "view", self._framing.view)
        object.__setattr__(self, "reasons", tuple(text for step in steps.values() for text in step.reasons))

    @classmethod
    def of(cls, overlay: Mapping[str, Any] | None = None, **values: Any) -> Processing:
        """One of plain values, as clients write them: an overlay as a mapping, lists for tuples."""
        return cls(overlay=Overlay.of(**overlay) if overlay else None, **values)

    def oriented_size(self, width: int, height: int) -> tuple[int, int]:
        """Width and height of the scene: of such a picture after rotation and flip."""
        return self._orientation.size(width, height)

    def output_size(self, width: int, height: int) -> tuple[int, int]:
        """Width and height that such a picture has in the end: even, unless nothing is done to it."""
        if not self.reasons:
            return width, height
        return cropped(self.oriented_size(width, height), self.crop)[2:]

    def apply(self, frame: Frame) -> Frame:
        """The changed frame, or this very frame if nothing is done. Blocks; for the encode pool, one at a
        time. The given picture is never written to; the new one is contiguous and read-only."""
        if not self.reasons:
            return frame
        image = frame.image.view()
        image.flags.writeable = False  # what is not ours stays so, through every slice of it
        image = self._orientation.apply(image)
        image = self._masks.apply(image)
        image = self._framing.apply(image)
        image = self._adjustment.apply(image)
        image = self._overlay.apply(image, frame.wall)
        if not image.flags.c_contiguous:
            image = image.copy()
        image.flags.writeable = False
        return replace(frame, image=image)

"""Processing made of JSON values, as state and clients have them."""

from __future__ import annotations

from typing import Any

from .mask import masks_from_json
from .overlay import Overlay
from .processing import Processing
from .view import WHOLE, crop_from_json


def processing_from_json(
    crop: list[Any] | None = None, masks: list[Any] | None = None, overlay: dict[str, Any] | None = None, **values: Any
) -> Processing:
    """The Processing of these values; what is not named is left alone. overlay: the fields of an Overlay.

    Raises Invalid with the name of the value. Blocks if there is a logo that was not loaded before."""
    fields = dict(overlay or {})
    fields["logo"] = fields.get("logo") or None
    return Processing(
        crop=WHOLE if crop is None else crop_from_json(crop),
        masks=masks_from_json(masks or []),
        overlay=Overlay(**fields),
        **values,
    )

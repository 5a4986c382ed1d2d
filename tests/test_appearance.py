"""Appearance: what is done to the picture, set one by one; and nothing keeps a mask from it."""

from __future__ import annotations

import os
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from camd.errors import Invalid
from camd.media.appearance import Appearance
from camd.processing import Processing
from camd.state import EVERYONE, State

from .test_processing_overlay import grey

MASK = [[[0, 0], [1, 0], [1, 1]]]


class AppearanceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.state = State()
        self.done = Processing()
        self.appearance = Appearance("cameras/cam1/", self.state, self.process)

    def process(self, **values: Any) -> None:
        self.done = Processing.of(**values)

    def set(self, name: str, value: Any) -> None:
        self.successResultOf(self.state[f"cameras/cam1/{name}"].set(value, EVERYONE))

    def logo(self) -> str:
        import cv2

        path = os.path.abspath(self.mktemp() + ".png")
        cv2.imwrite(path, grey(16, 16))
        return path

    def test_one_by_one(self) -> None:
        self.set("rotate", 90)
        self.set("masks", MASK)
        self.appearance.change(view=(0.0, 0.0, 2.0))
        self.assertEqual(self.done.reasons, ("rotated", "masked", "zoomed"))

    def test_a_logo_that_is_gone_is_not_in_the_way(self) -> None:
        path = self.logo()
        self.set("overlay/logo", path)
        os.unlink(path)
        self.set("masks", MASK)
        self.appearance.change(view=(0.0, 0.0, 2.0))
        self.assertEqual(self.done.reasons, ("masked", "zoomed"))
        failure = self.failureResultOf(self.state["cameras/cam1/overlay/logo"].set(path + "x", EVERYONE))
        self.assertEqual(failure.check(Invalid), Invalid)
        self.assertEqual(self.done.reasons, ("masked", "zoomed"))

    def test_masks_that_cannot_be_restored_hide_everything(self) -> None:
        self.state = State({"cameras/cam1/masks": [[[0, 0], "damaged"]], "cameras/cam1/overlay/text": "still here"})
        self.appearance = Appearance("cameras/cam1/", self.state, self.process)
        self.assertEqual(self.done.masks, (((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)),))
        self.assertEqual(self.state["cameras/cam1/overlay/text"].value, "still here")
        self.set("masks", [])
        self.assertEqual(self.done.masks, ())

"""Ptz: smooth moves, presets, and who is moved: a window in the picture, or the device."""

import re

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from camd.errors import Invalid
from camd.media.ptz import MOST_PRESETS, Ptz
from camd.state import EVERYONE, Spec, State


class DigitalTests(SynchronousTestCase):
    def setUp(self):
        self.clock = Clock()
        self.state = State()
        self.views = []
        self.ptz = self.make()

    def make(self):
        return Ptz("cameras/cam1/", self.state, self.clock, self.views.append)

    def value(self, name):
        return self.state[f"cameras/cam1/ptz/{name}"].value

    def run_for(self, seconds):
        self.clock.pump([0.04] * round(seconds / 0.04))

    def test_it_begins_at_home(self):
        self.assertEqual((self.views, self.value("zoom"), self.value("moving")), ([(0.0, 0.0, 1.0)], 1.0, False))

    def test_a_move_is_smooth_and_all_axes_arrive_together(self):
        self.ptz.move(1, -0.5, 2)
        self.run_for(0.48)
        pan, tilt, zoom = self.ptz.position
        self.assertAlmostEqual(pan, 0.48)
        self.assertAlmostEqual(tilt, -0.24)
        self.assertAlmostEqual(zoom, 2**0.48)
        self.assertTrue(self.value("moving"))
        self.run_for(0.6)
        self.assertEqual((self.ptz.position, self.views[-1]), ((1, -0.5, 2), (1, -0.5, 2)))
        self.assertEqual((self.value("moving"), self.value("pan"), self.value("zoom")), (False, 1.0, 2.0))
        steps = [after[0] - before[0] for before, after in zip(self.views, self.views[1:], strict=False)]
        self.assertLess(max(steps), 0.041)

    def test_it_tells_where_it_is_but_not_at_every_step(self):
        told = []
        self.state.observe("cameras/cam1/ptz/pan", lambda observable: told.append(observable.value))
        del told[:]
        self.ptz.move(1, 0, 1)
        self.run_for(1.2)
        self.assertEqual(told[-1], 1.0)
        self.assertLess(len(told), 8)

    def test_slower(self):
        self.ptz.move(1, 0, 1, speed=0.5)
        self.run_for(1)
        self.assertAlmostEqual(self.ptz.position[0], 0.5)

    def test_continuous_until_stopped_or_timed_out(self):
        self.ptz.drive(0.5, 0, 1, seconds=1)
        self.run_for(0.4)
        self.ptz.stop()
        self.run_for(0.4)
        self.assertAlmostEqual(self.ptz.position[0], 0.2)
        self.assertFalse(self.ptz.moving)
        self.ptz.drive(-1, 0, 0, seconds=0.2)
        self.run_for(3)
        self.assertAlmostEqual(self.ptz.position[0], 0.0)

    def test_one_axis_stops_and_the_other_goes_on(self):
        self.ptz.drive(0.5, 0, 1)
        self.run_for(0.4)
        self.ptz.stop(zoom=False)
        pan, _, zoom = self.ptz.position
        self.run_for(0.4)
        self.assertEqual(self.ptz.position[0], pan)
        self.assertGreater(self.ptz.position[2], zoom)
        self.ptz.stop(pan_tilt=False)
        self.assertFalse(self.ptz.moving)

    def test_so_it_does_on_the_way_to_a_place(self):
        self.ptz.move(1, 0, 2)
        self.run_for(0.4)
        zoom = self.ptz.position[2]
        self.ptz.stop(pan_tilt=False)
        self.run_for(2)
        self.assertEqual(self.ptz.position, (1.0, 0.0, zoom))

    def test_it_stays_within_the_picture(self):
        self.ptz.drive(1, 1, 1)
        self.run_for(10)
        self.assertEqual(self.ptz.position, (1.0, 1.0, 8.0))

    def test_a_shift_by_what_is_seen(self):
        self.ptz.move(0, 0, 2)
        self.run_for(2)
        self.ptz.shift(0.25, 0, 0)
        self.run_for(2)
        self.assertAlmostEqual(self.ptz.position[0], 0.5)  # a quarter of the view is half of the room to the right

    def test_set_by_a_client(self):
        self.successResultOf(self.state["cameras/cam1/ptz/zoom"].set(3, EVERYONE))
        self.run_for(3)
        self.assertEqual((self.ptz.position, self.value("zoom")), ((0, 0, 3), 3.0))

    def test_the_place_survives_a_restart(self):
        self.ptz.move(0.5, 0, 2)
        self.run_for(3)
        self.state = State(self.state.saved)
        self.assertEqual(self.make().position, (0.5, 0, 2))

    def test_presets(self):
        self.ptz.move(0.5, 0.5, 2)
        self.run_for(3)
        self.ptz.save("door")
        self.ptz.go("home")
        self.run_for(3)
        self.assertEqual(self.ptz.position, (0, 0, 1))
        self.state = State(self.state.saved)
        again = self.make()
        again.go("door")
        self.run_for(3)
        self.assertEqual(again.position, (0.5, 0.5, 2))
        again.forget("door")
        self.assertRaises(Invalid, again.go, "door")
        self.assertRaises(Invalid, again.forget, "door")

    def test_nonsense_is_refused(self):
        for wrong in ((2, 0, 1), (0, 0, 0), (0, 0, 9), (0, 0, 1, 0), (float("nan"), 0, 1)):
            self.assertRaises(Invalid, self.ptz.move, *wrong)
        self.assertRaises(Invalid, self.ptz.drive, 0, 0, 2)
        self.assertRaises(Invalid, self.ptz.drive, 0, 0, 1, -1)
        for wrong in ({"": [0, 0, 1]}, {"x": [0, 0]}, {"x": [0, 0, "1"]}, {"x": [5, 0, 1]},
                      {str(n): [0, 0, 1] for n in range(MOST_PRESETS + 1)}):
            self.failureResultOf(self.state["cameras/cam1/ptz/presets"].set(wrong, EVERYONE), Invalid)

    def test_the_schema_knows_which_names_are_taken(self):
        presets = self.state["cameras/cam1/ptz/presets"]
        pattern = presets.spec.schema["propertyNames"]["pattern"].replace("$", r"\Z")
        for name in ("", " ", " a", *(start + chr(number) for number in range(128) for start in ("", "a"))):
            taken = presets.set({name: [0, 0, 1]}, EVERYONE).addCallbacks(lambda _: True, lambda _: False)
            self.assertEqual(re.search(pattern, name) is not None, self.successResultOf(taken), ascii(name))


class Controls:
    """Those of a device that pans and zooms."""

    names = ("pan_absolute", "zoom_absolute")

    def __init__(self, state):
        for name, low, high, step in (("pan_absolute", -36000, 36000, 3600), ("zoom_absolute", 100, 400, 1)):
            spec = Spec(f"cameras/cam1/{name}", int, min=low, max=high, step=step, read="Device_r", write="Device_rw")
            state.declare(spec, lambda value: value)
        self.observable = lambda name: state[f"cameras/cam1/{name}"]


class DeviceTests(SynchronousTestCase):
    def test_the_device_is_moved(self):
        clock, state, views = Clock(), State(), []
        controls = Controls(state)
        ptz = Ptz("cameras/cam1/", state, clock, views.append)
        ptz.equip(controls)
        self.assertFalse(ptz.is_digital)
        ptz.move(1, 0, 10)
        clock.pump([0.04] * 150)
        values = [controls.observable(name).value for name in controls.names]
        self.assertEqual((values, views[-1]), ([36000, 400], (0, 0, 1)))


class Mover:
    """A device that moves by itself, and what it was told."""

    axes = frozenset({"pan", "tilt"})
    most_zoom = 5.0

    def __init__(self):
        self.told = []

    def move(self, position, speed):
        self.told.append(("move", position, speed))

    def drive(self, velocity, seconds):
        self.told.append(("drive", velocity, seconds))

    def stop(self, pan_tilt, zoom):
        self.told.append(("stop", pan_tilt, zoom))

    def share(self, zoom):
        return 0.5


class MovingHeadTests(SynchronousTestCase):
    def setUp(self):
        self.clock, self.state, self.views, self.head = Clock(), State(), [], Mover()
        self.ptz = Ptz("cameras/cam1/", self.state, self.clock, self.views.append)
        self.ptz.move(0.5, 0, 2)
        self.clock.pump([0.04] * 50)
        self.ptz.equip_head(self.head)

    def test_it_is_told_and_the_picture_stays_whole(self):
        self.assertEqual(self.views[-1], (0.0, 0.0, 1.0))
        self.ptz.drive(0.5, 0, 0, 3)
        self.ptz.stop()
        self.ptz.move(-1, 1, 5, 0.5)
        self.assertEqual(self.head.told, [("drive", (0.5, 0, 0), 3), ("stop", True, True), ("move", (-1, 1, 5), 0.5)])
        self.assertEqual((self.ptz.axes, self.ptz.is_digital), (self.head.axes, False))
        with self.assertRaises(Invalid):
            self.ptz.move(0, 0, 8)

    def test_where_it_is_it_says_itself(self):
        self.ptz.told((0.1, 0.2, 1.0), True)
        self.assertEqual((self.ptz.position, self.ptz.moving), ((0.1, 0.2, 1.0), True))
        self.assertEqual(self.state["cameras/cam1/ptz/tilt"].value, 0.2)
        self.ptz.told((0.1, 0.2, 1.0), False)
        self.ptz.save("door")
        self.ptz.go("door")
        self.assertEqual(self.head.told, [("move", (0.1, 0.2, 1.0), 1.0)])

    def test_without_it_the_window_moves_again(self):
        self.ptz.told((0.5, 0.0, 2.0), False)
        self.ptz.equip_head(None)
        self.assertEqual((self.views[-1], self.ptz.is_digital), ((0.5, 0.0, 2.0), True))
        self.assertEqual(self.state["cameras/cam1/ptz/zoom"].spec.max, 8)

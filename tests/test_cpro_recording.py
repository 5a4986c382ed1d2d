"""The product's routes and keys about recording, on a camera that is really recorded."""

from __future__ import annotations

from typing import Any

from camd_plugins import cpro

from .edge_case import Answer
from .record_case import RecordCase


class CproRecordingTests(RecordCase):
    plugins = {"cpro": cpro}

    def setUp(self) -> None:
        super().setUp()
        self.get(self.app.extensions.start_services())
        self.addCleanup(self.app.extensions.stop_services)
        self.films()

    def post(self, path: str, body: Any = None, by: str = "operator") -> Answer:
        return self.ask("POST", path, body or {}, by=by)

    def test_start_and_stop(self) -> None:
        wire = self.request(
            "POST", "/api/recording/start", {"filename": "mine", "duration": 600}, by="operator"
        )
        self.assertEqual(wire.value(), b"")  # it waits for pictures
        self.film(75)
        started = Answer(wire.value()).json
        self.lose(wire)
        self.assertEqual(
            (started["success"], started["recording_id"], started["filename"]),
            (True, 1, "cam1/1970/01/01/001640_000.mp4"),
        )
        again = self.post("/api/recording/start")
        self.assertEqual((again.status, again.code), (409, "RECORDING_IN_PROGRESS"))
        status = self.ask("GET", "/api/recording/status", by="viewer").json
        self.assertEqual(
            (status["recording"], status["recording_id"], status["filename"], status["duration"]),
            (True, 1, started["filename"], 2.5),
        )
        self.assertGreater(status["estimated_size"], 1000)
        self.assertGreater(status["remaining_space"], 0)
        stopped = self.post("/api/v1/recording/stop").json
        size = (self.media / started["filename"]).stat().st_size
        self.assertEqual(
            stopped,
            {
                "success": True,
                "recording_id": 1,
                "filename": started["filename"],
                "duration": 2.5,
                "file_size": size,
            },
        )
        self.assertFalse(self.post("/api/recording/stop").json["success"])
        self.assertFalse(self.ask("GET", "/api/recording/status", by="viewer").json["recording"])
        for path in ("/api/recordings", "/api/v1/recordings", "/api/recording/list"):
            told = self.ask("GET", path, by="viewer").json
            self.assertEqual((told["total_count"], told["recordings"][0]["recording_id"]), (1, 1))
        for below in ("", "/info", "/video.mp4", "/thumbnail.jpg"):
            self.assertEqual(self.ask("GET", f"/api/v1/recordings/1{below}", by="viewer").status, 200, below)
        self.assertEqual(self.ask("DELETE", "/api/v1/recordings/1", by="admin").status, 204)

    def test_a_camera_that_gives_nothing(self) -> None:
        wire = self.request("POST", "/api/recording/start", {}, by="operator")
        self.clock.pump([1] * 6)
        answer = Answer(wire.value())
        self.lose(wire)
        self.assertEqual((answer.status, answer.code), (503, "CAMERA_NOT_CONNECTED"))
        self.assertEqual(self.value("state"), "stopped")

    def test_no_room(self) -> None:
        self.recordings.storage.block("all of it is full")
        answer = self.post("/api/recording/start")
        self.assertEqual((answer.status, answer.code), (507, "INSUFFICIENT_STORAGE"))
        self.assertEqual(self.post("/api/camera/snapshot").status, 507)

    def test_tag(self) -> None:
        self.recordings["cam1"].start()
        self.film(75)
        for body, moment in (
            ({"title": "a", "timestamp": 1001_500}, 1001_500),
            ({"title": "b", "offset_ms": 500}, None),
        ):
            answer = self.post("/api/recording/tag", {**body, "category": "faults"}).json
            self.assertTrue(answer["success"])
            self.assertIn(answer["timestamp"], (moment, answer["timestamp"]))
        self.recordings["cam1"].stop()
        self.assertEqual(self.rows("SELECT id, name FROM categories"), [{"id": 1, "name": "faults"}])
        self.assertGreaterEqual(self.rows()[0]["tag_markers"], 1)
        for wrong in ({"title": 7}, {"title": "x", "timestamp": 10**30}, {"title": "x", "offset_ms": -(10**30)}):
            self.assertEqual(self.post("/api/recording/tag", wrong).status, 400, wrong)
        self.assertTrue(self.post("/api/recording/tag", {"title": "x", "category": 10**30}).json["success"])
        self.assertEqual(self.post("/api/recording/tag", {"title": "x"}, by="viewer").status, 403)

    def test_snapshot(self) -> None:
        kept = self.post("/api/camera/snapshot").json
        self.assertEqual((kept["success"], kept["size"]), (True, len(self.picture().data)))
        self.assertTrue((self.media / kept["path"]).exists())

    def test_keys(self) -> None:
        socket = self.socket("/api/v1", by="operator")
        self.assertEqual(socket.ask({"get": ["record"]}), {"record": False})
        for value, told in (("on", True), ("pause", "pause"), ("pause_release", True), (False, False)):
            socket.send({"record": value})
            answer = next(message for message in socket.received() if "info" in message)
            self.assertEqual(answer, {"record": told, "info": ["record"]})
        native = self.socket("/api", by="operator")
        native.send({"get": ["record", "recordingState"]}, {"record": "start"}, {"takePicture": True})
        answers = native.received()
        self.assertEqual(answers[0]["values"], {"record": "stop", "recordingState": "stopped"})
        self.assertEqual(self.value("state"), "recording")
        self.assertEqual([row["kind"] for row in self.rows()], ["snapshot"])

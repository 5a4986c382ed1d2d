"""Names of state as topics, and the three ways to match them."""

from __future__ import annotations

from camd_plugins.wamp.topics import InvalidUri, matcher, topic_of
from twisted.trial.unittest import SynchronousTestCase

FRONT = "camd.state.cameras.front.brightness"
BACK = "camd.state.cameras.back.brightness"
CPU = "camd.state.system.cpu"
DEEP = "camd.state.cameras.front.controls.brightness"


class TopicTests(SynchronousTestCase):
    def test_names(self) -> None:
        self.assertEqual(topic_of("cameras/front/brightness"), FRONT)
        self.assertEqual(topic_of("plugins/my.plugin"), "camd.state.plugins.my.plugin")

    def matching(self, match: str, uri: str) -> list[str]:
        accepts = matcher(match, uri)
        return [topic for topic in (FRONT, BACK, CPU, DEEP) if accepts(topic)]

    def test_exact(self) -> None:
        self.assertEqual(self.matching("exact", FRONT), [FRONT])
        self.assertEqual(self.matching("exact", "camd.state.cameras.front"), [])

    def test_prefix(self) -> None:
        self.assertEqual(self.matching("prefix", "camd.state.cameras.front."), [FRONT, DEEP])
        self.assertEqual(self.matching("prefix", "camd.state.cameras.f"), [FRONT, DEEP])
        for everything in ("", "c", "camd.", "camd.state", "camd.state."):
            self.assertEqual(self.matching("prefix", everything), [FRONT, BACK, CPU, DEEP])

    def test_wildcard(self) -> None:
        self.assertEqual(self.matching("wildcard", "camd.state.cameras..brightness"), [FRONT, BACK])
        self.assertEqual(self.matching("wildcard", "...cpu"), [CPU])
        self.assertEqual(self.matching("wildcard", "camd.state..."), [FRONT, BACK])
        self.assertEqual(self.matching("wildcard", FRONT), [FRONT])

    def test_what_no_topic_of_ours_can_be(self) -> None:
        for match, uri in (
            ("exact", "wamp.session.on_join"), ("exact", "camd.state"), ("exact", "camd.cameras.front"),
            ("exact", ""),
            ("prefix", "wamp."), ("prefix", "camd.event."), ("wildcard", "com..x.y"), ("wildcard",
            "camd.event..x"),
            ("wildcard", "..."[:1]), ("wildcard", ""),
        ):  # fmt: skip
            with self.assertRaises(InvalidUri, msg=f"{match} {uri}"):
                matcher(match, uri)

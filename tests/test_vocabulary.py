"""Names that a plugin adds: understood by the API, told in the broadcast, no more than the state allows."""

import json

from twisted.internet.defer import ensureDeferred
from twisted.trial.unittest import SynchronousTestCase

from camd.errors import Invalid, Refused, SourceError
from camd.state import EVERYONE, Permission, Principal, Spec, State
from camd.web.api import Api, Session
from camd.web.broadcast import Broadcast

VIEWER = Principal("viewer", frozenset({Permission.Device_r}))
NOBODY = Principal("nobody", frozenset())


class Percent:
    """A level from 0 to 9 as percent."""

    def __init__(self, name, level):
        self.name = name
        self.level = level

    def may_read(self, by):
        return by.may(self.level.spec.read, self.level.name)

    def get(self, by):
        return round(self.level.value * 100 / 9)

    def translate(self, value, by):
        if not by.may(self.level.spec.write):
            raise Refused(self.name)
        if type(value) is not int:
            raise Invalid(self.name, "Value must be a percentage")
        return {self.level.name: round(value * 9 / 100)}


class Percentages(dict):
    __hash__ = object.__hash__
    find = dict.get

    def of(self, observable):
        return [alias for alias in self.values() if alias.level is observable]

    def message(self, alias, value):
        return {alias.name: value}


class VocabularyTests(SynchronousTestCase):
    def setUp(self):
        self.state = State()
        self.levels = [
            self.state.declare(
                Spec(f"cam/{name}", int, default=0, min=0, max=9, read="Device_r", write="Device_rw"),
                self.apply,
            )
            for name in ("a", "b")
        ]
        self.api = Api(self.state, {})
        self.words = Percentages({level.name[-1]: Percent(level.name[-1], level) for level in self.levels})
        self.api.vocabulary = self.words
        self.broadcast = Broadcast(self.state)

    def apply(self, value):
        if value == 9:
            raise SourceError("the device says no")
        return value

    def ask(self, message, session=None, by=EVERYONE):
        return self.successResultOf(ensureDeferred(self.api.answer(message, session or Session(by))))

    def join(self, **about):
        return Listener(self.broadcast, **about)

    # -- asking

    def test_names_of_both_kinds_in_one_message(self):
        answer = self.ask({"a": 33, "cam/b": 4, "id": 7})
        self.assertEqual(answer, {"values": {"a": 33, "cam/b": 4}, "rev": self.state.rev, "id": 7})
        self.assertEqual(self.ask({"get": ["a", "cam/*"]})["values"], {"a": 33, "cam/a": 3, "cam/b": 4})
        self.assertEqual(self.ask({"info": ["b", "cam/a"]}), {"b": 44, "cam/a": 3})

    def test_all_or_nothing_and_errors_in_the_words_of_the_asker(self):
        self.ask({"a": 11})
        for message, answer in (
            (
                {"a": 50, "b": True},
                {"error": "Invalid value", "key": "b", "message": "Value must be a percentage"},
            ),
            (
                {"a": 50, "b": 500},
                {"error": "Invalid value", "key": "b", "message": "Value must be between 0 and 9"},
            ),
            ({"a": 50, "b": 100}, {"error": "Device error", "key": "b", "message": "the device says no"}),
            (
                {"a": 50, "cam/a": 2},
                {"error": "Invalid value", "key": "cam/a", "message": "means the same as a"},
            ),
        ):
            self.assertEqual(self.ask(message), answer)
            self.assertEqual(self.ask({"info": ["a", "b"]}), {"a": 11, "b": 0})

    def test_rights_are_those_of_the_state(self):
        self.assertEqual(self.ask({"a": 50}, by=VIEWER), {"error": "Permission denied", "key": "a"})
        self.assertEqual(self.ask({"info": ["a"]}, by=VIEWER), {"a": 0})
        self.assertEqual(self.ask({"get": ["a"]}, by=NOBODY), {"error": "Permission denied", "key": "a"})

    def test_without_the_plugin_they_are_no_names(self):
        self.api.vocabulary = None
        self.assertEqual(self.ask({"a": 50})["key"], "a")
        self.assertEqual(self.ask({"info": ["a"]})["message"], "no such state")

    # -- hearing

    def test_who_used_a_word_hears_them(self):
        for message in ({"a": 11}, {"get": ["a"]}, {"info": ["b"]}):
            client, other = self.join(), self.join()
            self.ask({"cam/a": 4}, client.session)
            self.assertEqual(client.take(), [{"state": "cam/a", "value": 4, "rev": self.state.rev}])
            self.ask(message, client.session)
            client.take()
            self.ask({"cam/a": 2})
            path = {"state": "cam/a", "value": 2, "rev": self.state.rev}
            self.assertEqual(client.take(), [path, {"a": 22}])
            self.assertEqual(other.take()[-1], path)

    def test_the_first_word_is_heard_by_who_said_it(self):
        client = self.join()
        self.ask({"a": 33}, client.session)
        self.assertIn({"a": 33}, client.take())

    def test_subscribed_words_alone(self):
        client = self.join()
        self.assertEqual(self.ask({"subscribe": ["a"]}, client.session), {"subscribed": ["a"]})
        self.ask({"cam/a": 4, "cam/b": 5})
        self.assertEqual(client.take(), [{"a": 44}])

    def test_a_language_without_paths(self):
        client = self.join(vocabulary=self.words, paths=False)
        self.ask({"cam/a": 1})
        self.assertEqual(client.take(), [{"a": 11}])

    def test_only_who_may_read_hears(self):
        nobody = self.join(by=NOBODY, vocabulary=self.words)
        self.ask({"cam/a": 1})
        self.assertEqual(nobody.take(), [])

    def test_a_slow_client_keeps_the_newest_of_each_name(self):
        client = self.join(vocabulary=self.words)
        client.write = None
        for value in (1, 2):
            self.ask({"cam/a": value})
        self.assertEqual(
            {name: json.loads(frame[2:]) for name, frame in client.held.items()},
            {"cam/a": {"state": "cam/a", "value": 2, "rev": self.state.rev}, "a": {"a": 22}},
        )

    def test_a_failing_vocabulary_costs_only_its_own_words(self):
        del self.words["a"].level
        first, second = self.join(vocabulary=self.words), self.join()
        self.levels[0].publish(5)
        self.assertEqual(len(self.flushLoggedErrors(AttributeError)), 1)
        self.assertEqual((len(first.take()), len(second.take())), (1, 1))


class Listener:
    """A client of the broadcast."""

    def __init__(self, broadcast, by=EVERYONE, **about):
        self.held = {}
        self.frames = []
        self.write = self.frames.append
        self.session = Session(
            by, True, on_change=lambda: (broadcast.leave(self), broadcast.join(self)), **about
        )
        broadcast.join(self)

    def hold(self, name, frame):
        self.held[name] = frame

    def take(self):
        frames, self.frames[:] = b"".join(self.frames), []
        messages = []
        while frames:
            length = frames[1]
            messages.append(json.loads(frames[2 : 2 + length]))
            frames = frames[2 + length :]
        return messages

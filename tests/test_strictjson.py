from __future__ import annotations

import json

from twisted.trial.unittest import SynchronousTestCase

from camd.errors import Invalid
from camd.wire import strictjson


class Loads(SynchronousTestCase):
    def refused(self, text: str | bytes, reason: str, limit: int = 65536) -> None:
        error = self.assertRaises(Invalid, strictjson.loads, text, limit)
        self.assertEqual(error.key, "")
        self.assertIn(reason, error.reason)

    def test_plain_values(self) -> None:
        for text in ("{}", "[]", "null", "true", "-1.5e3", '"ä"', '{"a": [1, {"b": null}]}', " 7 "):
            self.assertEqual(strictjson.loads(text, 100), json.loads(text))
            self.assertEqual(strictjson.loads(text.encode(), 100), json.loads(text))

    def test_types_stay_apart(self) -> None:
        self.assertEqual([type(v) for v in strictjson.loads("[1, 1.0, true]", 20)], [int, float, bool])

    def test_size_counts_utf8(self) -> None:
        self.assertEqual(strictjson.loads('"ä"', 4), "ä")
        self.refused('"ä"', "longer than 3 bytes", 3)
        self.refused(b"[" + b" " * 100 + b"]", "longer than 100 bytes", 100)

    def test_encoding(self) -> None:
        self.refused(b'"\xff"', "not UTF-8 (byte 1)")
        self.refused('"x"'.encode("utf-16"), "not UTF-8")
        self.refused(b'\xef\xbb\xbf{}', "not JSON")
        self.refused('"\ud800"', "lone surrogate")

    def test_escaped_surrogates(self) -> None:
        self.assertEqual(strictjson.loads(r'"\ud83d\ude00"', 64), "\U0001f600")
        self.refused(r'"\ud800"', "lone surrogate")
        self.refused(r'{"\udfff": 1}', "lone surrogate")
        self.refused(r'[{"a": "\uDBFF\uDBFF"}]', "lone surrogate")
        self.assertEqual(strictjson.loads(r'"\\ud800"', 64), r"\ud800")

    def test_duplicate_keys(self) -> None:
        self.refused('{"a": 1, "b": 2, "a": 3}', 'duplicate key "a"')
        self.refused('[{"x": {"a": 1, "\\u0061": 1}}]', "duplicate key")

    def test_constants(self) -> None:
        for name in ("NaN", "Infinity", "-Infinity"):
            self.refused(f'{{"a": {name}}}', f"{name} is not JSON")

    def test_numbers(self) -> None:
        self.refused("1e999", "too large")
        self.refused("-1e400", "too large")
        self.refused("1" * 5000, "characters")
        self.refused("0." + "1" * 5000, "characters")
        self.assertEqual(strictjson.loads(str(2**64), 64), 2**64)

    def test_depth(self) -> None:
        deepest = "[" * 32 + "]" * 32
        self.assertEqual(strictjson.loads(deepest, 100), json.loads(deepest))
        self.refused("[" * 33 + "]" * 33, "nested deeper than 32")
        self.refused('{"a":' * 33 + "1" + "}" * 33, "nested deeper than 32")
        self.refused("[" * 60000, "nested deeper than 32")

    def test_wide_is_not_deep(self) -> None:
        wide = "[" + ",".join(["[]"] * 1000) + "]"
        self.assertEqual(len(strictjson.loads(wide, 65536)), 1000)

    def test_brackets_in_strings_do_not_count(self) -> None:
        for text in ('"' + "[" * 100 + '"', '"\\"' + "{" * 100 + '"', '["\\\\", "' + "[" * 100 + '"]'):
            self.assertEqual(strictjson.loads(text, 200), json.loads(text))

    def test_not_json(self) -> None:
        for text in ("", "{", "{'a': 1}", "[1,]", "01", "+1", ".5", "1.", '"\n"', "{} {}", "nul", '"a'):
            self.refused(text, "not JSON")

    def test_hostile_strings_take_no_time(self) -> None:
        self.refused('"' + "\\" * 65000, "not JSON", 70000)
        self.refused("[" * 40 + '"' + '\\"' * 30000, "nested deeper")


class Dumps(SynchronousTestCase):
    def test_shape(self) -> None:
        self.assertEqual(strictjson.dumps({"state": "a/b", "value": "ä"}), '{"state": "a/b", "value": "ä"}')

    def test_no_nan(self) -> None:
        for value in (float("nan"), float("inf"), [-float("inf")]):
            self.assertRaises(ValueError, strictjson.dumps, value)
        self.assertRaises(TypeError, strictjson.dumps, {"a": b"bytes"})

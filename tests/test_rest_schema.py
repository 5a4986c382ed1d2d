"""JSON Schema: made from Specs so that it says what they check, and checked itself."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from camd.errors import Invalid
from camd.state import Spec
from camd.web.rest.schema import Schema, check, component, nullable, of_reading, of_writing, record, text


class CheckTests(SynchronousTestCase):
    def fits(self, value: Any, schema: Schema) -> bool:
        try:
            check(value, schema)
        except Invalid:
            return False
        return True

    def test_values(self) -> None:
        person = record(
            {"name": text(least=1, most=3)}, {"age": {"type": "integer", "minimum": 0}}, closed=True
        )
        for schema, good, bad in (
            ({}, (None, 1, "a", [], {}), ()),
            ({"type": "integer"}, (1, -1, 1.0), (True, 1.5, "1", None)),
            ({"type": "number"}, (1, 1.5), (False, "1")),
            ({"type": ["string", "null"]}, ("", None), (0,)),
            ({"type": "number", "minimum": 1, "maximum": 2}, (1, 2), (0.9, 2.1)),
            ({"type": "integer", "minimum": 1}, (1,), (0,)),
            ({"type": "integer", "maximum": 1}, (1,), (2,)),
            ({"enum": [1, "a"]}, (1, "a"), (True, "b")),
            (text(least=1, most=2), ("a", "ab"), ("", "abc")),
            (text(pattern="^[a-z]+$"), ("ab",), ("aB",)),
            (
                {"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": 2},
                ([1],),
                ([], [1, 2, 3], ["a"]),
            ),
            (
                person,
                ({"name": "a"}, {"name": "a", "age": 1}),
                ({}, {"name": ""}, {"name": "a", "x": 1}, {"age": 1}),
            ),
            ({"type": "object", "additionalProperties": {"type": "integer"}}, ({}, {"a": 1}), ({"a": "b"},)),
            ({"type": "object", "minProperties": 1, "maxProperties": 1}, ({"a": 1},), ({}, {"a": 1, "b": 2})),
            (nullable({"enum": ["a"]}), ("a", None), ("b",)),
        ):
            for value in good:
                self.assertTrue(self.fits(value, schema), f"{value!r} in {schema}")
            for value in bad:
                self.assertFalse(self.fits(value, schema), f"{value!r} in {schema}")

    def test_a_named_schema(self) -> None:
        reference = component("OnlyForThisTest", {"type": "integer"})
        self.assertTrue(self.fits(1, reference))
        self.assertFalse(self.fits("1", reference))
        with self.assertRaises(ValueError):
            component("OnlyForThisTest", {"type": "string"})

    def test_where_it_is_wrong(self) -> None:
        schema = record({"list": {"type": "array", "items": {"type": "integer"}}})
        for value, key in (({"list": [1, "a"]}, "list/1"), ({}, "list"), ([], "")):
            error = self.assertRaises(Invalid, check, value, schema)
            self.assertEqual(error.key, key)

    def test_a_name_from_outside_is_cut_and_quoted(self) -> None:
        error = self.assertRaises(
            Invalid, check, {'"x\n' * 100: 1}, record({"a": {}}, closed=True) | {"required": []}
        )
        self.assertLess(len(error.reason), 300)
        self.assertNotIn("\n", error.reason)


class SpecTests(SynchronousTestCase):
    """`of_writing` lets through what Spec.check does, where JSON Schema can say it."""

    def test_the_same_answer_as_the_spec(self) -> None:
        values: list[Any] = [
            None,
            True,
            0,
            1,
            2,
            3,
            5,
            10,
            11,
            -1,
            1.5,
            "a",
            "c",
            "x" * 4096,
            "x" * 4097,
            [],
            {},
            [1],
            {"a": 1},
        ]
        for spec in (
            Spec("a/b", bool),
            Spec("a/b", int),
            Spec("a/b", int, min=0, max=10),
            Spec("a/b", int, min=1),
            Spec("a/b", int, max=3),
            Spec("a/b", int, min=1, max=9, step=2),
            Spec("a/b", int, choices=(1, 2)),
            Spec("a/b", float, min=0, max=1.5),
            Spec("a/b", str),
            Spec("a/b", str, choices=("a", "b")),
            Spec("a/b", list),
            Spec("a/b", dict),
        ):
            for value in values:
                found = True
                try:
                    spec.check(value)
                except Invalid:
                    found = False
                fits = True
                try:
                    check(value, of_writing(spec))
                except Invalid:
                    fits = False
                self.assertEqual(fits, found, f"{value!r} for {spec.describe()}")

    def test_steps(self) -> None:
        self.assertEqual(of_writing(Spec("a/b", int, min=10, max=90, step=5))["multipleOf"], 5)
        self.assertEqual(of_writing(Spec("a/b", int, min=1, max=5, step=2))["enum"], [1, 3, 5])
        self.assertNotIn("multipleOf", of_writing(Spec("a/b", int, step=1)))

    def test_a_reading_may_be_unknown_or_out_of_range(self) -> None:
        schema = of_reading(Spec("a/b", int, min=0, max=10, unit="%", doc="How much.", default=1))
        self.assertEqual(
            schema, {"type": ["integer", "null"], "description": "How much.", "x-unit": "%", "default": 1}
        )

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as some
from twisted.trial.unittest import SynchronousTestCase

from camd.errors import Invalid
from camd.files.name import is_fit, parse_name, parse_parts, parse_path

from .path_attacks import ATTACKS, FINE


class NameTests(SynchronousTestCase):
    def test_attacks(self) -> None:
        for what, paths in ATTACKS.items():
            for path in paths:
                with self.assertRaises(Invalid, msg=f"{what}: {path!r}"):
                    parse_path(path)

    def test_attacks_as_the_name_of_one_file(self) -> None:
        for what, paths in ATTACKS.items():
            for path in (*paths, "a/b", "", "/"):
                with self.assertRaises(Invalid, msg=f"{what}: {path!r}"):
                    parse_name(path)

    def test_what_is_fine(self) -> None:
        for path, name in FINE:
            self.assertEqual(parse_path(path), name)

    def test_parts_of_a_url(self) -> None:
        self.assertEqual(parse_parts([b"a", b"b.txt"]), ("a", "b.txt"))
        self.assertEqual(parse_parts([b"a", b""]), ("a",))
        self.assertEqual((parse_parts([]), parse_parts([b""])), ((), ()))
        for parts in ([b"\xff"], [b"\xc0\xae\xc0\xae", b"x"], [b"a/b"], [b"..", b"x"], [b"", b"x"], [b"a", b"", b""]):
            with self.assertRaises(Invalid, msg=repr(parts)):
                parse_parts(parts)

    def test_what_is_there_but_cannot_be_asked_for(self) -> None:
        self.assertTrue(is_fit("cat.jpg"))
        for name in (".hidden", "cafe\u0301", "x\udcff", "nul", "a:b"):
            self.assertFalse(is_fit(name), repr(name))

    def test_a_reason_repeats_nothing(self) -> None:
        """It goes to a page."""
        for paths in ATTACKS.values():
            for path in paths:
                try:
                    parse_path(path)
                except Invalid as error:
                    if len(path) > 4:
                        self.assertNotIn(path, str(error))

    @settings(max_examples=300, deadline=None)
    @given(some.text(max_size=40))
    def test_whatever_comes(self, path: str) -> None:
        """A name is taken as it is, once more as well, or not at all; and none has a way out."""
        try:
            name = parse_path(path)
        except Invalid:
            return
        self.assertEqual(parse_path("/".join(name)), name)
        for part in name:
            self.assertNotIn(part, ("", ".", ".."))
            self.assertFalse(set(part) & set("/\\\0:\n\r"))

"""The encodings of WAMP messages: what they carry, what they refuse, and what they do not import."""

from __future__ import annotations

import copy
import math
import random
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import cbor2
import msgpack
from autobahn.wamp.exception import ProtocolError
from autobahn.wamp.message import Event, Result
from camd_plugins.wamp import cbor
from camd_plugins.wamp.codec import CODECS, DEPTH_LIMIT, Codec, plain
from twisted.trial.unittest import SynchronousTestCase

from camd.errors import Invalid

BY_NAME = {codec.NAME: codec for codec in CODECS}
CALL = [48, 7, {}, "camd.set", [{"cameras/cam1/name": "Bühne", "a/b": [1, -2, 2.5, None, True, 2**63]}]]


def nested(depth: int) -> Any:
    value: Any = 0
    for _ in range(depth):
        value = [value]
    return value


class CodecTests(SynchronousTestCase):
    def test_each_reads_what_it_writes(self) -> None:
        for codec in CODECS:
            self.assertEqual(codec.unserialize(codec.serialize(CALL), codec.BINARY), CALL, codec.NAME)

    def test_each_is_what_its_subprotocol_says(self) -> None:
        self.assertEqual(cbor2.loads(BY_NAME["cbor"].serialize(CALL)), CALL)
        self.assertEqual(msgpack.unpackb(BY_NAME["msgpack"].serialize(CALL)), CALL)
        self.assertEqual(BY_NAME["json"].serialize([1, "ä", None]), '[1,"ä",null]'.encode())

    def test_pictures(self) -> None:
        picture = b"\xff\xd8\0\xff\xd9"
        self.assertEqual(cbor2.loads(BY_NAME["cbor"].serialize([picture])), [picture])
        self.assertEqual(msgpack.unpackb(BY_NAME["msgpack"].serialize([picture])), [picture])
        self.assertEqual(BY_NAME["json"].serialize([picture]), b'["\\u0000/9gA/9k="]')

    def test_an_integer_beyond_64_bits_does_not_stop_a_broadcast(self) -> None:
        for codec in CODECS:
            codec.serialize([36, 1, 1, {}, [10**30]])

    def test_bytes_are_kept_for_all_connections(self) -> None:
        codec = copy.copy(BY_NAME["json"])  # as Autobahn does for each
        event = Event(1, 2, args=[3])
        self.assertIs(event.serialize(codec), event.serialize(BY_NAME["json"]))

    def test_autobahns_clients_understand(self) -> None:
        import autobahn.twisted.websocket  # noqa: F401 - chooses Twisted for the serializers
        from autobahn.wamp.serializer import create_transport_serializer

        for codec in CODECS:
            theirs = create_transport_serializer(codec.NAME)
            data = Result(7, [b"\xff\xd8"], {"wall": 1.5}, progress=True).serialize(codec)
            (result,) = theirs.unserialize(data, codec.BINARY)
            self.assertEqual(
                (result.args, result.kwargs, result.progress), ([b"\xff\xd8"], {"wall": 1.5}, True)
            )

    def refuse(self, codec: Codec, data: bytes, binary: bool | None = None) -> None:
        with self.assertRaises(ProtocolError, msg=f"{codec.NAME} {data[:40]!r}"):
            codec.unserialize(data, codec.BINARY if binary is None else binary)

    def test_the_wrong_kind_of_websocket_message(self) -> None:
        for codec in CODECS:
            self.refuse(codec, codec.serialize(CALL), not codec.BINARY)

    def test_no_message_of_wamp(self) -> None:
        for codec in CODECS:
            for value in (7, "x", None, {}, [], ["1"], [True], [1.0]):
                self.refuse(codec, codec.serialize(value))

    def test_malformed(self) -> None:
        for codec in CODECS:
            whole = codec.serialize(CALL)
            for end in range(len(whole)):
                self.refuse(codec, whole[:end])
            self.refuse(codec, whole + b"\x01")

    def test_noise(self) -> None:
        chance = random.Random(7)
        for codec in CODECS:
            whole = bytearray(codec.serialize(CALL))
            for _ in range(500):
                damaged = bytearray(whole)
                damaged[chance.randrange(len(damaged))] = chance.randrange(256)
                try:
                    codec.unserialize(bytes(damaged), codec.BINARY)
                except ProtocolError:
                    continue

    def test_half_a_pair_of_surrogates(self) -> None:
        for text in (b'[48,"\\ud83d"]', b'[48,{"\\uDE00":1}]', b'[48,"\\ude00\\ud83d"]'):
            self.refuse(BY_NAME["json"], text)
        whole = BY_NAME["json"].unserialize(b'[48,"\\ud83d\\ude00"]', False)
        self.assertEqual(whole, [48, "\N{GRINNING FACE}"])

    def test_depth(self) -> None:
        self.refuse(BY_NAME["json"], b"[" * 60_000)
        self.refuse(BY_NAME["msgpack"], b"\x91" * 60_000)
        self.refuse(BY_NAME["cbor"], b"\x81" * 60_000)
        self.refuse(BY_NAME["cbor"], b"\x9f" * 60_000)

    def test_nothing_heavy_is_imported(self) -> None:
        code = (
            "import sys, camd_plugins.wamp.transport;"
            "print(sorted({'numpy', 'cv2', 'av', 'autobahn.wamp.serializer'} & set(sys.modules)))"
        )
        root = str(Path(__file__).parent.parent)
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root
        )
        self.assertEqual(done.stdout, "[]\n")


class PlainTests(SynchronousTestCase):
    def test_what_every_client_can_read(self) -> None:
        for value in (
            None,
            True,
            0,
            -(2**63),
            2**64 - 1,
            1.5,
            "",
            "ä\0",
            [],
            {},
            {"a": [{"b": None}]},
            nested(DEPTH_LIMIT),
        ):
            self.assertIs(plain(value), value)

    def test_what_not_every_client_can_read(self) -> None:
        cycle: list[Any] = []
        cycle.append(cycle)
        for value in (
            math.nan, math.inf, 2**64, -(2**63) - 1, b"x", (1,), {1: 2}, {b"a": 1}, {"a": b"x"}, Decimal(1),
            datetime.now(UTC), msgpack.Timestamp(1), msgpack.ExtType(1, b""),
            "\0AAAA",
            nested(DEPTH_LIMIT + 1), cycle,
        ):  # fmt: skip
            with self.assertRaises(Invalid):
                plain(value)


class CborTests(SynchronousTestCase):
    """The examples are those of RFC 8949, appendix A, as far as JSON goes."""

    def test_examples(self) -> None:
        for data, value in (
            ("00", 0), ("17", 23), ("1818", 24), ("1903e8", 1000), ("1a000f4240", 1000000),
            ("1bffffffffffffffff", 18446744073709551615), ("20", -1), ("3863", -100),
            ("3bffffffffffffffff", -(2**64)),
            ("f90000", 0.0), ("f93c00", 1.0), ("f97bff", 65504.0), ("fa47c35000", 100000.0),
            ("fb3ff199999999999a", 1.1),
            ("f4", False), ("f5", True), ("f6", None), ("f7", None), ("40", b""), ("4401020304",
            b"\1\2\3\4"), ("60", ""),
            ("62c3bc", "ü"), ("64f0908591", "𐅑"), ("80", []), ("8301820203820405", [1, [2, 3], [4, 5]]),
            ("a0", {}),
            ("a26161016162820203", {"a": 1, "b": [2, 3]}), ("5f42010243030405ff", b"\1\2\3\4\5"),
            ("7f657374726561646d696e67ff", "streaming"), ("9fff", []), ("9f018202039f0405ffff", [1, [2, 3],
            [4, 5]]),
            ("bf61610161629f0203ffff", {"a": 1, "b": [2, 3]}), ("826161bf61626163ff", ["a", {"b": "c"}]),
        ):  # fmt: skip
            read = cbor.loads(bytes.fromhex(data))
            self.assertEqual((read, type(read)), (value, type(value)), data)

    def test_floats_that_are_no_numbers_are_read(self) -> None:
        self.assertEqual(cbor.loads(bytes.fromhex("f97c00")), math.inf)
        self.assertTrue(math.isnan(cbor.loads(bytes.fromhex("f97e00"))))

    def test_refused(self) -> None:
        for data in (
            "", "18", "19ff", "1c", "1f", "3f", "61", "62c3", "61ff", "81", "8201", "a1", "a101", "a10102",
            "9f01", "bf6161",
            "bf6161ff", "ff", "81ff", "9fffff", "0000", "e0", "f0", "f818", "fc", "5f6161ff", "7f4161ff",
            "5f01ff",
            "c249010000000000000000",  # a big integer
            "c11a514b67b0", "c074323031332d30332d32315432303a30343a30305a",  # times
            "c482271900ff", "c5823a3b9aca0001",  # decimal fraction and big float, with a billion digits
            "d81c81d81d00",  # a list that contains itself
            "d82366285b612d5d29",  # a regular expression
            "d9d9f700",  # self-described
        ):  # fmt: skip
            with self.assertRaises(ValueError, msg=data):
                cbor.loads(bytes.fromhex(data))

    def test_as_cbor2(self) -> None:
        chance = random.Random(3)

        def value(depth: int) -> Any:
            kinds = 8 if depth else 6
            kind = chance.randrange(kinds)
            if kind == 0:
                return chance.choice((None, True, False))
            if kind == 1:
                return chance.randrange(-(2 ** chance.randrange(1, 64)), 2 ** chance.randrange(1, 64))
            if kind in (2, 3):
                return chance.uniform(-1e6, 1e6)
            if kind == 4:
                return "".join(
                    chr(chance.choice((65, 0xE4, 0x20AC, 0x1F600))) for _ in range(chance.randrange(40))
                )
            if kind == 5:
                return chance.randbytes(chance.randrange(300))
            if kind == 6:
                return [value(depth - 1) for _ in range(chance.randrange(30))]
            return {str(number): value(depth - 1) for number in range(chance.randrange(30))}

        for _ in range(50):
            wanted = value(3)
            self.assertEqual(cbor.loads(cbor2.dumps(wanted)), wanted)

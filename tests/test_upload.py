"""Up: forms and bodies, what they may not, and that nothing is left of what did not come whole."""

from __future__ import annotations

import base64
import os
import re
from typing import Any

from camd.auth.verification import REMEMBERED
from camd.config import AuthConfig
from camd.errors import StorageFull
from camd.files import files as files_module
from camd.files import part as part_module
from camd.web.channel import SLOWEST
from camd.web.files import incoming

from .auth_case import PASSWORD
from .edge_case import Answer
from .files_case import FORM, FilesCase, form
from .path_attacks import ATTACKS, RAW_ATTACKS

PIECE = b"x" * 1000


class UploadCase(FilesCase):
    def post(self, *parts: tuple[str, Any], path: str = "/upload", by: str = "admin", **headers: Any) -> Answer:
        return self.ask("POST", path, form(*parts), by=by, **{**FORM, **headers})

    def put(self, path: str, data: bytes = b"data", by: str = "admin", **headers: Any) -> Answer:
        return self.ask("PUT", "/files/" + path, data, by=by, **headers)

    def read(self, path: str) -> bytes:
        return (self.root / path).read_bytes()


class FormTests(UploadCase):
    def test_the_product_s_form(self) -> None:
        answer = self.post(("file", ("cat.jpg", PIECE)), ("path", "/photos/2026"), ("overwrite", "false"))
        self.assertEqual(answer.status, 200, answer.body)
        self.assertEqual(
            answer.json, {"success": True, "filename": "cat.jpg", "path": "/photos/2026/cat.jpg", "size": 1000}
        )
        self.assertEqual(self.there, ["photos/2026/cat.jpg"])

    def test_fields_before_and_after_and_in_the_address(self) -> None:
        self.post(("path", "a"), ("file", ("x", b"1")))
        self.post(("file", ("x", b"2")), path="/upload?path=/b/")
        self.post(("file", ("x", b"3")))
        self.post(("file", ("x", b"4")), ("overwrite", "true"), ("path", "c"), path="/upload?path=/b/")
        self.assertEqual({path: self.read(path) for path in self.there}, {"a/x": b"1", "b/x": b"2", "x": b"3", "c/x": b"4"})

    def test_overwrite(self) -> None:
        self.post(("file", ("x", b"old")))
        answer = self.post(("file", ("x", b"new")))
        self.assertEqual((answer.status, answer.code, self.read("x")), (409, "CONFLICT", b"old"))
        self.assertEqual(self.post(("file", ("x", b"new")), ("overwrite", "TRUE")).status, 200)
        self.assertEqual((self.there, self.read("x")), (["x"], b"new"))

    def test_whatever_the_pieces(self) -> None:
        """Boundaries fall where they like."""
        data = b"\r\n--" + b"----" * 10 + b"\r\n\r\n----x\r" + bytes(range(256))
        body = form(("path", "a"), ("file", ("x", data)), ("overwrite", "1"))
        for size in (1, 2, 3, 7, 64):
            wire = self.begin("POST", "/upload", len(body), **FORM)
            for start in range(0, len(body), size):
                wire.protocol.dataReceived(body[start : start + size])
            self.assertEqual(Answer(wire.value()).status, 200, wire.value())
            self.lose(wire)
            self.assertEqual(self.read("a/x"), data)

    def test_wrong_forms(self) -> None:
        for what, body, headers in (
            ("no file", form(("path", "a")), FORM),
            ("no filename", form(("file", "text")), FORM),
            ("two files", form(("file", ("x", b"1")), ("file", ("y", b"2"))), FORM),
            ("no end", form(("file", ("x", b"1")), end=False), FORM),
            ("nothing", b"--", FORM),
            ("not a form", b"just text", FORM),
            ("no boundary", form(("file", ("x", b"1"))), {"content_type": "multipart/form-data"}),
            ("another boundary", form(("file", ("x", b"1"))), {"content_type": "multipart/form-data; boundary=y"}),
            ("a long boundary", b"", {"content_type": "multipart/form-data; boundary=" + "y" * 300}),
            ("another type", b"{}", {"content_type": "application/json"}),
            ("mixed", form(("file", ("x", b"1"))), {"content_type": "multipart/mixed; boundary=----x"}),
            ("no type", form(("file", ("x", b"1"))), {}),
            ("a large field", form(("path", "x" * 3000), ("file", ("x", b"1"))), FORM),
            ("overwrite?", form(("file", ("x", b"1")), ("overwrite", "perhaps")), FORM),
            ("a broken header", b"------x\r\nContent-Disposition\r\n\r\n1\r\n------x--\r\n", FORM),
            ("no form-data", b"------x\r\nContent-Disposition: attachment; name=file\r\n\r\n1\r\n------x--\r\n", FORM),
            ("no UTF-8", form(("file", ("\udcff", b"1"))), FORM),
        ):
            answer = self.ask("POST", "/upload", body or b"x", by="admin", **headers)
            self.assertEqual((answer.status, answer.code), (400, "INVALID_FORMAT"), what)
            self.assertEqual(self.there, [], what)
        self.assertEqual(self.ask("POST", "/upload", by="admin").status, 400)

    def test_too_many_parts_and_headers(self) -> None:
        many = form(*((f"f{n}", "x") for n in range(30)), ("file", ("x", b"1")))
        header = b"------x\r\n" + b"X-A: " + b"a" * 100_000
        headers = b"------x\r\n" + b"X-A: a\r\n" * 100
        for body in (many, header, headers):
            self.assertEqual(self.ask("POST", "/upload", body, by="admin", **FORM).status, 413)
        self.assertEqual(self.there, [])

    def test_attacks(self) -> None:
        for what, paths in ATTACKS.items():
            for path in paths:
                if set(path) & set('"\r\n\ud800'):
                    continue  # cannot be written into a header
                for parts in (
                    (("file", (path, b"1")),),
                    (("file", ("x", b"1")), ("path", path)),
                    (("path", path), ("file", ("x", b"1"))),
                ):
                    if len(parts) == 1 and re.match(r"[A-Za-z]:\\|\\\\", path):
                        continue  # the parser takes the folders away that old browsers sent
                    self.assertEqual(self.post(*parts).status, 400, f"{what}: {path!r}")
        self.assertEqual(self.there, [])

    def test_folders_of_old_browsers(self) -> None:
        answer = self.post(("file", ("C:\\Users\\ann\\cat.jpg", b"1")))
        self.assertEqual((answer.status, self.there), (200, ["cat.jpg"]))


class PutTests(UploadCase):
    def test_put(self) -> None:
        answer = self.put("a/x.txt", PIECE)
        self.assertEqual((answer.status, answer.json["path"], answer.json["size"]), (201, "/a/x.txt", 1000))
        self.assertEqual(self.put("a/x.txt", b"new").status, 200)
        self.assertEqual((self.there, self.read("a/x.txt")), (["a/x.txt"], b"new"))

    def test_an_empty_file(self) -> None:
        self.assertEqual(self.put("x", b"").status, 201)
        self.assertEqual(self.read("x"), b"")

    def test_chunked(self) -> None:
        wire = self.begin("PUT", "/files/x", None)
        wire.protocol.dataReceived(b"4\r\nabcd\r\n3\r\nefg\r\n0\r\n\r\n")
        self.assertEqual(Answer(wire.value()).status, 201)
        self.lose(wire)
        self.assertEqual(self.read("x"), b"abcdefg")

    def test_conditions(self) -> None:
        self.put("x", b"1")
        etag = self.ask("GET", "/files/x", by="viewer").headers["etag"]
        for headers, status in (
            ({"if_none_match": "*"}, 412),
            ({"if_match": '"y"'}, 412),
            ({"if_none_match": etag}, 412),
            ({"if_unmodified_since": "Sun, 06 Nov 1994 08:49:37 GMT"}, 412),
            ({"if_match": etag, "if_unmodified_since": "Sun, 06 Nov 1994 08:49:37 GMT"}, 200),
        ):
            self.assertEqual(self.put("x", b"2", **headers).status, status, headers)
        self.assertEqual(self.put("new", if_match="*").status, 412)
        self.assertEqual(self.put("new", if_none_match="*").status, 201)
        self.assertEqual(self.put("new?overwrite=false").status, 409)

    def test_conditions_of_deleting(self) -> None:
        self.put("x", b"1")
        etag = self.ask("GET", "/files/x", by="viewer").headers["etag"]
        for headers, status in (
            ({"if_match": '"y"'}, 412),
            ({"if_match": "W/" + etag}, 412),
            ({"if_none_match": etag}, 412),
            ({"if_unmodified_since": "Sun, 06 Nov 1994 08:49:37 GMT"}, 412),
            ({"if_match": f'"y", {etag}'}, 204),
            ({"if_match": etag}, 404),
        ):
            self.assertEqual(self.ask("DELETE", "/files/x", by="admin", **headers).status, status, headers)
        self.put("a/x", b"1")
        self.assertEqual(self.ask("DELETE", "/files/a?recursive=true", by="admin", if_match='"y"').status, 412)
        self.assertEqual(self.read("a/x"), b"1")

    def test_refused_before_it_comes(self) -> None:
        self.put("x", b"1")
        for path, headers, status in (
            ("x?overwrite=false", {}, 409),
            ("x", {"if_none_match": "*"}, 412),
            ("x", {"content_range": "bytes 0-1/2"}, 400),
            ("..", {}, 400),
            ("", {}, 400),
        ):
            wire = self.begin("PUT", "/files/" + path, 1 << 20, **headers)
            self.assertEqual(Answer(wire.value()).status, status, path)
            self.assertTrue(wire.lost)
            wire.protocol.dataReceived(PIECE)
            self.lose(wire)
        self.assertEqual(self.there, ["x"])

    def test_attacks(self) -> None:
        for path in RAW_ATTACKS:
            answer = self.put(path.decode("latin-1"))
            self.assertIn(answer.status, (400, 404), path)
        self.assertEqual(self.there, [])

    def test_a_link_is_not_followed(self) -> None:
        outside = self.folder / "outside"
        outside.mkdir()
        (self.root / "out").symlink_to(outside)
        self.assertEqual(self.put("out/x").status, 409)
        self.assertEqual(self.put("out").status, 201)
        self.assertEqual(list(outside.iterdir()), [])

    def test_next_on_the_same_connection(self) -> None:
        wire = self.request("PUT", "/files/x", b"1", by="admin")
        wire.clear()
        wire.protocol.dataReceived(
            f"PUT /files/y HTTP/1.1\r\nHost: camd\r\nAuthorization: Bearer {self.tokens['admin']}\r\n"
            "Content-Length: 2\r\n\r\n22".encode()
        )
        self.assertEqual(Answer(wire.value()).status, 201)
        self.lose(wire)
        self.assertEqual(self.there, ["x", "y"])


class RightsTests(UploadCase):
    def test_who_may(self) -> None:
        for by, status in (("operator", 403), ("viewer", 403), ("nobody", 403), ("", 401)):
            for method, path in (("PUT", "/files/x"), ("POST", "/upload"), ("DELETE", "/files/x")):
                self.assertEqual(self.ask(method, path, b"x", by=by, **FORM).status, status, f"{by} {method}")

    def test_before_anything_comes(self) -> None:
        for by, status in (("viewer", 403), ("", 401)):
            for length in (100_000_000, None):
                wire = self.begin("PUT", "/files/x", length, by=by)
                if length is None:
                    wire.protocol.dataReceived(b"20000\r\n" + b"x" * 0x20000 + b"\r\n")
                self.assertEqual(Answer(wire.value()).status, status)
                self.assertTrue(wire.lost)
                self.lose(wire)
        self.assertEqual(self.there, [])

    def test_while_a_password_is_checked(self) -> None:
        """What comes meanwhile waits, and no more is read."""
        self.clock.advance(REMEMBERED + 1)
        for password, status in ((PASSWORD, 201), ("wrong password", 401)):
            self.app.threads.pools["auth"].at_once = False
            basic = "Basic " + base64.b64encode(f"admin:{password}".encode()).decode()
            wire = self.begin("PUT", "/files/x", 2000, by="", authorization=basic)
            wire.protocol.dataReceived(PIECE)
            self.assertEqual((wire.value(), wire.producerState), (b"", "paused"))
            self.assertEqual(self.there, [])
            self.app.threads.pools["auth"].run()
            if status == 201:
                self.assertEqual(wire.producerState, "producing")
                wire.protocol.dataReceived(PIECE)
            self.assertEqual(Answer(wire.value()).status, status)
            self.lose(wire)
            self.assertEqual(self.there, ["x"] if status == 201 else [])
            (self.root / "x").unlink(missing_ok=True)

    def test_by_cookie(self) -> None:
        cookie = self.login("admin")
        own = {"cookie": cookie, "origin": "http://camd"}
        self.assertEqual(self.put("x", by="", content_type="application/octet-stream", **own).status, 201)
        self.assertEqual(self.put("y", by="", content_type="text/plain", **own).status, 400)
        self.assertEqual(self.put("y", by="", content_type="application/octet-stream", cookie=cookie).status, 403)
        self.assertEqual(self.post(("file", ("y", b"1")), by="", **own).status, 400)
        self.assertEqual(self.post(("file", ("y", b"1")), by="", cookie=cookie, origin="http://evil").status, 403)
        self.assertEqual(self.there, ["x"])


class RoomTests(UploadCase):
    def test_too_large(self) -> None:
        self.configure(max_upload=1000)
        self.assertEqual(self.put("x", PIECE).status, 201)
        for length, data in ((1001, b""), (None, b"3e9\r\n" + b"x" * 1001 + b"\r\n")):
            wire = self.begin("PUT", "/files/y", length)
            wire.protocol.dataReceived(data)
            answer = Answer(wire.value())
            self.assertEqual((answer.status, answer.code), (413, "REQUEST_TOO_LARGE"))
            self.lose(wire)
        self.assertEqual(self.post(("file", ("y", PIECE))).status, 200)
        self.assertEqual(self.post(("file", ("z", PIECE + b"x"))).status, 413)
        wire = self.begin("POST", "/upload", 100_000_000, **FORM)
        self.assertEqual(Answer(wire.value()).status, 413)
        self.lose(wire)
        self.assertEqual(self.there, ["x", "y"])

    def test_quota(self) -> None:
        self.configure(files=2500)
        for name, status in (("a", 201), ("b", 201), ("c", 507)):
            self.assertEqual(self.put(name, PIECE).status, status)
        self.assertEqual(self.put("d", b"x" * 500).status, 201)
        self.assertEqual(self.put("e", b"x").code, "INSUFFICIENT_STORAGE")
        self.ask("DELETE", "/files/a", by="admin")
        self.assertEqual(self.put("e", PIECE).status, 201)

    def test_what_is_on_its_way_counts(self) -> None:
        self.configure(files=2500)
        wire = self.begin("PUT", "/files/a", 2000)
        self.assertEqual(self.put("b", PIECE).status, 507)
        self.lose(wire)
        self.assertEqual(self.put("b", PIECE).status, 201)

    def test_quota_of_what_says_no_length(self) -> None:
        self.configure(files=2500)
        wire = self.begin("PUT", "/files/a", None)
        for _ in range(3):
            wire.protocol.dataReceived(b"3e8\r\n" + PIECE + b"\r\n")
        self.assertEqual(Answer(wire.value()).status, 507)
        self.lose(wire)
        self.assertEqual((self.there, self.files._coming), ([], 0))

    def test_no_room_on_the_disk(self) -> None:
        def full(*_: Any) -> None:
            raise StorageFull("full")

        self.patch(files_module, "check_space", full)
        wire = self.begin("PUT", "/files/a", 2000)
        self.assertEqual(Answer(wire.value()).status, 507)
        self.lose(wire)
        wire = self.begin("POST", "/upload", 2000, **FORM)
        self.assertEqual(Answer(wire.value()).status, 507)
        self.lose(wire)
        self.assertEqual(self.there, [])

    def test_a_disk_that_becomes_full(self) -> None:
        wire = self.begin("PUT", "/files/a", 3000)
        wire.protocol.dataReceived(PIECE)

        def full(*_: Any) -> None:
            raise StorageFull("full")

        self.patch(part_module, "check_space", full)
        wire.protocol.dataReceived(PIECE)
        self.assertEqual(Answer(wire.value()).status, 507)
        self.assertEqual(self.there, [])
        self.lose(wire)
        self.assertEqual(self.files._coming, 0)

    def test_a_disk_that_fails(self) -> None:
        def broken(*_: Any) -> int:
            raise OSError(5, "Input/output error")

        self.patch(part_module.os, "writev", broken)
        self.assertEqual(self.put("a", PIECE).status, 500)
        self.assertEqual(self.there, [])
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)

    def test_who_did_it(self) -> None:
        self.put("a/x")
        self.post(("file", ("y", b"1")))
        self.ask("DELETE", "/files/a/x", by="admin")
        self.assertEqual([entry["path"] for entry in self.events("file_added")], ["/a/x", "/y"])
        (entry,) = self.events("file_removed")
        self.assertEqual((entry["by"], entry["path"]), ("admin", "/a/x"))

    def test_what_everybody_hears(self) -> None:
        state = self.app.state
        self.put("a/x", PIECE)
        self.assertEqual((state["files/count"].value, state["files/used"].value), (1, 1000))
        self.assertEqual(state["files/last"].value, {"change": "added", "path": "/a/x"})
        self.put("a/x", b"12")
        self.assertEqual((state["files/count"].value, state["files/used"].value), (1, 2))
        self.assertEqual(state["files/last"].value, {"change": "replaced", "path": "/a/x"})
        self.ask("DELETE", "/files/a?recursive=true", by="admin")
        self.assertEqual((state["files/count"].value, state["files/used"].value), (0, 0))
        self.assertEqual(state["files/last"].value, {"change": "removed", "path": "/a"})


class InterruptedTests(UploadCase):
    """Whatever is cut off, and wherever: nothing is left."""

    def test_at_every_place(self) -> None:
        body = form(("path", "a/b"), ("file", ("x", PIECE)), ("overwrite", "true"))
        before = len(os.listdir("/proc/self/fd"))
        for number in range(20):
            for method, path, data, headers in (
                ("POST", "/upload", body, FORM),
                ("POST", "/upload?path=c", body, FORM),
                ("PUT", "/files/a/b/x", PIECE, {}),
            ):
                wire = self.begin(method, path, len(data), **headers)
                wire.protocol.dataReceived(data[: len(data) * number // 20])
                self.lose(wire)
                self.assertEqual(list(self.root.rglob("*")), [], f"{method} {number}")
        self.assertEqual(self.files._coming, 0)
        self.assertEqual(len(os.listdir("/proc/self/fd")), before)

    def test_while_the_disk_works(self) -> None:
        pool = self.app.threads.pools["io"]
        for jobs in range(3):
            pool.at_once = False
            wire = self.begin("PUT", "/files/x", 2000)
            if jobs:
                pool.run()
            wire.protocol.dataReceived(PIECE)
            if jobs > 1:
                pool.run()
            self.lose(wire)
            pool.run()
            self.assertEqual(self.there, [], jobs)

    def test_too_slow(self) -> None:
        wire = self.begin("PUT", "/files/x", 1_000_000)
        wire.protocol.dataReceived(PIECE)
        self.clock.pump([1.0] * 32)
        self.assertEqual(Answer(wire.value()).status, 408)
        self.assertEqual(self.there, [])
        self.lose(wire)

    def test_slow_but_steady(self) -> None:
        """A body may take as long as it likes, as long as it keeps coming."""
        wire = self.begin("PUT", "/files/x", 120 * SLOWEST)
        for _ in range(120):
            wire.protocol.dataReceived(b"x" * SLOWEST)
            self.clock.pump([0.5, 0.5])
        self.assertEqual(Answer(wire.value()).status, 201)
        self.lose(wire)

    def test_a_drip(self) -> None:
        wire = self.begin("PUT", "/files/x", 1_000_000)
        for _ in range(40):
            wire.protocol.dataReceived(b"x")
            self.clock.advance(1)
        self.assertEqual(Answer(wire.value()).status, 408)
        self.lose(wire)
        self.assertEqual(self.there, [])

    def test_when_camd_starts(self) -> None:
        self.add("a/.0123456789abcdef.part")
        self.add(".fedcba9876543210.part")
        self.add("a/x", b"123")
        self.get(self.files.start())
        self.assertEqual((self.there, self.files.count, self.files.used), (["a/x"], 1, 3))

    def test_when_camd_starts_on_a_disk_that_fails(self) -> None:
        def broken() -> None:
            raise OSError(5, "Input/output error")

        self.patch(self.files.tree, "prepare", broken)
        self.get(self.files.start())
        self.assertEqual(self.files.count, 0)

    def test_of_what_is_replaced_nothing_is_lost(self) -> None:
        self.put("x", b"old")
        wire = self.begin("PUT", "/files/x", 2000)
        wire.protocol.dataReceived(PIECE)
        self.assertEqual(self.read("x"), b"old")
        self.lose(wire)
        self.assertEqual((self.there, self.read("x")), (["x"], b"old"))


class BrakeTests(UploadCase):
    """A disk that is slower than the network."""

    def test_the_client_waits(self) -> None:
        pool = self.app.threads.pools["io"]
        pool.at_once = False
        total = 4 * incoming.ENOUGH
        wire = self.begin("PUT", "/files/x", total)
        self.assertEqual(wire.producerState, "paused")  # until it is known whether there is room
        pool.run()
        self.assertEqual(wire.producerState, "producing")
        sent = 0
        while sent < total:
            taken = 0
            while wire.producerState == "producing" and sent < total:
                wire.protocol.dataReceived(b"x" * 65536)
                sent, taken = sent + 65536, taken + 65536
            self.assertLessEqual(taken, 2 * incoming.ENOUGH + 2 * 65536)
            pool.run()
        self.assertEqual(Answer(wire.value()).status, 201)
        self.lose(wire)
        self.assertEqual(len(self.read("x")), total)

    def test_its_time_stands_still_meanwhile(self) -> None:
        pool = self.app.threads.pools["io"]
        pool.at_once = False
        wire = self.begin("PUT", "/files/x", 2000)
        self.clock.pump([1.0] * 100)
        self.assertEqual(wire.value(), b"")
        pool.run()
        self.clock.pump([1.0] * 32)
        self.assertEqual(Answer(wire.value()).status, 408)
        self.lose(wire)

    def test_a_client_that_asks_first(self) -> None:
        """Expect: 100-continue (RFC 9110 10.1.1) is answered when it is known that there is room."""
        pool = self.app.threads.pools["io"]
        pool.at_once = False
        wire = self.begin("PUT", "/files/x", 4, expect="100-continue")
        self.assertEqual(wire.value(), b"")
        pool.run()
        self.assertEqual(wire.value(), b"HTTP/1.1 100 Continue\r\n\r\n")
        wire.clear()
        wire.protocol.dataReceived(b"1234")
        pool.run()
        self.assertEqual(Answer(wire.value()).status, 201)
        self.lose(wire)
        wire = self.begin("PUT", "/files/x?overwrite=false", 4, expect="100-continue")
        pool.run()
        self.assertEqual(Answer(wire.value()).status, 409)
        self.lose(wire)


class DeleteTests(UploadCase):
    def delete(self, path: str) -> int:
        return self.ask("DELETE", path, by="admin").status

    def test_delete(self) -> None:
        self.put("a/x")
        self.put("a/y")
        self.assertEqual(self.delete("/files/a/x"), 204)
        self.assertEqual(self.delete("/files/a/x"), 404)
        self.assertEqual(self.delete("/files/a"), 409)
        self.assertEqual(self.delete("/files/a?recursive=true"), 204)
        self.assertEqual(self.there, [])
        self.assertEqual((self.delete("/files"), self.delete("/files/?recursive=true")), (405, 405))
        for path in RAW_ATTACKS:
            self.assertIn(self.delete("/files/" + path.decode("latin-1") + "?recursive=true"), (400, 404))
        self.assertTrue(self.root.is_dir())

    def test_other_methods(self) -> None:
        self.assertEqual(self.ask("PATCH", "/files/x", b"1", by="admin").status, 405)
        self.assertEqual(self.ask("POST", "/files/x", b"1", by="admin").status, 405)
        self.assertEqual(self.ask("PUT", "/upload", b"1", by="admin").status, 405)
        self.assertEqual(self.ask("PUT", "/download/x", b"1", by="admin").status, 405)
        self.assertEqual(self.ask("POST", "/files/x", b"1" * 100_000, by="admin").status, 413)


class LimitTests(UploadCase):
    auth = AuthConfig(rate_limits=True)

    def test_uploads(self) -> None:
        statuses = [self.put("x").status for _ in range(21)]
        self.assertEqual(statuses, [201] + [200] * 19 + [429])
        wire = self.begin("PUT", "/files/y", 1 << 20)
        self.assertEqual(Answer(wire.value()).status, 429)
        self.lose(wire)



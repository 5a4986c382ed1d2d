"""Down: files with conditions and ranges, listings, archives."""

from __future__ import annotations

import io
import os
import zipfile
from typing import Any

from camd.config import AuthConfig
from camd.web.document import Document, attachment

from .edge_case import Answer
from .files_case import FilesCase
from .path_attacks import ATTACKS, RAW_ATTACKS

DATA = bytes(range(256)) * 4
MOMENT = "Fri, 02 Jan 2026 03:04:05 GMT"
EARLIER = "Fri, 02 Jan 2026 03:04:04 GMT"


class DownloadCase(FilesCase):
    def setUp(self) -> None:
        super().setUp()
        path = self.add("a/cat.jpg", DATA)
        os.utime(path, (0, 1767323045.5))

    def down(self, path: str = "/files/a/cat.jpg", method: str = "GET", by: str = "viewer", **headers: Any) -> Answer:
        return self.ask(method, path, by=by, **headers)


class FileTests(DownloadCase):
    def test_whole(self) -> None:
        for path in ("/files/a/cat.jpg", "/download/a/cat.jpg"):
            answer = self.down(path)
            self.assertEqual((answer.status, answer.body), (200, DATA))
            headers = answer.headers
            self.assertEqual(headers["content-type"], "image/jpeg")
            self.assertEqual(headers["content-length"], "1024")
            self.assertEqual(headers["last-modified"], MOMENT)
            self.assertEqual(headers["accept-ranges"], "bytes")
            self.assertRegex(headers["etag"], r'^"[0-9a-f]+-400"$')

    def test_nothing_in_it_runs(self) -> None:
        self.add("x.html", b"<script>alert(1)</script>")
        headers = self.down("/files/x.html").headers
        self.assertEqual(headers["content-disposition"], 'attachment; filename="x.html"')
        self.assertEqual(headers["content-security-policy"], "sandbox; default-src 'none'")
        self.assertEqual(headers["x-content-type-options"], "nosniff")
        self.assertEqual(headers["cross-origin-resource-policy"], "same-origin")

    def test_no_page_runs_it_as_a_part_of_itself(self) -> None:
        for name in ("x.js", "x.mjs", "x.css", "X.JS"):
            self.add(name, b"alert(1)")
            for path in ("/files/", "/download/"):
                self.assertEqual(self.down(path + name).headers["content-type"], "text/plain", path + name)

    def test_head(self) -> None:
        answer = self.down(method="HEAD")
        self.assertEqual((answer.status, answer.headers["content-length"], answer.body), (200, "1024", b""))

    def test_an_empty_one(self) -> None:
        self.add("x", b"")
        answer = self.down("/files/x")
        self.assertEqual((answer.status, answer.headers["content-length"], answer.body), (200, "0", b""))
        self.assertEqual(self.down("/files/x", range="bytes=0-").status, 416)

    def test_one_after_the_other_on_a_connection(self) -> None:
        wire = self.request("GET", "/files/a/cat.jpg", by="viewer", range="bytes=0-3")
        wire.clear()
        wire.protocol.dataReceived(
            f"GET /files/a/cat.jpg HTTP/1.1\r\nHost: camd\r\nAuthorization: Bearer {self.tokens['viewer']}\r\n\r\n".encode()
        )
        self.assertEqual(Answer(wire.value()).body, DATA)
        self.lose(wire)

    def test_what_is_not_there(self) -> None:
        for path in ("/files/x", "/files/a", "/files/a/cat.jpg/x", "/download/x", "/files/a/x/y"):
            answer = self.down(path)
            self.assertEqual((answer.status, answer.code), (404, "FILE_NOT_FOUND"), path)
        self.assertEqual(self.down("/download").status, 404)

    def test_who_may(self) -> None:
        for by, status in (("viewer", 200), ("operator", 200), ("admin", 200), ("nobody", 403), ("streamer", 403)):
            for path in ("/files/a/cat.jpg", "/download/a/cat.jpg", "/files", "/api/files", "/api/files/zip?path=a"):
                self.assertEqual(self.down(path, by=by).status, status, f"{by} {path}")
                self.assertEqual(self.down(path, by="").status, 401)

    def test_attacks(self) -> None:
        (self.folder / "x").write_bytes(b"secret")
        for path in RAW_ATTACKS:
            for start in ("/files/", "/download/"):
                answer = self.down(start + path.decode("latin-1"))
                self.assertIn(answer.status, (400, 404), path)
                self.assertNotIn(b"secret", answer.body)
                self.assertNotIn(b"root:", answer.body)
        for path in ("/files/%s/x", "/files/a/%s"):
            for name in ("..", "%2e%2e", "%2E%2e", ".%2e", "..%2f", "%5c..%5c"):
                self.assertIn(self.down(path % name).status, (400, 404))

    def test_a_file_that_became_shorter(self) -> None:
        """The client must see that there is something missing."""
        self.patch(Document, "read", lambda document, at, length: b"" if at else b"x" * 10)
        wire = self.request("GET", "/files/a/cat.jpg", by="viewer")
        self.assertTrue(wire.lost)
        self.assertEqual(Answer(wire.value()).body, b"x" * 10)
        self.lose(wire)
        self.assertEqual(len(self.flushLoggedErrors(EOFError)), 1)

    def test_the_descriptor_is_closed(self) -> None:
        before = len(os.listdir("/proc/self/fd"))
        for headers in ({}, {"range": "bytes=5-"}, {"range": "bytes=5000-"}, {"if_none_match": "*"}, {"if_match": '"x"'}):
            self.down(**headers)
            self.down(method="HEAD", **headers)
        self.assertEqual(len(os.listdir("/proc/self/fd")), before)


class RangeTests(DownloadCase):
    def test_parts(self) -> None:
        for wanted, start, stop in (("bytes=0-0", 0, 1), ("bytes=100-", 100, 1024), ("bytes=-24", 1000, 1024), ("bytes=1000-9999", 1000, 1024)):
            answer = self.down(range=wanted)
            self.assertEqual((answer.status, answer.body), (206, DATA[start:stop]), wanted)
            self.assertEqual(answer.headers["content-range"], f"bytes {start}-{stop - 1}/1024")
            self.assertEqual(answer.headers["content-length"], str(stop - start))

    def test_head_has_no_parts(self) -> None:
        for wanted in ("bytes=1-2", "bytes=5000-"):
            answer = self.down(method="HEAD", range=wanted)
            self.assertEqual((answer.status, answer.body, answer.headers["content-length"]), (200, b"", "1024"))
            self.assertNotIn("content-range", answer.headers)

    def test_several_get_the_whole(self) -> None:
        answer = self.down(range="bytes=0-1,5-6")
        self.assertEqual((answer.status, answer.body), (200, DATA))
        self.assertNotIn("content-range", answer.headers)

    def test_behind_the_end(self) -> None:
        answer = self.down(range="bytes=1024-")
        self.assertEqual((answer.status, answer.code), (416, "RANGE_NOT_SATISFIABLE"))
        self.assertEqual(answer.headers["content-range"], "bytes */1024")

    def test_only_if_it_is_the_same(self) -> None:
        etag = self.down().headers["etag"]
        for unless, status in ((etag, 206), (MOMENT, 206), ('"x"', 200), ("W/" + etag, 200), (EARLIER, 200), ("nonsense", 200)):
            self.assertEqual(self.down(range="bytes=0-1", if_range=unless).status, status, unless)


class ConditionTests(DownloadCase):
    def test_conditions(self) -> None:
        etag = self.down().headers["etag"]
        for headers, status in (
            ({"if_none_match": etag}, 304),
            ({"if_none_match": f'"x", W/{etag}'}, 304),
            ({"if_none_match": "*"}, 304),
            ({"if_none_match": '"x"'}, 200),
            ({"if_none_match": '"x"', "if_modified_since": MOMENT}, 200),
            ({"if_modified_since": MOMENT}, 304),
            ({"if_modified_since": EARLIER}, 200),
            ({"if_modified_since": "nonsense"}, 200),
            ({"if_match": etag}, 200),
            ({"if_match": "*"}, 200),
            ({"if_match": '"x"'}, 412),
            ({"if_match": "W/" + etag}, 412),
            ({"if_match": etag, "if_unmodified_since": EARLIER}, 200),
            ({"if_unmodified_since": MOMENT}, 200),
            ({"if_unmodified_since": EARLIER}, 412),
            ({"if_none_match": etag, "range": "bytes=0-1"}, 304),
        ):
            answer = self.down(**headers)
            self.assertEqual(answer.status, status, headers)
            if status == 304:
                self.assertEqual((answer.body, answer.headers["etag"]), (b"", etag))

    def test_another_content_another_tag(self) -> None:
        etag = self.down().headers["etag"]
        self.add("a/cat.jpg", DATA)
        self.assertNotEqual(self.down().headers["etag"], etag)


class NameTests(DownloadCase):
    def test_names(self) -> None:
        for name, value in (
            ("cat.jpg", 'attachment; filename="cat.jpg"'),
            ("my cat.jpg", 'attachment; filename="my cat.jpg"'),
            ("Füße.txt", "attachment; filename=\"F__e.txt\"; filename*=UTF-8''F%C3%BC%C3%9Fe.txt"),
            ('a"b\\c%41', "attachment; filename=\"a_b_c_41\"; filename*=UTF-8''a%22b%5Cc%2541"),
            ("a\r\nb", "attachment; filename=\"a__b\"; filename*=UTF-8''a%0D%0Ab"),
        ):
            self.assertEqual(attachment(name).decode(), value)

    def test_by_address(self) -> None:
        self.add("Füße (1).txt", b"1")
        answer = self.down("/files/F%C3%BC%C3%9Fe%20(1).txt")
        self.assertEqual((answer.status, answer.body), (200, b"1"))
        self.assertEqual(self.down("/files/Fu%CC%88%C3%9Fe%20(1).txt").body, b"1")  # as macOS writes it


class ListingTests(DownloadCase):
    def test_the_products_form(self) -> None:
        self.add("x.txt", b"12345")
        for path in ("/files", "/files?path=/", "/api/files", "/api/files?directory=/", "/files/"):
            answer = self.down(path)
            self.assertEqual(answer.status, 200, path)
            told = answer.json
            self.assertEqual((told["path"], told["total_size"], told["file_count"], told["directory_count"]), ("/", 5, 1, 1))
            self.assertEqual([file["name"] for file in told["files"]], ["a", "x.txt"])
            self.assertEqual(set(told["files"][0]), {"name", "size", "modified", "type", "mime_type"})

    def test_parameters(self) -> None:
        def names(query: str) -> list[str]:
            return [file["name"] for file in self.down("/files?" + query).json["files"]]

        self.add("x.txt")
        self.assertEqual(names("path=/a"), ["cat.jpg"])
        self.assertEqual(names("path=a/"), ["cat.jpg"])
        self.assertEqual(names("recursive=true&filter=*.JPG"), ["a/cat.jpg"])
        self.assertEqual(names("recursive=true&per_page=2&page=2"), ["x.txt"])
        told = self.down("/files?recursive=true&per_page=2").json
        self.assertEqual(told["pagination"], {"page": 1, "per_page": 2, "pages": 2})

    def test_wrong_ones(self) -> None:
        for query in ("per_page=0", "per_page=1001", "page=x", "page=-1", "recursive=maybe", "filter=" + "x" * 101, "path=%ff", "filter=%ff"):
            self.assertEqual(self.down("/files?" + query).status, 400, query)
        for paths in ATTACKS.values():
            for path in paths:
                if path.isascii() and not set(path) & set("\0\r\n\t\x1b\x7f &#?%"):
                    self.assertEqual(self.down("/files?path=" + path.replace(" ", "%20")).status, 400, path)
        self.assertEqual(self.down("/files?path=nothing").status, 404)
        self.assertEqual(self.down("/api/files/a").status, 400)


class ArchiveTests(DownloadCase):
    def test_a_selection(self) -> None:
        self.add("x.txt", b"12345")
        answer = self.down("/api/files/zip?path=/a&path=x.txt")
        self.assertEqual(answer.headers["content-type"], "application/zip")
        self.assertEqual(answer.headers["content-disposition"], 'attachment; filename="files.zip"')
        with zipfile.ZipFile(io.BytesIO(_unchunk(answer.body))) as file:
            self.assertEqual({name: file.read(name) for name in file.namelist()}, {"a/cat.jpg": DATA, "x.txt": b"12345"})

    def test_times_that_a_zip_cannot_say(self) -> None:
        for name, seconds, year in (("old", 0, 1980), ("new", 7258118400, 2107)):
            os.utime(self.add(name), (seconds, seconds))
            answer = self.down(f"/api/files/zip?path={name}")
            with zipfile.ZipFile(io.BytesIO(_unchunk(answer.body))) as file:
                self.assertEqual(file.getinfo(name).date_time[0], year)

    def test_one_folder_gives_it_its_name(self) -> None:
        self.assertIn('"a.zip"', self.down("/api/files/zip?path=/a").headers["content-disposition"])

    def test_head(self) -> None:
        answer = self.down("/api/files/zip?path=a", method="HEAD")
        self.assertEqual((answer.status, answer.body), (200, b""))

    def test_wrong_ones(self) -> None:
        self.assertEqual(self.down("/api/files/zip").status, 400)
        self.assertEqual(self.down("/api/files/zip?path=..").status, 400)
        self.assertEqual(self.down("/api/files/zip?path=a&path=nothing").status, 404)
        self.assertEqual(self.down("/api/files/zip?" + "&".join(["path=a"] * 1001)).status, 400)

    def test_a_client_that_leaves(self) -> None:
        """Nothing stays open."""
        self.app.threads.pools["io"].at_once = False
        before = len(os.listdir("/proc/self/fd"))
        wire = self.request("GET", "/api/files/zip?path=a", by="viewer")
        self.lose(wire)
        self.app.threads.pools["io"].run()
        self.assertEqual(len(os.listdir("/proc/self/fd")), before)


class LimitTests(DownloadCase):
    auth = AuthConfig(rate_limits=True, guest=("Storage_r", "Storage_rw"))

    def test_strangers(self) -> None:
        statuses = [self.down("/files", by="").status for _ in range(6)]
        self.assertEqual(statuses, [200] * 5 + [429])
        self.assertEqual([self.ask("PUT", "/files/x", b"1").status for _ in range(3)], [201, 200, 429])
        self.assertEqual(self.down("/files", by="", address="192.0.2.99").status, 200)
        self.clock.advance(1)
        self.assertEqual(self.down("/download/a/cat.jpg", by="").status, 200)

    def test_users(self) -> None:
        statuses = [self.down("/files").status for _ in range(51)]
        self.assertEqual(statuses, [200] * 50 + [429])


def _unchunk(data: bytes) -> bytes:
    whole = b""
    while data:
        size, _, data = data.partition(b"\r\n")
        whole += data[: int(size, 16)]
        data = data[int(size, 16) + 2 :]
    return whole

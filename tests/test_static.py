"""The files of the page, asked for in ways that no browser would."""

from __future__ import annotations

from .edge_case import EdgeCase


class StaticTests(EdgeCase):
    def test_names_that_no_file_has(self) -> None:
        for path in ("/%00", "/index.html%00.js", "/settings%00", "/settings/%00", "/%ff", "/..%2f..%2fweb.py",
                     "/%2e%2e/%2e%2e/web.py", "/%2fetc%2fpasswd", "/" + "a" * 5000):
            answer = self.ask("GET", path)
            self.assertEqual((answer.status, answer.code), (404, "FILE_NOT_FOUND"), path)

    def test_folders_say_nothing(self) -> None:
        for path in ("/icons", "/icons/", "/icons?<b>", "//icons"):
            self.assertEqual(self.ask("GET", path).status, 404, path)

    def test_no_ranges(self) -> None:
        whole = self.ask("HEAD", "/settings.html")
        for ranges in ("0-", ",".join(f"{start}-" for start in range(1000)), "0-0,-1", "5-2"):
            answer = self.ask("HEAD", "/settings.html", range=f"bytes={ranges}")
            self.assertEqual((answer.status, answer.headers["content-length"]),
                             (200, whole.headers["content-length"]), ranges)

    def test_a_page_has_the_parts_that_it_shares(self) -> None:
        for path in ("/", "/index.html", "/settings.html", "/files.html", "/recordings.html", "/login"):
            answer = self.ask("GET", path)
            self.assertEqual(answer.headers["content-type"], "text/html", path)
            self.assertIn(b'<header class="bar">', answer.body, path)
            self.assertEqual((answer.body.count(b"<!-- part"), answer.body.count(b'charset="utf-8"')), (0, 1), path)

    def test_a_page_that_did_not_change_is_not_sent_again(self) -> None:
        since = self.ask("GET", "/files.html").headers["last-modified"]
        answer = self.ask("GET", "/files.html", if_modified_since=since)
        self.assertEqual((answer.status, answer.body), (304, b""))

    def test_conditions(self) -> None:
        for path in ("/files.html", "/base.css", "/"):
            whole = self.ask("GET", path)
            etag, since = whole.headers["etag"], whole.headers["last-modified"]
            for headers, status in (
                ({"if_none_match": f'"x", W/{etag}'}, 304),
                ({"if_none_match": '"x"', "if_modified_since": since}, 200),
                ({"if_match": '"x"'}, 412),
                ({"if_modified_since": ";"}, 200),
                ({"if_modified_since": "a, b c d e f"}, 200),
            ):
                answer = self.ask("GET", path, **headers)
                self.assertEqual(answer.status, status, f"{path} {headers}")
                self.assertEqual(self.ask("HEAD", path, **headers).status, status, f"HEAD {path} {headers}")
                if status == 200:
                    self.assertEqual(answer.body, whole.body)

    def test_head(self) -> None:
        for path in ("/files.html", "/base.css"):
            whole, head = self.ask("GET", path), self.ask("HEAD", path)
            self.assertEqual((head.status, head.body), (200, b""))
            for name in ("content-type", "content-length", "etag", "last-modified", "cache-control"):
                self.assertEqual(head.headers[name], whole.headers[name], f"{path} {name}")

"""The tree of files on a real disk."""

from __future__ import annotations

import errno
import io
import os
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from camd.errors import Conflict, Gone, Invalid, StorageFull, TooLarge
from camd.files import Folder, Name, zip_files
from camd.files import archive as archive_module
from camd.files import folder as folder_module
from camd.files import part as part_module
from camd.files.archive import select
from camd.files.folder import Removed
from camd.files.listing import list_folder, type_of
from camd.files.part import check_space


class FolderCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.outside = Path(self.mktemp()).absolute()
        self.outside.mkdir(parents=True)
        (self.outside / "secret").write_bytes(b"secret")
        self.root = self.outside / "files"
        self.tree = Folder(self.root)
        self.tree.prepare()

    def add(self, path: str, data: bytes = b"data", overwrite: bool = False) -> None:
        name = tuple(path.split("/"))
        part = self.tree.begin(name[:-1])
        part.write([data])
        self.tree.commit(part, name, overwrite)

    def read(self, name: Name) -> bytes:
        with open(self.tree.open(name), "rb") as file:
            return file.read()

    @property
    def there(self) -> list[str]:
        return sorted(str(path.relative_to(self.root)) for path in self.root.rglob("*"))


class WriteTests(FolderCase):
    def test_a_file(self) -> None:
        self.add("a/b/c.txt", b"hello")
        self.assertEqual(self.read(("a", "b", "c.txt")), b"hello")
        self.assertEqual(self.there, ["a", "a/b", "a/b/c.txt"])

    def test_nobody_sees_it_before(self) -> None:
        part = self.tree.begin(("a",))
        part.write([b"x"])
        self.assertEqual(list_folder(self.tree, ()).entries, ())
        self.assertFalse((self.root / "a").exists())
        part.abandon()
        part.abandon()
        self.assertEqual(self.there, [])

    def test_it_begins_beside_its_place(self) -> None:
        self.add("a/x")
        part = self.tree.begin(("a", "b"))
        self.assertEqual(self.there, ["a", f"a/{part.name}", "a/x"])
        part.abandon()

    def test_not_over_another(self) -> None:
        self.add("x", b"old")
        self.assertRaises(Conflict, self.add, "x", b"new")
        self.assertEqual(self.read(("x",)), b"old")
        self.add("x", b"new", overwrite=True)
        self.assertEqual(self.read(("x",)), b"new")

    def test_not_over_another_without_links(self) -> None:
        """FAT has none."""

        def link(*_: object, **__: object) -> None:
            raise OSError(errno.EPERM, "Operation not permitted")

        self.patch(folder_module.os, "link", link)
        self.add("x", b"old")
        self.assertRaises(Conflict, self.add, "x", b"new")
        self.assertEqual(self.read(("x",)), b"old")

    def test_not_over_a_folder_or_through_a_file(self) -> None:
        self.add("a/x")
        self.assertRaises(Conflict, self.add, "a", overwrite=True)
        self.assertRaises(Conflict, self.add, "a/x/y", overwrite=True)

    def test_many_pieces(self) -> None:
        part = self.tree.begin(())
        part.write([b"%d," % n for n in range(2000)])
        self.tree.commit(part, ("x",), False)
        self.assertEqual(self.read(("x",)), b"".join(b"%d," % n for n in range(2000)))

    def test_what_replaced_it_is_told(self) -> None:
        self.add("x", b"12345")
        part = self.tree.begin(())
        self.assertEqual(self.tree.commit(part, ("x",), True), 5)

    def test_where_nobody_may_write(self) -> None:
        def refuse(*_: object, **__: object) -> None:
            raise PermissionError(errno.EACCES, "Permission denied")

        part = self.tree.begin(())
        self.patch(folder_module.os, "link", refuse)
        self.assertRaises(Conflict, self.tree.commit, part, ("x",), False)
        part.abandon()
        self.patch(folder_module.os, "mkdir", refuse)
        self.assertRaises(Conflict, self.add, "a/x")

    def test_a_disk_that_is_full(self) -> None:
        part = self.tree.begin(())

        def full(*_: object) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

        self.patch(part_module.os, "writev", full)
        self.assertRaises(StorageFull, part.write, [b"x"])
        part.abandon()
        self.assertEqual(self.there, [])

    def test_a_disk_that_becomes_full_in_the_middle(self) -> None:
        part = self.tree.begin(())
        write, writev = os.write, os.writev
        self.patch(part_module.os, "writev", lambda file, pieces: writev(file, [b"".join(pieces)[:3]]))
        self.patch(part_module.os, "write", lambda file, data: write(file, data[:2]))
        self.assertEqual(part.write([b"12", b"345", b"678"]), 8)
        self.tree.commit(part, ("x",), False)
        self.assertEqual(self.read(("x",)), b"12345678")

    def test_the_reserve(self) -> None:
        found = os.statvfs(self.root)
        free = found.f_bavail * found.f_frsize
        check_space(found, 0, 1)
        self.assertRaises(StorageFull, check_space, found, 0, free + 1)
        self.assertRaises(StorageFull, check_space, found, free, 0)
        self.assertRaises(StorageFull, check_space, found, 1 << 60, 1)


class LinkTests(FolderCase):
    """Somebody with a shell has put links here; no path leads through them, and none out of here."""

    def setUp(self) -> None:
        super().setUp()
        (self.root / "out").symlink_to(self.outside)
        (self.root / "secret").symlink_to(self.outside / "secret")
        (self.root / "loop").symlink_to("loop")
        os.mkfifo(self.root / "fifo")
        (self.root / "a").mkdir()

    def test_reading(self) -> None:
        for name in (("secret",), ("out", "secret"), ("out",), ("loop",), ("fifo",), ("a",), (), ("a", "x"), ("out", "files", "a")):
            self.assertRaises(Gone, self.tree.open, name)

    def test_writing(self) -> None:
        for path in ("out/x", "loop/x", "fifo/x"):
            self.assertRaises(Conflict, self.add, path, overwrite=True)
        self.assertEqual(sorted(os.listdir(self.outside)), ["files", "secret"])

    def test_a_link_is_replaced_and_not_followed(self) -> None:
        self.add("secret", b"mine", overwrite=True)
        self.assertEqual((self.outside / "secret").read_bytes(), b"secret")
        self.assertFalse((self.root / "secret").is_symlink())

    def test_listing(self) -> None:
        self.assertEqual([entry.name for entry in list_folder(self.tree, (), recursive=True).entries], ["a"])
        self.assertRaises(Gone, list_folder, self.tree, ("out",))

    def test_deleting(self) -> None:
        for name in (("secret",), ("out",), ("out", "secret"), ("fifo",)):
            self.assertRaises(Gone, self.tree.remove, name, True)
        (self.root / "a" / "out").symlink_to(self.outside)
        self.assertEqual(self.tree.remove(("a",), recursive=True), Removed(0, 0))
        self.assertEqual((self.outside / "secret").read_bytes(), b"secret")

    def test_an_archive(self) -> None:
        self.assertEqual(select(self.tree, [()]), [])
        self.assertRaises(Gone, select, self.tree, [("out",)])

    def test_the_top_may_be_a_link(self) -> None:
        """To another disk."""
        elsewhere = Path(self.mktemp()).absolute()
        elsewhere.mkdir()
        self.tree = Folder(self.outside / "linked")
        self.tree.root.symlink_to(elsewhere)
        self.add("a/x", b"1")
        self.assertEqual((elsewhere / "a" / "x").read_bytes(), b"1")


class RemoveTests(FolderCase):
    def test_a_file(self) -> None:
        self.add("a/x", b"123")
        self.assertEqual(self.tree.remove(("a", "x")), Removed(1, 3))
        self.assertRaises(Gone, self.tree.remove, ("a", "x"))
        self.assertEqual(self.there, ["a"])

    def test_a_folder(self) -> None:
        for path in ("a/x", "a/b/y", "a/b/z", "c"):
            self.add(path, b"123")
        self.assertRaises(Conflict, self.tree.remove, ("a",))
        self.assertEqual(self.tree.remove(("a",), recursive=True), Removed(3, 9))
        self.assertEqual(self.there, ["c"])

    def test_not_everything(self) -> None:
        self.assertRaises(Invalid, self.tree.remove, (), True)

    def test_what_was_left_over(self) -> None:
        self.add("a/x", b"123")
        self.add("y", b"12")
        parts = [self.tree.begin(folder) for folder in ((), ("a",))]
        self.assertEqual(self.tree.clean(), (2, 5))
        self.assertEqual(self.there, ["a", "a/x", "y"])
        for part in parts:
            part.abandon()

    def test_a_top_that_somebody_took_away(self) -> None:
        self.root.rmdir()
        self.assertEqual(list_folder(self.tree, ()).entries, ())
        self.add("x")


class ListingTests(FolderCase):
    def setUp(self) -> None:
        super().setUp()
        for path in ("b.jpg", "a.JPG", "c.txt", "z/1.jpg", "z/y/2.jpg"):
            self.add(path, path.encode())
        (self.root / ".hidden").touch()

    def names(self, *args: object, **options: object) -> list[str]:
        return [entry.name for entry in list_folder(self.tree, *args, **options).entries]  # type: ignore[arg-type]

    def test_folders_first(self) -> None:
        self.assertEqual(self.names(()), ["z", "a.JPG", "b.jpg", "c.txt"])
        self.assertEqual(self.names(("z",)), ["y", "1.jpg"])

    def test_recursive(self) -> None:
        self.assertEqual(self.names((), True), ["z", "z/y", "a.JPG", "b.jpg", "c.txt", "z/1.jpg", "z/y/2.jpg"])

    def test_filter(self) -> None:
        self.assertEqual(self.names((), True, "*.jpg"), ["a.JPG", "b.jpg", "z/1.jpg", "z/y/2.jpg"])
        self.assertEqual(self.names((), False, "?.txt"), ["c.txt"])

    def test_pages(self) -> None:
        listing = list_folder(self.tree, (), True, "", 4, 2)
        self.assertEqual([entry.name for entry in listing.entries], ["c.txt", "z/1.jpg"])
        self.assertEqual((listing.file_count, listing.directory_count, listing.total_size), (5, 2, 31))

    def test_what_is_not_there(self) -> None:
        self.assertRaises(Gone, list_folder, self.tree, ("nothing",))
        self.assertRaises(Gone, list_folder, self.tree, ("c.txt",))

    def test_form(self) -> None:
        os.utime(self.root / "c.txt", (1, 1_000_000_000.5))
        folder, *_, file = (entry.describe() for entry in list_folder(self.tree, ()).entries)
        self.assertEqual((folder["type"], folder["mime_type"], folder["size"]), ("directory", None, 0))
        self.assertEqual(
            file,
            {"name": "c.txt", "size": 5, "modified": "2001-09-09T01:46:40.500Z", "type": "file", "mime_type": "text/plain"},
        )

    def test_types(self) -> None:
        for name, kind in (
            ("x.MP4", "video/mp4"), ("x.jpeg", "image/jpeg"), ("x.html", "text/html"), ("x.svg", "image/svg+xml"),
            ("x.tar.gz", "application/octet-stream"), ("x", "application/octet-stream"), ("http://x/y", "application/octet-stream"),
        ):  # fmt: skip
            self.assertEqual(type_of(name), kind, name)


class ArchiveTests(FolderCase):
    def unpack(self, names: list[Name]) -> dict[str, bytes]:
        data = b"".join(zip_files(self.tree, select(self.tree, names)))
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            self.assertIsNone(file.testzip())
            return {name: file.read(name) for name in file.namelist()}

    def test_files_and_folders(self) -> None:
        for path in ("a/x", "a/b/y", "ü.txt", "z"):
            self.add(path, path.encode())
        self.assertEqual(
            self.unpack([("a",), ("ü.txt",), ("a", "x")]), {"a/x": b"a/x", "a/b/y": b"a/b/y", "ü.txt": "ü.txt".encode()}
        )

    def test_many_at_once_are_counted_rightly(self) -> None:
        """Or a quota is used up by what is not there."""
        parts = [self.tree.begin(()) for _ in range(40)]
        for number, part in enumerate(parts):
            part.write([b"x" * number])
        with ThreadPoolExecutor(8) as pool:
            freed = list(pool.map(lambda part: self.tree.commit(part, ("x",), True), parts))
        self.assertEqual(freed.count(None), 1)
        left = sum(part.size for part in parts) - sum(size or 0 for size in freed)
        self.assertEqual(left, (self.root / "x").stat().st_size)

    def test_what_goes_is_counted_though_not_all_goes(self) -> None:
        self.add("a/x", b"123")
        part = self.tree.begin(("a",))
        rmdir = os.rmdir

        def late(name: str, **options: Any) -> None:
            (self.root / "a" / "new").write_bytes(b"1")
            rmdir(name, **options)

        self.patch(folder_module.os, "rmdir", late)
        gone = Removed()
        self.assertRaises(Conflict, self.tree.remove, ("a",), True, gone)
        self.assertEqual(gone, Removed(1, 3))
        part.abandon()

    def test_what_is_named_often_is_looked_at_once(self) -> None:
        self.add("a/b/x", b"x")
        looks: list[Name] = []

        def look(tree: Folder, folder: Name, recursive: bool) -> Any:
            looks.append(folder)
            return list_folder(tree, folder, recursive)

        self.patch(archive_module, "list_folder", look)
        self.assertEqual(select(self.tree, [("a", "b"), ("a",), ("a",), ("a", "b", "x")] * 200), [("a", "b", "x")])
        self.assertEqual(looks, [("a",)])

    def test_nothing(self) -> None:
        self.assertEqual(self.unpack([()]), {})
        self.assertRaises(Gone, select, self.tree, [("nothing",)])

    def test_a_folder_that_goes_while_its_file_comes(self) -> None:
        self.add("a/x", b"x")
        part = self.tree.begin(("a",))
        self.tree.remove(("a",), recursive=True)
        self.assertRaises(Conflict, self.tree.commit, part, ("a", "y"), False)
        part.abandon()

    def test_pieces(self) -> None:
        self.add("x", b"x" * 1_000_000)
        pieces = list(zip_files(self.tree, [("x",)]))
        self.assertLessEqual(max(map(len, pieces)), archive_module.PIECE + 1000)

    def test_what_is_deleted_meanwhile(self) -> None:
        for name in ("x", "y"):
            self.add(name)
        found = select(self.tree, [()])
        self.tree.remove(("x",))
        with zipfile.ZipFile(io.BytesIO(b"".join(zip_files(self.tree, found)))) as file:
            self.assertEqual(file.namelist(), ["y"])

    def test_too_many(self) -> None:
        self.patch(archive_module, "MOST", 2)
        for name in ("x", "y", "z"):
            self.add(name)
        self.assertRaises(TooLarge, select, self.tree, [()])

    def test_before_1980(self) -> None:
        """ZIP knows no earlier moment."""
        self.add("x")
        os.utime(self.root / "x", (0, 0))
        self.assertEqual(self.unpack([()]), {"x": b"data"})

"""Names that strangers try, so that a file lies or is read where it must not: docs/security.md has the list."""

from __future__ import annotations

#: What it is -> the path, as text that was decoded once.
ATTACKS: dict[str, tuple[str, ...]] = {
    "up": ("..", "../x", "a/../../x", "a/..", "../../../../etc/passwd", "./x", "a/./x", "a//x", "//x", "///"),
    "up, with the slashes of Windows": ("..\\x", "a\\..\\..\\x", "..\\..\\windows\\win.ini", "a\\x"),
    "up, encoded once more": ("%2e%2e/x", "%2e%2e%2fx", "..%2fx", "..%5cx", "%252e%252e%252fx", "%u002e%u002e/x",
                              "%c0%ae%c0%ae/x", "\\x2e\\x2e/x", "&#46;&#46;/x"),
    "up, in look-alikes": ("\uff0e\uff0e/x", "\u2025/x", "\uff0e\uff0e\uff0fx", "..\uff0fx", "a\uff3cx", "\u2024\u2024/x"),
    "absolute": ("//etc/passwd", "C:\\x", "C:x", "c:/x", "\\\\host\\share\\x", "file:///etc/passwd"),
    "NUL and control characters": ("x\0.jpg", "x\n.jpg", "x\r\nSet-Cookie: a=b", "x\t", "\x1b[2J", "x\x7f", "x\x85"),
    "invisible and turned round": ("x\u202egpj.exe", "\u200bx", "x\ufeff", "x\u2028", "x\u2066y", "x\u00ad"),
    "half characters": ("x\ud800", "\udcff"),
    "devices": ("con", "NUL", "nul.txt", "Aux.tar.gz", "COM1", "lpt9.jpg", "com\u00b9", "CONIN$", "prn .txt", "a/nul/x"),
    "hidden, and our own": (".htaccess", ".ssh/authorized_keys", "a/.x", "...", ".0123456789abcdef.part", ". ."),
    "alternate streams": ("x.jpg:evil.exe", "x::$DATA"),
    "wildcards, pipes, quotes": ("*", "x?", 'x"y', "a|b", "<x>", "a>b"),
    "taken for an option": ("-rf", "--help", "a/-x"),
    "spaces and dots that others take away": (" x", "x ", "x.", "x. .", "a /x", "a./x"),
    "too long": ("x" * 256, "\u00e4" * 128, "/".join(["x" * 200] * 6), "/".join("x" * 17)),
}  # fmt: skip
#: The path of a URL, as it is sent after /files/: (what it is, the bytes).
RAW_ATTACKS: tuple[bytes, ...] = (
    b"../x", b"../../../../etc/passwd", b"%2e%2e/x", b"%2e%2e%2fx", b"..%2fx", b"..%5cx", b"%2e%2e%5cx", b"a/%2e%2e/%2e%2e/x",
    b"a%2fx", b"%2fetc%2fpasswd", b"/etc/passwd", b"a//x", b"%252e%252e%252fx", b"%c0%ae%c0%ae/x", b"%c0%af", b"%ff", b"%e0%80%ae",
    b"%00", b"x%00.jpg", b"x%0d%0aA:b", b".%00./x", b"%EF%BC%8E%EF%BC%8E/x", b"..;/x", b"..%00/x", b"%2E", b".", b"..", b"%u002e",
    b"con", b"NUL.txt", b"%2essh/x", b".0123456789abcdef.part", b"~root/../../x", b"%ED%A0%80", b"x" * 300,
)  # fmt: skip
#: Names that look odd and are right: (as it comes, as it lies).
FINE: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("", ()),
    ("/", ()),
    ("x", ("x",)),
    ("/photos/2026/cat.jpg", ("photos", "2026", "cat.jpg")),
    ("photos/", ("photos",)),
    ("Straße/Füße – neu (1).jpg", ("Straße", "Füße – neu (1).jpg")),
    ("cafe\u0301", ("café",)),
    ("\u732b\u306e\u5199\u771f.png", ("\u732b\u306e\u5199\u771f.png",)),
    ("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", ("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",)),
    ("\U0001f468\u200d\U0001f469\u200d\U0001f467.gif", ("\U0001f468\u200d\U0001f469\u200d\U0001f467.gif",)),
    ("a..b", ("a..b",)),
    ("100% sure.txt", ("100% sure.txt",)),
    ("~root", ("~root",)),
    ("$(reboot);`id`&x", ("$(reboot);`id`&x",)),
    ("console.log", ("console.log",)),
    ("x" * 255, ("x" * 255,)),
)

"""`camd user`, `camd token` and `camd setup-code`: the accounts in the data directory.

They work whether the daemon runs or not; a running one sees a change within a second.
"""

from __future__ import annotations

import argparse
import getpass
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..config.data_dir import prepare_data_dir
from ..errors import CamdError, Conflict, Gone
from . import audit
from .configuration import load_config
from .output import OK, say, write, write_json
from .verbs import JSON, PLACE, Verbs

if TYPE_CHECKING:
    from ..auth.accounts import Accounts
    from ..auth.passwords import Hashing
    from ..auth.records import Snapshot, User

_LONGEST_FILE = 8192


def add_verbs(verbs: Verbs) -> None:
    text = "Print the code that creates the first administrator."
    code = verbs.add("setup-code", _setup_code, text, PLACE, JSON)
    code.add_argument("--renew", action="store_true", help="make a new one in any case")
    _add_user_verbs(verbs.group("user", "Look at users and change them."))
    _add_token_verbs(verbs.group("token", "Look at API tokens and change them."))


def _add_user_verbs(verbs: Verbs) -> None:
    def one(name: str, function: Callable[..., int], text: str) -> argparse.ArgumentParser:
        parser = verbs.add(name, function, text, PLACE)
        parser.add_argument("name", metavar="NAME")
        return parser

    add = one("add", _user_add, "Add a user.")
    add.add_argument("--role", default="viewer", help="administrator, operator, viewer (default) or your own")
    add.add_argument("--camera", action="append", metavar="ID", help="only this one; may be given again")
    add.add_argument("--permission", action="append", default=[], metavar="NAME",
                     help="beyond those of the role; may be given again")
    for parser in (add, one("passwd", _user_passwd, "Give a user a new password; ends the user's sessions.")):
        parser.add_argument("--password-file", metavar="FILE",
                            help="read the password there, - for standard input")
    verbs.add("list", _user_list, "List the users.", PLACE, JSON)
    one("disable", _user_disable, "Keep a user from everything; ends the user's sessions.")
    one("enable", _user_enable, "Let a disabled user in again.")
    one("role", _user_role, "Give a user another role.").add_argument("role", metavar="ROLE")
    one("remove", _user_remove, "Remove a user with all sessions and tokens.")


def _add_token_verbs(verbs: Verbs) -> None:
    create = verbs.add("create", _token_create, "Make an API token and print it, this once.", PLACE, JSON)
    create.add_argument("name", metavar="NAME", nargs="?", default="command line", help="what it is for")
    create.add_argument("--user", metavar="NAME", help="whose it is; without it the only administrator's")
    create.add_argument("--permission", action="append", metavar="NAME", help="only this; may be given again")
    create.add_argument("--camera", action="append", metavar="ID", help="only this one; may be given again")
    create.add_argument("--days", type=float, help="until it expires; without it never")
    verbs.add("list", _token_list, "List the API tokens.", PLACE, JSON)
    verbs.add("revoke", _token_revoke, "End an API token.", PLACE).add_argument("id", metavar="ID")


@contextmanager
def _accounts(args: argparse.Namespace, environ: Mapping[str, str]) -> Iterator[Accounts]:
    from ..auth.accounts import Accounts

    accounts = Accounts(prepare_data_dir(load_config(args, environ)))
    accounts.open()
    try:
        yield accounts
    finally:
        accounts.close()


def _hashing() -> Hashing:
    from ..auth.passwords import hashing_for, memory_of_box

    return hashing_for(memory_of_box())


# -- users


def _user_add(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from ..auth.passwords import check_password
    from ..auth.records import check_cameras, check_user_name
    from ..auth.roles import parse_permissions, role_name

    name, role, cameras = check_user_name(args.name), role_name(args.role), check_cameras(args.camera)
    additional = parse_permissions(args.permission)
    with _accounts(args, environ) as accounts:
        if name.lower() in accounts.load().by_name:  # before somebody types a password
            raise Conflict(f"there is a user {name} already")
        hashed = _hashing().hash(check_password(_password(args)))
        accounts.add_user(name, hashed, role, cameras, additional)
        audit.record(accounts.data_dir, "user_add", user=name, role=role)
    say(f"user {name} added, role {role}")
    return OK


def _user_passwd(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    with _accounts(args, environ) as accounts:
        before = accounts.passwords_of(args.name)
        accounts.change_user(args.name, password=_hashing().replace(_password(args), before))
        audit.record(accounts.data_dir, "user_change", user=args.name, password=True)
    say(f"user {args.name} has a new password")
    return OK


def _user_list(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from ..auth.entries import user_entry

    with _accounts(args, environ) as accounts:
        snapshot = accounts.load()
    users = [snapshot.by_name[name] for name in sorted(snapshot.by_name)]
    if args.json:
        write_json([user_entry(snapshot, user) for user in users])
        return OK
    if not users:
        say("There is no user yet: camd user add NAME --role administrator")
    for user in users:
        cameras = "all cameras" if user.cameras is None else ", ".join(sorted(user.cameras)) or "no camera"
        state = "" if user.enabled else "disabled"
        write(f"{user.name:<20} {user.role:<14} {_moment(user.last_login):<17} {cameras}  {state}".rstrip())
    return OK


def _user_disable(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    return _change(args, environ, "disabled", enabled=False)


def _user_enable(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    return _change(args, environ, "enabled", enabled=True)


def _user_role(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from ..auth.roles import ADMINISTRATOR, role_name

    role = role_name(args.role)
    more = {"cameras": None} if role == ADMINISTRATOR else {}  # who has all of them
    return _change(args, environ, f"now {role}", role=role, **more)


def _change(args: argparse.Namespace, environ: Mapping[str, str], said: str, **changes: Any) -> int:
    with _accounts(args, environ) as accounts:
        accounts.change_user(args.name, **changes)
        audit.record(accounts.data_dir, "user_change", user=args.name, **changes)
    say(f"user {args.name} is {said}")
    return OK


def _user_remove(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    with _accounts(args, environ) as accounts:
        accounts.remove_user(args.name)
        audit.record(accounts.data_dir, "user_remove", user=args.name)
    say(f"user {args.name} is removed")
    return OK


def _password(args: argparse.Namespace) -> str:
    """The first line of the file, or what is typed twice."""
    try:
        if args.password_file is None:
            if not sys.stdin.isatty():
                raise CamdError("no terminal to ask for the password: give --password-file FILE, or - for "
                                "standard input")
            password = getpass.getpass("Password: ")
            if getpass.getpass("Again: ") != password:
                raise CamdError("these were two different passwords")
            return password
        if args.password_file == "-":
            text = sys.stdin.read(_LONGEST_FILE)
        else:
            with Path(args.password_file).open(encoding="utf-8", newline="") as file:
                text = file.read(_LONGEST_FILE)
    except OSError as error:
        raise CamdError(f"{args.password_file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise CamdError(f"{args.password_file}: the password is not in UTF-8") from None
    except EOFError:
        raise CamdError("no password was given") from None
    return text.splitlines()[0] if text else ""


# -- tokens


def _token_create(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from ..auth.entries import token_entry
    from ..auth.tokens import new_token

    with _accounts(args, environ) as accounts:
        snapshot = accounts.load()
        owner = _owner(snapshot, args.user)
        secret, token = new_token(
            snapshot, owner, args.name, args.permission, args.camera, args.days, int(time.time() * 1000))
        accounts.add_token(token)
        audit.record(accounts.data_dir, "token_create", user=owner.name, token=token.id, name=token.name)
    say(f"token {token.id} of {owner.name}; it is shown this once:")
    if args.json:
        write_json({"token": secret, **token_entry(snapshot, token, None, "")})
    else:
        write(secret)
    return OK


def _owner(snapshot: Snapshot, name: str | None) -> User:
    if name is not None:
        owner = snapshot.by_name.get(name.lower())
        if owner is None:
            raise Gone(f"there is no user {name}")
        return owner
    found = [user for user in snapshot.users.values() if user.administers]
    if len(found) != 1:
        names = ", ".join(sorted(user.name for user in snapshot.users.values()))
        raise CamdError(f"say whose token it is, with --user NAME (there is {names})" if names else
                        "there is no user yet: camd user add NAME --role administrator")
    return found[0]


def _token_list(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from ..auth.entries import token_entry

    with _accounts(args, environ) as accounts:
        snapshot = accounts.load()
    entries = [token_entry(snapshot, token, token.last_used, token.last_address)
               for token in sorted(snapshot.tokens, key=lambda token: token.created)]
    if args.json:
        write_json(entries)
        return OK
    if not entries:
        say("There is no API token: camd token create NAME --user NAME")
    for entry in entries:
        ends = "" if entry["expires"] is None else f"expires {_moment(entry['expires'])}"
        used = _moment(entry["last_used"])
        write(f"{entry['id']}  {entry['user']:<20} {used:<17} {entry['name']}  {ends}".rstrip())
    return OK


def _token_revoke(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    with _accounts(args, environ) as accounts:
        accounts.remove_token(args.id)
        audit.record(accounts.data_dir, "token_revoke", token=args.id)
    say(f"token {args.id} is revoked")
    return OK


# -- the first minute


def _setup_code(args: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from ..auth.setup import PURPOSE, new_code, open_code

    with _accounts(args, environ) as accounts:
        snapshot = accounts.load()
        if not snapshot.needs_setup:
            names = ", ".join(sorted(user.name for user in snapshot.users.values() if user.administers))
            raise Conflict(f"setup is done already: {names} can add users; camd user passwd NAME helps who "
                           "forgot a password")
        code = "" if args.renew else open_code(snapshot.setup_code, accounts.key, int(time.time() * 1000))
        if not code:
            code = new_code()
            accounts.set_setup_code(accounts.key.encrypt(code, PURPOSE))
            audit.record(accounts.data_dir, "setup_code_renew")
            say("a new code, good for 30 minutes; the ones before are not good any more")
    if args.json:
        write_json({"code": code, "path": f"/setup#code={code}"})
    else:
        write(code)
    return OK


def _moment(time_ms: int | None) -> str:
    if time_ms is None:
        return "never"
    return datetime.fromtimestamp(time_ms / 1000).astimezone().isoformat(" ", "minutes")[:16]

"""Who may: WS-UsernameToken and Digest with the device password, what is open, levels and what they allow."""

from __future__ import annotations

import hashlib
import re
from typing import Any, ClassVar

from camd_plugins.onvif.access import Access
from camd_plugins.onvif.faults import NotAuthorized
from camd_plugins.onvif.operation import operations_of
from camd_plugins.onvif.security import CAPACITY, WINDOW, Tokens, UsernameToken
from camd_plugins.onvif.xml import utc

from camd.config import AuthConfig

from .edge_case import PEOPLE, Answer
from .onvif_case import NS, SOAP11, OnvifCase, envelope, username_token

INFORMATION = "tds:GetDeviceInformation"
NOT_AUTHORIZED = ("Sender", "ter:NotAuthorized")


class SecurityCase(OnvifCase):
    def setUp(self) -> None:
        super().setUp()
        self.secret = self.device_password()

    def token(
        self, created: float | str | None = None, name: str = "admin", secret: str = "", **options: Any
    ) -> str:
        moment = self.now if created is None else created
        text = moment if isinstance(moment, str) else utc(moment)
        return username_token(name, secret or self.secret, text, **options)

    def ask_with(self, header: str, name: str = INFORMATION, **options: Any) -> Answer:
        return self.send(name, by="", header=header, **options)


class UsernameTokenTests(SecurityCase):
    def test_the_right_one(self) -> None:
        answer = self.ask_with(self.token())
        self.assertEqual(answer.status, 200, answer.body)
        self.response(answer, INFORMATION)

    def test_however_it_is_written(self) -> None:
        for created in ("2023-11-14T22:13:20Z", "2023-11-14T22:13:20.123Z", "2023-11-14T22:13:20+00:00",
                        "2023-11-14T23:13:20+01:00", "2023-11-14T22:13:20.123456Z"):  # fmt: skip
            self.assertEqual(self.ask_with(self.token(created)).status, 200, created)
        default = self.token().replace("wsse:", "").replace(
            "<Security>", f'<Security xmlns="{NS["wsse"]}">')  # fmt: skip
        self.assertEqual(self.ask_with(default).status, 200)

    def test_wrong_ones_say_no_more_than_that(self) -> None:
        plain = re.sub("#PasswordDigest", "#PasswordText", self.token())
        for header in (
            self.token(secret="wrong"), self.token(name="nobody-there"), self.token(name="viewer"), plain,
            re.sub("<wsse:Nonce>.*</wsse:Nonce>", "", self.token()),
            re.sub("<wsu:Created>.*</wsu:Created>", "", self.token()),
            re.sub("<wsse:Nonce>.*</wsse:Nonce>", "<wsse:Nonce>!!</wsse:Nonce>", self.token()),
            re.sub("<wsse:Nonce>", "<wsse:Nonce>é", self.token()), re.sub('Digest">', 'Digest">é', self.token()),
            self.token("yesterday"), self.token(nonce=b"x" * 200), "<wsse:Security/>",
        ):  # fmt: skip
            answer = self.ask_with(header)
            self.assertEqual((answer.status, self.fault(answer)), (400, NOT_AUTHORIZED), header)
            self.assertNotIn("www-authenticate", answer.headers)

    def test_once_only(self) -> None:
        header = self.token()
        self.assertEqual(self.ask_with(header).status, 200)
        for seconds in (0, WINDOW, 2 * WINDOW):
            self.clock.advance(seconds)
            self.assertEqual(self.fault(self.ask_with(header)), NOT_AUTHORIZED)

    def test_once_only_for_all_who_have_this_password(self) -> None:
        same = "Both-have-this-1"
        for name in ("viewer", "operator"):
            self.get(self.users.set_device_password(self.users.by_token(self.tokens["admin"]), name, same))
        first = self.token(name="viewer", secret=same)
        self.assertEqual(self.ask_with(first).status, 200)
        for name in ("operator", "VIEWER"):
            again = first.replace("<wsse:Username>viewer", f"<wsse:Username>{name}")
            self.assertEqual(self.fault(self.ask_with(again)), NOT_AUTHORIZED, name)
        self.assertEqual(self.ask_with(self.token(name="operator", secret=same)).status, 200)

    def test_a_refused_one_uses_up_no_nonce(self) -> None:
        self.assertEqual(self.ask_with(self.token(secret="wrong", nonce=b"mine")).status, 400)
        self.assertEqual(self.ask_with(self.token(nonce=b"mine")).status, 200)

    def test_five_minutes_either_way(self) -> None:
        for seconds, status in ((-299, 200), (299, 200), (-301, 400), (301, 400), (1e9, 400), (-1e9, 400)):
            self.assertEqual(self.ask_with(self.token(self.now + seconds)).status, status, seconds)

    def test_a_board_without_a_clock(self) -> None:
        """It wakes up in the past, and nothing says that its clock is right."""
        self.synchronised = False
        header = self.token(self.now + 86400)
        self.assertEqual(self.ask_with(header).status, 200)
        self.clock.advance(2 * WINDOW + 1)
        self.assertEqual(self.ask_with(header).status, 400)
        self.assertEqual(self.ask_with(self.token(self.now - 86400)).status, 400)

    def test_it_remembers_bounded_many(self) -> None:
        tokens = Tokens(self.context.clock, self.clock.seconds)

        def token(number: int) -> UsernameToken:
            created = utc(self.now + number / CAPACITY)
            nonce = number.to_bytes(4)
            digest = hashlib.sha1(nonce + created.encode() + b"secret").digest()
            return UsernameToken("a", digest, nonce, created)

        first = token(0)
        for number in range(CAPACITY + 1):
            self.assertTrue(tokens.verify(token(number), "secret"))
        self.assertLessEqual(len(tokens._used["a"]._seen), CAPACITY)
        with self.assertRaises(NotAuthorized):
            tokens.verify(first, "secret")

    def test_a_name_in_another_case_is_a_replay(self) -> None:
        header = self.token()
        self.assertEqual(self.ask_with(header).status, 200)
        for name in ("Admin", "ADMIN"):
            self.assertEqual(self.fault(self.ask_with(header.replace(">admin<", f">{name}<"))), NOT_AUTHORIZED)

    def test_who_signs_many_keeps_nobody_else_out(self) -> None:
        """Not either in a far future, which counts where nobody set the clock."""
        self.synchronised = False
        tokens = Tokens(self.context.clock, self.clock.seconds)

        def token(name: str, number: int, ahead: float) -> UsernameToken:
            created = utc(self.now + ahead)
            nonce = number.to_bytes(4)
            digest = hashlib.sha1(nonce + created.encode() + b"secret").digest()
            return UsernameToken(name, digest, nonce, created)

        for number in range(CAPACITY + 1):
            tokens.verify(token("a", number, 1e9), "secret")
        self.assertTrue(tokens.verify(token("b", 1, 0), "secret"))
        self.assertTrue(tokens.verify(token("A", CAPACITY + 2, 2e9), "secret"))
        self.assertRaises(NotAuthorized, tokens.verify, token("a", 0, 1e9), "secret")

    def test_both_must_be_right(self) -> None:
        self.assertEqual(self.send(INFORMATION, by="admin", header=self.token(secret="wrong")).status, 400)
        self.assertEqual(
            self.send(INFORMATION, by="", header=self.token(), authorization="Bearer wrong").status, 401
        )

    def test_the_audit_log_knows(self) -> None:
        self.ask_with(self.token(secret="wrong"))
        self.ask_with(self.token(name="My-secret-password"))
        self.assertEqual([(entry["by"], entry["how"]) for entry in self.events("login_refused")],
                         [("admin", "onvif"), ("", "onvif")])  # fmt: skip
    def test_wrong_ones_lock_the_pair_like_other_passwords(self) -> None:
        for _ in range(5):
            self.assertEqual(self.ask_with(self.token(secret="wrong")).status, 400)
        self.assertEqual(self.fault(self.ask_with(self.token())), NOT_AUTHORIZED)
        self.assertEqual(len(self.events("locked")), 1)
        self.assertEqual(len(self.events("login_refused")), 5)
        self.clock.advance(300)
        self.assertEqual(self.ask_with(self.token(self.now + 300)).status, 200)

    def test_a_clock_that_is_wrong_or_a_replay_locks_nobody(self) -> None:
        header = self.token()
        self.assertEqual(self.ask_with(header).status, 200)
        for _ in range(6):
            self.assertEqual(self.ask_with(header).status, 400)
            self.assertEqual(self.ask_with(self.token(self.now - 4000)).status, 400)
        self.assertEqual(self.ask_with(self.token()).status, 200)

    def test_and_who_changed_what(self) -> None:
        self.call("tds:SetDiscoveryMode", "<tds:DiscoveryMode>NonDiscoverable</tds:DiscoveryMode>")
        self.call("tptz:Stop", "<tptz:ProfileToken>Profile_1</tptz:ProfileToken>")
        self.assertEqual(
            [(one["by"], one["values"]) for one in self.events("set")],
            [("admin", {"onvif/discoverable": False})],
        )
        self.assertEqual([one["call"] for one in self.events("call")], ["onvif.Stop"])


class DigestTests(SecurityCase):
    def test_who_brings_nothing_is_told_how(self) -> None:
        answer = self.ask_with("")
        self.assertEqual((answer.status, self.fault(answer)), (401, NOT_AUTHORIZED))
        challenges = answer.all("www-authenticate")
        self.assertEqual(len(challenges), 1)
        self.assertTrue(
            challenges[0].startswith('Digest realm="camd", qop="auth", algorithm=MD5'), challenges
        )

    def digest(self, answer: Answer, secret: str, path: str = "/onvif/device_service") -> str:
        nonce = re.search(r'nonce="([^"]+)"', answer.headers["www-authenticate"])[1]

        def md5(text: str) -> str:
            return hashlib.md5(text.encode()).hexdigest()

        response = md5(f"{md5(f'admin:camd:{secret}')}:{nonce}:00000001:c:auth:{md5(f'POST:{path}')}")
        return (
            f'Digest username="admin", realm="camd", nonce="{nonce}", uri="{path}", algorithm=MD5, qop=auth, '
            f'nc=00000001, cnonce="c", response="{response}"'
        )

    def test_the_device_password(self) -> None:
        header = self.digest(self.ask_with(""), self.secret)
        answer = self.send(INFORMATION, by="", authorization=header)
        self.response(answer, INFORMATION)
        again = self.send(INFORMATION, by="", authorization=header)
        self.assertEqual(again.status, 401)
        self.assertIn("stale=true", again.headers["www-authenticate"])
        self.assertEqual(self.send(INFORMATION, by="", authorization=self.digest(again, "wrong")).status, 401)

    def test_basic_with_the_device_password(self) -> None:
        import base64

        for secret, status in ((self.secret, 200), ("wrong", 401)):
            pair = base64.b64encode(f"admin:{secret}".encode()).decode()
            self.assertEqual(self.send(INFORMATION, by="", authorization=f"Basic {pair}").status, status)


class AccessTests(SecurityCase):
    #: Core, "Access classes for service requests": what answers to anybody.
    OPEN: ClassVar = {
        "tds:GetWsdlUrl",
        "tds:GetServices",
        "tds:GetCapabilities",
        "tds:GetHostname",
        "tds:GetSystemDateAndTime",
        "tds:GetEndpointReference",
    }

    def test_what_is_open(self) -> None:
        table = operations_of(self.context.services)
        found = {name for name, operation in table.items() if operation.access is Access.PRE_AUTH}
        self.assertEqual(
            found, self.OPEN | {name for name in table if name.endswith(":GetServiceCapabilities")}
        )
        for name in found:
            self.assertEqual(self.send(name, "<tds:IncludeCapability>false</tds:IncludeCapability>"
                                       if name == "tds:GetServices" else "", by="").status, 200)  # fmt: skip

    def test_everything_else_is_not(self) -> None:
        table = operations_of(self.context.services)
        for name, operation in table.items():
            if operation.access is not Access.PRE_AUTH:
                answer = self.post(envelope(f"<{name}/>"))
                self.assertEqual((answer.status, self.fault(answer)), (401, NOT_AUTHORIZED), name)

    def test_each_needs_its_permission(self) -> None:
        table = operations_of(self.context.services)
        for name, operation in table.items():
            if operation.access is Access.PRE_AUTH:
                continue
            for person in PEOPLE:
                by = self.users.by_token(self.tokens[person])
                answer = self.post(envelope(f"<{name}/>"), by=person)
                denied = answer.status != 200 and self.fault(answer) == NOT_AUTHORIZED
                self.assertEqual(denied, not by.may(operation.access.value), f"{name} as {person}")

    def test_a_wrong_token_hurts_no_open_operation(self) -> None:
        """Recorders sign their first question with whatever clock they have."""
        self.assertEqual(self.ask_with(self.token(self.now - 1e8), "tds:GetSystemDateAndTime").status, 200)

    def test_unknown_operations(self) -> None:
        answer = self.post(envelope("<tds:GetDot1XConfigurations/>"))
        self.assertEqual(answer.status, 401)
        answer = self.post(envelope("<tds:GetDot1XConfigurations/>"), by="admin")
        self.assertEqual((answer.status, self.fault(answer)), (500, ("Receiver", "ter:ActionNotSupported")))

    def test_cookies_do_not_count(self) -> None:
        cookie = self.login()
        self.assertEqual(self.send(INFORMATION, by="", cookie=cookie).status, 401)

    def test_pages_of_other_sites_are_kept_out(self) -> None:
        answer = self.send(INFORMATION, by="admin", origin="http://evil.example")
        self.assertEqual(answer.status, 403)
        self.assertEqual(self.post(envelope("<tds:GetHostname/>"), kind="text/plain").status, 415)


class SetUpTests(OnvifCase):
    set_up = False

    def test_without_an_administrator_nothing_answers(self) -> None:
        answer = self.post(envelope("<tds:GetSystemDateAndTime/>"))
        self.assertEqual(answer.status, 403)
        self.assertIn(b"SETUP_REQUIRED", answer.body)


class AccountTests(SecurityCase):
    def user(self, name: str, level: str, password: str = "") -> str:
        given = f"<tt:Password>{password}</tt:Password>" if password else ""
        return (
            "<tds:User>"
            f"<tt:Username>{name}</tt:Username>{given}<tt:UserLevel>{level}</tt:UserLevel></tds:User>"
        )

    def levels(self) -> dict[str, str]:
        return {
            one.findtext("tt:Username", namespaces=NS): one.findtext("tt:UserLevel", namespaces=NS)
            for one in self.call("tds:GetUsers")
        }

    def test_levels(self) -> None:
        self.assertEqual(
            self.levels(),
            {
                "admin": "Administrator",
                "operator": "Operator",
                "viewer": "User",
                "nobody": "Anonymous",
                "streamer": "Anonymous",
                "limited": "Operator",
            },
        )

    def test_a_user_comes_changes_and_goes(self) -> None:
        self.call("tds:CreateUsers", self.user("nvr", "User", "Recorder-77"))
        by = self.get(self.users.by_password("nvr", "Recorder-77", "192.0.2.9"))
        self.assertEqual(self.levels()["nvr"], "User")
        self.call("tds:SetUser", self.user("nvr", "Operator", "Recorder-88"))
        self.assertEqual(self.levels()["nvr"], "Operator")
        self.assertIsNone(self.users.still_valid(by))
        self.call("tds:DeleteUsers", "<tds:Username>nvr</tds:Username>")
        self.assertNotIn("nvr", self.levels())

    def test_what_is_not_possible(self) -> None:
        for name, content, subcode in (
            ("CreateUsers", self.user("viewer", "User", "Recorder-77"), "ter:UsernameClash"),
            ("CreateUsers", self.user("nvr", "User", "short"), "ter:PasswordTooWeak"),
            ("CreateUsers", self.user("a b", "User", "Recorder-77"), "ter:Username"),
            ("CreateUsers", self.user("n" * 65, "User", "Recorder-77"), "ter:UsernameTooLong"),
            ("CreateUsers", self.user("nvr", "Anonymous", "Recorder-77"), "ter:AnonymousNotAllowed"),
            ("SetUser", self.user("nvr", "User"), "ter:UsernameMissing"),
            ("DeleteUsers", "<tds:Username>nvr</tds:Username>", "ter:UsernameMissing"),
            ("DeleteUsers", "<tds:Username>admin</tds:Username>", "ter:FixedUser"),
        ):
            self.assertEqual(self.refused(f"tds:{name}", content)[-1], subcode)
        self.assertEqual(self.refused("tds:SetUser", self.user("admin", "User"))[-1], "ter:FixedUser")


class OldClientTests(SecurityCase):
    def test_soap_1_1(self) -> None:
        answer = self.post(envelope("<tds:GetHostname/>", version=SOAP11), kind="text/xml; charset=utf-8")
        self.assertEqual(answer.status, 200)
        self.assertIn("text/xml", answer.headers["content-type"])
        self.assertIn(SOAP11.encode(), answer.body)
        answer = self.post(envelope("<tds:GetUsers/>", version=SOAP11), kind="text/xml")
        self.assertIn(b"<faultcode>ter:NotAuthorized</faultcode>", answer.body)

    def test_nothing_stands_before_the_declaration(self) -> None:
        self.assertTrue(self.ask_with("", "tds:GetHostname").body.startswith(b"<?xml "))

    def test_addressing(self) -> None:
        header = "<wsa:MessageID>urn:uuid:1</wsa:MessageID>" + self.token()
        answer = self.ask_with(header, "tev:CreatePullPointSubscription")
        self.assertIn(b"<wsa:RelatesTo>urn:uuid:1</wsa:RelatesTo>", answer.body)
        self.assertIn(b"EventPortType/CreatePullPointSubscriptionResponse</wsa:Action>", answer.body)

    def test_any_service_answers_at_any_of_the_addresses(self) -> None:
        """Some recorders send everything to the first one."""
        self.call("trt:GetProfiles", path="device_service")
        self.assertEqual(self.post(envelope("<tds:GetHostname/>"), "no_service").status, 404)


class RateTests(OnvifCase):
    auth = AuthConfig(rate_limits=True)

    def test_strangers_ask_so_often_and_no_more(self) -> None:
        statuses = [self.post(envelope("<tds:GetHostname/>")).status for _ in range(101)]
        self.assertEqual((statuses.count(200), statuses[-1]), (100, 429))
        self.assertEqual(self.fault(self.post(b"<")), ("Receiver", "ter:Action"))
        self.assertEqual(self.send(INFORMATION).status, 200)

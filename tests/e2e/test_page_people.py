"""People on the page: setup, signing in and out, settings, and what whom is shown, in a real browser."""

from __future__ import annotations

import json
import re
import urllib.request
from functools import cache
from typing import Any
from urllib.error import HTTPError

from twisted.trial.unittest import SynchronousTestCase

from camd.auth.passwords import check_password
from camd.errors import Invalid

from . import shared
from .browser import MISSING, Browser, text_of
from .daemon import PASSWORD, Daemon

_CONFIG = """
[cameras.cam1]
name = "Workshop"
source = "test:"
size = "640x360"
fps = 15

[cameras.door]
name = "Front door"
source = "test:"
size = "320x180"
fps = 5
"""
_HERE = ["--https", "tcp:0:interface=127.0.0.1"]
_OTHER = "Another-horse-8"
_READY = "document.body.dataset.phase === 'open' && document.querySelector('.control')"
_PICTURE = "document.querySelector('.screen > :not(.vacant)')"
_BRIGHTNESS = "cameras/cam1/brightness"
_SLIDERS = "document.querySelectorAll('.panel input[type=range]').length"
_TO_THE_FRONT = "document.dispatchEvent(new Event('visibilitychange'))"
_DIALOG = "document.querySelector('dialog[open]')"
#: What a finger has to hit, where it is smaller than it should be. A tick is as large as its label.
_SMALL_TARGETS = """[...document.querySelectorAll("button, select, summary, input, a, label:has(> input)")]
  .filter((one) => one.checkVisibility({visibilityProperty: true}))
  .filter((one) => !one.closest(".unseen, .skip, p:not(.brand)"))
  .filter((one) => !one.matches("label > input[type=radio], label > input[type=checkbox]"))
  .map((one) => [one.outerHTML.slice(0, 80), one.getBoundingClientRect()])
  .filter(([, box]) => box.height < 44 || box.width < 44)
  .map(([text, box]) => `${text} ${box.width}x${box.height}`)"""
_UNNAMED = """[...document.querySelectorAll("input, select, textarea, button, summary")]
  .filter((one) => one.checkVisibility() && !one.labels?.length && !one.ariaLabel && !one.textContent.trim())
  .filter((one) => !one.ariaHidden)
  .map((one) => one.outerHTML)"""


@cache
def served() -> Daemon:
    """The daemon of all tests here; "admin" administers it."""
    daemon = Daemon(_CONFIG, arguments=_HERE, admin=True)
    shared.until_others(__name__, daemon.remove)
    daemon.start()
    shared.until_others(__name__, daemon.stop)
    return daemon


@cache
def browser(number: int) -> Browser:
    """One of the browsers of all tests here."""
    one = Browser()
    shared.until_others(__name__, one.close)
    return one


class SetupTests(SynchronousTestCase):
    """The first minute of a camd that nobody has set up."""

    skip = MISSING

    def test_the_printed_link_leads_to_the_picture(self) -> None:
        with Daemon(_CONFIG, arguments=_HERE) as daemon:
            self.browser = browser(0)
            self.browser.forget()
            link = re.search(r"http://\S+/setup#code=\S+", daemon.log)
            self.assertIsNotNone(link, daemon.log)

            self.browser.open(daemon.url)
            self.browser.wait("location.pathname === '/setup'")
            self.browser.errors()
            self.browser.open("about:blank")
            self.browser.open(link[0])
            self.assertEqual(self.browser.find("#code").get_property("value"), link[0][-9:])
            self.assertEqual(self.browser.ask("location.href"), daemon.url + "setup")
            self.assertEqual(self.browser.ask("document.activeElement.id"), "username")

            self.browser.fill("#username", "anna")
            self.browser.fill("#password", "Short-1")
            met = "[...document.querySelectorAll('.rules .met')].length"
            self.assertEqual(self.browser.ask(met), 4)
            self.browser.click("[type=submit]")
            self.assertIn("not good enough", self.browser.ask(text_of("[data-error=password]")))
            self.browser.fill("#password", "234")
            self.assertEqual(self.browser.ask(met), 5)

            code = self.browser.find("#code")
            code.clear()
            code.send_keys("0000-0000\n")
            self.browser.wait(f"{text_of('[data-error=code]')}.includes('not the code')")
            self.browser.errors()  # the browser reports the refusal
            code.clear()
            code.send_keys(link[0][-9:].lower() + "\n")
            self.browser.wait(_READY)
            self.browser.wait(_PICTURE)
            self.assertEqual(self.browser.ask(text_of(".menu-name")), "anna")
            self.assertEqual(self.browser.errors(), [])

            self.browser.open(daemon.url + "setup")
            self.browser.wait(_READY)
            self.assertEqual(self.browser.ask("location.pathname"), "/")


class PeopleTests(SynchronousTestCase):
    """One daemon and two browsers for all tests: the administrator's, and somebody else's."""

    skip = MISSING

    def setUp(self) -> None:
        self.daemon = served()
        self.url = self.daemon.url
        self.browser, self.other = browser(0), browser(1)
        self.browser.shape(1280, 800)
        for one in (self.browser, self.other):
            one.open("about:blank")
            one.forget()
            one.errors()

    def rest(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON that camd answers; HTTPError if it refuses."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.daemon.token}", "Content-Type": "application/json"}
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def add(self, name: str, role: str = "viewer", **fields: Any) -> None:
        """A user with PASSWORD, as long as this test runs."""
        self.rest("POST", "api/users", {"username": name, "password": PASSWORD, "role": role, **fields})
        self.addCleanup(self.remove, name)

    def remove(self, name: str) -> None:
        try:
            self.rest("DELETE", f"api/users/{name}")
        except HTTPError as error:
            if error.code != 404:
                raise

    def settings(self, section: str, browser: Browser | None = None) -> str:
        """Open a section of the settings as the administrator; the beginning of its selectors."""
        one = browser or self.browser
        if browser is None:
            one.sign_in(self.url, "admin", PASSWORD, f"settings.html#{section}")
        root = f"[data-section={section}]"
        one.wait(f"document.querySelector('{root}')?.checkVisibility()")
        one.errors()
        return root + " "

    def cameras(self, browser: Browser, name: str, then: str = "") -> None:
        browser.sign_in(self.url, name, PASSWORD, then)
        browser.wait(_READY)
        browser.errors()

    def open_entry(self, entry: str) -> None:
        self.browser.click(f"{entry} summary")
        self.browser.wait(f"document.querySelector('{entry} .entry-body').firstChild")

    # -- in and out

    def test_whoever_is_not_signed_in_is_led_to_the_door_and_back(self) -> None:
        self.browser.open(self.url + "#door")
        self.browser.wait("location.pathname === '/login'")
        self.browser.fill("#username", "admin")
        self.browser.fill("#password", PASSWORD + "\n")
        self.browser.wait(_READY)
        self.assertEqual(self.browser.ask("location.href"), self.url + "#door")
        self.assertEqual(self.browser.ask(text_of("h1")), "Front door")
        self.browser.wait(_PICTURE)  # with the cookie
        self.browser.open(self.url + "login")  # signed in already
        self.browser.wait(_READY)

    def test_a_wrong_password_is_told_and_five_have_to_wait(self) -> None:
        self.browser.open(self.url + "login")
        self.browser.fill("#username", "nobody")
        for _ in range(5):
            self.browser.fill("#password", "Wrong-horse-7\n")
            self.browser.wait("!document.querySelector('[type=submit]').disabled")
            self.browser.wait(f"{text_of('.form-message')}.includes('is wrong')")
        self.browser.fill("#password", "Wrong-horse-7\n")
        self.browser.wait(f"{text_of('.form-message')}.startsWith('Too many')")
        self.assertTrue(self.browser.ask("document.querySelector('[type=submit]').disabled"))
        first = self.browser.ask(text_of("[type=submit]"))
        self.assertRegex(first, r"^Wait [45] min \d\d s$")
        self.browser.wait(f"{text_of('[type=submit]')} !== arguments[0]", first)
        self.browser.open("about:blank")
        self.browser.sign_in(self.url, "admin", PASSWORD)  # somebody else gets in from here

    def test_signing_out_ends_the_session(self) -> None:
        self.cameras(self.browser, "admin")
        self.browser.click("#account-menu summary")
        self.browser.click("#account-menu [data-part=leave]")
        self.browser.wait("location.pathname === '/login'")
        self.assertEqual(self.browser.wait(text_of("#reason")), "You are signed out.")
        self.browser.open(self.url)
        self.browser.wait("location.pathname === '/login'")

    def test_a_session_that_ends_elsewhere_leads_to_the_door_and_back_to_the_place(self) -> None:
        self.add("lena")
        self.cameras(self.other, "lena", "#door")
        self.rest("PATCH", "api/users/lena", {"enabled": False})
        self.other.wait("location.pathname === '/login'")
        self.assertIn("has ended", self.other.wait(text_of("#reason")))
        self.rest("PATCH", "api/users/lena", {"enabled": True})
        self.other.fill("#username", "lena")
        self.other.fill("#password", PASSWORD + "\n")
        self.other.wait(_READY)
        self.assertEqual(self.other.ask("location.hash"), "#door")

    def test_the_settings_hear_of_the_end_too(self) -> None:
        self.add("lena")
        self.other.sign_in(self.url, "lena", PASSWORD, "settings.html#tokens")
        self.settings("tokens", self.other)
        self.other.wait("document.body.dataset.phase === 'open'")
        self.rest("DELETE", "api/users/lena")
        self.other.wait("location.pathname === '/login'")
        self.assertEqual(self.other.ask("new URL(location).searchParams.get('next')"), "settings.html#tokens")

    # -- rights

    def test_a_viewer_sees_but_cannot_move_a_slider(self) -> None:
        self.cameras(self.browser, "admin")
        self.assertGreater(self.browser.ask(_SLIDERS), 0)
        self.add("lena")
        self.cameras(self.other, "lena")
        self.other.wait(_PICTURE)
        value = f"[data-name='{_BRIGHTNESS}'] .control-value"
        self.rest("PUT", f"api/state/{_BRIGHTNESS}", {"value": 61})
        self.other.wait(f"{text_of(value)} === '61 %'")
        fields = "document.querySelectorAll('.panel :is(input:not([readonly]), select)').length"
        self.assertEqual(self.other.ask(fields), 0)
        self.assertIn("further rights", self.other.ask(text_of("#panel-note")))
        answer = self.other.driver.execute_async_script("""
          const done = arguments[arguments.length - 1];
          fetch("api/state/cameras/cam1/brightness", {
            method: "PUT", headers: {"Content-Type": "application/json"}, body: '{"value": 5}',
          }).then((answer) => done(answer.status));
        """)
        self.assertEqual(answer, 403)
        self.assertEqual(self.rest("GET", f"api/state/{_BRIGHTNESS}")["value"], 61)

    def test_rights_that_change_are_seen_without_a_reload(self) -> None:
        self.add("lena")
        self.cameras(self.other, "lena")
        self.rest("PATCH", "api/users/lena", {"role": "operator"})
        self.other.ask(_TO_THE_FRONT)
        self.other.wait(_SLIDERS)
        self.assertEqual(self.other.ask(text_of("#panel-note")), "")
        self.rest("PATCH", "api/users/lena", {"cameras": ["door"], "role": "viewer"})
        self.other.ask(_TO_THE_FRONT)
        self.other.wait(f"{text_of('h1')} === 'Front door' && !{_SLIDERS}")

    def test_only_ones_own_cameras_are_there(self) -> None:
        self.add("lena", cameras=["door"])
        self.cameras(self.other, "lena", "#cam1")
        self.assertEqual(self.other.ask(text_of("h1")), "Front door")
        self.assertNotIn("Workshop", self.other.ask("document.body.innerText"))
        self.assertEqual(self.other.errors(), [])

    def test_settings_show_what_one_may_use(self) -> None:
        self.add("lena")
        self.other.sign_in(self.url, "lena", PASSWORD, "settings.html#users")
        self.settings("account", self.other)
        places = """[...document.querySelectorAll(".places a")]
          .filter((one) => one.checkVisibility()).map((one) => one.innerText)"""
        self.assertEqual(self.other.ask(places), ["Cameras", "Your account", "Tokens", "For recorders", "Certificate"])
        self.other.click(".places [href='#certificate']")
        self.settings("certificate", self.other)
        self.assertFalse(self.other.ask("document.querySelector('#key-file').checkVisibility()"))

    # -- settings

    def test_ones_own_password(self) -> None:
        self.add("lena")
        self.cameras(self.other, "lena")
        self.browser.sign_in(self.url, "lena", PASSWORD, "settings.html")
        section = self.settings("account", self.browser)
        self.browser.fill("#old", "Wrong-horse-7")
        self.browser.fill("#new", _OTHER + "\n")
        self.browser.wait(text_of("[data-error=old]"))
        self.browser.find("#old").clear()
        self.browser.fill("#old", PASSWORD + "\n")
        self.browser.wait(f"{text_of(section + '[data-part=message]')} === 'Your password is changed.'")
        self.other.wait("location.pathname === '/login'")
        self.browser.open(self.url)
        self.browser.wait(_READY)  # still signed in
        self.other.sign_in(self.url, "lena", _OTHER)
        self.other.wait(_READY)

    def test_a_viewer_is_added_changed_and_removed(self) -> None:
        self.addCleanup(self.remove, "otto")
        section = self.settings("users")
        self.browser.click(section + "[data-part=add]")
        self.browser.fill("#user-name", "otto")
        self.browser.fill("#user-password", PASSWORD)
        self.browser.click(section + "form [data-part=some]")
        self.browser.click(section + "form [value=door]")
        self.browser.click(section + "form [type=submit]")
        self.browser.wait(f"{text_of(section + '.done')} === 'otto is added.'")
        self.cameras(self.other, "otto")

        self.open_entry(section + ".entry:last-child")
        form = section + ".entry:last-child form"
        self.browser.ask(f"document.querySelector('{form} [name=role]').value = 'operator'")
        self.browser.ask(f"document.querySelector('{form} [name=role]').dispatchEvent(new Event('change'))")
        self.browser.click(form + " [type=submit]")
        self.browser.wait(f"{text_of(form + ' .form-message')} === 'Saved.'")
        user = self.rest("GET", "api/users/otto")
        self.assertEqual((user["role"], user["cameras"]), ("operator", ["door"]))
        self.assertEqual(user["additional_permissions"], [])

        self.browser.click(section + ".entry:last-child [data-part=enabled]")
        self.browser.click(form + " [type=submit]")
        self.browser.wait(f"{text_of(section + '.entry:last-child .lamp')} === 'Disabled'")
        self.other.wait("location.pathname === '/login'")

        self.browser.click(section + ".entry:last-child [data-part=remove]")
        self.browser.wait(_DIALOG)
        self.browser.click("dialog [data-part=no]")
        self.assertEqual(self.rest("GET", "api/users/otto")["username"], "otto")
        self.browser.click(section + ".entry:last-child [data-part=remove]")
        self.browser.wait(_DIALOG)
        self.browser.click("dialog [data-part=yes]")
        self.browser.wait(f"{text_of(section + '.done')} === 'otto is removed.'")
        self.assertEqual(self.browser.errors(), [])

    def test_what_the_server_refuses_stands_beside_its_field(self) -> None:
        section = self.settings("users")
        self.browser.click(section + "[data-part=add]")
        self.browser.fill("#user-name", "no spaces")
        self.browser.fill("#user-password", PASSWORD + "\n")
        self.browser.wait(text_of(section + "[data-error=username]"))
        self.assertEqual(self.browser.ask("document.activeElement.id"), "user-name")
        self.assertEqual(self.browser.find("#user-name").get_attribute("aria-invalid"), "true")
        self.browser.find("#user-name").clear()
        self.browser.fill("#user-name", "admin\n")
        self.browser.wait(f"{text_of(section + 'form .form-message')}.includes('already')")

    def test_somebody_elses_password_is_set(self) -> None:
        self.add("lena")
        section = self.settings("users")
        entry = section + ".entry:nth-child(2) "
        self.open_entry(entry)
        self.browser.fill(entry + "[name=password]", _OTHER + "\n")
        message = text_of(entry + "[data-part=password-form] .form-message")
        self.browser.wait(f"{message} === 'The password is set.'")
        self.other.sign_in(self.url, "lena", _OTHER)
        self.other.wait(_READY)

    def test_a_device_password_is_shown_on_demand(self) -> None:
        self.add("lena")
        section = self.settings("users")
        entry = section + ".entry:nth-child(2) "
        self.open_entry(entry)
        self.browser.click(entry + "[data-part=device] [data-part=show]")
        secret = f"document.querySelector('{entry} .copyable-text').value"
        shown = self.browser.wait(secret)
        self.assertEqual(self.rest("GET", "api/users/lena/device-password")["device_password"], shown)
        self.browser.click(entry + "[data-part=renew]")
        self.browser.wait(_DIALOG)
        self.browser.click("dialog [data-part=yes]")
        self.browser.wait(f"{secret} !== arguments[0]", shown)

    def test_a_role_is_made_and_given(self) -> None:
        self.addCleanup(self.rest, "DELETE", "api/roles/porter")
        section = self.settings("roles")
        self.browser.click(section + "[data-part=add]")
        self.browser.fill("#role-name", "porter")
        self.browser.ask(f"document.querySelectorAll('{section} form .right select')[7].value = 2")
        self.browser.click(section + "form [type=submit]")
        self.browser.wait(f"{text_of(section + '.done')} === 'The role porter is made.'")
        made = self.rest("GET", "api/roles/porter")
        self.assertEqual(made["permissions"], ["Device_r", "Media_r", "Reboot_rw"])
        told = self.browser.ask(text_of(section + ".entries"))
        self.assertIn("May see cameras and pictures; restart", told)
        self.browser.click(".places [href='#users']")
        section = self.settings("users", self.browser)
        self.browser.click(section + "[data-part=add]")
        roles = "[...document.querySelector('#user-role').options].map((one) => one.value)"
        self.assertEqual(self.browser.ask(roles), ["administrator", "operator", "viewer", "porter"])

    def test_a_token_is_shown_once_and_opens_what_it_says(self) -> None:
        section = self.settings("tokens")
        self.browser.click(section + "[data-part=add]")
        self.browser.fill("#token-name", "Hall\n")
        self.browser.wait(_DIALOG)
        shown = "[...document.querySelectorAll('dialog .copyable-text')].map((one) => one.value)"
        token, *urls = self.browser.ask(shown)
        self.assertEqual([url.split("?")[0] for url in urls], [
            self.url + "cam/cam1/snapshot.jpg", self.url + "cam/cam1/stream.mjpg",
            self.url.replace("http", "ws") + "api",
        ])
        with urllib.request.urlopen(urls[0], timeout=10) as answer:
            self.assertEqual(answer.read()[:2], b"\xff\xd8")
        with urllib.request.urlopen(urls[1], timeout=10) as answer:
            self.assertIn("multipart", answer.headers["Content-Type"])
        opened = self.browser.driver.execute_async_script("""
          const done = arguments[arguments.length - 1], socket = new WebSocket(arguments[0]);
          socket.onopen = () => { socket.close(); done(true); };
          socket.onerror = () => done(false);
        """, urls[2])
        self.assertTrue(opened)

        self.browser.press("\ue00c")  # escape
        self.assertTrue(self.browser.ask(_DIALOG))
        self.browser.click("dialog [data-part=close]")
        self.browser.wait(f"{text_of(section + '.entry-title')} === 'Hall'")
        self.assertNotIn(token, self.browser.ask("document.documentElement.outerHTML"))
        self.assertIn("used just now", self.browser.ask(text_of(section + ".entry-detail")))

        self.open_entry(section + ".entry")
        self.assertIn("May see pictures", self.browser.ask(text_of(section + ".entry .facts")))
        self.browser.click(section + "[data-part=revoke]")
        self.browser.wait(_DIALOG)
        self.browser.click("dialog [data-part=yes]")
        self.browser.wait(f"{text_of(section + '.done')} === 'The token Hall is revoked.'")
        with self.assertRaises(HTTPError) as refused:
            urllib.request.urlopen(urls[0], timeout=10)
        self.assertEqual(refused.exception.code, 401)

    def test_the_certificate_is_told_and_a_wrong_one_is_refused(self) -> None:
        section = self.settings("certificate")
        told = self.rest("GET", "api/certificate")
        self.assertEqual(self.browser.ask(text_of(section + ".fingerprint")), told["fingerprint"])
        self.assertIn("localhost", self.browser.ask(text_of(section + ".facts")))
        self.browser.click(section + "[type=submit]")
        self.assertNotEqual(self.browser.ask(text_of(section + "[data-error=key]")), "")
        for field in ("#certificate-file", "#key-file"):
            self.browser.fill(field, str(self.daemon.config))
        self.browser.click(section + "[type=submit]")
        message = f"{text_of(section + '[data-error=certificate]')} + {text_of(section + '.form-message')}"
        self.assertIn("PEM", self.browser.wait(message))
        self.assertEqual(self.rest("GET", "api/certificate")["fingerprint"], told["fingerprint"])

    def test_the_audit_log_has_the_newest_first_and_a_filter(self) -> None:
        self.add("lena")
        section = self.settings("audit")
        lines = f"""[...document.querySelectorAll("{section} .audit li")]
          .filter((one) => !one.hidden).map((one) => one.innerText)"""
        newest = self.browser.ask(lines)
        self.assertIn("Signed in", newest[0])
        self.assertIn("admin", newest[0])
        self.browser.fill("#audit-search", "LENA added")
        self.browser.wait(f"{lines}.length && {lines}.every((one) => one.includes('Added a user'))")
        self.browser.find("#audit-search").clear()
        self.browser.ask("document.querySelector('#audit-kind').value = 'change'")
        self.browser.ask("document.querySelector('#audit-kind').dispatchEvent(new Event('input'))")
        self.assertFalse([line for line in self.browser.ask(lines) if "Signed in" in line])

    # -- for everyone

    def test_every_page_fits_a_phone_and_complains_of_nothing(self) -> None:
        self.add("lena")
        self.browser.sign_in(self.url, "admin", PASSWORD, "settings.html")
        for section in ("account", "tokens", "users", "roles", "certificate", "backup", "audit"):
            self.browser.shape(1280, 800)
            self.browser.click(f".places [href='#{section}']")
            root = self.settings(section, self.browser)
            if section != "account":  # the first; the others were moved to
                self.browser.wait(f"document.activeElement === document.querySelector('{root} h1')")
            for opener in ("[data-part=add]", ".entry:last-child summary", ".more summary"):
                if self.browser.ask(f"document.querySelector('{root}{opener}')?.checkVisibility()"):
                    self.browser.click(root + opener)
            for width in (390, 320):
                self.browser.shape(width, 844, phone=True)
                self.assertLessEqual(self.browser.ask("document.documentElement.scrollWidth"), width, section)
                self.assertEqual(self.browser.ask(_SMALL_TARGETS), [], section)
            self.assertEqual(self.browser.ask(_UNNAMED), [], section)
        self.assertEqual(self.browser.errors(), [])
        self.browser.forget()
        self.browser.open(self.url + "login")
        self.browser.wait("document.activeElement.id === 'username'")
        self.assertLessEqual(self.browser.ask("document.documentElement.scrollWidth"), 320)
        self.assertEqual(self.browser.ask(_SMALL_TARGETS), [])

    def test_the_menu_works_by_keyboard(self) -> None:
        self.cameras(self.browser, "admin")
        self.browser.ask("document.querySelector('#account-menu summary').focus()")
        self.browser.press("\ue007")
        self.browser.wait("document.querySelector('#account-menu').open")
        self.browser.press("\ue004")
        self.assertEqual(self.browser.ask("document.activeElement.innerText"), "Your account")
        self.browser.press("\ue00c")
        self.browser.wait("!document.querySelector('#account-menu').open")
        self.assertTrue(self.browser.ask("document.activeElement.matches('#account-menu summary')"))


class WordsTests(SynchronousTestCase):
    """The modules without DOM, run where they run."""

    skip = MISSING

    def setUp(self) -> None:
        self.browser = browser(0)
        self.browser.open(served().url + "login")

    def run_module(self, module: str, script: str, *arguments: Any) -> Any:
        """What `script`, the body of an async function, returns; `m` is the module, `a` the arguments."""
        return self.browser.driver.execute_script(
            f"const a = arguments, url = new URL('{module}', document.baseURI);"
            f"return import(url).then(async (m) => {{ {script} }});",
            *arguments,
        )

    def test_the_way_back_leads_nowhere_else(self) -> None:
        root = "https://cam.lan/sub/"
        nexts = {
            "": root,
            "#door": root + "#door",
            "settings.html#users": root + "settings.html#users",
            "https://evil.example/": root + "https://evil.example/",
            "//evil.example": root + "/evil.example",
            "\\\\evil.example": root + "/evil.example",
            "../../other": root,
            "javascript:alert(1)": root + "javascript:alert(1)",
            "login?next=x": root,
            "setup": root,
        }
        found = self.run_module("place.js", """
          return a[0].map((next) => m.placeAfter(`${a[1]}login?next=${encodeURIComponent(next)}`));
        """, list(nexts), root)
        self.assertEqual([place.replace("sub//", "sub/") for place in found], list(nexts.values()))
        place = root + "settings.html#users"
        back = self.run_module("place.js", "return m.placeAfter(m.signInFrom(a[0], 'ended'))", place)
        self.assertEqual(back, place)

    def test_a_password_is_good_where_the_server_says_so(self) -> None:
        passwords = [
            "", "Aa1-", "Aa1-aaaa", "aa1-aaaa", "AA1-AAAA", "Aab-aaaa", "Aa1aaaaa", "Ää1 ääää",
            "пароль-Длинный1", "密码密码密码1-", "密码密码密码密码1", "Aa1-aaa\t", "Aa1-😀😀😀😀",
            "Aa1-" + "x" * 1020, "Aa1-" + "x" * 1021, "\uff21a\uff11-aaaa", "A\u0308a1aaaaa",
        ]
        found = self.run_module("password.js", "return a[0].map(m.isGood)", passwords)
        expected = {text: _is_good(text) for text in passwords}
        self.assertEqual(dict(zip(passwords, found, strict=True)), expected)

    def test_permissions_are_words(self) -> None:
        words = {
            (): "May do nothing",
            ("Media_r",): "May see pictures",
            ("Device_r", "Device_rw", "Media_rw", "Storage_r", "System_r", "Reboot_rw"):
                "May change cameras and pictures; see files and system; restart",
        }
        held = [list(permissions) for permissions in words]
        found = self.run_module("settings/permissions.js", "return a[0].map(m.inWords)", held)
        self.assertEqual(found, list(words.values()))
        everything = self.run_module("settings/permissions.js", """
          return m.inWords(m.SUBJECTS.flatMap(({key}) => m.permissionsAt(key, 2)));
        """)
        self.assertEqual(everything, "May do everything")

    def test_events_are_words(self) -> None:
        entries = [
            {"event": "user_add", "by": "a", "user": "lena", "role": "viewer"},
            {"event": "set", "by": "a", "values": {"cameras/cam1/size": "640x360"}},
            {"event": "login", "by": "a", "agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0"},
            {"event": "something_new", "by": "a", "how_many": 3},
        ]
        found = self.run_module("settings/event.js", """
          return a[0].map((one) => m.eventInWords(one)).map(({what, detail}) => `${what}: ${detail}`);
        """, entries)
        self.assertEqual(found, [
            "Added a user: lena, role viewer", "Set: cameras/cam1/size = 640x360",
            "Signed in: Firefox 140, Linux", "Something new: how many 3",
        ])

    def test_times_are_words(self) -> None:
        now = 1_767_225_600_000
        minute, hour, day = 60_000, 3_600_000, 86_400_000
        times = [None, now - 5, now - 5 * minute, now - 3 * hour, now - day, now + 7 * day]
        found = self.run_module("settings/moment.js", """
          return a[0].map((time) => m.when(time, {now: a[1]}));
        """, times, now)
        self.assertEqual(found, ["never", "just now", "5 min ago", "3 h ago", "1 day ago", "in 7 days"])


def _is_good(password: str) -> bool:
    try:
        check_password(password)
    except Invalid:
        return False
    return True

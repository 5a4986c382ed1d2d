"""The page at /api/docs in Chromium: it reads the document of whoever is signed in, within the site's CSP."""

from __future__ import annotations

from twisted.trial.unittest import SkipTest, TestCase

from .browser import MISSING, Browser
from .daemon import PASSWORD, Daemon

_TOML = '[cameras.cam1]\nsource = "test:"\n'
_LOGIN = """fetch("../api/login", {method: "POST", headers: {"Content-Type": "application/json"},
  body: JSON.stringify({username: "admin", password: arguments[0]})})
  .then(answer => { window.signedIn = answer.ok; }) && 0"""


class DocsTests(TestCase):
    timeout = 120

    def test_the_page(self) -> None:
        if MISSING:
            raise SkipTest(MISSING)
        with Daemon(_TOML, arguments=["--https", "off"], admin=True) as daemon:
            browser = Browser()
            self.addCleanup(browser.close)
            browser.open(daemon.url + "api/docs")
            browser.wait("document.getElementById('notice').textContent.includes('sign in')")
            browser.ask(_LOGIN, PASSWORD)
            browser.wait("window.signedIn")
            browser.driver.get_log("browser")  # the refusal above was said there

            browser.open(daemon.url + "api/docs#put-/api/state/cameras/cam1/brightness")
            browser.driver.refresh()  # only what stands after "#" is another
            entry = "document.getElementById('put-/api/state/cameras/cam1/brightness')"
            browser.wait(f"{entry}?.open && {entry}.textContent.includes('integer 0 to 100')")
            self.assertIn('"value":', browser.ask(f"{entry}.querySelector('pre').textContent"))
            groups = browser.ask("[...document.querySelectorAll('nav a')].map(link => link.textContent)")
            self.assertLessEqual({"state", "users", "tokens", "pictures", "state cameras/cam1"}, set(groups))

            visible = "document.querySelectorAll('.operation:not([hidden])').length"
            everything = browser.ask(visible)
            browser.ask(
                "(search => { search.value = 'device password'; search.dispatchEvent(new Event('input')); })("
                "document.getElementById('search'))"
            )
            self.assertGreater(everything, browser.ask(visible))
            self.assertGreater(browser.ask(visible), 0)
            self.assertEqual(browser.driver.get_log("browser"), [])

from __future__ import annotations

import json
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import EventLoggingObserver, StringTransport
from twisted.logger import LogLevel, globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from camd.errors import ConfigError, Gone, Invalid, Problem, Refused, SourceError
from camd.log import levels
from camd.web.channel import LINGER
from camd.web.errors import Branch, ErrorResource, error_body, render_failure, status_of
from camd.web.request import CONTENT_SECURITY_POLICY, SECURITY_HEADERS
from camd.web.site import Site

PEER = IPv4Address("TCP", "192.0.2.7", 40000)
HERE = IPv4Address("TCP", "127.0.0.1", 40000)


class Echo(Resource):
    """GET: a fixed text; POST: how many bytes came."""

    isLeaf = True

    def render_GET(self, request: Any) -> bytes:
        return b"hello"

    def render_POST(self, request: Any) -> bytes:
        return b"%d" % len(request.content.read())


class Waiting(Resource):
    """Answers when the test says so."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[Any] = []

    def render_GET(self, request: Any) -> int:
        request.route = "/waiting"
        self.requests.append(request)
        return NOT_DONE_YET


class Failing(Resource):
    isLeaf = True

    def __init__(self, error: Exception):
        super().__init__()
        self.error = error

    def render_GET(self, request: Any) -> bytes:
        raise self.error


class Answer:
    """One answer, taken apart."""

    def __init__(self, data: bytes):
        head, _, self.rest = data.partition(b"\r\n\r\n")
        first, *lines = head.split(b"\r\n")
        self.version, code, self.reason = first.split(b" ", 2)
        self.code = int(code)
        self.headers: dict[bytes, bytes] = {}
        for line in lines:
            name, _, value = line.partition(b": ")
            assert name not in self.headers, f"{name!r} twice"
            self.headers[name] = value
        self.body = self.rest

    @property
    def error(self) -> dict[str, Any]:
        return json.loads(self.body)["error"]


class SiteCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.root = Resource()
        self.root.putChild(b"echo", Echo())
        self.waiting = Waiting()
        self.root.putChild(b"waiting", self.waiting)
        self.counted: list[tuple[str, int]] = []
        self.site = self.make_site()

    def make_site(self, **options: Any) -> Site:
        def finished(request: Any, route: str, seconds: float, code: int) -> None:
            self.assertGreaterEqual(seconds, 0)
            self.counted.append((route, code))

        return Site(self.root, self.clock, finished=finished, **options)

    def connect(self, peer: Any = PEER) -> tuple[Any, StringTransport]:
        channel = self.site.buildProtocol(peer)
        transport = StringTransport(peerAddress=peer)
        channel.makeConnection(transport)
        return channel, transport

    def lose(self, channel: Any) -> None:
        channel.connectionLost(Failure(ConnectionDone()))

    def ask(self, data: bytes) -> Answer:
        channel, transport = self.connect()
        channel.dataReceived(data)
        self.addCleanup(self.lose, channel)
        self.transport = transport
        return Answer(transport.value())

    def get(self, path: bytes, *headers: bytes, method: bytes = b"GET") -> Answer:
        lines = [b"%b %b HTTP/1.1" % (method, path), b"Host: camd.local", *headers, b"", b""]
        return self.ask(b"\r\n".join(lines))


class Answers(SiteCase):
    def test_get(self) -> None:
        answer = self.get(b"/echo")
        self.assertEqual((answer.code, answer.body), (200, b"hello"))
        self.assertEqual(answer.headers[b"Content-Length"], b"5")
        self.assertTrue(answer.headers[b"Date"].endswith(b" GMT"))
        self.assertNotIn(b"Server", answer.headers)
        self.assertFalse(self.transport.disconnecting)

    def test_security_headers_on_everything(self) -> None:
        self.root.putChild(b"broken", Failing(RuntimeError("boom")))
        for answer in (
            self.get(b"/echo"),
            self.get(b"/nothing"),
            self.get(b"/broken"),
            self.get(b"/echo", b"Host: twice"),
            self.ask(b"nonsense\r\n"),
            self.get(b"/echo", method=b"OPTIONS"),
            self.get(b"*", method=b"OPTIONS"),
        ):
            for name, value in SECURITY_HEADERS:
                self.assertEqual(answer.headers[name], value, (answer.code, name))
            self.assertNotIn(b"Server", answer.headers)
            self.assertIn(b"Date", answer.headers)
        self.flushLoggedErrors(RuntimeError)

    def test_policy_as_agreed(self) -> None:
        self.assertEqual(
            CONTENT_SECURITY_POLICY,
            b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
            b"connect-src 'self'; media-src 'self' blob:; manifest-src 'self'; frame-ancestors 'none'; "
            b"base-uri 'self'; form-action 'none'",
        )

    def test_resource_may_override_a_security_header(self) -> None:
        class Picture(Resource):
            isLeaf = True

            def render_GET(self, request: Any) -> bytes:
                request.setHeader("cross-origin-resource-policy", "cross-origin")
                return b"jpeg"

        self.root.putChild(b"picture", Picture())
        answer = self.get(b"/picture")
        self.assertEqual(answer.headers[b"Cross-Origin-Resource-Policy"], b"cross-origin")
        self.assertEqual(answer.headers[b"X-Content-Type-Options"], b"nosniff")

    def test_head(self) -> None:
        answer = self.get(b"/echo", method=b"HEAD")
        self.assertEqual((answer.code, answer.body), (200, b""))
        self.assertEqual(answer.headers[b"Content-Length"], b"5")

    def test_head_of_a_resource_that_has_only_get(self) -> None:
        class Only:
            isLeaf = True

            def render(self, request: Any) -> bytes:
                from twisted.web.error import UnsupportedMethod

                if request.method != b"GET":
                    raise UnsupportedMethod([b"GET"])
                return b"1234"

        self.root.putChild(b"only", Only())
        answer = self.get(b"/only", method=b"HEAD")
        self.assertEqual((answer.code, answer.headers[b"Content-Length"], answer.body), (200, b"4", b""))

    def test_methods(self) -> None:
        answer = self.get(b"/echo", method=b"DELETE")
        self.assertEqual((answer.code, answer.error["code"]), (405, "METHOD_NOT_ALLOWED"))
        self.assertEqual(set(answer.headers[b"Allow"].split(b", ")), {b"GET", b"HEAD", b"POST"})
        self.assertEqual(self.get(b"/echo", method=b"BREW").code, 501)

    def test_unknown_length_is_chunked(self) -> None:
        channel, transport = self.connect()
        channel.dataReceived(b"GET /waiting HTTP/1.1\r\nHost: a\r\n\r\n")
        request = self.waiting.requests[0]
        for piece in (b"one", b"", b"four"):
            request.write(piece)
        request.finish()
        answer = Answer(transport.value())
        self.assertEqual(answer.headers[b"Transfer-Encoding"], b"chunked")
        self.assertEqual(answer.rest, b"3\r\none\r\n4\r\nfour\r\n0\r\n\r\n")
        self.assertFalse(transport.disconnecting)
        self.lose(channel)

    def test_http_1_0_ends_with_the_connection(self) -> None:
        channel, transport = self.connect()
        channel.dataReceived(b"GET /waiting HTTP/1.0\r\n\r\n")
        self.waiting.requests[0].write(b"all")
        self.waiting.requests[0].finish()
        answer = Answer(transport.value())
        self.assertNotIn(b"Transfer-Encoding", answer.headers)
        self.assertEqual(answer.rest, b"all")
        self.assertTrue(transport.disconnecting)
        self.lose(channel)

    def test_empty_answer_has_a_length(self) -> None:
        channel, transport = self.connect()
        channel.dataReceived(b"GET /waiting HTTP/1.1\r\nHost: a\r\n\r\n")
        self.waiting.requests[0].finish()
        self.assertEqual(Answer(transport.value()).headers[b"Content-Length"], b"0")
        self.lose(channel)

    def test_no_body_codes(self) -> None:
        for code in (204, 304):
            channel, transport = self.connect()
            channel.dataReceived(b"GET /waiting HTTP/1.1\r\nHost: a\r\n\r\n")
            request = self.waiting.requests.pop()
            request.setResponseCode(code)
            request.write(b"not this")
            request.finish()
            answer = Answer(transport.value())
            self.assertEqual((answer.code, answer.rest), (code, b""))
            self.assertNotIn(b"Content-Length", answer.headers)
            self.assertNotIn(b"Transfer-Encoding", answer.headers)
            self.lose(channel)

    def test_stream(self) -> None:
        channel, transport = self.connect()
        channel.dataReceived(b"GET /waiting HTTP/1.1\r\nHost: a\r\n\r\n")
        request = self.waiting.requests[0]
        request.setHeader("content-type", "video/x")
        writer = request.stream()
        writer.write(b"raw")
        writer.write(b"er")
        answer = Answer(transport.value())
        self.assertEqual(answer.headers[b"Connection"], b"close")
        self.assertNotIn(b"Transfer-Encoding", answer.headers)
        self.assertEqual(answer.rest, b"rawer")
        self.clock.pump([1.0] * 300)
        self.assertFalse(transport.disconnecting, "a stream has no deadline")
        self.lose(channel)
        self.assertEqual(self.counted, [], "the duration of a stream says nothing")

    def test_query_and_path(self) -> None:
        channel, _ = self.connect()
        channel.dataReceived(b"GET /waiting/%2e%2E/a?x=1&x=2&y=%20 HTTP/1.1\r\nHost: a\r\n\r\n")
        request = self.waiting.requests[0]
        self.assertEqual(request.args, {b"x": [b"1", b"2"], b"y": [b" "]})
        self.assertEqual(request.path, b"/waiting/%2e%2E/a")
        self.assertEqual(request.prepath, [b"waiting"])
        self.assertEqual(request.postpath, [b"..", b"a"])
        request.finish()
        self.lose(channel)

    def test_absolute_target(self) -> None:
        self.assertEqual(self.get(b"http://Camd.local/echo").body, b"hello")
        self.assertEqual(self.get(b"http://other/echo").code, 400)
        self.assertEqual(self.get(b"ftp://camd.local/echo").code, 400)
        self.assertEqual(self.get(b"echo").code, 400)
        self.assertEqual(self.get(b"camd.local:80", method=b"CONNECT").code, 400)

    def test_pipelined_answers_keep_their_order(self) -> None:
        channel, transport = self.connect()
        channel.dataReceived(b"GET /waiting HTTP/1.1\r\nHost: a\r\n\r\nGET /echo HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertEqual(transport.value(), b"")
        self.waiting.requests[0].finish()
        first, second = transport.value().split(b"HTTP/1.1 200 OK")[1:]
        self.assertNotIn(b"hello", first)
        self.assertTrue(second.endswith(b"hello"))
        self.lose(channel)

    def test_who_takes_no_answers_gets_no_more(self) -> None:
        channel, transport = self.connect()
        channel.pauseProducing()  # as the transport does when too much waits
        for _ in range(50):
            channel.dataReceived(b"GET /echo HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertEqual(transport.value().count(b"hello"), 1)
        self.assertEqual(transport.producerState, "paused")  # nothing more is read
        channel.resumeProducing()
        self.clock.pump([0] * 5)
        self.assertEqual(transport.value().count(b"hello"), 50)
        self.assertEqual(transport.producerState, "producing")
        self.lose(channel)

    def test_many_at_once_leave_the_reactor_to_others(self) -> None:
        channel, transport = self.connect()
        channel.dataReceived(b"GET /echo HTTP/1.1\r\nHost: a\r\n\r\n" * 50)
        self.assertEqual(transport.value().count(b"hello"), 16)
        self.clock.advance(0)
        self.assertEqual(transport.value().count(b"hello"), 50)
        self.assertEqual(transport.producerState, "producing")
        channel.dataReceived(b"GET /echo HTTP/1.1\r\nHost: a\r\n\r\n" * 50)
        self.lose(channel)
        self.clock.advance(0)
        self.assertEqual(transport.value().count(b"hello"), 66)


class Framing(SiteCase):
    def assertRefused(self, answer: Answer, code: int = 400) -> None:
        self.assertEqual(answer.code, code)
        self.assertEqual(answer.headers[b"Connection"], b"close")
        self.assertEqual(len(answer.body), int(answer.headers[b"Content-Length"]), "more than one answer")
        self.assertTrue(self.transport.disconnecting)
        self.assertEqual(self.counted, [])
        self.assertEqual(self.site.refusals[code], 1)
        self.site.refusals.clear()

    def test_hosts(self) -> None:
        end = b"\r\n\r\nGET /echo HTTP/1.1\r\nHost: a\r\n\r\n"
        for hosts in (
            b"", b"Host: a\r\nHost: a", b"Host: a\r\nhost: b", b"Host:", b"Host: a b", b"Host: a, b", b"Host: a/b",
            b"Host: a@b", b"Host: a:80.evil", b"Host: a:", b"Host: a:123456", b"Host: [::1", b"Host: ::1",
            b"Host: [::1]x", b"Host: a?b", b"Host: a#b", b"Host: \xe4", b"Host: a\\b", b"Host: a\r\n b",
            b"Host: [fe80::1%25eth0]",
        ):  # fmt: skip
            self.assertRefused(self.ask(b"GET /echo HTTP/1.1\r\n" + hosts + end))

    def test_good_hosts(self) -> None:
        for host in (b"a", b"A.b-c_d.local:8080", b"192.0.2.1:80", b"[::1]", b"[2001:db8::1]:8443"):
            self.assertEqual(self.ask(b"GET /echo HTTP/1.1\r\nHost: " + host + b"\r\n\r\n").code, 200)

    def test_http_1_0_needs_no_host(self) -> None:
        self.assertEqual(self.ask(b"GET /echo HTTP/1.0\r\n\r\n").code, 200)
        self.counted.clear()
        self.assertRefused(self.ask(b"GET /echo HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"))

    def test_host_names(self) -> None:
        self.site = self.make_site(host_names=["camd.local", "Localhost"])
        for host in (b"CAMD.local", b"localhost:8080", b"192.0.2.1", b"[::1]:80"):
            self.assertEqual(self.ask(b"GET /echo HTTP/1.1\r\nHost: " + host + b"\r\n\r\n").code, 200)
        self.counted.clear()
        for host in (b"evil.example", b"camd.local.evil", b"1.2.3.4.5"):
            self.assertRefused(self.ask(b"GET /echo HTTP/1.1\r\nHost: " + host + b"\r\n\r\n"), 421)

    def test_foreign_pages(self) -> None:
        foreign = (
            b"Origin: http://evil.example", b"Origin: null", b"Origin: http://camd.local.evil", b"Origin:",
            b"Origin: http://camd.local:81", b"Origin: http://camd.local\r\nOrigin: http://camd.local",
            b"Origin: http://evil.example/?http://camd.local", b"Origin: camd.local", b"Sec-Fetch-Site: cross-site",
            b"Sec-Fetch-Site: same-site",
        )  # fmt: skip
        for headers in foreign:
            self.assertEqual(self.get(b"/echo", headers).code, 200, "pictures may be shown anywhere")
            self.counted.clear()
            self.assertRefused(self.get(b"/echo", headers, method=b"POST"), 403)
            self.assertRefused(self.get(b"/echo", headers, b"Upgrade: websocket"), 403)

    def test_own_pages_and_programs(self) -> None:
        self.site = self.make_site(origins=["https://ha.lan"])
        for headers in (
            b"X: y", b"Origin: http://camd.local", b"Origin: https://CAMD.local", b"Origin: https://ha.lan",
            b"Sec-Fetch-Site: same-origin", b"Sec-Fetch-Site: none",
        ):  # fmt: skip
            self.assertEqual(self.get(b"/echo", headers, method=b"POST").code, 200)
            self.assertEqual(self.get(b"/echo", headers, b"Upgrade: websocket").code, 200)
        self.site = self.make_site(origins=None)
        self.assertEqual(self.get(b"/echo", b"Origin: http://evil.example", method=b"POST").code, 200)

    def test_transfer_encodings(self) -> None:
        start = b"POST /echo HTTP/1.1\r\nHost: a\r\n"
        body = b"\r\n\r\n3\r\nabc\r\n0\r\n\r\nGET /echo HTTP/1.1\r\nHost: a\r\n\r\n"
        for lines in (
            b"Transfer-Encoding: identity\r\nContent-Length: 3",
            b"Transfer-Encoding: identity",
            b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
            b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
            b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
            b"Transfer-Encoding: chunked, identity",
            b"Transfer-Encoding: gzip, chunked",
            b"Transfer-Encoding: xchunked",
            b"Transfer-Encoding: chunked\r\nContent-Length: 3",
            b"Content-Length: 3\r\nTransfer-Encoding: chunked",
            b"Transfer-Encoding : chunked",
            b"Transfer-Encoding: \x0bchunked",
            b"Transfer-Encoding:",
            b"Content-Length: 3\r\nContent-Length: 3",
            b"Content-Length: 3, 3",
            b"Content-Length: +3",
            b"Content-Length: -3",
            b"Content-Length: 0x3",
            b"Content-Length: 3_0",
            b"Content-Length:",
            b"Content-Length : 3",
            b"X: a\r\n Content-Length: 3\r\nTransfer-Encoding : chunked",
        ):
            self.assertRefused(self.ask(start + lines + body))

    def test_chunked_in_http_1_0(self) -> None:
        answer = self.ask(b"POST /echo HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
        self.assertRefused(answer)

    def test_good_chunks(self) -> None:
        start = b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n"
        self.assertEqual(self.ask(start + b"3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n").body, b"13")

    def test_bad_chunks(self) -> None:
        start = b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        for chunks in (b"0x3\r\nabc\r\n", b"-1\r\n", b"+3\r\nabc\r\n", b" 3\r\nabc\r\n", b"3\r\nabcd\r\n0\r\n\r\n",
                       b"3;a\nb\r\nabc\r\n0\r\n\r\n", b"g\r\n", b"\r\n"):
            self.assertRefused(self.ask(start + chunks))

    def test_bad_lines(self) -> None:
        for data in (
            b"GET /echo\r\n\r\n", b"GET  /echo HTTP/1.1\r\n\r\n", b"GET /echo HTTP/2.0\r\n\r\n",
            b"GET /\x00 HTTP/1.1\r\n\r\n", b"G@T / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00\r\n",
            b"GET /echo HTTP/1.1\r\nHost: a\r\nNoColon\r\n\r\n",
            b"GET /echo HTTP/1.1\r\nHost: a\r\nBad Name: x\r\nOther: y\r\n\r\n",
            b"GET /echo HTTP/1.1\r\nHost: a\r\nX: a\x00b\r\n\r\n",
        ):  # fmt: skip
            self.assertRefused(self.ask(data))

    def test_too_large(self) -> None:
        start = b"GET /echo HTTP/1.1\r\nHost: a\r\n"
        self.assertRefused(self.ask(b"GET /" + b"a" * 20000), 414)
        self.assertRefused(self.ask(start + b"X: " + b"a" * 20000), 431)
        self.assertRefused(self.ask(start + b"X: " + b"a" * 9000 + b"\r\nY: " + b"a" * 9000 + b"\r\n\r\n"))
        self.assertRefused(self.ask(start + b"".join(b"X%d: a\r\n" % n for n in range(600)) + b"\r\n"))

    def test_nothing_after_a_refusal_is_looked_at(self) -> None:
        channel, transport = self.connect()
        channel.dataReceived(b"GET /echo HTTP/1.1\r\n\r\n")
        length = len(transport.value())
        channel.dataReceived(b"GET /echo HTTP/1.1\r\nHost: a\r\n\r\n")
        channel.dataReceived(b"\r\n" * 100)
        self.assertEqual(len(transport.value()), length)
        self.lose(channel)


class Bodies(SiteCase):
    def post(self, *headers: bytes, body: bytes = b"") -> Answer:
        return self.ask(b"\r\n".join([b"POST /echo HTTP/1.1", b"Host: a", *headers, b"", b""]) + body)

    def test_at_the_limit(self) -> None:
        self.assertEqual(self.post(b"Content-Length: 65536", body=b"x" * 65536).body, b"65536")
        chunk = b"8000\r\n" + b"x" * 0x8000 + b"\r\n"
        self.assertEqual(self.post(b"Transfer-Encoding: chunked", body=chunk * 2 + b"0\r\n\r\n").body, b"65536")

    def test_over_the_limit_is_refused_before_the_body(self) -> None:
        answer = self.post(b"Content-Length: 65537")
        self.assertEqual((answer.code, answer.error["code"]), (413, "REQUEST_TOO_LARGE"))
        self.assertTrue(self.transport.disconnecting)

    def test_no_100_for_what_is_refused(self) -> None:
        answer = self.post(b"Content-Length: 99999999999999999999", b"Expect: 100-continue")
        self.assertEqual(answer.code, 413)

    def test_100_continue(self) -> None:
        answer = self.post(b"Content-Length: 3", b"Expect: 100-continue")
        self.assertEqual(answer.code, 100)

    def test_chunked_over_the_limit(self) -> None:
        body = b"10001\r\n" + b"x" * 0x10001 + b"\r\n0\r\n\r\n"
        answer = self.post(b"Transfer-Encoding: chunked", body=body)
        self.assertEqual(answer.code, 413)
        self.assertEqual(len(answer.body), int(answer.headers[b"Content-Length"]), "more than one answer")

    def test_resource_sets_its_limits(self) -> None:
        class Upload(Echo):
            body_limit = 1_000_000
            body_timeout = 600.0

        self.root.putChild(b"upload", Upload())
        channel, transport = self.connect()
        channel.dataReceived(b"POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n")
        for _ in range(10):
            self.clock.pump([1.0] * 50)
            channel.dataReceived(b"x" * 100_000)
        self.assertEqual(Answer(transport.value()).body, b"1000000")
        self.lose(channel)
        over = self.ask(b"POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 1000001\r\n\r\n")
        self.assertEqual(over.code, 413)

    def test_routing_that_fails_before_the_body(self) -> None:
        class Broken(Resource):
            def getChild(self, path: bytes, request: Any) -> Any:
                raise RuntimeError("boom")

        self.root.putChild(b"broken", Broken())
        answer = self.ask(b"POST /broken/x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET / HTTP/1.1\r\n")
        self.assertEqual(answer.code, 500)
        self.assertNotIn(b"boom", answer.body)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_forms_are_not_parsed(self) -> None:
        form = b"Content-Type: application/x-www-form-urlencoded"
        self.assertEqual(self.post(form, b"Content-Length: 3", body=b"a=b").body, b"3")


class Deadlines(SiteCase):
    def test_dripping_headers(self) -> None:
        channel, transport = self.connect()
        for byte in b"GET /echo HTTP/1.1\r\nHost: aaaaaa":
            channel.dataReceived(bytes([byte]))
            self.clock.advance(1.0)
        answer = Answer(transport.value())
        self.assertEqual((answer.code, answer.error["code"]), (408, "REQUEST_TIMEOUT"))
        self.assertTrue(transport.disconnecting)
        self.lose(channel)

    def test_headers_and_body_share_the_deadline(self) -> None:
        channel, transport = self.connect()
        channel.dataReceived(b"POST /echo HTTP/1.1\r\nHost: a\r\n")
        self.clock.pump([1.0] * 29)
        self.assertEqual(transport.value(), b"")
        channel.dataReceived(b"Content-Length: 10\r\n\r\n12345")
        for byte in b"6789":
            channel.dataReceived(bytes([byte]))
            self.clock.advance(8.0)
        self.assertEqual(Answer(transport.value()).code, 408)
        self.lose(channel)

    def test_idle(self) -> None:
        for asked in (b"", b"GET /echo HTTP/1.1\r\nHost: a\r\n\r\n"):
            channel, transport = self.connect()
            channel.dataReceived(asked)
            self.clock.pump([1.0] * 59)
            self.assertFalse(transport.disconnecting)
            self.clock.pump([1.0] * 3)
            self.assertTrue(transport.disconnecting)
            self.assertNotIn(b"408", transport.value())
            self.lose(channel)

    def test_each_request_counts_anew(self) -> None:
        channel, transport = self.connect()
        for _ in range(20):
            channel.dataReceived(b"GET /echo HTTP/1.1\r\nHost")
            self.clock.pump([1.0] * 20)
            channel.dataReceived(b": a\r\n\r\n")
        self.assertEqual(transport.value().count(b"hello"), 20)
        self.assertFalse(transport.disconnecting)
        self.lose(channel)

    def test_a_slow_answer_has_no_deadline(self) -> None:
        channel, transport = self.connect()
        channel.dataReceived(b"GET /waiting HTTP/1.1\r\nHost: a\r\n\r\n")
        self.clock.pump([1.0] * 200)
        self.assertFalse(transport.disconnecting)
        self.waiting.requests[0].finish()
        self.clock.pump([1.0] * 62)
        self.assertTrue(transport.disconnecting)
        self.lose(channel)

    def test_who_does_not_close_is_cut_off(self) -> None:
        channel, transport = self.connect()
        channel.dataReceived(b"bad\r\n")
        self.clock.pump([1.0] * int(LINGER + 2))
        self.assertTrue(transport.disconnected)
        self.lose(channel)

    def test_nothing_ticks_without_connections(self) -> None:
        channel, _ = self.connect()
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.lose(channel)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class Connections(SiteCase):
    def test_limit(self) -> None:
        self.site = self.make_site(max_connections=2)
        held = [self.connect(HERE)[0] for _ in range(2)]
        answer = self.get(b"/echo")
        self.assertEqual((answer.code, answer.error["message"]), (503, "Server busy"))
        self.assertTrue(self.transport.disconnecting)
        self.lose(held[0])
        self.doCleanups()
        self.assertEqual(self.get(b"/echo").code, 200)
        self.assertEqual(self.site.refusals[503], 1)

    def test_flood_is_cut_at_once(self) -> None:
        self.site = self.make_site(max_connections=2)
        for _ in range(52):
            self.connect(HERE)
        self.assertIsNone(self.site.buildProtocol(PEER))
        self.assertEqual(len(self.site.channels), 52)

    def test_busy_and_silent(self) -> None:
        self.site = self.make_site(max_connections=0)
        _, transport = self.connect()
        self.clock.pump([1.0] * int(LINGER + 1))
        self.assertTrue(transport.disconnecting)

    def test_websockets_are_let_go(self) -> None:
        channel, _ = self.connect()
        channel.dataReceived(b"GET /waiting HTTP/1.1\r\nHost: a\r\n\r\n")
        channel.transport = None  # as Autobahn's resource takes it over
        self.clock.advance(1.0)
        self.assertEqual(len(self.site.channels), 0)

    def test_close(self) -> None:
        idle, idle_transport = self.connect()
        busy, busy_transport = self.connect()
        busy.dataReceived(b"GET /waiting HTTP/1.1\r\nHost: a\r\n\r\n")
        closed = self.site.close()
        self.assertTrue(idle_transport.disconnecting and busy_transport.disconnecting)
        self.assertIsNone(self.site.buildProtocol(PEER))
        self.lose(idle)
        self.assertNoResult(closed)
        self.clock.advance(0.5)
        self.assertTrue(busy_transport.disconnected)
        self.lose(busy)
        self.successResultOf(closed)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_close_while_one_becomes_a_websocket(self) -> None:
        first, _ = self.connect()
        first.dataReceived(b"GET /waiting HTTP/1.1\r\nHost: a\r\n\r\n")
        second, transport = self.connect()
        second.dataReceived(b"GET /waiting HTTP/1.1\r\nHost: a\r\n\r\n")
        closed = self.site.close()
        first.transport = None
        self.clock.advance(0.5)
        self.assertTrue(transport.disconnected)
        self.lose(second)
        self.successResultOf(closed)

    def test_close_without_connections(self) -> None:
        self.successResultOf(self.site.close())


class Observed(SiteCase):
    def listen(self) -> EventLoggingObserver:
        observer = EventLoggingObserver()
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        return observer

    def test_finished(self) -> None:
        channel, _ = self.connect()
        channel.dataReceived(b"GET /waiting HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertEqual(self.counted, [])
        self.waiting.requests[0].finish()
        self.lose(channel)
        self.assertEqual(self.counted, [("/waiting", 200)])

    def test_client_left(self) -> None:
        for begun, code in ((b"", 499), (b"x", 200)):
            self.counted.clear()
            channel, _ = self.connect()
            channel.dataReceived(b"GET /waiting HTTP/1.1\r\nHost: a\r\n\r\n")
            request = self.waiting.requests.pop()
            if begun:
                request.write(begun)
            gone: Deferred[None] = request.notifyFinish()
            self.lose(channel)
            self.failureResultOf(gone, ConnectionDone)
            self.assertEqual(self.counted, [("/waiting", code)])
            request.write(b"to nobody")

    def test_access_log(self) -> None:
        self.site = self.make_site(access_level=LogLevel.info)
        observer = self.listen()
        self.get(b"/echo?token=secret")
        self.get(b"/echo", b"Host: b")
        access, refused = (e for e in observer if e["log_namespace"] == "camd.web.access")
        fields = {name: access[name] for name in ("method", "path", "code", "bytes", "peer")}
        self.assertEqual(
            fields, {"method": "GET", "path": "/echo", "code": 200, "bytes": 5, "peer": "192.0.2.7"}
        )
        self.assertIsInstance(access["seconds"], float)
        self.assertNotIn("secret", str(access))
        self.assertEqual((refused["code"], refused["peer"]), (400, "192.0.2.7"))

    def test_no_access_log_by_default(self) -> None:
        observer = self.listen()
        self.get(b"/echo")
        self.assertEqual([e for e in observer if e["log_namespace"].startswith("camd.web")], [])

    def test_access_log_can_be_switched_on(self) -> None:
        levels.set("camd.web.access", "debug")
        self.addCleanup(levels.set, "camd.web.access", "info")
        observer = self.listen()
        self.get(b"/echo")
        self.assertEqual(len([e for e in observer if e["log_namespace"] == "camd.web.access"]), 1)

    def test_request_ids_differ(self) -> None:
        channel, _ = self.connect()
        channel.dataReceived(b"GET /waiting HTTP/1.1\r\nHost: a\r\n\r\n")
        first = self.waiting.requests[0]
        self.assertEqual(first.request_id, first.request_id)
        first.finish()
        channel.dataReceived(b"GET /waiting HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertNotEqual(first.request_id, self.waiting.requests[1].request_id)
        self.lose(channel)


class Errors(SiteCase):
    def failed(self, error: Exception) -> Answer:
        self.root.putChild(b"failing", Failing(error))
        return self.get(b"/failing")

    def test_table(self) -> None:
        problem = Problem("camd.toml", "http", "is nothing")
        for error, status, code in (
            (Invalid("cameras/cam1/gain", "too much"), 400, "INVALID_FORMAT"),
            (Refused("cameras/cam1/gain"), 403, "PERMISSION_DENIED"),
            (Gone("no such file"), 404, "FILE_NOT_FOUND"),
            (ConfigError([problem]), 422, "INVALID_FORMAT"),
            (SourceError("/dev/video0: unplugged"), 503, "CAMERA_NOT_CONNECTED"),
        ):
            answer = self.failed(error)
            self.assertEqual((answer.code, answer.error["code"]), (status, code))
            self.assertEqual(answer.error["message"], str(error))
            self.assertEqual(status_of(error), (status, code))
            self.assertEqual(answer.headers[b"Cache-Control"], b"no-store")
            self.assertEqual(answer.headers[b"Content-Type"], b"application/json")
        self.assertEqual(status_of(ZeroDivisionError()), (500, "INTERNAL_ERROR"))

    def test_shape(self) -> None:
        body = json.loads(error_body("CODE", "text", {"a": 1}))
        self.assertEqual(list(body), ["error"])
        self.assertEqual(list(body["error"]), ["code", "message", "details", "timestamp"])
        self.assertIsInstance(body["error"]["timestamp"], int)

    def test_unexpected(self) -> None:
        answer = self.failed(RuntimeError("secret detail"))
        self.assertEqual((answer.code, answer.error["code"]), (500, "INTERNAL_ERROR"))
        self.assertNotIn(b"secret", answer.body)
        self.assertRegex(answer.error["details"]["request_id"], "^[0-9a-f]+-[0-9a-f]+$")
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_wrong_type(self) -> None:
        class Wrong(Resource):
            def render_GET(self, request: Any) -> Any:
                return "text"

        self.root.putChild(b"wrong", Wrong())
        self.assertEqual(self.get(b"/wrong").code, 500)
        self.flushLoggedErrors(TypeError)

    def test_not_found_echoes_nothing(self) -> None:
        self.root.putChild(b"gone", ErrorResource(404))
        answer = self.get(b"/gone/<script>x</script>?q=<script>x")
        self.assertEqual((answer.code, answer.error["message"]), (404, "Not found"))
        self.assertNotIn(b"script", answer.body)
        head = self.get(b"/gone", method=b"HEAD")
        self.assertEqual((head.code, head.body), (404, b""))

    def test_branch(self) -> None:
        branch = Branch()
        branch.putChild(b"echo", Echo())
        self.root.putChild(b"branch", branch)
        self.assertEqual(self.get(b"/branch/echo").code, 200)
        for path in (b"/branch", b"/branch/", b"/branch/nothing/at/all"):
            self.assertEqual((self.get(path).code, self.get(path).error["code"]), (404, "FILE_NOT_FOUND"))

    def test_failure_of_a_begun_answer_cuts_it_off(self) -> None:
        channel, transport = self.connect()
        channel.dataReceived(b"GET /waiting HTTP/1.1\r\nHost: a\r\n\r\n")
        request = self.waiting.requests[0]
        request.write(b"half")
        render_failure(request, Failure(SourceError("unplugged")))
        self.assertTrue(transport.disconnecting)
        self.assertNotIn(b"0\r\n\r\n", transport.value())
        self.lose(channel)

    def test_failure_for_who_left(self) -> None:
        channel, transport = self.connect()
        channel.dataReceived(b"GET /waiting HTTP/1.1\r\nHost: a\r\n\r\n")
        self.lose(channel)
        render_failure(self.waiting.requests[0], Failure(SourceError("unplugged")))
        self.assertEqual(transport.value(), b"")

    def test_headers_of_an_error(self) -> None:
        self.root.putChild(b"busy", ErrorResource(503, headers={"Retry-After": "5"}))
        self.assertEqual(self.get(b"/busy").headers[b"Retry-After"], b"5")

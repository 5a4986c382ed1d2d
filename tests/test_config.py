"""Configuration: every way in, every mistake, the data directory, and that the pages tell the truth."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from camd.config import Config, Effect, changes, data_dir, layers, load, prepare_data_dir
from camd.config.model import SCHEMA
from camd.config.schema import keys_of
from camd.config.values import PERMISSIONS, RESERVED_IDS
from camd.errors import ConfigError, Problem
from camd.state import Permission

ROOT = Path(__file__).parent.parent


class ConfigCase(SynchronousTestCase):
    """Loads configuration that stands in a folder of its own, away from what the host has."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir(parents=True)
        self.file = self.folder / "camd.toml"
        self.data = self.folder / "data"
        self.patch(layers, "DEFAULT_FILE", self.folder / "etc" / "camd.toml")
        self.patch(data_dir, "SYSTEM_DATA_DIR", self.folder / "var")

    def load(self, text: str | None = None, environ: dict | None = None, **options: str | None) -> Config:
        if text is not None:
            self.file.write_text(text)
        environ = {"HOME": str(self.folder), **(environ or {})}
        options = {name.replace("_", "-"): value for name, value in options.items()}
        return load(self.file if text is not None else None, environ=environ, options=options)

    def problems(self, text: str | None = None, environ: dict | None = None, **options: str) -> list[Problem]:
        return self.assertRaises(ConfigError, self.load, text, environ, **options).problems

    def problem(self, text: str | None = None, environ: dict | None = None, **options: str) -> Problem:
        found = self.problems(text, environ, **options)
        self.assertEqual(len(found), 1, found)
        return found[0]


class LayerTests(ConfigCase):
    """Where values come from, and which one wins."""

    def test_built_in(self) -> None:
        config = self.load()
        self.assertEqual(config.http, "tcp:8080")
        self.assertEqual(config.https, "tcp:8443")
        self.assertEqual(config.websocket.max_clients, 50)
        self.assertEqual(config.cameras, {})
        self.assertIsNone(config.file)
        self.assertEqual(set(config.origins.values()), {"built-in"})

    def test_each_layer_wins_over_the_one_before(self) -> None:
        self.data.mkdir()
        conf_d = self.folder / "conf.d"
        conf_d.mkdir()
        text = f'data_dir = "{self.data}"\n[websocket]\nmax_clients = 1\n'
        environ: dict[str, str] = {}
        self.assertEqual(self.load(text).websocket.max_clients, 1)
        (conf_d / "20-more.toml").write_text("[websocket]\nmax_clients = 3\n")
        (conf_d / "10-some.toml").write_text("[websocket]\nmax_clients = 2\n")
        self.assertEqual(self.load(text).websocket.max_clients, 3)
        (self.data / "config.toml").write_text("[websocket]\nmax_clients = 4\n")
        self.assertEqual(self.load(text).websocket.max_clients, 4)
        environ["CAMD_WEBSOCKET__MAX_CLIENTS"] = "5"
        self.assertEqual(self.load(text, environ).websocket.max_clients, 5)
        environ["CAMD_HTTP"] = "tcp:1"
        config = self.load(text, environ, http="tcp:2")
        self.assertEqual(config.http, "tcp:2")
        self.assertEqual(config.origins["http"], "--http")
        self.assertEqual(config.origins["websocket.max_clients"], "CAMD_WEBSOCKET__MAX_CLIENTS")
        self.assertEqual(config.fixed, {"http", "websocket.max_clients"})

    def test_preset(self) -> None:
        config = self.load('preset = "appliance"\nhttps = "tcp:8443"\n')
        self.assertEqual((config.http, config.https, config.web.redirect_https), ("tcp:80", "tcp:8443", True))
        self.assertEqual(config.origins["http"], "preset appliance")
        self.assertEqual(config.origins["https"], f"{self.file}:2")
        self.assertEqual(self.load().web.redirect_https, False)
        self.assertIn("same endpoint", self.problem('preset = "appliance"\nhttps = "tcp:80"\n').text)

    def test_option_that_was_not_given(self) -> None:
        self.assertEqual(self.load(http=None).http, "tcp:8080")

    def test_origin_has_the_line(self) -> None:
        config = self.load('http = "tcp:1"\n\n[cameras.front]\nsource = "test:"\n')
        self.assertEqual(config.origins["http"], f"{self.file}:1")
        self.assertEqual(config.origins["cameras.front.source"], f"{self.file}:4")
        self.assertEqual(config.origins["cameras.front.fps"], "built-in")

    def test_file_named_by_the_environment(self) -> None:
        self.file.write_text('http = "tcp:1"\n')
        self.assertEqual(self.load(environ={"CAMD_CONFIG": str(self.file)}).http, "tcp:1")

    def test_file_in_etc(self) -> None:
        layers.DEFAULT_FILE.parent.mkdir()
        layers.DEFAULT_FILE.write_text('http = "tcp:1"\n')
        self.assertEqual(self.load().file, layers.DEFAULT_FILE)

    def test_camera_of_the_environment(self) -> None:
        environ = {"CAMD_CAMERAS__DOOR__SOURCE": "test:", "CAMD_CAMERAS__DOOR__SIZE": "640x480"}
        environ |= {"CAMD_CAMERAS__DOOR__ENABLED": "no", "CAMD_PLUGINS__BLOCKED": "monitor, other"}
        config = self.load(environ=environ)
        self.assertEqual(config.cameras["door"].size, (640, 480))
        self.assertFalse(config.cameras["door"].enabled)
        self.assertEqual(config.plugins.blocked, ("monitor", "other"))

    def test_what_a_container_platform_adds_is_ignored(self) -> None:
        self.load(environ={"CAMD_PORT_8080_TCP_ADDR": "10.0.0.1", "CAMD_SERVICE_HOST": "10.0.0.1"})

    def test_cameras_keep_their_order(self) -> None:
        config = self.load('[cameras.zoo]\nsource="test:"\n[cameras.attic]\nsource="test:"\n')
        self.assertEqual(list(config.cameras), ["zoo", "attic"])

    def test_relative_path_starts_beside_its_file(self) -> None:
        self.assertEqual(self.load('data_dir = "data"').data_dir, self.data)
        self.assertEqual(self.load(data_dir="data").data_dir, Path.cwd() / "data")

    def test_changes(self) -> None:
        old = self.load('[cameras.a]\nsource = "test:"\n[cameras.b]\nsource = "test:"\n')
        new = self.load('log_level = "debug"\n[cameras.a]\nsource = "test:"\nfps = 5\n')
        wanted = {"log_level": Effect.LIVE, "cameras.a.fps": Effect.CAMERA, "cameras.b": Effect.CAMERA}
        self.assertEqual(changes(old, new), wanted)
        self.assertEqual(changes(new, new), {})


class ValueTests(ConfigCase):
    """What values may be."""

    def test_camera(self) -> None:
        text = '[cameras.front]\nsource = "v4l2:/dev/video0"\nname = "Front door"\nsize = "1280X720"\nfps = 30\n'
        camera = self.load(text + 'format = "MJPG"').cameras["front"]
        self.assertEqual((camera.id, camera.name, camera.source), ("front", "Front door", "v4l2:/dev/video0"))
        self.assertEqual((camera.size, camera.fps, camera.format), ((1280, 720), 30.0, "mjpeg"))
        self.assertIs(type(camera.fps), float)

    def test_endpoints(self) -> None:
        for endpoint in (
            "tcp:0",
            "tcp:8080:interface=127.0.0.1",
            r"tcp:8080:interface=\:\:1",
            r"tcp6:8080:interface=\:\:",
            "unix:/run/camd/http.sock:mode=660",
            "systemd:domain=INET:index=0",
            "systemd:domain=INET6:name=http",
        ):
            self.assertEqual(self.load(http=endpoint).http, endpoint)
        self.assertIsNone(self.load(https="off").https)
        self.assertIsNone(self.load(https="").https)

    def test_bad_endpoints(self) -> None:
        for endpoint, words in {
            "ssl:443": "camd adds TLS itself",
            "8080": "expected an endpoint",
            "http://localhost:80": "expected an endpoint",
            "tcp:": "port must be a number",
            "tcp:http": "port must be a number",
            "tcp:70000": "70000 is no port",
            "tcp": "lacks its port",
            "tcp:80:interfaces=lo": 'unknown part "interfaces"',
            "tcp:80:interface=::1": "IPv6",
            "unix:": "needs the path",
            "systemd:domain=INET": "index or name",
        }.items():
            problem = self.problem(http=endpoint)
            self.assertEqual((problem.where, problem.key), ("--http", "http"))
            self.assertIn(words, str(problem), endpoint)

    def test_checking_an_endpoint_opens_nothing(self) -> None:
        socket = self.folder / "http.sock"
        self.load(http=f"unix:{socket}")
        self.assertFalse(socket.exists())

    def test_values_that_do_not_fit(self) -> None:
        for line, words in {
            "http = 8080": "expected an endpoint, like \"tcp:8080\", or \"off\", got the number 8080",
            'log_format = "xml"': 'expected "text" or "json", got the text "xml"',
            "log_level = true": "got true",
            'data_dir = ""': "expected a path, got nothing",
            "[websocket]\nmax_clients = 0": "from 1 to 100000, got 0",
            '[websocket]\nmax_clients = "5"': 'got the text "5"',
            "[websocket]\nmax_clients = true": "got true",
            "[websocket]\nping_interval = nan": "got nan",
            "[websocket]\nping_interval = [1]": "got a list",
            "[plugins]\nblocked = [1]": "got the number 1 in it",
            '[plugins]\nblocked = "monitor"': "expected a list of texts",
            '[cameras.a]\nsource = "/dev/video0"': 'write "v4l2:/dev/video0"',
            '[cameras.a]\nsource = "film.mp4"': 'got the text "film.mp4"',
            '[cameras.a]\nsource = "test:"\nsize = "720p"': 'like "1280x720"',
            '[cameras.a]\nsource = "test:"\nfps = 0': "from 0.1 to 1000, got 0",
            '[cameras.a]\nsource = "test:"\nformat = "RGB3"': 'expected "mjpeg" or "yuyv422"',
            "http = {port = 80}": "got a table",
            "websocket = 5": "write [websocket]",
            "cameras = []": "write [cameras.front]",
            '[[cameras]]\nsource = "test:"': "write [cameras.front]",
            "cameras.front = 5": "expected a table",
            "http = 2026-01-01": "got the date 2026-01-01",
        }.items():
            self.assertIn(words, str(self.problem(line)), line)

    def test_who_may_come_from_where(self) -> None:
        config = self.load(
            '[web]\norigins = ["https://Dash.lan/", "http://[fd00::1]:81"]\nbase_path = "/a/cams/"\n'
            'trusted_proxies = ["127.0.0.1", "10.0.0.0/8", "unix"]\n[auth]\nguest = ["Media_r"]\n'
        )
        self.assertEqual(config.web.origins, ("https://dash.lan", "http://[fd00::1]:81"))
        self.assertEqual(config.web.trusted_proxies, ("127.0.0.1/32", "10.0.0.0/8", "unix"))
        self.assertEqual(config.web.base_path, "/a/cams")
        self.assertEqual(config.auth.guest, ("Media_r",))
        for text in (
            '[web]\norigins = ["*"]', '[web]\norigins = ["https://a.lan/path"]', '[web]\norigins = ["null"]',
            '[web]\ntrusted_proxies = ["10.0.0.1/8"]', '[web]\ntrusted_proxies = ["proxy.lan"]',
            '[web]\nbase_path = "cams"', '[web]\nbase_path = "/../x"', '[auth]\nguest = ["all"]',
        ):
            self.assertIn("is no" if "base" not in text else "expected", self.problem(text).text, text)

    def test_permissions_have_the_names_that_the_state_gives_them(self) -> None:
        self.assertEqual(PERMISSIONS, tuple(Permission.__members__))

    def test_camera_ids(self) -> None:
        for name in ("a", "front_2", "a" * 32):
            self.assertIn(name, self.load(f'[cameras.{name}]\nsource = "test:"').cameras)
        for name in ("Front", "1st", "front-door", "a" * 33, '"front door"'):
            self.assertIn("expected a camera id", self.problem(f'[cameras.{name}]\nsource = "test:"').text, name)
        for name in RESERVED_IDS:
            self.assertIn("cannot be a camera id", self.problem(f'[cameras.{name}]\nsource = "test:"').text)

    def test_main_camera(self) -> None:
        text = 'main_camera = "back"\n[cameras.front]\nsource = "test:"\n'
        self.assertIn('no camera "back"', self.problem(text).text)
        self.assertEqual(self.load(text.replace("back", "front")).main_camera, "front")
        self.assertEqual(self.load('main_camera = "cam1"').main_camera, "cam1")

    def test_a_camera_needs_a_source(self) -> None:
        problem = self.problem('\n[cameras.front]\nname = "Front"\n')
        self.assertEqual((problem.key, problem.text, problem.line), ("cameras.front.source", "missing", 2))
        self.assertEqual(self.problem("[cameras.front]\n").key, "cameras.front.source")

    def test_a_certificate_needs_its_key(self) -> None:
        for name in ("cert.pem", "key.pem"):
            (self.folder / name).touch()
        text = '[tls]\ncertificate = "cert.pem"\n'
        self.assertIn("needs tls.key", self.problem(text).text)
        self.assertEqual(self.load(text + 'key = "key.pem"').tls.certificate, self.folder / "cert.pem")
        self.assertIn("cannot be read", self.problem(text + 'key = "other.pem"').text)

    def test_two_sites_need_two_ports(self) -> None:
        self.assertIn("same endpoint", self.problem(https="tcp:8080").text)
        self.assertIn("same endpoint", self.problem(http="tcp:1", https="tcp:1").text)
        self.load(http="tcp:0", https="tcp:0")
        self.load(http="off", https="off")


class MistakeTests(ConfigCase):
    """Mistakes are found all at once, each with its place and a way out."""

    def test_all_at_once(self) -> None:
        text = 'htpp = "tcp:80"\nlog_level = "loud"\n[websocket]\nmax_client = 3\n[cameras.a]\nfps = "x"\n'
        found = self.problems(text, {"CAMD_LOG_FORMAT": "xml"}, https="tcp:x")
        where = str(self.file)
        places = [(problem.where, problem.line, problem.key) for problem in found]
        self.assertEqual(
            places,
            [
                (where, 1, "htpp"),
                (where, 2, "log_level"),
                (where, 4, "websocket.max_client"),
                (where, 6, "cameras.a.fps"),
                ("CAMD_LOG_FORMAT", None, "log_format"),
                ("--https", None, "https"),
                (where, 5, "cameras.a.source"),
            ],
        )
        self.assertEqual(found[0].hint, 'did you mean "http"?')
        self.assertEqual(found[2].hint, 'did you mean "max_clients"?')
        error = self.assertRaises(ConfigError, self.load, text)
        self.assertIn(f'{where}:1: htpp: unknown key (did you mean "http"?)\n', str(error))

    def test_key_in_the_wrong_table(self) -> None:
        self.assertEqual(self.problem("max_clients = 5").hint, 'did you mean "websocket.max_clients"?')

    def test_unknown_table_is_one_problem(self) -> None:
        problem = self.problem("[camera.front]\na = 1\nb = 2\n")
        self.assertEqual((problem.key, problem.hint, problem.line), ("camera", 'did you mean "cameras"?', 1))

    def test_unknown_key_of_a_camera(self) -> None:
        problem = self.problem('[cameras.a]\nsource = "test:"\nresolution = "x"\n')
        known = "source, name, enabled, size, fps, format, sound, username, password, password_file, onvif"
        self.assertEqual(problem.hint, f"known here: {known}")

    def test_a_device_is_where_its_pictures_are(self) -> None:
        camera = '[cameras.a]\nsource = "rtsp://10.0.0.20:8554/a"\nonvif = "{}"\n'
        self.assertEqual(self.load(camera.format("http://10.0.0.20:81/onvif/device_service")).cameras["a"].onvif,
                         "http://10.0.0.20:81/onvif/device_service")
        for wrong in ("http://10.0.0.21/onvif/device_service", "http://eva:word@10.0.0.20/", "ftp://10.0.0.20/", "10.0.0.20"):
            problem = self.problem(camera.format(wrong))
            self.assertEqual(problem.key, "cameras.a.onvif")
            self.assertNotIn("word", str(problem).replace("password", ""))
        self.assertEqual(self.problem('[cameras.a]\nsource = "test:"\nonvif = "http://test/"\n').key, "cameras.a.onvif")

    def test_unknown_variable(self) -> None:
        problem = self.problem(environ={"CAMD_WEBSOCKET__MAX_CLIENT": "3"})
        self.assertEqual((problem.where, problem.key), ("CAMD_WEBSOCKET__MAX_CLIENT", "websocket.max_client"))

    def test_variables_that_do_not_fit(self) -> None:
        for name, text in {
            "CAMD_WEBSOCKET__MAX_CLIENTS": "many",
            "CAMD_LIMITS__REQUEST_TIMEOUT": "soon",
            "CAMD_CAMERAS__A__ENABLED": "maybe",
        }.items():
            found = self.problems(environ={"CAMD_CAMERAS__A__SOURCE": "test:", name: text})
            self.assertEqual([(problem.where, f'"{text}"' in problem.text) for problem in found], [(name, True)])

    def test_syntax(self) -> None:
        problem = self.problem('http = "tcp:80"\nhttps = tcp\n')
        self.assertEqual((problem.where, problem.line), (str(self.file), 2))
        self.assertIn("column 9", problem.text)
        self.assertIn("end of the file", self.problem("a = [1,\n").text)

    def test_the_same_key_twice(self) -> None:
        self.assertEqual(self.problem('http = "off"\nhttp = "off"\n').line, 2)

    def test_file_that_is_not_there(self) -> None:
        problem = self.problem(environ={"CAMD_CONFIG": "/nowhere/camd.toml"})
        self.assertEqual(str(problem), "/nowhere/camd.toml: cannot be read: No such file or directory (check the path)")

    def test_file_that_is_not_text(self) -> None:
        self.file.write_bytes(b"# ok\nhttp = '\xff'\n")
        error = self.assertRaises(ConfigError, load, self.file, environ={}, options={})
        self.assertEqual([(problem.line, problem.text) for problem in error.problems], [(2, "is not UTF-8 text")])

    def test_line_inside_an_inline_table(self) -> None:
        problem = self.problem('\n[cameras]\nfront = {source = "test:", fsp = 3}\n')
        self.assertEqual((problem.line, problem.key, problem.hint), (3, "cameras.front.fsp", 'did you mean "fps"?'))

    def test_mistakes_in_conf_d_name_their_file(self) -> None:
        (self.folder / "conf.d").mkdir()
        more = self.folder / "conf.d" / "more.toml"
        more.write_text("htps = 1\n")
        self.assertEqual(self.problem("").where, str(more))


class DataDirTests(ConfigCase):
    """Where it is, and that it is safe."""

    def test_order(self) -> None:
        file, variable, option = (str(self.folder / name) for name in ("file", "variable", "option"))
        text, environ = f'data_dir = "{file}"', {"CAMD_DATA_DIR": variable}

        def found(config: Config) -> tuple[str, str]:
            return str(config.data_dir), config.data_dir_origin

        self.assertEqual(found(self.load(text, environ, data_dir=option)), (option, "--data-dir"))
        self.assertEqual(found(self.load(text, environ)), (variable, "CAMD_DATA_DIR"))
        self.assertEqual(found(self.load(text)), (file, f"{self.file}:1"))
        home = str(self.folder / ".local/share/camd")
        self.assertEqual(found(self.load()), (home, "built-in"))
        xdg = {"XDG_DATA_HOME": str(self.folder / "share")}
        self.assertEqual(found(self.load(environ=xdg)), (str(self.folder / "share/camd"), "XDG_DATA_HOME"))
        data_dir.SYSTEM_DATA_DIR.mkdir()
        self.assertEqual(found(self.load(environ=xdg)), (str(data_dir.SYSTEM_DATA_DIR), "built-in"))
        self.patch(os, "geteuid", lambda: os.getuid() + 1)
        self.assertEqual(found(self.load())[0], home)

    def test_the_store_cannot_move_it(self) -> None:
        self.data.mkdir()
        (self.data / "config.toml").write_text('data_dir = "/elsewhere"\n')
        problem = self.problem(data_dir=str(self.data))
        self.assertEqual((problem.where, problem.line), (str(self.data / "config.toml"), 1))

    def test_a_broken_store_is_named(self) -> None:
        self.data.mkdir()
        (self.data / "config.toml").write_text("=\n")
        self.assertEqual(self.problem(data_dir=str(self.data)).where, str(self.data / "config.toml"))

    def test_made_private(self) -> None:
        config = self.load(data_dir=str(self.folder / "a" / "b"))
        self.assertFalse(config.data_dir.exists())
        self.assertEqual(prepare_data_dir(config), config.data_dir)
        self.assertEqual(stat.S_IMODE(config.data_dir.stat().st_mode), 0o700)
        prepare_data_dir(config)

    def test_an_empty_one_is_made_private_a_full_one_is_left(self) -> None:
        self.data.mkdir(mode=0o755)
        config = self.load(data_dir=str(self.data))
        (self.data / "film.mp4").touch()
        prepare_data_dir(config)
        self.assertEqual(stat.S_IMODE(self.data.stat().st_mode), 0o755)
        (self.data / "film.mp4").unlink()
        prepare_data_dir(config)
        self.assertEqual(stat.S_IMODE(self.data.stat().st_mode), 0o700)

    def test_not_one_that_everybody_writes(self) -> None:
        self.data.mkdir()
        self.data.chmod(0o777)
        error = self.assertRaises(ConfigError, prepare_data_dir, self.load(data_dir=str(self.data)))
        self.assertIn(f"{self.data} can be written by everybody (chmod 700 {self.data})", str(error))

    def test_not_somebody_elses(self) -> None:
        self.data.mkdir()
        config = self.load(data_dir=str(self.data))
        self.patch(os, "geteuid", lambda: os.getuid() + 1)
        error = self.assertRaises(ConfigError, prepare_data_dir, config)
        self.assertIn(f"{self.data} belongs to ", str(error))
        self.assertIn("--data-dir: data_dir: ", str(error))

    def test_not_a_file(self) -> None:
        self.data.touch()
        error = self.assertRaises(ConfigError, prepare_data_dir, self.load(data_dir=str(self.data)))
        self.assertIn("cannot be used: File exists", str(error))


class PageTests(ConfigCase):
    """The example and the reference say what the code does."""

    EXAMPLE = (ROOT / "etc" / "camd.toml").read_text()

    def test_example_changes_nothing(self) -> None:
        config = self.load(self.EXAMPLE)
        self.assertEqual(changes(self.load(), config), {})

    def test_example_with_everything_enabled(self) -> None:
        text = re.sub(r"^#(?=[a-z\[])", "", self.EXAMPLE, flags=re.MULTILINE)
        for name in ("fullchain.pem", "privkey.pem"):
            (self.folder / name).touch()
        config = self.load(text.replace("/etc/camd/tls/", f"{self.folder}/"))
        missing = {key.name for key in keys_of(SCHEMA)} - {
            re.sub(r"^cameras\.\w+", "cameras.<id>", name)
            for name, origin in config.origins.items()
            if origin.startswith(str(self.file))
        }
        only_in_the_store = {"cameras.<id>.password"}
        self.assertEqual(missing, only_in_the_store, "etc/camd.toml lacks keys")

    def test_example_shows_the_defaults(self) -> None:
        for key in keys_of(SCHEMA):
            if key.default is not None and "<id>" not in key.name:
                line = f"{key.name.rpartition('.')[2]} = {key.shown}"
                self.assertRegex(self.EXAMPLE, rf"(?m)^#{re.escape(line)}$")

    def test_reference_has_every_key(self) -> None:
        page = (ROOT / "docs" / "configuration.md").read_text()
        page = page.partition("\n## Keys\n")[2].partition("\n## ")[0]
        rows = [line for line in page.splitlines() if line.startswith("| `")]
        wanted = [
            f"| `{key.name}` | {key.kind.expected} | {_code(key.shown)} | {key.effect.value} | {key.doc} |"
            for key in keys_of(SCHEMA)
        ]
        self.assertEqual(rows, wanted, "the table in docs/configuration.md must have exactly these rows")


def _code(shown: str) -> str:
    """A default in TOML is code, one in words is text."""
    return f"`{shown}`" if re.match(r'["\[\d]|true$|false$', shown) else shown

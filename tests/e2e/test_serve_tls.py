"""hadal serve through TLS: what is accepted and refused, what changes while it runs, and clients that misbehave."""
import json
import pathlib
import signal
import socket
import ssl
import subprocess
import time
import unittest
import warnings

from common import Case
from server import CHAT, Server, events_of, wait_until

SHORT = {"text": "Let me see.</think>The answer.", "finish": "stop"}
LONG = {"text": "r</think>" + "word " * 400, "finish": "stop", "delay_ms": 20}


def make_certificate(folder: pathlib.Path, name: str, *args: str) -> tuple[str, str]:
    """The files of a new certificate for this machine and of its key."""
    certificate, key = str(folder / f"{name}.pem"), str(folder / f"{name}.key")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-days", "2", "-subj", f"/CN={name}",
                    "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-out", certificate, "-keyout", key, *(args or ("-nodes",))],
                   check=True, capture_output=True)
    return certificate, key


class Tls(Case):
    def setUp(self) -> None:
        super().setUp()
        self.certificate, self.key = make_certificate(self.folder, "first")
        self.options = ("--tls-cert", self.certificate, "--tls-key", self.key)

    def trusting(self, certificate: str | None = None) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=certificate or self.certificate)

    def serve(self, script: list | None, *args: str) -> Server:
        return Server(self.folder, script, *self.options, *args, tls=self.trusting())

    def connect(self, server: Server, context: ssl.SSLContext | None = None) -> ssl.SSLSocket:
        plain = socket.create_connection((server.host, server.port), timeout=30)
        self.addCleanup(plain.close)
        secure = (context or self.trusting()).wrap_socket(plain, server_hostname="127.0.0.1", suppress_ragged_eofs=False)
        self.addCleanup(secure.close)
        return secure

    def test_answers_and_streams(self):
        with self.serve([SHORT, SHORT], "--api-key", "secret") as server:
            self.assertEqual(server.ask("GET", "/v1/models")[0], 401)
            key = {"Authorization": "Bearer secret"}
            whole = server.post("/v1/chat/completions", CHAT, key)[1]
            self.assertEqual(whole["choices"][0]["message"]["content"], "The answer.")
            events = events_of(server.ask("POST", "/v1/chat/completions", {**CHAT, "stream": True}, key)[2])
            self.assertEqual(events[-1][1], "[DONE]")
            origin = {**key, "Origin": f"https://127.0.0.1:{server.port}"}
            self.assertEqual(server.post("/tokenize", {"content": "x"}, origin)[0], 200)
            # A body of many records, and an answer of many.
            text = "word " * 400000
            tokens = server.post("/tokenize", {"content": text}, key)[1]["tokens"]
            self.assertEqual(server.post("/detokenize", {"tokens": tokens}, key)[1]["content"], text)

    def test_one_connection_after_another_request(self):
        with self.serve([LONG | {"delay_ms": 0}]) as server:
            connection = self.connect(server)
            data = json.dumps({**CHAT, "stream": True}).encode()
            stream = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(data) + data
            one = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
            connection.sendall(stream + one * 50 + one.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
            got = b""
            while piece := connection.recv(65536):  # ends as TLS does, or it is an error
                got += piece
            self.assertEqual(got.count(b"HTTP/1.1 200"), 52)
            self.assertEqual(got.count(b"data: [DONE]"), 1)

    def test_versions(self):
        with self.serve([]) as server:
            for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
                context = self.trusting()
                context.minimum_version = context.maximum_version = version
                connection = self.connect(server, context)
                connection.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
                self.assertTrue(connection.recv(1000).startswith(b"HTTP/1.1 200"))
            old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            old.load_verify_locations(self.certificate)
            old.set_ciphers("ALL:@SECLEVEL=0")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
            with self.assertRaises(OSError):
                self.connect(server, old)
            http2 = self.trusting()
            http2.set_alpn_protocols(["h2", "http/1.1"])
            self.assertIn(self.connect(server, http2).selected_alpn_protocol(), (None, "http/1.1"))

    def test_what_is_no_tls_gets_nothing(self):
        with self.serve([]) as server:
            for data in (b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n", b"\x16\x03\x01" + b"\xff" * 500, b"\0" * 5000):
                self.assertNotIn(b"HTTP", server.raw(data, 5))
            self.assertEqual(server.ask("GET", "/health")[0], 200)

    def test_who_does_not_begin_is_dropped(self):
        """As with heads of requests: ten seconds."""
        with self.serve([]) as server:
            held = []
            for begin in (b"", b"\x16", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"):
                held.append(socket.create_connection((server.host, server.port), timeout=60))
                self.addCleanup(held[-1].close)
                held[-1].sendall(begin)
            self.assertEqual(server.ask("GET", "/health")[0], 200)
            for connection in held:
                self.assertNotIn(b"HTTP", connection.recv(1000))

    def test_a_client_that_leaves_cancels(self):
        data = json.dumps({**CHAT, "stream": True}).encode()
        request = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(data) + data
        with self.serve([LONG] * 3) as server:
            for leave in (lambda c: c.close(), lambda c: c.unwrap(), lambda c: socket.socket.shutdown(c, socket.SHUT_RDWR)):
                connection = self.connect(server)
                connection.sendall(request)
                self.assertTrue(wait_until(lambda: server.metric("requests_running") == 1))
                try:
                    leave(connection)
                except OSError:  # it did not want what was on its way
                    pass
                self.assertTrue(wait_until(lambda: server.metric("requests_running") == 0, 5))

    def test_the_certificate_is_read_again(self):
        second, second_key = make_certificate(self.folder, "second")
        with self.serve([]) as server:
            before = self.connect(server)
            for broken in (True, False):
                pathlib.Path(self.certificate).write_text("no certificate" if broken else pathlib.Path(second).read_text())
                pathlib.Path(self.key).write_bytes(pathlib.Path(second_key).read_bytes())
                server.process.send_signal(signal.SIGHUP)
                time.sleep(0.3)
                if broken:
                    with self.assertRaises(ssl.SSLCertVerificationError):
                        self.connect(server, self.trusting(second))
            server.tls = self.trusting(second)
            self.assertEqual(server.ask("GET", "/health")[0], 200)
            before.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            self.assertTrue(before.recv(1000).startswith(b"HTTP/1.1 200"))

    def test_sigterm_ends_it(self):
        with self.serve([]) as server:
            self.connect(server)
            with socket.create_connection((server.host, server.port)):  # has not begun
                self.assertEqual(server.terminate(10), 0)


class Files(Case):
    def test_what_is_no_certificate_is_refused(self):
        certificate, key = make_certificate(self.folder, "a")
        _, other_key = make_certificate(self.folder, "b")
        locked, locked_key = make_certificate(self.folder, "c", "-passout", "pass:x")
        empty = self.folder / "empty"
        empty.write_text("")
        for code, cert, secret, words in ((5, "nowhere.pem", key, "nowhere.pem"), (5, certificate, "nowhere.key", "nowhere.key"),
                                          (2, str(empty), key, "--tls-cert"), (2, key, key, "--tls-cert"), (2, certificate, certificate, "--tls-key"),
                                          (2, certificate, other_key, "mismatch"), (2, locked, locked_key, "passphrase")):
            failed = self.expect(code, "serve", "x", "--scripted", "y", "--port", "0", "--tls-cert", cert, "--tls-key", secret)
            self.assertIn(words, failed.stderr)
        for half in (("--tls-cert", certificate), ("--tls-key", key)):
            self.expect(2, "serve", "x", "--scripted", "y", "--port", "0", *half)
        # TLS does not stand for keys.
        self.expect(2, "serve", "x", "--scripted", "y", "--host", "0.0.0.0", "--tls-cert", certificate, "--tls-key", key)


if __name__ == "__main__":
    unittest.main()

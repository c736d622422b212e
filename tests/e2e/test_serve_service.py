"""hadal serve as a service: what a supervisor is told, keys that change, deadlines, plans that do not fit."""
import json
import signal
import socket
import time
import unittest
from unittest import mock

from common import BUILTIN, Case
from server import CHAT, Server, events_of

LONG = {"text": "r</think>" + "word " * 400, "finish": "stop", "delay_ms": 20}
SHORT = {"text": "</think>yes", "finish": "stop"}


class Service(Case):
    def test_the_supervisor_is_told(self):
        for name in (str(self.folder / "notify"), "\0hadal-test-" + self.folder.name):
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
                told.bind(name)
                told.settimeout(30)
                with mock.patch.dict("os.environ", {"NOTIFY_SOCKET": name.replace("\0", "@")}):
                    with Server(self.folder, [SHORT]) as server:
                        self.assertEqual(told.recv(100), b"READY=1")
                        self.assertEqual(server.ask("GET", "/ready")[0], 200)
                        self.assertEqual(server.terminate(), 0)
                self.assertEqual(told.recv(100), b"STOPPING=1")

    def test_hangup_reads_the_keys_again(self):
        keys = self.folder / "keys"

        def statuses(server: Server) -> list:
            return [server.ask("GET", "/v1/models", headers={"x-api-key": key})[0] for key in ("old", "new", "")]

        keys.write_text("old\n")
        with Server(self.folder, [LONG], "--api-key-file", str(keys)) as server:
            self.assertEqual(statuses(server), [200, 401, 401])
            connection = server.connect()
            connection.request("POST", "/v1/chat/completions", json.dumps({**CHAT, "stream": True}), {"x-api-key": "old"})
            answer = connection.getresponse()
            for content, expected in (("new\r\n\n", [401, 200, 401]), ("", [401, 200, 401]), ("old\nnew", [200, 200, 401])):
                keys.write_text(content)
                server.process.send_signal(signal.SIGHUP)
                end = time.monotonic() + 5
                while statuses(server) != expected and time.monotonic() < end:
                    time.sleep(0.02)
                time.sleep(0.1)
                self.assertEqual(statuses(server), expected)
            # What runs goes on.
            self.assertGreater(len(answer.read(2000)), 1999)
            connection.close()

    def test_hangup_without_a_file_changes_nothing(self):
        with Server(self.folder, [SHORT]) as server:
            server.process.send_signal(signal.SIGHUP)
            self.assertEqual(server.post("/v1/chat/completions", CHAT)[0], 200)

    def test_a_busy_port_is_seen_at_once(self):
        with Server(self.folder, []) as server:
            failed = self.expect(5, "serve", BUILTIN, "--port", str(server.port))
            self.assertIn("cannot listen", failed.stderr)

    def test_what_does_not_fit_is_refused(self):
        failed = self.expect(4, "serve", BUILTIN, "--port", "0", "--cache", str(1 << 30))
        self.assertIn("--slots", failed.stderr)


class Deadline(Case):
    def test_it_ends_what_takes_too_long(self):
        with Server(self.folder, [LONG, LONG, SHORT], "--deadline", "1") as server:
            start = time.monotonic()
            status, answer = server.post("/v1/chat/completions", CHAT)
            self.assertLess(time.monotonic() - start, 3)
            self.assertEqual(status, 504)
            self.assertIn("deadline", answer["error"]["message"])
            body = server.ask("POST", "/v1/messages", {**CHAT, "max_tokens": 500, "stream": True})[2]
            name, data = events_of(body)[-1]
            self.assertEqual((name, json.loads(data)["type"]), ("error", "error"))
            self.assertEqual(server.post("/v1/chat/completions", CHAT)[0], 200)

    def test_who_waits_too_long_is_refused(self):
        body = {**CHAT, "max_tokens": 30000, "logit_bias": {"0": -100, "1": -100}}
        with Server(self.folder, None, "--slots", "1", "--max-queue-time", "1") as server:
            connection = server.connect()
            connection.request("POST", "/v1/chat/completions", json.dumps({**body, "stream": True}))
            answer = connection.getresponse()
            for wish in ({}, {"stream": True}):
                start = time.monotonic()
                status, headers, data = server.ask("POST", "/v1/chat/completions", {**body, **wish})
                waited = time.monotonic() - start
                if status == 503:
                    self.assertIn("retry-after", headers)
                else:  # a stream that has begun
                    self.assertEqual((status, wish), (200, {"stream": True}))
                self.assertIn("waited longer", data.decode())
                self.assertLess(waited, 5)
            self.assertGreater(len(answer.read(200)), 0)  # who runs goes on
            connection.close()

    def test_it_holds_for_a_model_too(self):
        with Server(self.folder, None, "--deadline", "1") as server:
            body = {**CHAT, "max_tokens": 30000, "ignore_eos": True, "logit_bias": {"0": -100, "1": -100}}
            start = time.monotonic()
            status = server.post("/v1/chat/completions", body)[0]
            self.assertIn(status, (200, 504))
            self.assertLess(time.monotonic() - start, 3)
            self.assertEqual(server.metric("requests_running"), 0)


if __name__ == "__main__":
    unittest.main()

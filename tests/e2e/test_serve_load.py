"""Many clients, clients that read nothing, and clients that leave: what the server holds, and that it lets go of it."""
import json
import pathlib
import resource
import selectors
import socket
import time
import unittest

from common import Case
from server import CHAT, Server, wait_until

WAITING = {"text": "</think>" + "word " * 3, "finish": "stop", "delay_ms": 3600000}
LONG = {"text": "</think>" + "word " * 30000, "finish": "stop"}
SHORTER = {"text": "</think>" + "word " * 500, "finish": "stop"}
MIB = 1 << 20


def rss(server: Server) -> int:
    for line in pathlib.Path(f"/proc/{server.process.pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) << 10
    return 0


def open_files(server: Server) -> int:
    return len(list(pathlib.Path(f"/proc/{server.process.pid}/fd").iterdir()))


def request(body: dict) -> bytes:
    data = json.dumps(body).encode()
    return b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(data) + data


class Load(Case):
    def setUp(self) -> None:
        super().setUp()
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if hard != resource.RLIM_INFINITY and hard < 8000:
            self.skipTest(f"SKIP: this user may open {hard} files only")
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 8000), hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))

    def connect(self, server: Server) -> socket.socket:
        connection = socket.create_connection((server.host, server.port), timeout=30)
        self.addCleanup(connection.close)
        return connection

    def test_a_thousand_idle_streams(self):
        with Server(self.folder, [WAITING] * 1000) as server:
            server.ask("GET", "/health")
            before = rss(server)
            streams = [self.connect(server) for _ in range(1000)]
            for stream in streams:
                stream.sendall(request({**CHAT, "stream": True}))
            for stream in streams:  # the head comes after a second
                self.assertTrue(stream.recv(4096).startswith(b"HTTP/1.1 200"))
            self.assertEqual(server.metric("requests_running"), 1000)
            self.assertLessEqual(rss(server) - before, 50 * MIB)
            start = time.monotonic()
            self.assertEqual(server.ask("GET", "/health")[0], 200)
            self.assertLess(time.monotonic() - start, 1)
            for stream in streams:
                stream.close()
            self.assertTrue(wait_until(lambda: server.metric("requests_running") == 0))

    def test_five_thousand_that_ask_for_nothing(self):
        with Server(self.folder, [WAITING]) as server:
            quiet = self.connect(server)
            quiet.sendall(request({**CHAT, "stream": True}))
            server.ask("GET", "/health")
            before = rss(server)
            half = [self.connect(server) for _ in range(5000)]
            for i, connection in enumerate(half):
                connection.sendall(b"GET /health HTTP/1.1\r\nHost: loc"[:i % 30])
            times = []
            for _ in range(200):
                start = time.monotonic()
                self.assertEqual(server.ask("GET", "/health")[0], 200)
                times.append(time.monotonic() - start)
            self.assertLess(rss(server) - before, 100 * MIB)
            self.assertLess(sorted(times)[100], 0.05)
            print(f"/health beside 5,000 half-open connections: {sorted(times)[100] * 1000:.1f} ms, at most {max(times) * 1000:.1f} ms; "
                  f"{(rss(server) - before) / MIB:.0f} MiB")
            self.assertTrue(wait_until(lambda: open_files(server) < 100, 30))  # after 10 seconds they have to go
            # Who has asked for something stays, and hears every 15 seconds that the connection is alive.
            quiet.settimeout(60)
            heard = b""
            while b": keep-alive\n\n" not in heard:
                heard += quiet.recv(1000) or self.fail(heard)

    def test_few_files(self):
        """Who holds all connections that the system allows keeps nobody out, and does not make the server run in circles."""
        with Server(self.folder, [WAITING] * 100, files=64) as server:
            for _ in range(300):
                self.connect(server)
            before = server.cpu_seconds()
            for _ in range(5):
                self.assertEqual(server.ask("GET", "/health")[0], 200)
                time.sleep(0.2)
            self.assertLess(server.cpu_seconds() - before, 0.5)
            self.assertLess(open_files(server), 64)

    def test_who_connects_and_leaves(self):
        with Server(self.folder, [SHORTER] * 1200) as server:
            def leave(count: int) -> None:
                for i in range(count):
                    with socket.create_connection((server.host, server.port)) as connection:
                        connection.sendall(request({**CHAT, "stream": True})[: 1 << 20 if i % 2 else 150])
                        if i % 4 == 1:
                            connection.recv(1)
                self.assertTrue(wait_until(lambda: server.metric("requests_running") == 0))

            leave(200)
            before, files = rss(server), open_files(server)
            leave(1000)
            self.assertTrue(wait_until(lambda: open_files(server) <= files + 2))
            self.assertLessEqual(rss(server) - before, 8 * MIB)

    def test_who_reads_nothing_holds_no_memory(self):
        with Server(self.folder, [LONG] * 20) as server:
            before = rss(server)
            streams = []
            for _ in range(20):
                stream = socket.socket()
                stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                stream.connect((server.host, server.port))
                stream.sendall(request({**CHAT, "stream": True}))
                self.addCleanup(stream.close)
                streams.append(stream)
            time.sleep(2)
            self.assertEqual(server.metric("requests_running"), 20)  # they wait for their readers
            self.assertLessEqual(rss(server) - before, 20 * MIB)
            start = time.monotonic()
            self.assertEqual(server.ask("GET", "/health")[0], 200)
            self.assertLess(time.monotonic() - start, 1)

    def test_too_many_are_told_to_come_back(self):
        body = request({**CHAT, "max_tokens": 20000, "stream": True, "logit_bias": {"1": -100}})
        with Server(self.folder, None, "--slots", "1") as server, selectors.DefaultSelector() as selector:
            waiting = 0
            for _ in range(150):
                stream = self.connect(server)
                stream.sendall(body)
                selector.register(stream, selectors.EVENT_READ)
            refused = []
            end = time.monotonic() + 20
            while len(refused) < 50 and time.monotonic() < end:
                for key, _ in selector.select(0.1):
                    answer = key.fileobj.recv(65536)
                    if answer.startswith(b"HTTP/1.1 429"):
                        refused.append(answer)
                        selector.unregister(key.fileobj)
                    waiting = server.metric("requests_queued")
            self.assertGreaterEqual(len(refused), 50)
            self.assertLessEqual(waiting, 128)
            for answer in refused:
                self.assertRegex(answer, rb"\r\nRetry-After: \d+\r\n")
            times = []
            for _ in range(20):
                start = time.monotonic()
                self.assertEqual(server.post("/v1/chat/completions", CHAT)[0], 429)
                times.append(time.monotonic() - start)
            self.assertLess(sorted(times)[10], 0.25)  # 10 ms where nothing else runs
            print(f"429 after {sorted(times)[10] * 1000:.1f} ms")


if __name__ == "__main__":
    unittest.main()

"""Requests that mean harm: framing, paths, hosts, origins, budgets of structured output, control tokens in user text."""
import json
import random
import unittest
import urllib.parse

from common import BUILTIN, SANITIZED, Case
from server import CHAT, Server

SHORT = {"text": "</think>yes", "finish": "stop"}
POST = b"POST /tokenize HTTP/1.1\r\nHost: localhost\r\n"
CANARY = b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"
SLOWER = 4 if SANITIZED else 1


def chunked(*extra: bytes) -> bytes:
    return POST + b"".join(line + b"\r\n" for line in extra) + b"\r\n"


# What must not be taken as a request: each is answered with an error, and what follows it is not read.
BROKEN = [
    chunked(b"Content-Length: 4", b"Transfer-Encoding: chunked") + b"0\r\n\r\n",
    chunked(b"Transfer-Encoding: chunked", b"Content-Length: 4") + b"0\r\n\r\n",
    chunked(b"Content-Length: 2", b"Content-Length: 40") + b"{}",
    chunked(b"Content-Length: 2, 3") + b"{}",
    chunked(b"Content-Length: -1"),
    chunked(b"Content-Length: +2") + b"{}",
    chunked(b"Content-Length: 0x2") + b"{}",
    chunked(b"Content-Length: 2 2") + b"{}",
    chunked(b"Content-Length: 99999999999999999999"),
    chunked(b"Content-Length: 18446744073709551616"),
    chunked(b"Content-Length : 2") + b"{}",
    chunked(b"Content-Length:\x0b2") + b"{}",
    chunked(b"Transfer-Encoding : chunked") + b"0\r\n\r\n",
    chunked(b"Transfer-Encoding: chunked") + b"-1\r\n{}\r\n0\r\n\r\n",
    chunked(b"Transfer-Encoding: chunked") + b"0x2\r\n{}\r\n0\r\n\r\n",
    chunked(b"Transfer-Encoding: chunked") + b"+2\r\n{}\r\n0\r\n\r\n",
    chunked(b"Transfer-Encoding: chunked") + b"10000000000000002\r\n{}\r\n0\r\n\r\n",
    chunked(b"Transfer-Encoding: chunked") + b"ffffffffffffffff\r\n{}\r\n0\r\n\r\n",
    chunked(b"Transfer-Encoding: chunked") + b"2\r\n{}xx\r\n0\r\n\r\n",
    chunked(b"Transfer-Encoding: chunked") + b"2\n{}\n0\n\n",
    chunked(b"Transfer-Encoding: chunked") + b"\r\n{}\r\n0\r\n\r\n",
    chunked(b"Transfer-Encoding: chunked") + b"2;" + b"a" * 100000 + b"\r\n{}\r\n0\r\n\r\n",
    b"GET  /health HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /health  HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET\t/health\tHTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /hea\0lth HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /hea\x7flth HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /health HTTP/2.0\r\nHost: localhost\r\n\r\n",
    b"GET /health HTTP/1.1.1\r\nHost: localhost\r\n\r\n",
    b"GET /health http/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /health\r\n\r\n",
    b"/health HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"G@T /health HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /health HTTP/1.1\r\nHost: localhost\r\n\tfolded\r\n: x\r\n\r\n",
    b"GET /health HTTP/1.1\r\nHost: localhost\r\nno colon\r\n\r\n",
    b"GET /health HTTP/1.1\r\nHost: localhost\r\n: no name\r\n\r\n",
    b"GET /health HTTP/1.1\r\nHost: localhost\r\nX y: z\r\n\r\n",
    b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: a\rb\r\n\r\n",
    b"GET /health HTTP/1.1\r\nHost: localhost\nX: y\r\n\r\n",
    b"GET /health HTTP/1.1\nHost: localhost\n\n",
    b"GET http://localhost/health HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"CONNECT localhost:22 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\r\n" * 20000,
    b"GET /health HTTP/1.1\r\n" + b"".join(b"X%d: y\r\n" % i for i in range(3000)) + b"\r\n",
]


class Framing(Case):
    def test_what_is_no_request_is_refused(self):
        with Server(self.folder, []) as server:
            for data in BROKEN:
                with self.subTest(data[:120]):
                    answer = server.raw(data + CANARY, 5)
                    self.assertNotIn(b"there is nothing at this path", answer)
                    self.assertLessEqual(answer.count(b"HTTP/1.1 "), 1)
                    if answer:
                        self.assertRegex(answer, rb"^HTTP/1\.1 4\d\d ")
            self.assertEqual(server.ask("GET", "/health")[0], 200)

    def test_chunked_bodies_end_where_they_end(self):
        body = json.dumps({"content": "x"}).encode()
        pieces = b"".join(b"%x;name=value\r\n%s\r\n" % (1, bytes([byte])) for byte in body) + b"0\r\nTrailer: x\r\n\r\n"
        with Server(self.folder, []) as server:
            last = b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            answer = server.raw(POST + b"Transfer-Encoding: chunked\r\n\r\n" + pieces + last, 5)
            self.assertEqual(answer.count(b"HTTP/1.1 200"), 2)

    def test_other_protocols_are_not_taken(self):
        upgrade = b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n"
        with Server(self.folder, []) as server:
            self.assertTrue(server.raw(upgrade, 5).startswith(b"HTTP/1.1 200"))
            for data in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 300, b"SSH-2.0-x\r\n", b"\0" * 5000, b"EHLO x\r\n\r\n"):
                answer = server.raw(data, 5)
                self.assertTrue(not answer or answer.startswith(b"HTTP/1.1 4"), answer[:100])


class Rules(Case):
    def test_no_spelling_of_a_path_gets_around_the_key(self):
        pick = random.Random(1)
        paths = ["/v1/models", "/metrics", "/props", "/openapi.json", "/api/conversations", "/v1/chat/completions"]
        with Server(self.folder, [], "--api-key", "secret") as server:
            connection = server.connect()
            for _ in range(4000):
                path = spelled(pick, pick.choice(paths))
                method = pick.choice(("GET", "HEAD", "OPTIONS", "PUT", "get", "PATCH", "TRACE"))
                connection.putrequest(method, path, skip_host=True)
                connection.putheader("Host", "localhost")
                connection.putheader(pick.choice(("X-Forwarded-For", "X-Original-URL", "X-Rewrite-URL", "X-HTTP-Method-Override")), "/health")
                connection.endheaders()
                answer = connection.getresponse()
                answer.read()
                self.assertIn(answer.status, (400, 401, 414), (method, path))
                if answer.headers.get("connection") == "close":
                    connection.close()
            connection.close()

    def test_hosts_and_origins(self):
        good = ("localhost", "localhost:8080", "127.0.0.1", "[::1]", "[::1]:80", "LOCALHOST", "my.host", "my.host:1")
        bad = ("evil.example", "localhost.evil.example", "127.0.0.1.nip.io", "localhost@evil.example", "evil.example:localhost",
               "0.0.0.0", "127.0.0.2", "[::ffff:127.0.0.1]", "localhost.", "my.host.evil", "xmy.host", "*", "null", "169.254.169.254", "%6cocalhost")
        with Server(self.folder, [SHORT] * 99, "--allow-host", "my.host") as server:
            for host in good:
                self.assertEqual(server.ask("GET", "/v1/models", headers={"Host": host})[0], 200, host)
            for host in bad:
                self.assertEqual(server.ask("GET", "/v1/models", headers={"Host": host})[0], 403, host)
            own = {"Host": "localhost:8080"}
            for origin in ("http://localhost:8080", "http://my.host", "https://my.host:9"):
                status, headers, _ = server.ask("POST", "/v1/chat/completions", CHAT, {**own, "Origin": origin})
                self.assertEqual(status, 200, origin)
                self.assertNotEqual(headers.get("access-control-allow-origin"), "*")
            for origin in ("http://evil.example", "null", "http://localhost:9999", "http://localhost.evil.example", "file://",
                           "http://my.host.evil", "chrome-extension://abc", "http://localhost:8080.evil.example", "http://", "x"):
                for path in ("/v1/chat/completions", "/api/conversations", "/tokenize"):
                    for kind in ("application/json", "text/plain", "multipart/form-data"):
                        headers = {**own, "Origin": origin, "Content-Type": kind}
                        self.assertEqual(server.ask("POST", path, CHAT, headers)[0], 403, (origin, path))
            self.assertEqual(server.ask("POST", "/tokenize", {"content": "x"}, {"Sec-Fetch-Site": "cross-site"})[0], 403)

    def test_no_path_leads_to_a_file(self):
        pick = random.Random(2)
        steps = ("../", "..\\", "%2e%2e/", "%2e%2e%2f", "..%2f", "..%5c", "%252e%252e%252f", "....//", "..;/", "%c0%ae%c0%ae/", "/./", "..%00/", "\u2025/")
        targets = ("etc/passwd", "proc/self/environ", "proc/self/cmdline", "windows/win.ini", "tokenizer.json", "c:/boot.ini")
        roots = ("/", "/assets/", "/v1/models/", "/api/conversations/", "/file:///", "//", "/models/")
        with Server(self.folder, []) as server:
            connection = server.connect()
            for _ in range(2000):
                path = pick.choice(roots) + "".join(pick.choice(steps) for _ in range(pick.randint(1, 12))) + pick.choice(targets)
                connection.putrequest("GET", urllib.parse.quote(path, safe="/\\%;:."), skip_host=True)
                connection.putheader("Host", "localhost")
                connection.endheaders()
                answer = connection.getresponse()
                body = answer.read()
                self.assertIn(answer.status, (400, 404, 405), path)
                self.assertNotIn(b"root:", body)
                if answer.headers.get("connection") == "close":
                    connection.close()
            connection.close()

    def test_keys_and_prompts_stay_out_of_the_log(self):
        with Server(self.folder, [SHORT], "--api-key", "canary-key") as server:
            body = {"model": "canary-model", "messages": [{"role": "user", "content": "canary-prompt"}]}
            self.assertEqual(server.post("/v1/chat/completions", body, {"x-api-key": "canary-key"})[0], 200)
            server.post("/v1/chat/completions", body, {"x-api-key": "canary-wrong"})
            server.post("/v1/chat/completions", b'{"canary-broken', {"x-api-key": "canary-key"})
            metrics = server.ask("GET", "/metrics", headers={"x-api-key": "canary-key"})[2]
            server.process.terminate()
            out, err = server.process.communicate(timeout=20)
            self.assertNotIn("canary", out + err + metrics.decode())


def spelled(pick: random.Random, path: str) -> str:
    """The path in words that other servers have taken for it, or for an open one."""
    change = (lambda p: "/" + p, lambda p: p.replace("/", "//"), lambda p: p.replace("/", "/./", 1), lambda p: "/health/.." + p,
              lambda p: "/health%2f.." + p, lambda p: p + "/", lambda p: p + ";x=/health", lambda p: p + "?/health", lambda p: p + "%00/health",
              lambda p: p + "/../health", lambda p: p.upper(), lambda p: p + "%2f..%2fhealth", lambda p: p + "\\..\\health",
              lambda p: p + "#/health", lambda p: "/" + "".join(f"%{ord(c):02x}" for c in p[1:]), lambda p: p + ".html", lambda p: p + "/health",
              lambda p: "http://localhost" + p, lambda p: "/assets/.." + p)
    for _ in range(pick.randint(0, 3)):
        path = pick.choice(change)(path)
    return path


class Budgets(Case):
    def refused(self, server: Server, body: dict, path: str = "/v1/chat/completions") -> None:
        start = server.cpu_seconds()
        status, answer = server.post(path, body)
        self.assertEqual(status, 400, (str(body)[:200], str(answer)[:200]))
        self.assertLess(server.cpu_seconds() - start, 3 * SLOWER)  # 0.1 s in the release build

    def test_numbers_and_lists(self):
        with Server(self.folder, [SHORT] * 9) as server:
            for wish in ({"stop": ["x%d" % i for i in range(10000)]}, {"n": 10**6}, {"top_logprobs": 10**6, "logprobs": True},
                         {"logit_bias": {str(i): 1 for i in range(100000)}}, {"logit_bias": {"x": 1}}, {"logit_bias": {"1": 1e9}},
                         {"max_tokens": 10**30}, {"tools": [{"type": "function", "function": {"name": "f" * 10000}}]}):
                self.refused(server, {**CHAT, **wish})

    def test_structured_output(self):
        def nested(depth: int) -> dict:
            schema: dict = {"type": "string"}
            for _ in range(depth):
                schema = {"type": "object", "properties": {"a": schema}, "required": ["a"]}
            return schema

        doubling = {"$defs": {f"d{i}": {"type": "array", "prefixItems": [{"$ref": f"#/$defs/d{i + 1}"}] * 10} for i in range(30)}, "$ref": "#/$defs/d0"}
        doubling["$defs"]["d30"] = {"type": "string"}
        schemas = [nested(60), {"enum": ["x%d" % i for i in range(200000)]}, {"$ref": "#"}, {"$ref": "http://localhost/x.json"},
                   {"$ref": "file:///etc/passwd"}, {"type": "string", "minLength": 10**9}, {"type": "array", "minItems": 10**9, "items": {"type": "null"}},
                   {"type": "string", "pattern": "(x{1000}){1000}"}, {"type": "string", "pattern": "(" * 5000}, doubling]
        with Server(self.folder, None) as server:
            plain = {**CHAT, "thinking": {"type": "disabled"}, "max_tokens": 2}
            for schema in schemas:
                start = server.cpu_seconds()
                status, answer = server.post("/v1/chat/completions", {**plain, "response_format": {
                    "type": "json_schema", "json_schema": {"name": "x", "strict": True, "schema": schema}}})
                self.assertIn(status, (200, 400), (str(schema)[:100], str(answer)[:200]))
                self.assertLess(server.cpu_seconds() - start, 5 * SLOWER, str(schema)[:100])
            for pattern in ("(a+)+$", "(a|a)*b", "(.*)*x", "((a*)*)*", "(a{1,999}){1,999}", "\\1", "(?=a)"):
                start = server.cpu_seconds()
                status, _ = server.post("/v1/chat/completions", {**plain, "response_format": {"type": "regex", "regex": pattern}})
                self.assertIn(status, (200, 400), pattern)
                self.assertLess(server.cpu_seconds() - start, 5 * SLOWER, pattern)
            self.assertEqual(server.ask("GET", "/health")[0], 200)


class Injection(Case):
    """The text of a control token is text, wherever a request has it."""

    def bodies(self, text: str) -> list:
        call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": json.dumps({"a": text})}}
        tool = {"type": "function", "function": {"name": "f", "description": text, "parameters": {"type": "object", "description": text}}}
        use = [{"type": "tool_use", "id": "t", "name": "f", "input": {"a": text}}]
        result = [{"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": text}]}]
        question = {"role": "user", "content": "x"}
        return [
            ("chat", {"messages": [{"role": "system", "content": text}, {"role": "user", "content": text}]}),
            ("chat", {"messages": [{"role": "user", "content": [{"type": "text", "text": text}]}]}),
            ("chat", {"tools": [tool], "messages": [question, {"role": "assistant", "content": text, "reasoning_content": text, "tool_calls": [call]},
                                                    {"role": "tool", "tool_call_id": "c", "content": text}]}),
            ("messages", {"max_tokens": 9, "system": text, "messages": [{"role": "user", "content": text}]}),
            ("messages", {"max_tokens": 9, "messages": [question, {"role": "assistant", "content": use}, {"role": "user", "content": result}]}),
            ("responses", {"instructions": text, "input": text}),
            ("responses", {"input": [{"type": "function_call", "call_id": "c", "name": "f", "arguments": json.dumps({"a": text})},
                                     {"type": "function_call_output", "call_id": "c", "output": text}]}),
        ]

    def test_control_tokens_in_every_field(self):
        with open(BUILTIN + "/tokenizer.json", encoding="utf-8") as file:
            added = [token["content"] for token in json.load(file)["added_tokens"]]
        added = [name for name in added if "place" not in name][:40]
        with Server(self.folder, []) as server:
            expected = [self.markup(server, *body) for body in self.bodies("harmless")]
            self.assertTrue(all(expected))
            for name in added:
                for (protocol, body), markup in zip(self.bodies(name), expected):
                    self.assertEqual(self.markup(server, protocol, body), markup, (protocol, name, body))

    @staticmethod
    def markup(server: Server, protocol: str, body: dict) -> list:
        """The control tokens of the prompt."""
        status, plan = server.post("/apply-template?protocol=" + protocol, {"model": "m", **body})
        if status != 200:
            raise AssertionError(plan)
        prompt = plan["prompt"].encode()
        return [prompt[s["begin"]:s["end"]] for s in plan["segments"] if s["type"] == "markup"]


if __name__ == "__main__":
    unittest.main()

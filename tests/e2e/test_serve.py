"""hadal serve over a scripted generator: the protocols on the wire, and clients that misbehave."""
import gzip
import json
import os
import pathlib
import socket
import time
import unittest

from common import ROOT, Case
from server import CHAT, Server, events_of, wait_until

SHARED = pathlib.Path(os.environ.get("HADAL_SHARED", ROOT / "../shared")) / "golden"
LONG = {"text": "r</think>" + "word " * 400, "finish": "stop", "delay_ms": 20}
SHORT = {"text": "Let me see.</think>The answer.", "finish": "stop"}


class Protocols(Case):
    def test_chat_streams_and_folds_to_the_same(self):
        with Server(self.folder, [SHORT, SHORT]) as server:
            status, headers, body = server.ask("POST", "/v1/chat/completions", {**CHAT, "stream": True})
            self.assertEqual(status, 200)
            self.assertEqual(headers["content-type"], "text/event-stream")
            events = [data for _, data in events_of(body)]
            self.assertEqual(events.pop(), "[DONE]")
            chunks = [json.loads(data) for data in events]
            self.assertEqual(chunks[0]["choices"][0]["delta"]["role"], "assistant")
            deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
            content = "".join(d.get("content") or "" for d in deltas)
            reasoning = "".join(d.get("reasoning_content") or "" for d in deltas)
            self.assertEqual((reasoning, content), ("Let me see.", "The answer."))
            self.assertEqual([c["choices"][0]["finish_reason"] for c in chunks], [None] * (len(chunks) - 1) + ["stop"])
            self.assertIn("usage", chunks[-1])  # without include_usage: on the finish chunk
            status, whole = server.post("/v1/chat/completions", CHAT)
            self.assertEqual(status, 200)
            message = whole["choices"][0]["message"]
            self.assertEqual((message["reasoning_content"], message["content"]), ("Let me see.", "The answer."))
            self.assertEqual(whole["usage"], chunks[-1]["usage"])

    def test_usage_has_a_chunk_of_its_own_where_asked_for(self):
        with Server(self.folder, [SHORT]) as server:
            wish = {**CHAT, "stream": True, "stream_options": {"include_usage": True}}
            chunks = [json.loads(d) for _, d in events_of(server.ask("POST", "/v1/chat/completions", wish)[2])[:-1]]
            self.assertEqual(chunks[-1]["choices"], [])
            self.assertGreater(chunks[-1]["usage"]["completion_tokens"], 0)
            self.assertTrue(all(chunk["usage"] is None for chunk in chunks[:-1]))

    def test_responses_and_messages_stream(self):
        with Server(self.folder, [SHORT, SHORT]) as server:
            body = server.ask("POST", "/v1/responses", {"model": "m", "input": "hi", "stream": True})[2]
            events = [(name, json.loads(data)) for name, data in events_of(body)]
            self.assertEqual(events[0][0], "response.created")
            self.assertEqual(events[-1][0], "response.completed")
            self.assertEqual([data["sequence_number"] for _, data in events], list(range(len(events))))
            self.assertTrue(all(name == data["type"] for name, data in events))
            body = server.ask("POST", "/anthropic/v1/messages", {**CHAT, "max_tokens": 100, "stream": True})[2]
            names = [name for name, _ in events_of(body)]
            self.assertEqual(names[:3], ["message_start", "content_block_start", "ping"])
            self.assertEqual(names[-2:], ["message_delta", "message_stop"])

    def test_several_choices(self):
        with Server(self.folder, [SHORT, {"text": "x</think>Another.", "finish": "stop"}]) as server:
            status, whole = server.post("/v1/chat/completions", {**CHAT, "n": 2})
            self.assertEqual(status, 200)
            self.assertEqual([(c["index"], c["message"]["content"]) for c in whole["choices"]],
                             [(0, "The answer."), (1, "Another.")])

    def test_completions(self):
        line = {"text": "\n a plain continuation", "finish": "length"}
        with Server(self.folder, [line, line]) as server:
            status, whole = server.post("/v1/completions", {"model": "m", "prompt": "Once", "echo": True})
            self.assertEqual((status, whole["choices"][0]["text"]), (200, "Once\n a plain continuation"))
            self.assertEqual(whole["choices"][0]["finish_reason"], "length")
            body = server.ask("POST", "/v1/completions", {"model": "m", "prompt": "Once", "stream": True})[2]
            chunks = [json.loads(d) for _, d in events_of(body)[:-1]]
            self.assertEqual("".join(c["choices"][0]["text"] for c in chunks), line["text"])

    def test_the_prompt_can_be_echoed_with_its_logprobs(self):
        body = {"model": "m", "prompt": "Once upon a time", "echo": True, "logprobs": 2, "max_tokens": 3, "seed": 1}
        with Server(self.folder, None) as server:
            choice = server.post("/v1/completions", body)[1]["choices"][0]
            shown = choice["logprobs"]
            asked = server.post("/tokenize", {"content": body["prompt"]})[1]["count"]
            self.assertEqual({len(values) for values in shown.values()}, {asked + 3})
            self.assertEqual("".join(shown["tokens"]), choice["text"])
            self.assertTrue(choice["text"].startswith(body["prompt"]))
            for i, token in enumerate(shown["tokens"]):
                self.assertEqual(choice["text"][shown["text_offset"][i]:][:len(token)], token)
                self.assertLess(shown["token_logprobs"][i], 0)
                self.assertEqual(len(shown["top_logprobs"][i]), 2)
            none = server.post("/v1/completions", {**body, "max_tokens": 0})[1]
            self.assertEqual((none["choices"][0]["text"], none["usage"]["completion_tokens"]), (body["prompt"], 0))
            self.assertEqual(none["choices"][0]["logprobs"]["token_logprobs"], shown["token_logprobs"][:asked])
            chunks = [json.loads(d) for _, d in events_of(server.ask("POST", "/v1/completions", {**body, "stream": True})[2])[:-1]]
            streamed = [value for c in chunks if c["choices"][0]["logprobs"] for value in c["choices"][0]["logprobs"]["token_logprobs"]]
            self.assertEqual(streamed, shown["token_logprobs"])
            ids = server.post("/tokenize", {"content": "a b"})[1]["tokens"]
            alone = server.post("/v1/completions", {**body, "prompt": ids})[1]["choices"][0]["logprobs"]
            self.assertIsNone(alone["token_logprobs"][0])
            self.assertEqual(server.post("/v1/completions", {**body, "echo": False, "max_tokens": 0})[0], 400)

    def test_tool_calls(self):
        call = ("t</think>\n\n<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"get\">\n<｜DSML｜parameter name=\"city\" "
                "string=\"true\">Ankara</｜DSML｜parameter>\n</｜DSML｜invoke>\n</｜DSML｜tool_calls>")
        tools = [{"type": "function", "function": {"name": "get", "parameters": {"type": "object"}}}]
        with Server(self.folder, [{"text": call, "finish": "stop"}]) as server:
            choice = server.post("/v1/chat/completions", {**CHAT, "tools": tools})[1]["choices"][0]
            self.assertEqual(choice["finish_reason"], "tool_calls")
            function = choice["message"]["tool_calls"][0]["function"]
            self.assertEqual((function["name"], json.loads(function["arguments"])), ("get", {"city": "Ankara"}))

    def test_tools_in_the_input(self):
        """Of Responses: newer clients send them as items, and again with every turn."""
        tool = {"type": "function", "name": "look", "parameters": {"type": "object", "properties": {"at": {"type": "string"}}}}
        item = {"type": "additional_tools", "role": "developer", "tools": [tool, {"type": "custom", "name": "patch"}]}
        body = {"model": "m", "input": [item, {"role": "user", "content": "x"}, item], "tools": [{**tool, "description": "The first."}]}
        with Server(self.folder, []) as server:
            plan = server.post("/apply-template?protocol=responses", body)[1]
            self.assertEqual([(t["name"], t["description"]) for t in plan["tools"]], [("look", "The first."), ("patch", None)])
            group = {"type": "namespace", "name": "box", "tools": [tool, {"type": "custom", "name": "patch"}]}
            call = {"type": "custom_tool_call", "namespace": "box", "name": "patch", "call_id": "c", "input": "in"}
            body["input"] = [{**item, "tools": [group]}, {"role": "user", "content": "x"}, call,
                             {"type": "custom_tool_call_output", "call_id": "c", "output": "out"}]
            plan = server.post("/apply-template?protocol=responses", body)[1]
            self.assertEqual([t["name"] for t in plan["tools"]], ["look", "box__look", "box__patch"])
            self.assertIn('<｜DSML｜invoke name="box__patch">', plan["prompt"])
            status, answer = server.post("/v1/responses", {**body, "input": [{**item, "tools": None}]})
            self.assertEqual((status, answer["error"]["param"]), (400, "input[0].tools"))

    def test_after_the_last_line(self):
        with Server(self.folder, [SHORT]) as server:
            self.assertEqual(server.post("/v1/chat/completions", CHAT)[0], 200)
            status, headers, body = server.ask("POST", "/v1/chat/completions", {**CHAT, "stream": True})
            self.assertEqual(status, 503)
            self.assertIn("retry-after", headers)
            self.assertIn("error", json.loads(body))

    def test_lines_wait_for_their_prompt(self):
        script = [{"text": "</think>second", "finish": "stop", "match": "two"}, {"text": "</think>first", "finish": "stop"}]
        with Server(self.folder, script) as server:
            for word, expected in (("one", "first"), ("two", "second")):
                body = {"model": "m", "messages": [{"role": "user", "content": word}]}
                answer = server.post("/v1/chat/completions", body)[1]
                self.assertEqual(answer["choices"][0]["message"]["content"], expected)

    def test_small_endpoints(self):
        with Server(self.folder, []) as server:
            self.assertEqual(server.ask("GET", "/health")[0], 200)
            self.assertEqual(server.ask("GET", "/ready")[0], 200)
            self.assertEqual(json.loads(server.ask("GET", "/v1/models")[2])["object"], "list")
            anthropic = json.loads(server.ask("GET", "/v1/models", headers={"anthropic-version": "2023-06-01"})[2])
            self.assertFalse(anthropic["has_more"])
            ids = server.post("/tokenize", {"content": "hello there"})[1]["tokens"]
            self.assertEqual(server.post("/detokenize", {"tokens": ids})[1]["content"], "hello there")
            count = server.post("/v1/messages/count_tokens", CHAT)[1]["input_tokens"]
            plan = server.post("/apply-template?protocol=messages", CHAT)[1]
            self.assertEqual(len(plan["token_ids"]), count)
            self.assertEqual("".join(plan["prompt"].encode()[s["begin"]:s["end"]].decode() for s in plan["segments"]),
                             plan["prompt"])
            self.assertIn("/v1/chat/completions", json.loads(server.ask("GET", "/openapi.json")[2])["paths"])
            status, headers, _ = server.ask("GET", "/v1/chat/completions")
            self.assertEqual((status, headers["allow"]), (405, "POST"))
            self.assertEqual(server.ask("GET", "/nowhere")[0], 404)


class Goldens(Case):
    """The usage of the shared stream cases, which depends on how their text is cut, through the whole server."""

    def test_shared_streams(self):
        if not (SHARED / "api/stream").exists():
            self.skipTest(f"SKIP: no {SHARED}; set HADAL_SHARED to the golden cases")
        tokenizer = self.folder / "tokenizer.json"
        tokenizer.write_bytes(gzip.decompress((SHARED / "tokenizer/tokenizer.json.gz").read_bytes()))
        paths = {"chat": "/chat/completions", "responses": "/v1/responses", "messages": "/anthropic/v1/messages"}
        cases = [json.loads(file.read_text(encoding="utf-8")) for protocol in paths
                 for file in sorted((SHARED / "api/stream" / protocol).glob("*_v4.json"))]
        cases = [case for case in cases if case["text"] is not None]
        script = []
        for case in cases:
            run, ready = case["runs"][0], case["ready"]
            script.append({"text": case["text"], "finish": case["finish"], "pieces": run["chunks"],
                           "tokens_per_piece": run["n_tokens_per_chunk"],
                           "usage": {"prompt_tokens": ready["prompt_tokens"],
                                     "cached_tokens": ready["prompt_cache_hit_tokens"]}})
        with Server(self.folder, script, "--dialect", "deepseek", "--literals",
                    str(SHARED / "chat/v4-0731/placeholder_encoding.py"), tokenizer=str(tokenizer)) as server:
            for case in cases:
                with self.subTest(case["protocol"] + "/" + case["name"]):
                    body = server.ask("POST", paths[case["protocol"]], case["request"])[2]
                    data = [json.loads(d) for _, d in events_of(body) if d != "[DONE]"]
                    got = [usage for event in data if (usage := usage_of(event))][-1]
                    want = [usage for _, event in case["merged"] if (usage := usage_of(event))][-1]
                    for usage in (got, want):
                        usage.pop("completion_tokens_details", None)
                        usage.pop("output_tokens_details", None)
                    self.assertEqual(got, want)
        self.assertGreater(len(cases), 30)


def usage_of(event: dict):
    return event.get("usage") or (event.get("response") or {}).get("usage")


class Model(Case):
    """The built-in model, whose words mean nothing: what counts is their shape."""

    def test_the_same_seed_gives_the_same_answer(self):
        body = {**CHAT, "thinking": {"type": "disabled"}, "max_tokens": 12, "seed": 7}
        with Server(self.folder, None) as server:
            first, second = (server.post("/v1/chat/completions", body)[1] for _ in range(2))
            self.assertEqual(first["choices"][0]["message"], second["choices"][0]["message"])
            self.assertGreater(second["usage"]["prompt_tokens_details"]["cached_tokens"], 0)
            streamed = server.ask("POST", "/v1/chat/completions", {**body, "stream": True})[2]
            deltas = [json.loads(d)["choices"][0]["delta"] for _, d in events_of(streamed)[:-1]]
            self.assertEqual("".join(d.get("content") or "" for d in deltas), first["choices"][0]["message"]["content"])
            streamed = server.ask("POST", "/v1/chat/completions", {**body, "stream": True, "return_progress": True})[2]
            progress = [p for _, d in events_of(streamed)[:-1] if (p := json.loads(d).get("prompt_progress"))]
            self.assertEqual(progress[-1]["processed"], progress[-1]["total"])

    def test_the_next_turn_is_read_ahead(self):
        """The reasoning is left out of the next turn's prompt; what is left of this turn has been read again by then."""
        with Server(self.folder, None) as server:
            # A model without sense ends its reasoning where it is made to.
            end_think = server.post("/tokenize", {"content": "</think>"})[1]["tokens"][0]
            first = {**CHAT, "max_tokens": 40, "seed": 3, "logit_bias": {str(end_think): 100},
                     "response_format": {"type": "regex", "regex": "[ab]{9}"}}
            choice = server.post("/v1/chat/completions", first)[1]["choices"][0]
            self.assertEqual(choice["finish_reason"], "stop")
            self.assertRegex(choice["message"]["content"], "^[ab]{9}$")
            time.sleep(0.5)
            history = [*CHAT["messages"], {"role": "assistant", "content": choice["message"]["content"]}]
            turn = {**first, "max_tokens": 1, "messages": [*history, {"role": "user", "content": "And now?"}]}
            usage = server.post("/v1/chat/completions", turn)[1]["usage"]
            known = len(server.post("/apply-template", {**turn, "messages": history})[1]["token_ids"])
            self.assertGreater(usage["prompt_tokens_details"]["cached_tokens"], 0)
            self.assertLess(usage["prompt_tokens"] - usage["prompt_tokens_details"]["cached_tokens"],
                            usage["prompt_tokens"] - known + 16)

    def test_tool_calls_are_read_once(self):
        """A call comes back as JSON, written otherwise than it was sampled; the next turn still reads what is new only."""
        schema = {"type": "object", "properties": {"u": {"type": "string", "enum": ["some words", "other words"]}}, "required": ["u"]}
        plain = {"model": "m", "max_tokens": 300, "thinking": {"type": "disabled"}}
        with Server(self.folder, None) as server:
            chat = {**plain, "seed": 5, "tools": [{"type": "function", "function": {"name": "f", "parameters": schema}}],
                    "tool_choice": "required", "parallel_tool_calls": False, "messages": [{"role": "user", "content": "Go on. " * 30}]}
            known, first_prompt = 0, None
            for turn in range(3):
                answer = server.post("/v1/chat/completions", chat)[1]
                usage, message = answer["usage"], answer["choices"][0]["message"]
                self.assertTrue(message["tool_calls"])
                read = usage["prompt_tokens"] - usage["prompt_tokens_details"]["cached_tokens"]
                self.assertLessEqual(read, usage["prompt_tokens"] - known + 2, turn)
                self.assertGreater(usage["prompt_tokens"], known)
                first_prompt = first_prompt or usage["prompt_tokens"]
                known = usage["prompt_tokens"] + usage["completion_tokens"]
                chat["messages"] += [message] + [{"role": "tool", "tool_call_id": c["id"], "content": f"{turn} is done"}
                                                 for c in message["tool_calls"]]
            # A client that changes the call has its own words read.
            changed = json.loads(json.dumps(chat))
            changed["messages"][1]["tool_calls"][0]["function"]["arguments"] = '{"u": "something else"}'
            usage = server.post("/v1/chat/completions", changed)[1]["usage"]
            self.assertLess(usage["prompt_tokens_details"]["cached_tokens"], first_prompt + 32)

            # Nor does it matter that a client orders the arguments anew and adds those that have a default.
            schema["properties"].update({"v": {"enum": [1, 2]}, "again": {"type": "boolean", "default": False}})
            schema["required"].append("v")
            messages = {**plain, "tools": [{"name": "f", "input_schema": schema}], "tool_choice": {"type": "any", "disable_parallel_tool_use": True},
                        "messages": [{"role": "user", "content": "And on. " * 30}]}
            first = server.post("/v1/messages", messages)[1]
            known = sum(first["usage"][k] for k in ("input_tokens", "cache_read_input_tokens", "output_tokens"))
            calls = [b for b in first["content"] if b["type"] == "tool_use"]
            for call in calls:
                call["input"] = {"again": False, **dict(reversed(call["input"].items()))}
            results = [{"type": "tool_result", "tool_use_id": b["id"], "content": "done"} for b in calls]
            messages["messages"] += [{"role": "assistant", "content": first["content"]}, {"role": "user", "content": results}]
            usage = server.post("/v1/messages", messages)[1]["usage"]
            self.assertGreaterEqual(usage["cache_read_input_tokens"], known - 2)

    def test_output_is_constrained(self):
        with Server(self.folder, None) as server:
            plain = {**CHAT, "thinking": {"type": "disabled"}, "max_tokens": 300, "seed": 1}
            body = {**plain, "response_format": {"type": "regex", "regex": "[ab]{3}"}}
            self.assertRegex(server.post("/v1/chat/completions", body)[1]["choices"][0]["message"]["content"], "^[ab]{3}$")
            schema = {"type": "object", "properties": {"n": {"enum": [1, 2]}, "s": {"enum": ["x"]}}}
            body = {**plain, "response_format": {"type": "json_schema", "json_schema": {"name": "x", "strict": True, "schema": schema}}}
            got = json.loads(server.post("/v1/chat/completions", body)[1]["choices"][0]["message"]["content"])
            self.assertIn(got["n"], (1, 2))
            tools = [{"type": "function", "function": {"name": "f", "parameters": {
                "type": "object", "properties": {"u": {"type": "string", "enum": ["c", "d"]}}, "required": ["u"]}}}]
            body = {**plain, "tools": tools, "tool_choice": "required", "parallel_tool_calls": False}
            choice = server.post("/v1/chat/completions", body)[1]["choices"][0]
            self.assertEqual(choice["finish_reason"], "tool_calls")
            self.assertIn(json.loads(choice["message"]["tool_calls"][0]["function"]["arguments"])["u"], ("c", "d"))

    def test_too_much_is_refused(self):
        with Server(self.folder, None, "--ctx", "64") as server:
            for body in ({**CHAT, "max_tokens": 1000}, {"model": "m", "messages": [{"role": "user", "content": "long " * 200}]}):
                status, answer = server.post("/v1/chat/completions", body)
                self.assertEqual((status, answer["error"]["code"]), (400, "context_length_exceeded"))
            for schema in ({"type": "object", "properties": {"a": {"$ref": "#/nowhere"}}}, {"type": "strin"}):
                wish = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
                self.assertEqual(server.post("/v1/chat/completions", {**CHAT, "response_format": wish})[0], 400)


class Page(Case):
    def test_chats_are_kept_by_key(self):
        keys = {name: {"Authorization": "Bearer " + name} for name in ("one", "two")}
        for stays in (False, True):
            with Server(self.folder, None, "--api-key", "one", "--api-key", "two") as server:
                if not stays:
                    self.assertEqual(server.post("/api/conversations", {"title": "A"}, keys["one"])[0], 201)
                for name, count in (("one", 1), ("two", 0)):
                    status, _, body = server.ask("GET", "/api/conversations", headers=keys[name])
                    self.assertEqual((status, len(json.loads(body)["conversations"])), (200, count))
                self.assertEqual(server.ask("GET", "/api/conversations")[0], 401)

    def test_the_page_is_served(self):
        with Server(self.folder, [], "--api-key", "secret") as server:
            status, headers, body = server.ask("GET", "/")
            self.assertEqual(status, 200)
            self.assertIn("text/html", headers["content-type"])
            self.assertIn("default-src 'none'", headers["content-security-policy"])
            self.assertIn(b"<html", body)
            self.assertEqual(server.ask("GET", "/", headers={"If-None-Match": headers["etag"]})[0], 304)


class Abuse(Case):
    def test_a_client_that_leaves_cancels(self):
        with Server(self.folder, [LONG, LONG, LONG]) as server:
            data = json.dumps({**CHAT, "stream": True}).encode()
            request = (b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(data)) + data
            for part in (request, request.replace(b'"stream": true', b'"stream":false')):
                connection = socket.create_connection((server.host, server.port))
                connection.sendall(part)
                self.assertTrue(wait_until(lambda: server.metric("requests_running") == 1))
                connection.close()
                self.assertTrue(wait_until(lambda: server.metric("requests_running") == 0, 2))
            # A client that shuts down its half is gone too.
            connection = socket.create_connection((server.host, server.port))
            connection.sendall(request)
            connection.recv(100)
            connection.shutdown(socket.SHUT_WR)
            self.assertTrue(wait_until(lambda: server.metric("requests_running") == 0, 2))
            connection.close()

    def test_bad_bodies(self):
        bodies = [b"", b"{", b"[]", b"null", b'"x"', b"{} x", b"\xff\xfe", b'{"model": NaN}', b'{"model": "\\ud800"}',
                  b'{"a":' * 200 + b"1" + b"}" * 200, b"[" * 100000, b'{"model": 1e999}', b"\xef\xbb\xbf{}"]
        paths = ("/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/messages", "/tokenize", "/detokenize",
                 "/apply-template", "/v1/messages/count_tokens")
        with Server(self.folder, []) as server:
            for path in paths:
                for body in bodies:
                    status, _, answer = server.ask("POST", path, body)
                    self.assertEqual(status, 400, (path, body[:40], answer[:200]))
                    self.assertIn("error", json.loads(answer))

    def test_threads_of_messages_are_refused_as_their_clients_expect(self):
        with Server(self.folder, [SHORT]) as server:
            status, body = server.post("/v1/messages", {**CHAT, "max_tokens": 9, "thread": {"type": "create"}})
        self.assertEqual((status, body["error"]["details"]), (400, {"error_code": "thread_unsupported_request"}))

    def test_bad_values(self):
        bad = [-1, 0, 3, 1e300, -0.5, 2**63, 2**70, "1", None, True, [], {}, [1], {"a": 1}, "x" * 1000]
        with Server(self.folder, [SHORT] * 1000) as server:
            document = json.loads(server.ask("GET", "/openapi.json")[2])
            for path, base in (("/v1/chat/completions", CHAT), ("/v1/completions", {"model": "m", "prompt": "x"}),
                               ("/v1/responses", {"model": "m", "input": "x"}), ("/v1/messages", {**CHAT, "max_tokens": 9})):
                schema = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]["$ref"]
                for field in document["components"]["schemas"][schema.rpartition("/")[2]]["properties"]:
                    for value in bad:
                        body = {**base, field: value}
                        status, answer = server.post("/apply-template?protocol=" + path.split("/")[2], body)
                        self.assertIn(status, (200, 400), (path, field, value, answer))

    def test_http_limits(self):
        with Server(self.folder, []) as server:
            head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
            for name, data, status in (
                ("large header", b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 20000 + b"\r\n\r\n", 431),
                ("long path", b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 414),
                ("large body", head + b"Content-Length: 100000000000\r\n\r\n", 413),
                ("no host", b"GET /health HTTP/1.1\r\n\r\n", 400),
                ("two hosts", b"GET /health HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", 400),
                ("strange host", b"GET /health HTTP/1.1\r\nHost: evil.example\r\n\r\n", 403),
                ("strange page", b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\n\r\n", 403),
                ("both lengths", head + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
                ("two lengths", head + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400),
                ("bad chunk", head + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", 400),
                ("NUL", b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: a\0b\r\n\r\n", 400),
                ("no HTTP", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
                ("encoded", head + b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc", 415),
                ("no expectation", head + b"Expect: wonders\r\nContent-Length: 3\r\n\r\nabc", 417),
            ):
                answer = server.raw(data, 5)
                self.assertTrue(answer.startswith(b"HTTP/1.1 %d " % status), (name, answer[:200]))
            # The server still answers.
            self.assertEqual(server.ask("GET", "/health")[0], 200)

    def test_pipelined_and_slow_requests(self):
        with Server(self.folder, []) as server:
            one = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
            last = one.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
            self.assertEqual(server.raw(one * 200 + last).count(b"HTTP/1.1 200"), 201)
            with socket.create_connection((server.host, server.port)) as connection:
                for byte in one:
                    connection.sendall(bytes([byte]))
                self.assertTrue(connection.recv(1000).startswith(b"HTTP/1.1 200"))
            data = json.dumps({"content": "x"}).encode()
            head = b"POST /tokenize HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(data)
            with socket.create_connection((server.host, server.port)) as connection:
                connection.sendall(head)
                self.assertTrue(connection.recv(1000).startswith(b"HTTP/1.1 100"))
                connection.sendall(data)
                self.assertTrue(connection.recv(1000).startswith(b"HTTP/1.1 200"))

    def test_half_open_connections_do_not_block(self):
        with Server(self.folder, []) as server:
            half = [socket.create_connection((server.host, server.port)) for _ in range(300)]
            for connection in half:
                connection.sendall(b"GET /health HTTP/1.1\r\nHost: loc")
            start = time.monotonic()
            self.assertEqual(server.ask("GET", "/health")[0], 200)
            self.assertLess(time.monotonic() - start, 1)
            for connection in half:
                connection.close()

    def test_keys(self):
        with Server(self.folder, [SHORT] * 4, "--api-key", "secret", "--api-key", "other") as server:
            self.assertEqual(server.ask("GET", "/health")[0], 200)
            for path in ("/v1/models", "/metrics", "/nowhere", "/v1/models/../health", "//health", "/health/../v1/models"):
                self.assertEqual(server.ask("GET", path)[0], 401, path)
            self.assertEqual(server.post("/v1/chat/completions", CHAT)[0], 401)
            self.assertEqual(server.post("/v1/chat/completions", CHAT, {"Authorization": "Bearer wrong"})[0], 401)
            for headers in ({"Authorization": "Bearer secret"}, {"x-api-key": "other"}):
                self.assertEqual(server.post("/v1/chat/completions", CHAT, headers)[0], 200)
            status, body = server.post("/v1/messages", {**CHAT, "max_tokens": 5})
            self.assertEqual((status, body["type"], body["error"]["type"]), (401, "error", "authentication_error"))

    def test_the_network_needs_keys(self):
        self.expect(2, "serve", "x", "--scripted", "y", "--host", "0.0.0.0")


class Ending(Case):
    def test_sigterm_lets_answers_end(self):
        line = {"text": "r</think>" + "word " * 20, "finish": "stop", "delay_ms": 30}
        with Server(self.folder, [line]) as server:
            connection = server.connect()
            connection.request("POST", "/v1/chat/completions", json.dumps({**CHAT, "stream": True}))
            answer = connection.getresponse()
            answer.read(10)
            server.process.terminate()
            self.assertTrue(answer.read().rstrip().endswith(b"data: [DONE]"))
            connection.close()
            self.assertEqual(server.process.wait(20), 0)

    def test_sigterm_ends_what_takes_too_long(self):
        with Server(self.folder, [{**LONG, "delay_ms": 1000}], "--drain", "1") as server:
            connection = server.connect()
            connection.request("POST", "/v1/chat/completions", json.dumps({**CHAT, "stream": True}))
            answer = connection.getresponse()
            server.process.terminate()
            rest = answer.read()
            connection.close()
            self.assertIn(b'"error"', rest)
            self.assertNotIn(b"[DONE]", rest)
            self.assertEqual(server.process.wait(20), 0)


if __name__ == "__main__":
    unittest.main()

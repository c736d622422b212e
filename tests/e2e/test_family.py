"""hadal serve for the members of the family: their own formats over scripted replies and over random models."""
import json
import os
import pathlib
import subprocess
import sys
import unittest

from common import HADAL, ROOT, Case
from server import Server

SHARED = pathlib.Path(os.environ.get("HADAL_SHARED", ROOT / "../shared")) / "golden"
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string", "enum": ["Ankara", "Izmir"]}},
              "required": ["city"]}
QUESTION = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Weather?"}]
# What the tags of calls are called: the block, a call, a parameter.
TAGS = {"v32": ("function_calls", "invoke", "parameter"), "v4": ("tool_calls", "invoke", "parameter"),
        "v41": (" calls", " invoke", " parameter")}


def call_text(family: str) -> str:
    block, invoke, parameter = TAGS[family]
    return (f"Hm.</think>\n\n<｜DSML｜{block}>\n<｜DSML｜{invoke} name=\"weather\">\n<｜DSML｜{parameter} name=\"city\" "
            f"string=\"true\">Ankara</｜DSML｜{parameter}>\n</｜DSML｜{invoke}>\n</｜DSML｜{block}>")


def chat_body(**more) -> dict:
    tool = {"type": "function", "function": {"name": "weather", "parameters": PARAMETERS}}
    return {"model": "m", "messages": QUESTION, "tools": [tool], **more}


def messages_body(**more) -> dict:
    return {"model": "m", "max_tokens": 64, "system": QUESTION[0]["content"], "messages": QUESTION[1:],
            "tools": [{"name": "weather", "input_schema": PARAMETERS}], **more}


class Scripted(Case):
    def v41_tokenizer(self) -> str:
        source = SHARED / "tokenizer/tokenizer.json.gz"
        if not source.exists():
            self.skipTest(f"SKIP: no {SHARED}; set HADAL_SHARED to the golden cases")
        out = self.folder / "tokenizer.json"
        subprocess.run([sys.executable, str(ROOT / "tests/v41_tokenizer.py"), str(source), str(out)], check=True)
        return str(out)

    def check_calls(self, server: Server) -> None:
        message = server.post("/v1/chat/completions", chat_body())[1]["choices"][0]["message"]
        self.assertEqual(message["reasoning_content"], "Hm.")
        self.assertEqual(json.loads(message["tool_calls"][0]["function"]["arguments"]), {"city": "Ankara"})
        blocks = server.post("/v1/messages", messages_body())[1]["content"]
        self.assertEqual([block["type"] for block in blocks], ["thinking", "tool_use"])
        self.assertEqual((blocks[1]["name"], blocks[1]["input"]), ("weather", {"city": "Ankara"}))

    def test_v41(self):
        reply = {"text": call_text("v41"), "finish": "stop"}
        literals = str(SHARED / "chat/v41/placeholder_encoding.py")
        with Server(self.folder, [reply, reply], "--family", "v41", "--literals", literals,
                    tokenizer=self.v41_tokenizer()) as server:
            self.check_calls(server)
            plan = server.post("/apply-template", chat_body())[1]
            self.assertTrue(plan["prompt"].startswith("<｜begin▁of▁sentence｜><｜System｜>⟦EFFORT_HEAD⟧75⟦EFFORT_TAIL⟧Be brief."))
            self.assertEqual(plan["token_ids"][:2], [0, 128799])
            image = [{"type": "image_url", "image_url": {"url": "data:image/png;base64,QQ=="}}]
            status, answer = server.post("/v1/chat/completions",
                                         {"model": "m", "messages": [{"role": "user", "content": image}]})
            self.assertEqual(status, 400)
            self.assertIn("images", answer["error"]["message"])

    def test_v32(self):
        reply = {"text": call_text("v32"), "finish": "stop"}
        with Server(self.folder, [reply, reply], "--family", "v32") as server:
            self.check_calls(server)
            # The results stand in a block of their own, in the order of the calls.
            calls = [{"id": i, "type": "function", "function": {"name": "weather", "arguments": "{}"}} for i in "ab"]
            history = [*QUESTION, {"role": "assistant", "content": "", "reasoning_content": "r", "tool_calls": calls},
                       *({"role": "tool", "tool_call_id": i, "content": "of " + i} for i in "ba")]
            prompt = server.post("/apply-template", chat_body(messages=history))[1]["prompt"]
            self.assertTrue(prompt.endswith("\n\n<function_results>\n<result>of a</result>\n<result>of b</result>\n"
                                            "</function_results>\n\n<think>"), prompt)

    def test_v41_needs_its_marker(self):
        script = self.folder / "script.jsonl"
        script.write_text("")
        tokenizer = str(ROOT / "assets/builtin/tokenizer.json")
        run = subprocess.run([HADAL, "serve", tokenizer, "--scripted", str(script), "--family", "v41"],
                             capture_output=True, text=True, timeout=60)
        self.assertNotEqual(run.returncode, 0)
        self.assertIn("<｜System｜>", run.stderr)


class RandomModels(Case):
    """A model of random weights says nothing of sense, but in its own format, and a required call is a call."""

    def check(self, family: str) -> None:
        model = str(self.folder / family)
        subprocess.run([HADAL, "make-random", "--preset", family + "-tiny", model, "-t", "1"], check=True,
                       capture_output=True, timeout=120)
        engram = ("--engram", "disk") if family == "v41" else ()
        with Server(self.folder, None, "--ctx", "1024", "--cache", "16", *engram, model=model) as server:
            prompt = server.post("/apply-template", chat_body())[1]["prompt"]
            self.assertIn(f"<｜DSML｜{TAGS[family][0]}>", prompt)
            self.assertEqual(prompt.count("<｜System｜>"), 1 if family == "v41" else 0)
            status, answer = server.post("/v1/chat/completions", chat_body(max_tokens=12))
            self.assertEqual(status, 200, answer)
            self.assertTrue(answer["choices"][0]["message"]["reasoning_content"])
            self.assertEqual(answer["usage"]["completion_tokens"], 12)
            answer = server.post("/v1/messages", messages_body(max_tokens=12))[1]
            self.assertEqual(answer["content"][0]["type"], "thinking")
            required = chat_body(tool_choice="required", parallel_tool_calls=False, thinking={"type": "disabled"})
            choice = server.post("/v1/chat/completions", required)[1]["choices"][0]
            self.assertEqual(choice["finish_reason"], "tool_calls")
            arguments = json.loads(choice["message"]["tool_calls"][0]["function"]["arguments"])
            self.assertIn(arguments["city"], ["Ankara", "Izmir"])
            required = messages_body(tool_choice={"type": "any", "disable_parallel_tool_use": True}, max_tokens=400,
                                     thinking={"type": "disabled"})
            answer = server.post("/v1/messages", required)[1]
            self.assertEqual(answer["stop_reason"], "tool_use", answer)
            self.assertIn(answer["content"][0]["input"]["city"], ["Ankara", "Izmir"])
            rows, hits = server.metric("engram_rows_total"), server.metric("engram_hits_total")
            self.assertEqual(rows > hits > 0, family == "v41", (rows, hits))

    def test_v32(self):
        self.check("v32")

    def test_v41(self):
        self.check("v41")


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
"""Random requests and replies through `hadal serve --dialect deepseek` and deepseek-recipe: prompts, choices and folded answers
must be equal, for V4 and for V4.1.

What hadal does otherwise on purpose (tests/api/DEVIATIONS.md) is kept out: numbers beyond small integers, calls without parameters,
answers that come first, last or twice in a row, reminders, markup with faults.
"""
import gzip
import http.client
import json
import pathlib
import random
import subprocess
import sys
import tempfile

import common
import deepseek_recipe as peer
from conversations import encoding_file, v41_encoding_file
from texts import Texts

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))
from v41_tokenizer import v41_tokenizer  # noqa: E402

PATHS = {"chat": "/v1/chat/completions", "responses": "/v1/responses", "messages": "/v1/messages"}
READERS = {"chat": peer.ChatCompletionRequest, "responses": peer.ResponsesRequest, "messages": peer.MessagesRequest}
ANSWERS = {"chat": peer.ChatCompletionResponse, "responses": peer.ResponsesResponse, "messages": peer.MessagesResponse}
# The model's name, its encoder, its encoding file, the names in its tags.
VERSIONS = {
    "v4-0731": ("DeepSeek-V4-Pro", peer.DeepseekV4Encoding, encoding_file, ("tool_calls", "invoke", "parameter")),
    "v41": ("DeepSeek-V4.1-Flash", peer.DeepseekV41Encoding, v41_encoding_file, (" calls", " invoke", " parameter")),
}


class Maker:
    def __init__(self, rng: random.Random, version: str):
        self.rng = rng
        self.model, _, _, self.tags = VERSIONS[version]
        self.texts = Texts(rng, ["<｜User｜>", "</think>", "｜DSML｜", "<｜end▁of▁sentence｜>"])
        # What a model says: no control tokens, which the two read apart from text.
        self.plain = Texts(random.Random(rng.random()), [])

    def chance(self, p: float) -> bool:
        return self.rng.random() < p

    def text(self) -> str:
        return self.texts.text(6).encode("utf-8", "ignore").decode() or "x"

    def said(self) -> str:
        text = self.plain.text(6).encode("utf-8", "ignore").decode().strip("\n")
        return text.replace("<", "(").replace("｜", "|") or "x"

    def arguments(self) -> dict:
        values = (self.text, lambda: self.rng.randint(-99, 99), lambda: None, lambda: [True, self.text()], lambda: {"k": self.text()})
        return {f"p{i}": self.rng.choice(values)() for i in range(self.rng.randint(1, 3))}

    def functions(self) -> list[dict]:
        schema = {"type": "object", "properties": {"p0": {"type": "string", "description": self.text()}, "p1": {"type": "integer"}}}
        return [{"name": f"tool_{i}", "description": self.text(), "parameters": schema} for i in range(self.rng.randint(1, 3))]

    def common(self, body: dict) -> dict:
        for name, values in (("temperature", (0, 0.5, 2)), ("top_p", (0.1, 1))):
            if self.chance(0.2):
                body[name] = self.rng.choice(values)
        return {"model": self.model, **body}

    def turns(self):
        """(role, text, reasoning, calls) in an order that every protocol takes; ends with what is to be answered."""
        for turn in range(self.rng.randint(0, 3)):
            yield "user", self.text(), None, []
            reasoning = self.text() if self.chance(0.6) else None
            calls = [(f"c{turn}{i}", f"tool_{i}", self.arguments(), self.text()) for i in range(self.rng.randint(0, 2))]
            yield "assistant", self.text(), reasoning, calls
        yield "user", self.text(), None, []

    def chat(self) -> dict:
        messages = [{"role": "system", "content": self.text()}] if self.chance(0.5) else []
        for role, text, reasoning, calls in self.turns():
            message = {"role": role, "content": text if self.chance(0.7) else [{"type": "text", "text": text}, {"type": "text", "text": "y"}]}
            if reasoning is not None:
                message["reasoning_content"] = reasoning
            if calls:
                message["tool_calls"] = [{"id": i, "type": "function", "function": {"name": n, "arguments": json.dumps(a)}} for i, n, a, _ in calls]
            messages.append(message)
            messages += [{"role": "tool", "tool_call_id": i, "content": r} for i, _, _, r in self.rng.sample(calls, len(calls))]
        body = {"messages": messages}
        if self.chance(0.5):
            body["tools"] = [{"type": "function", "function": f} for f in self.functions()]
            if self.chance(0.3):
                body["tool_choice"] = self.rng.choice(("none", "auto", "required", {"type": "function", "function": {"name": "tool_0"}}))
        if self.chance(0.3):
            body["thinking"] = {"type": self.rng.choice(("enabled", "disabled"))}
        if self.chance(0.3):
            body["reasoning_effort"] = self.rng.choice(("none", "minimal", "low", "medium", "high", "xhigh", "ultra", "max"))
        if self.chance(0.2):
            body["response_format"] = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}
        return self.common(body)

    def responses(self) -> dict:
        items = []
        for role, text, reasoning, calls in self.turns():
            if reasoning is not None:
                items.append({"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": reasoning}]})
            items.append({"type": "message", "role": role, "content": text})
            items += [{"type": "function_call", "call_id": i, "name": n, "arguments": json.dumps(a)} for i, n, a, _ in calls]
            items += [{"type": "function_call_output", "call_id": i, "output": r} for i, _, _, r in calls]
        body = {"input": items}
        if self.chance(0.5):
            body["instructions"] = self.text()
        if self.chance(0.5):
            body["tools"] = [{"type": "function", **f} for f in self.functions()]
        if self.chance(0.4):
            body["reasoning"] = {"effort": self.rng.choice(("none", "low", "high", "max"))}
        return self.common(body)

    def messages(self) -> dict:
        messages = []
        for role, text, reasoning, calls in self.turns():
            blocks = [{"type": "thinking", "thinking": reasoning, "signature": "s"}] if reasoning is not None else []
            blocks.append({"type": "text", "text": text})
            blocks += [{"type": "tool_use", "id": i, "name": n, "input": a} for i, n, a, _ in calls]
            messages.append({"role": role, "content": blocks})
            if calls:
                messages.append({"role": "user", "content": [{"type": "tool_result", "tool_use_id": i, "content": r} for i, _, _, r in calls]})
        body = {"messages": messages, "max_tokens": 100}
        if self.chance(0.5):
            body["system"] = self.text()
        if self.chance(0.5):
            body["tools"] = [{"name": f["name"], "description": f["description"], "input_schema": f["parameters"]} for f in self.functions()]
        if self.chance(0.3):
            body["thinking"] = {"type": self.rng.choice(("enabled", "disabled"))}
        return self.common(body)

    def reply(self, thinking: bool, tools: bool) -> str:
        text = (self.said() if self.chance(0.8) else "") + "</think>" if thinking else ""
        text += self.rng.choice(("", "\n", "\n\n")) + self.said() if self.chance(0.8) else ""
        if tools and self.chance(0.6):
            block, invoke, parameter = self.tags
            text += f"\n\n<｜DSML｜{block}>\n"
            for i in range(self.rng.randint(1, 3)):
                text += f'<｜DSML｜{invoke} name="tool_{i}">\n'
                for j in range(self.rng.randint(1, 3)):
                    value, kind = self.rng.choice(((self.said(), "true"), (json.dumps({"a": [1, self.said()]}), "false"), ("12", "false")))
                    text += f'<｜DSML｜{parameter} name="p{j}" string="{kind}">{value}</｜DSML｜{parameter}>\n'
                text += f"</｜DSML｜{invoke}>\n"
            text += f"</｜DSML｜{block}>"
        return text

    def pieces(self, text: str) -> list[str]:
        cut, at = [], 0
        while at < len(text):
            size = self.rng.randint(1, 9)
            cut.append(text[at:at + size])
            at += size
        return cut


def judged(protocol: str, body: dict):
    try:
        request = READERS[protocol](json.dumps(body, ensure_ascii=False))
        return request.convert(peer.ConversionOptions())
    except (peer.ConversionError, ValueError):
        return None


def folded(protocol: str, body: dict, pieces: list[str]) -> dict:
    request = judged(protocol, body)
    generator = (peer.MessagesChunkGenerator("ID", body["model"], request.conversation.thinking_mode) if protocol == "messages"
                 else READERS[protocol].chunk_generator(request, "ID", body["model"]))
    processor = peer.StreamProcessor(generator, request.parsing_options)
    answer = ANSWERS[protocol]("ID", body["model"], 0, 20, 16)
    chunks = processor.push(peer.InferenceChunk.ready(prompt_usage=peer.PromptUsage(prompt_tokens=20, prompt_cache_hit_tokens=16)))
    for piece in pieces:
        chunks += processor.push(peer.InferenceChunk.text(piece, 1))
    chunks += processor.push(peer.InferenceChunk.finish(peer.InferenceFinishReason.Stop))
    for chunk in chunks + processor.finish():
        answer.accumulate(chunk)
    return json.loads(answer.to_json())


def said_by(protocol: str, answer: dict):
    """What an answer says, without ids, times and settings."""
    if protocol == "chat":
        choice = answer["choices"][0]
        calls = [(c["function"]["name"], c["function"]["arguments"]) for c in choice["message"].get("tool_calls", [])]
        usage = answer["usage"]
        return choice["message"].get("reasoning_content"), choice["message"]["content"], calls, choice["finish_reason"], usage["completion_tokens"]
    if protocol == "messages":
        blocks = [(b["type"], b.get("thinking"), b.get("text"), b.get("name"), b.get("input")) for b in answer["content"]]
        return blocks, answer["stop_reason"], answer["usage"]["output_tokens"]
    items = [(i["type"], i["status"], i.get("phase"), i.get("content"), i.get("name"), i.get("arguments")) for i in answer["output"]]
    return items, answer["status"], answer["usage"]["output_tokens"]


def judge(version: str, options, tokenizer: bytes, verdict: common.Verdict) -> None:
    maker = Maker(random.Random(options.seed), version)
    _, encoding, file, _ = VERSIONS[version]
    library = encoding()
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        (work / "tokenizer.json").write_bytes(tokenizer)
        (work / "encoding.py").write_text(file(library), encoding="utf-8")
        cases = []
        for _ in range(options.count):
            protocol = maker.rng.choice(tuple(PATHS))
            body = getattr(maker, protocol)()
            request = judged(protocol, body)
            text = None
            if request is not None and not request.parsing_options.starts_in_tool_calls:
                text = maker.reply(request.conversation.thinking_mode, request.parsing_options.parse_tool_calls)
            cases.append((protocol, body, request, text, maker.pieces(text) if text else []))
        with (work / "script.jsonl").open("w", encoding="utf-8") as script:
            for _, _, _, text, pieces in cases:
                if text:
                    script.write(json.dumps({"text": text, "pieces": pieces, "finish": "stop", "usage": {"prompt_tokens": 20, "cached_tokens": 16}}) + "\n")
        server = subprocess.Popen([common.hadal(), "serve", str(work / "tokenizer.json"), "--scripted", str(work / "script.jsonl"), "--dialect", "deepseek", "--family", version,
                                   "--literals", str(work / "encoding.py"), "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            port = int(server.stdout.readline().rsplit(":", 1)[1])
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

            def post(path: str, body: dict) -> tuple[int, dict]:
                connection.request("POST", path, json.dumps(body, ensure_ascii=False).encode())
                answer = connection.getresponse()
                return answer.status, json.loads(answer.read())

            for protocol, body, request, text, pieces in cases:
                verdict.cases += 1
                status, plan = post(f"/apply-template?protocol={protocol}", body)
                shown = json.dumps(body, ensure_ascii=False)
                if request is None or status != 200:
                    verdict.count("refused")
                    if (request is None) != (status == 400):
                        verdict.difference(f"{protocol}: {status} {plan}\n{shown}")
                    continue
                want = (library.render_conversation(request.conversation).prompt, request.conversation.thinking_mode,
                        request.inference_options.temperature, request.inference_options.top_p)
                got = (plan["prompt"], plan["thinking"], plan["inference"]["temperature"], plan["inference"]["top_p"])
                if got != want:
                    verdict.difference(f"{protocol}: {got}\ninstead of {want}\n{shown}")
                if not text:
                    continue
                verdict.count("replies")
                status, answer = post(PATHS[protocol], body)
                want, got = said_by(protocol, folded(protocol, body, pieces)), said_by(protocol, answer) if status == 200 else answer
                if json.dumps(got, sort_keys=True) != json.dumps(want, sort_keys=True):
                    verdict.difference(f"{protocol}: {got}\ninstead of {want}\nfor {pieces}")
        finally:
            server.kill()
            server.wait()


def main() -> None:
    options = common.arguments(__doc__, 5000).parse_args()
    archive = common.shared("golden/tokenizer/tokenizer.json.gz")
    if archive is None:
        common.skip("requests", "the tokenizer of the shared golden cases is not there")
    verdict = common.Verdict("requests")
    tokenizer = gzip.decompress(archive.read_bytes())
    judge("v4-0731", options, tokenizer, verdict)
    judge("v41", options, v41_tokenizer(tokenizer), verdict)
    verdict.finish()


if __name__ == "__main__":
    main()

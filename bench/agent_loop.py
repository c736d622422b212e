#!/usr/bin/env python3
"""An agent's work as the server sees it: every turn sends the whole conversation again, a little longer.

`hadal serve MODEL` answers --turns requests that grow from --first to --last tokens. With `tools` each answer is a tool call (required,
so that a random model makes one too) and each turn adds its result; with `thinking` there are no tools, the model thinks, and the
next turn leaves the reasoning out, so the last answer is read again: --idle seconds pass between turns.

Prints for each turn the tokens of the prompt, those that were read again although the turn before had them, and the time to the first
token, then the two figures that matter: the most tokens read beyond the new ones (aim: 128 or fewer), and the spread of the time to
the first token (aim: within 20 %). Only the standard library is needed.

Usage: bench/agent_loop.py MODEL [tools|thinking] [--turns 20] [--first 8000] [--last 40000] [--idle 0] [--threads 2]
"""
import argparse
import http.client
import json
import pathlib
import random
import re
import subprocess
import time

HADAL = pathlib.Path(__file__).resolve().parents[1] / "build/release/hadal"
WORDS = "file line test error build value token cache state layer index query match read write open close run stop start".split()
TOOL = {"type": "function", "function": {
    "name": "read_file", "description": "Reads a file.",
    "parameters": {"type": "object", "additionalProperties": False, "required": ["path", "lines"], "properties": {
        "path": {"enum": ["src/main.cc", "src/base/json.cc", "README.md", "docs/CLI.md"]}, "lines": {"type": "integer", "minimum": 1, "maximum": 900}}}}}


class Server:
    def __init__(self, options: argparse.Namespace):
        command = [HADAL, "serve", options.model, "--port", "0", "--no-chats", "--threads", str(options.threads), "--speculate", "off",
                   "--ctx", str(options.last + 4096), "--slots", "1"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.port = int(self.process.stdout.readline().strip().rsplit(":", 1)[1])

    def json(self, path: str, body: dict) -> dict:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=3600)
        connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        data = json.loads(answer.read())
        if answer.status != 200:
            raise SystemExit(f"{path}: {answer.status}: {data}")
        return data

    def stream(self, body: dict) -> tuple[float, dict, dict]:
        """Seconds to the first token, the message, the usage."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=3600)
        started = time.monotonic()
        connection.request("POST", "/v1/chat/completions", json.dumps(body | {"stream": True}), {"Content-Type": "application/json"})
        answer, first, usage = connection.getresponse(), None, {}
        message: dict = {"role": "assistant", "content": "", "reasoning_content": "", "tool_calls": []}
        for line in answer:
            if not line.startswith(b"data: {"):
                continue
            chunk = json.loads(line[6:])
            if "error" in chunk:
                raise SystemExit(str(chunk))
            usage = chunk.get("usage") or usage
            for choice in chunk.get("choices", []):
                delta = choice.get("delta", {})
                for part in ("content", "reasoning_content"):
                    message[part] += delta.get(part) or ""
                for call in delta.get("tool_calls") or []:
                    if call["index"] == len(message["tool_calls"]):
                        message["tool_calls"].append({"id": call["id"], "type": "function", "function": {"name": call["function"]["name"], "arguments": ""}})
                    message["tool_calls"][call["index"]]["function"]["arguments"] += call["function"].get("arguments") or ""
                if first is None and (delta.get("content") or delta.get("reasoning_content") or delta.get("tool_calls")):
                    first = time.monotonic() - started
        return first if first is not None else time.monotonic() - started, message, usage


class Text:
    def __init__(self, server: Server):
        self.rng = random.Random(1)
        sample = self.words(2000)
        self.tokens_per_word = len(server.json("/tokenize", {"content": sample})["tokens"]) / 2000

    def words(self, count: int) -> str:
        return " ".join(self.rng.choice(WORDS) for _ in range(count))

    def tokens(self, count: float) -> str:
        return self.words(max(1, int(count / self.tokens_per_word)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("kind", choices=("tools", "thinking"), nargs="?", default="tools")
    for name, default in (("turns", 20), ("first", 8000), ("last", 40000), ("threads", 2)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--idle", type=float, default=0)
    options = parser.parse_args()
    server = Server(options)
    try:
        run(options, server)
    finally:
        server.process.terminate()
        server.process.wait()


def run(options: argparse.Namespace, server: Server) -> None:
    text = Text(server)
    step = (options.last - options.first) / max(options.turns - 1, 1)
    messages = [{"role": "system", "content": text.tokens(options.first - step)}, {"role": "user", "content": text.tokens(step)}]
    body = {"model": "any", "max_tokens": 200, "temperature": 1, "seed": 7, "thinking": {"type": "disabled"}}
    if options.kind == "tools":
        body |= {"tools": [TOOL], "tool_choice": "required"}
    else:
        body |= {"thinking": {"type": "enabled"}, "max_tokens": 60, "stop": ["</nothing>"]}
    known, beyond, waits = 0, [], []
    print("turn   prompt   new   read beyond   first token")
    for turn in range(options.turns):
        wait, message, usage = server.stream(body | {"messages": messages})
        prompt = usage["prompt_tokens"]
        cached = usage.get("prompt_cache_hit_tokens", usage.get("prompt_tokens_details", {}).get("cached_tokens", 0))
        new = max(prompt - known, 0)
        more = (prompt - cached) - new
        print(f"{turn + 1:4} {prompt:8} {new:5} {more:13} {wait:12.2f} s", flush=True)
        if turn > 0:
            beyond.append(more)
            waits.append(wait)
        known = prompt + usage["completion_tokens"]
        if options.kind == "tools":
            if not message["tool_calls"]:
                raise SystemExit(f"no tool call in {message}")
            messages.append({k: v for k, v in message.items() if v})
            messages += [{"role": "tool", "tool_call_id": call["id"], "content": text.tokens(step)} for call in message["tool_calls"]]
        else:
            answer = message["content"] or "Done."
            messages += [{"role": "assistant", "content": answer}, {"role": "user", "content": text.tokens(step)}]
            # Without the reasoning the next prompt is shorter than what has been seen.
            known = prompt + len(server.json("/tokenize", {"content": answer})["tokens"])
        time.sleep(options.idle)
    middle = sorted(waits)[len(waits) // 2]
    print(f"most tokens read beyond the new ones: {max(beyond)}; first token {middle:.2f} s, from {min(waits) / middle:.2f} to {max(waits) / middle:.2f} of it")


if __name__ == "__main__":
    main()

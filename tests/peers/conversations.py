#!/usr/bin/env python3
"""Random conversations through `hadal render --ids` and deepseek-recipe: prompt, control-token ranges and token ids must be equal.

deepseek-recipe is DeepSeek's own library; its V4 renders the 0731 format and encodes prompts with markup and content apart.
Its long literals are the checkpoint's (the hashes below say so); they are cut from its output at run time into a stand-in
encoding file for hadal. Truth for prompt text is the checkpoint's encoder, and the library leaves it in places: RULES lists
them. A rule is either kept out of the generator ("avoided") or applied to the library's output ("adjusted", counted).
"""
import gzip
import hashlib
import json
import pathlib
import random
import re
import tempfile

import common
import deepseek_recipe as peer
from texts import Texts
from tokenizers import Tokenizer

RULES = {
    "effort names": "adjusted: the library's names are mapped: no effort, high and xhigh are the encoder's high; the encoder's null is low",
    "number spelling": "adjusted: the library spells 0.00001 and 1e-7 where Python writes 1e-05 and 1e-07, -0 as -0.0 and integers beyond 64 bits "
                       "as floats; it is given stand-in integers and Python's spelling is put in their place",
    "empty call": "adjusted: the library leaves out the empty line of a call without parameters",
    "arguments": "avoided: arguments that are JSON but no object (the encoder fails), NaN, Infinity, 1e400, lone surrogates, nesting beyond 127 "
                 "(the library calls them not JSON)",
    "reasoning": "adjusted: in thinking mode the library is given an empty reasoning where there is none (else it writes no <think> in front of the answer), "
                 "in chat mode it is given none (else it prints it when there are tools)",
    "grounding": "adjusted: in assistant messages the library takes <｜ref｜>, <｜box｜>, <｜point｜> and <｜polygon｜> (and their ends) for control tokens; "
                 "the encoder knows nothing of them and text is text",
    "call list": "avoided: an empty list of calls (the library writes an empty block)",
    "placement": "avoided: assistant first, last or twice in a row, a reminder after a user turn, between calls and results or last (the library "
                 "writes a header for every assistant message, and the last one after the reminder, and moves reminders behind results)",
    "system": "avoided: a system message that is not first (the library moves it to the front)",
    "results": "avoided: tool results after user text (the library opens a new user turn), results with an id that the last calls do not have "
               "(the library sorts them last, the encoder first), repeated ids, "
               "calls without a result (the library moves later results there)",
    "call order": "avoided: ids whose order as text is not the order of the calls (the library sorts calls and results by id)",
    "empty user": "avoided: an empty user message beside others in one turn (the library drops it)",
    "response format": "avoided: json_object (the library has a text of its own) and an empty schema (the encoder leaves it out)",
    "not in the library": "avoided: tasks, wo_eos, context, drop_thinking false, developer messages, tools on other messages, prefixes",
}

# Bytes and SHA-256 of the checkpoint's literals: what the library prints must be these.
LITERALS = {
    "EFFORT_HIGH": (476, "f7a24f3b3050d4a83781e9b755b316aae2ec1d9dc87562541d90bcb04d7350f7"),
    "EFFORT_MAX": (528, "53fb31b8392ec5b4a926481943efc67636748f137c1a49d493a7af4d4fa55d2c"),
    "TOOLS_HEAD": (890, "c7c9042638154a237b5d1bd48be772374a35a4d24c5cacfd1ffbd92703da329c"),
    "TOOLS_TAIL": (99, "690702850fe256512cb1ee67c4e436ecb3e735c71ebee77ca45ff357a75fb5a7"),
    "RESPFMT": (80, "5200f58413f49f3957c43beddbc97bead023232cb5934fad0c1997c30c139112"),
}
V41_LITERALS = {
    "EFFORT_HEAD": (18, "148a3a36b8d0460f5cd7d6dd08c62906830063de941de1a4d24856131945a3de"),
    "EFFORT_TAIL": (71, "9965cf68b4b08c8534271cfe58143adacc11bc7a3f92ab7d30061785c01307e5"),
    "TOOLS_HEAD": (884, "2ae2ff83edf990187ed419c4e2901bb9ea6ce2129eb503ac543b258e7de8231d"),
    "TOOLS_TAIL": LITERALS["TOOLS_TAIL"],
    "RESPFMT": LITERALS["RESPFMT"],
}
GROUNDING = {f"<｜{slash}{name}｜>" for name in ("ref", "box", "point", "polygon") for slash in ("", "/")}
Piece = tuple[str, bool]  # text, and whether it is a control token
DSML, THINK, END_THINK = "｜DSML｜", "<think>", "</think>"


def main() -> None:
    options = common.arguments(__doc__, 5_000).parse_args()
    packed = common.shared("golden/tokenizer/tokenizer.json.gz")
    if packed is None:
        common.skip("conversations", "the real tokenizer.json is not here; set HADAL_SHARED to the golden cases")
    verdict = common.Verdict("conversations")
    with tempfile.TemporaryDirectory(prefix="peers-conversations-") as folder:
        judge = Judge(pathlib.Path(folder), gzip.decompress(packed.read_bytes()).decode(), verdict)
        rng = random.Random(options.seed)
        maker = Maker(rng, judge.control_tokens)
        cases = [maker.conversation() for _ in range(options.count)]
        for start in range(0, len(cases), 500):
            judge.check(cases[start:start + 500])
    verdict.finish()


class Judge:
    def __init__(self, work: pathlib.Path, tokenizer_json: str, verdict: common.Verdict):
        self.work, self.verdict = work, verdict
        self.tokenizer_path = work / "tokenizer.json"
        self.tokenizer_path.write_text(tokenizer_json, encoding="utf-8")
        described = json.loads(tokenizer_json)
        self.control_tokens = {t["content"]: t["id"] for t in described["added_tokens"] if "hold" not in t["content"]}
        described["added_tokens"] = []
        self.plain = Tokenizer.from_str(json.dumps(described))
        self.library = peer.DeepseekV4Encoding().with_tokenizer(peer.Tokenizer.from_file(str(self.tokenizer_path)))
        self.encoding_path = work / "encoding.py"
        self.encoding_path.write_text(encoding_file(self.library), encoding="utf-8")

    def check(self, cases: list["Conversation"]) -> None:
        for case, mine in zip(cases, self.ours(cases)):
            self.verdict.cases += 1
            theirs, rules = self.theirs(case)
            for rule in rules:
                self.verdict.count(f"adjusted by '{rule}'")
            if mine == theirs:
                continue
            if not self.verdict.shows_more:
                self.verdict.difference("")
                continue
            case = self.shrink(case)
            mine, theirs = self.ours([case])[0], self.theirs(case)[0]
            self.verdict.difference(f"{json.dumps(case.for_hadal())}\n{first_difference(mine, theirs)}")

    def ours(self, cases: list["Conversation"]) -> list[dict]:
        args = ["render", str(self.encoding_path), "--jsonl", "--ids", str(self.tokenizer_path)]
        return common.run_jsonl(args, [c.for_hadal() for c in cases], self.work)

    def theirs(self, case: "Conversation") -> tuple[dict, list[str]]:
        conversation = case.for_library()
        rendered = self.library.render_conversation(conversation)
        pieces = cut(rendered.prompt, rendered.special_ranges)
        ids = self.library.encode(conversation)
        assert ids == self.encode(pieces), "the library encodes other pieces than its ranges say"
        rules = case.rules_of_input()
        for rule, adjust in (("grounding", without_grounding), ("number spelling", case.with_python_numbers), ("empty call", with_empty_lines)):
            adjusted = adjust(pieces)
            if adjusted != pieces:
                rules.append(rule)
            pieces = adjusted
        ranges, at = [], 0
        for text, special in pieces:
            size = len(text.encode())
            if special:
                ranges.append([at, at + size])
            at += size
        return {"prompt": "".join(text for text, _ in pieces), "special_ranges": ranges, "ids": self.encode(pieces)}, rules

    def encode(self, pieces: list[Piece]) -> list[int]:
        ids = []
        for text, special in pieces:
            ids += [self.control_tokens[text]] if special else self.plain.encode(text, add_special_tokens=False).ids
        return ids

    def shrink(self, case: "Conversation") -> "Conversation":
        while True:
            candidates = case.smaller()
            answers = self.ours(candidates) if candidates else []
            found = next((c for c, mine in zip(candidates, answers) if mine != self.theirs(c)[0]), None)
            if found is None:
                return case
            case = found


def first_difference(mine: dict, theirs: dict) -> str:
    if "error" in mine:
        return f"hadal error: {mine['error']}"
    name = next(k for k in theirs if mine.get(k) != theirs[k])
    one, other = mine.get(name) or [], theirs[name]
    at = next((i for i, (a, b) in enumerate(zip(one, other)) if a != b), min(len(one), len(other)))
    begin = max(0, at - 60)
    return f"{name} differs at {at}:\nhadal {one[begin:at + 60]!a}\npeer  {other[begin:at + 60]!a}"


def cut(prompt: str, ranges: list[tuple[int, int]]) -> list[Piece]:
    """The prompt as its pieces, in order, none empty."""
    pieces, at = [], 0
    for begin, end in ranges:
        pieces += [(prompt[at:begin], False), (prompt[begin:end], True)]
        at = end
    return [piece for piece in [*pieces, (prompt[at:], False)] if piece[0]]


def without_grounding(pieces: list[Piece]) -> list[Piece]:
    result: list[Piece] = []
    for text, special in pieces:
        special = special and text not in GROUNDING
        if result and not special and not result[-1][1]:
            result[-1] = (result[-1][0] + text, False)
        else:
            result.append((text, special))
    return result


def with_empty_lines(pieces: list[Piece]) -> list[Piece]:
    result = list(pieces)
    for i in range(1, len(pieces) - 1):
        text = pieces[i][0]
        if pieces[i - 1] == pieces[i + 1] == (DSML, True) and text.startswith('invoke name="') and text.endswith('">\n</'):
            result[i] = (text[:-2] + "\n</", False)
    return result


def encoding_file(library: peer.DeepseekV4Encoding) -> str:
    """The checkpoint's literals, cut from what the library prints, as a file that hadal reads them from."""

    def prompt(effort: str = "low", **more) -> str:
        return library.render_conversation(peer.Conversation([peer.UserMessage("q")], reasoning_effort=effort, **more)).prompt

    def between(text: str, begin: str, end: str) -> str:
        return text.split(begin, 1)[1].rsplit(end, 1)[0]

    bos, user = "<｜begin▁of▁sentence｜>", "<｜User｜>q"
    tool = peer.ToolDefinition("unlikely_name")
    tools = between(prompt(tools=[tool]), bos + "\n\n", user)
    head, tail = tools.split('{"name": "unlikely_name", "description": "", "parameters": null}')
    found = {
        "EFFORT_HIGH": between(prompt("high"), bos, user),
        "EFFORT_MAX": between(prompt("max"), bos, user),
        "TOOLS_HEAD": head,
        "TOOLS_TAIL": tail,
        "RESPFMT": between(prompt(response_schema={}), bos + "\n\n", "{}" + user),
    }
    for name, (size, digest) in LITERALS.items():
        data = found[name].encode()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (size, digest), f"{name}: the library prints other text than the checkpoint's"

    def template(text: str) -> str:
        return text.replace("{", "{{").replace("}", "}}")

    head = template(head).replace(DSML, "{dsml_token}").replace(THINK, "{thinking_start_token}").replace(END_THINK, "{thinking_end_token}")
    prompts = {"low": "", "high": found["EFFORT_HIGH"], "max": found["EFFORT_MAX"]}
    return "".join([
        f"REASONING_EFFORT_PROMPTS = {{{', '.join(f'{json.dumps(k)}: {json.dumps(v)}' for k, v in prompts.items())}}}\n",
        'DEFAULT_REASONING_EFFORT = "low"\n',
        f"TOOLS_TEMPLATE = {json.dumps(head + '{tool_schemas}' + template(tail))}\n",
        f"response_format_template = {json.dumps(template(found['RESPFMT']) + '{schema}')}\n",
    ])


def v41_encoding_file(library: peer.DeepseekV41Encoding) -> str:
    """The same for V4.1; where the library prints one literal after another, their own hashes say where to cut."""
    found = library.render_conversation(peer.Conversation([peer.UserMessage("q")], reasoning_effort="high",
                                                          tools=[peer.ToolDefinition("unlikely_name")], response_schema={})).prompt
    effort, rest = found.split("<｜System｜>", 1)[1].split("\n\n\n\n", 1)
    tools, schema = rest.rsplit("{}<｜User｜>", 1)[0].split('{"name": "unlikely_name", "description": "", "parameters": null}')
    tail, respfmt = schema[:V41_LITERALS["TOOLS_TAIL"][0]], schema[V41_LITERALS["TOOLS_TAIL"][0] + 2:]
    before, after = (effort + "\n\n").split("75", 1)
    parts = {"EFFORT_HEAD": before, "EFFORT_TAIL": after, "TOOLS_HEAD": tools, "TOOLS_TAIL": tail, "RESPFMT": respfmt}
    for name, (size, digest) in V41_LITERALS.items():
        data = parts[name].encode()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (size, digest), f"{name}: the library prints other text than the checkpoint's"
    head = tools.replace("{", "{{").replace("}", "}}").replace(DSML, "{dsml_token}")
    head = head.replace(THINK, "{thinking_start_token}").replace(END_THINK, "{thinking_end_token}")
    return "".join([
        f"REASONING_EFFORT_TEMPLATE = {json.dumps(before + '{budget}' + after)}\n",
        'REASONING_EFFORT_MAPPINGS = {"low": 50, "high": 75, "max": 100}\nDEFAULT_REASONING_EFFORT = "high"\n',
        f"TOOLS_TEMPLATE = {json.dumps(head + '{tool_schemas}' + tail)}\n",
        f"response_format_template = {json.dumps(respfmt + '{schema}')}\n",
    ])


class Number:
    """A number in a JSON text: how the request spells it, how Python prints it, what the library is given instead (or None)."""

    def __init__(self, spelling: str, stand_in: int | None):
        self.spelling, self.stand_in = spelling, stand_in
        self.printed = json.dumps(json.loads(spelling))

    @staticmethod
    def needs_stand_in(spelling: str) -> bool:
        value = json.loads(spelling)
        if isinstance(value, int):
            return not -2**63 <= value < 2**64 or (value == 0 and "-" in spelling)
        return 0 < abs(value) < 1e-4


class Conversation:
    """One case in a form that both sides are made from. Values hold Number objects where JSON has numbers."""

    def __init__(self, mode: str, effort: str | None, library_effort: str | None, explicit: bool, tools: list, schema, messages: list[dict]):
        self.mode, self.effort, self.library_effort, self.explicit = mode, effort, library_effort, explicit
        self.tools, self.schema, self.messages = tools, schema, messages

    def rules_of_input(self) -> list[str]:
        """The rules that make the library's conversation another one than hadal's."""
        rules = ["effort names"] if self.effort != self.library_effort else []
        if any(m.get("reasoning") != self.library_reasoning(m) for m in self.messages if m["role"] == "assistant"):
            rules.append("reasoning")
        return rules

    def library_reasoning(self, message: dict) -> str | None:
        return message.get("reasoning", "") if self.mode == "thinking" else None

    def with_python_numbers(self, pieces: list[Piece]) -> list[Piece]:
        values = [self.tools, self.schema, [c["arguments"] for m in self.messages for c in m.get("calls", ()) if not isinstance(c["arguments"], str)]]
        printed = {str(n.stand_in): n.printed for n in numbers_in(values) if n.stand_in is not None}
        if not printed:
            return pieces
        pattern = re.compile("|".join(printed))
        return [(pattern.sub(lambda m: printed[m[0]], text), special) for text, special in pieces]

    def for_hadal(self) -> dict:
        messages = [hadal_message(m) for m in self.messages]
        if self.tools or self.schema is not None:
            if not messages or messages[0]["role"] != "system":
                messages.insert(0, {"role": "system", "content": ""})
            if self.tools:
                messages[0]["tools"] = [{"type": "function", "function": plain_json(t)} for t in self.tools]
            if self.schema is not None:
                messages[0]["response_format"] = plain_json(self.schema)
        options = {"thinking_mode": self.mode}
        if self.effort is not None or self.explicit:
            options["reasoning_effort"] = self.effort
        if self.explicit:
            options |= {"drop_thinking": True, "add_default_bos_token": True}
        return {"messages": messages, "options": options}

    def for_library(self) -> peer.Conversation:
        tools = [peer.ToolDefinition(t["name"], t["description"], stand_in_json(t["parameters"])) for t in self.tools]
        more = {} if self.schema is None else {"response_schema": stand_in_json(self.schema)}
        return peer.Conversation([library_message(m, self.library_reasoning(m)) for m in self.messages], thinking_mode=self.mode == "thinking", tools=tools or None,
                                 reasoning_effort=self.library_effort, **more)

    def is_shared(self) -> bool:
        """Whether it keeps out of what RULES avoids: for smaller versions of a case; the maker keeps out by construction."""
        roles = [m["role"] for m in self.messages]
        if "system" in roles[1:] or not roles or roles[-1] not in ("user", "tool"):
            return False
        open_ids: set[str] = set()
        for before, message in zip([None, *self.messages], self.messages):
            last = before["role"] if before else None
            role = message["role"]
            if role == "assistant":
                if last not in ("user", "tool") or open_ids:
                    return False
                open_ids = {c["id"] for c in message.get("calls", ())}
            elif role == "latest_reminder" and last in ("user", "tool"):
                return False
            elif role == "tool":
                if message["id"] not in open_ids or last in ("user", "latest_reminder"):
                    return False
                open_ids = open_ids - {message["id"]}
            elif role == "user" and last in ("user", "tool") and not (message["content"] and (last == "tool" or before["content"])):
                return False
        return not open_ids

    def smaller(self) -> list["Conversation"]:
        """Versions with one thing less, that are still in the shared part."""

        def make(tools=None, schema=self.schema, messages=None) -> Conversation:
            return Conversation(self.mode, self.effort, self.library_effort, self.explicit, self.tools if tools is None else tools, schema,
                                self.messages if messages is None else messages)

        n = len(self.messages)
        found = [make(messages=self.messages[:i] + self.messages[j:]) for j in range(n, 0, -1) for i in range(max(0, j - 3), j)]
        found += [make(tools=self.tools[:i] + self.tools[i + 1:]) for i in range(len(self.tools))]
        for i, tool in enumerate(self.tools):
            less = [{**tool, "parameters": dict(part)} for part in halves(list(tool["parameters"].items()))] + [{**tool, "description": part} for part in halves(tool["description"])]
            found += [make(tools=[*self.tools[:i], part, *self.tools[i + 1:]]) for part in less]
        if self.schema is not None:
            found += [make(schema=dict(part) or None) for part in halves(list(self.schema.items()))]
        for call in [c for m in self.messages for c in m.get("calls", ()) if len(m["calls"]) > 1]:
            without = [{**m, "calls": [c for c in m["calls"] if c is not call]} if "calls" in m else m for m in self.messages]
            found.append(make(messages=[m for m in without if m.get("id") != call["id"]]))
        for i, message in enumerate(self.messages):
            found += [make(messages=[*self.messages[:i], less, *self.messages[i + 1:]]) for less in smaller_messages(message)]
        return [c for c in found if c.is_shared()]


def smaller_messages(message: dict) -> list[dict]:
    found = [{**message, key: part} for key in ("content", "reasoning") for part in halves(message.get(key) or "")]
    calls = message.get("calls", [])
    found += [{**message, "calls": part} for part in halves(calls) if part]
    if len(calls) == 1:
        found.append({k: v for k, v in message.items() if k != "calls"})
    for i, call in enumerate(calls):
        arguments = call["arguments"]
        less = halves(arguments) if isinstance(arguments, str) else [dict(part) for part in halves(list(arguments.items()))]
        found += [{**message, "calls": [*calls[:i], {**call, "arguments": part}, *calls[i + 1:]]} for part in less if not isinstance(part, str) or not is_json(part)]
    return found


def halves(value: str | list) -> list:
    """The value without its first and without its second half (without one item: empty)."""
    middle = (len(value) + 1) // 2
    return [value[middle:], value[:middle]] if len(value) > 1 else [value[:0]] if value else []


def hadal_message(message: dict) -> dict:
    role = message["role"]
    result = {"role": role, "content": message["content"]}
    if role == "tool":
        result["tool_call_id"] = message["id"]
    if "reasoning" in message:
        result["reasoning_content"] = message["reasoning"]
    if "calls" in message:
        result["tool_calls"] = [{"id": c["id"], "type": "function", "function": {"name": c["name"], "arguments": arguments_text(c, written)}}
                                for c in message["calls"]]
    return result


def library_message(message: dict, reasoning: str | None) -> peer.Message:
    role, content = message["role"], message["content"]
    if role == "system":
        return peer.SystemMessage(content)
    if role == "user":
        return peer.UserMessage(content)
    if role == "tool":
        return peer.ToolMessage(content, message["id"])
    if role == "latest_reminder":
        return peer.LatestReminderMessage(content)
    calls = [peer.ToolCall(c["id"], c["name"], arguments_text(c, written_for_library)) for c in message.get("calls", ())]
    return peer.AssistantMessage(content, reasoning, calls or None)


def arguments_text(call: dict, spelled) -> str:
    """Arguments are an object, written with the call's own spacing, or broken text that stands as it is."""
    arguments = call["arguments"]
    return arguments if isinstance(arguments, str) else json_text(arguments, call["spacing"], call["ascii"], spelled)


def written(number: Number) -> str:
    return number.spelling


def written_for_library(number: Number) -> str:
    return number.spelling if number.stand_in is None else str(number.stand_in)


def json_text(value, spacing: str, escaped: bool, spelled) -> str:
    if isinstance(value, Number):
        return spelled(value)
    if isinstance(value, list):
        return "[" + spacing + ("," + spacing).join(json_text(v, spacing, escaped, spelled) for v in value) + "]"
    if isinstance(value, dict):
        members = (json.dumps(k, ensure_ascii=escaped) + spacing + ":" + json_text(v, spacing, escaped, spelled) for k, v in value.items())
        return "{" + ("," + spacing).join(members) + spacing + "}"
    return json.dumps(value, ensure_ascii=escaped)


def plain_json(value):
    return json.loads(json_text(value, "", False, written))


def stand_in_json(value):
    return json.loads(json_text(value, "", False, written_for_library))


def numbers_in(value):
    if isinstance(value, Number):
        yield value
    elif isinstance(value, (list, dict)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from numbers_in(item)


class Maker:
    """Random conversations in the part that the library and the checkpoint's encoder both define."""

    def __init__(self, rng: random.Random, control_tokens: dict[str, int]):
        self.rng = rng
        self.texts = Texts(rng, list(control_tokens))
        self.next_stand_in = 730_000_000_000_000
        self.next_id = 0

    def chance(self, p: float) -> bool:
        return self.rng.random() < p

    def conversation(self) -> Conversation:
        mode = self.rng.choice(("chat", "thinking", "thinking"))
        effort = self.rng.choice((None, "low", "high", "max"))
        library_effort = {None: "low", "high": self.rng.choice(("high", "xhigh", None))}.get(effort, effort)
        tools = [self.tool() for _ in range(self.rng.randint(1, 4))] if self.chance(0.4) else []
        schema = (self.value(3, schema=True) or None) if self.chance(0.15) else None
        return Conversation(mode, effort, library_effort, self.chance(0.3), tools, schema, self.messages())

    def messages(self) -> list[dict]:
        messages = [{"role": "system", "content": self.text(empty=0.1)}] if self.chance(0.6) else []
        messages += self.reminders(0.1)
        messages += self.user_turn()
        for _ in range(self.rng.choice((0, 0, 1, 1, 2, 3, 5, 8))):
            answer = {"role": "assistant", "content": self.text(empty=0.2)}
            if self.chance(0.6):
                answer["reasoning"] = self.text(empty=0.1)
            results = []
            if self.chance(0.5):
                prefix = self.rng.choice(("call_", "c", "tool-", "é", ""))
                answer["calls"] = [self.call(prefix) for _ in range(self.rng.choice((1, 1, 2, 3, 5)))]
                results = self.results(answer["calls"])
            messages += [answer, *(results or self.reminders(0.07))]
            if not results or self.chance(0.3):
                messages += self.user_turn(alone=not results)
        return messages

    def user_turn(self, alone: bool = True) -> list[dict]:
        several = self.rng.choice((1, 1, 1, 1, 2, 3))
        empty = 0.03 if several == 1 and alone else 0
        return [{"role": "user", "content": self.text(empty)} for _ in range(several)]

    def reminders(self, p: float) -> list[dict]:
        return [{"role": "latest_reminder", "content": self.text(empty=0.1)} for _ in range(self.rng.randint(1, 2))] if self.chance(p) else []

    def results(self, calls: list[dict]) -> list[dict]:
        answered = self.rng.sample(calls, k=len(calls)) if self.chance(0.5) else calls
        return [{"role": "tool", "content": self.text(empty=0.1), "id": c["id"]} for c in answered]

    def call(self, id_prefix: str) -> dict:
        self.next_id += 1
        arguments = {self.key(): self.value(3) for _ in range(self.rng.choice((0, 1, 1, 2, 3, 6)))}
        call = {"id": f"{id_prefix}{self.next_id:06}", "name": self.name(), "arguments": arguments,
                "spacing": self.rng.choice(("", "", " ", "\n  ", "\t", "\r\n")), "ascii": self.chance(0.5)}
        if self.chance(0.1):
            whole = arguments_text(call, written)
            call["arguments"] = self.rng.choice((whole + " x", "{" + whole, whole[:-1], "\ufeff" + whole, whole + ",", "'" + whole + "'", "", "not json",
                                                 whole.replace("}", ",}"), self.text(0.1).lstrip("0123456789-\"[{ntfNI \t\r\n") + "!"))
            if is_json(call["arguments"]):
                call["arguments"] = "{"
        return call

    def tool(self) -> dict:
        return {"name": self.name(), "description": self.text(empty=0.2), "parameters": self.value(4, schema=True)}

    def name(self) -> str:
        if self.chance(0.9):
            return "".join(self.rng.choices("abcdefghijklmnopqrstuvwxyzABC_-0123456789", k=self.rng.randint(1, 20)))
        return self.text(0).replace('"', "") or "f"

    def key(self) -> str:
        return self.name() if self.chance(0.9) else self.text(empty=0.3)

    def value(self, depth: int, schema: bool = False):
        """A JSON value; a schema's is an object."""
        kind = "object" if schema else self.rng.choice(("text", "text", "number", "number", "word", "array", "object"))
        if kind == "array" and depth > 0:
            return [self.value(depth - 1) for _ in range(self.rng.randint(0, 4))]
        if kind == "object" and depth > 0:
            return {self.key(): self.value(depth - 1) for _ in range(self.rng.randint(0, 4))}
        if kind == "number":
            return self.number()
        if kind == "word":
            return self.rng.choice((True, False, None))
        return self.text(empty=0.1)

    def number(self) -> Number:
        rng = self.rng
        spelling = rng.choice((
            lambda: str(rng.randint(-9, 99)),
            lambda: str(rng.randint(-2**63, 2**64 - 1)),
            lambda: str(rng.randint(-10**40, 10**40)),
            lambda: rng.choice(("0", "-0", "-0.0", "0.0", "1.0", "1e16", "1e15", "1E+2", "123456.789e3", "1e-5", "1e22", "5e-324", "1.5e-4")),
            lambda: repr(rng.uniform(-1000, 1000)),
            lambda: repr(rng.uniform(-1, 1) * 10.0 ** rng.randint(-20, 20)),
            lambda: repr(rng.uniform(-1, 1) * 10.0 ** rng.randint(-300, 300)),
            lambda: f"{rng.randint(-999, 999)}.{rng.randint(0, 999)}{rng.choice(('e', 'E', 'e+', 'E-'))}{rng.randint(0, 30)}",
        ))()
        stand_in = None
        if Number.needs_stand_in(spelling):
            self.next_stand_in += 1
            stand_in = self.next_stand_in
        return Number(spelling, stand_in)

    def text(self, empty: float) -> str:
        if self.chance(empty):
            return ""
        return self.texts.text(8) or "x"


def is_json(text: str) -> bool:
    try:
        json.loads(text)
        return True
    except ValueError:
        return False


if __name__ == "__main__":
    main()

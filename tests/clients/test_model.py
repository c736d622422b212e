"""The clients of PyPI against a model that computes: plain, streamed, and a tool call that tool_choice forces.

The built-in model's words mean nothing, so the shape counts: a stream says what the whole answer said, and a call's
arguments follow their schema. HADAL_MODEL names another model.
"""
import asyncio
import json
import os
import subprocess
import sys
from typing import Literal

from common import BUILTIN, Case
from server import Server, wait_until
from shared import QUESTION, openai_tool, usual_snippet

CITIES = ["Ankara", "Oslo"]
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string", "enum": CITIES}}, "required": ["city"], "additionalProperties": False}
OPENAI_TOOL = openai_tool(PARAMETERS)
NO_THINKING = {"thinking": {"type": "disabled"}}


class Model(Case):
    def setUp(self) -> None:
        super().setUp()
        self.server = Server(self.folder, None, "--ctx", "4096", "--no-chats", model=os.environ.get("HADAL_MODEL", BUILTIN))
        self.addCleanup(self.server.__exit__)
        self.assertTrue(wait_until(lambda: self.server.ask("GET", "/ready")[0] == 200, 60))
        self.url = f"http://{self.server.host}:{self.server.port}"

    def test_the_usual_snippet(self):
        message = usual_snippet(self.url)
        self.assertTrue(message.content or message.reasoning_content)

    def test_openai(self):
        import openai
        client = openai.OpenAI(api_key="any", base_url=self.url + "/v1", max_retries=0)
        for extra in (NO_THINKING, {}):
            request = {"model": "m", "messages": QUESTION, "temperature": 0, "max_tokens": 24, "extra_body": extra}
            whole = client.chat.completions.create(**request)
            self.assertIn(whole.choices[0].finish_reason, ("length", "stop"))
            self.assertGreater(whole.usage.completion_tokens, 0)
            deltas = [chunk.choices[0].delta for chunk in client.chat.completions.create(**request, stream=True) if chunk.choices]
            for field in ("content", "reasoning_content"):
                self.assertEqual("".join(getattr(delta, field, None) or "" for delta in deltas), getattr(whole.choices[0].message, field, None) or "")
        call = client.chat.completions.create(
            model="m", messages=QUESTION, tools=[OPENAI_TOOL], max_tokens=400, extra_body=NO_THINKING,
            tool_choice={"type": "function", "function": {"name": "get_weather"}}).choices[0].message.tool_calls[0]
        self.assertEqual(call.function.name, "get_weather")
        self.assertIn(json.loads(call.function.arguments)["city"], CITIES)

    def test_openai_responses(self):
        import openai
        client = openai.OpenAI(api_key="any", base_url=self.url + "/v1", max_retries=0)
        request = {"model": "m", "input": "Hello", "temperature": 0, "max_output_tokens": 24, "reasoning": {"effort": "none"}}
        whole = client.responses.create(**request)
        self.assertTrue(whole.output_text)
        with client.responses.stream(**request) as stream:
            self.assertEqual("".join(event.delta for event in stream if event.type == "response.output_text.delta"), whole.output_text)
        tool = {"type": "function", "name": "get_weather", "parameters": PARAMETERS, "strict": True}
        output = client.responses.create(model="m", input="Hello", tools=[tool], tool_choice="required", parallel_tool_calls=False, reasoning={"effort": "none"}, max_output_tokens=400).output
        calls = [item for item in output if item.type == "function_call"]
        self.assertTrue(calls)
        for call in calls:
            self.assertIn(json.loads(call.arguments)["city"], CITIES)

    def test_anthropic(self):
        import anthropic
        client = anthropic.Anthropic(api_key="any", base_url=self.url, max_retries=0)
        request = {"model": "m", "messages": QUESTION, "thinking": {"type": "disabled"}}
        plain = {**request, "max_tokens": 24, "extra_body": {"temperature": 0}}  # no argument of its own any more
        whole = client.messages.create(**plain)
        self.assertTrue(whole.content[0].text)
        with client.messages.stream(**plain) as stream:
            self.assertEqual("".join(stream.text_stream), whole.content[0].text)
        answer = client.messages.create(**request, max_tokens=400, tools=[{"name": "get_weather", "input_schema": PARAMETERS}],
                                        tool_choice={"type": "tool", "name": "get_weather", "disable_parallel_tool_use": True})
        self.assertEqual(answer.stop_reason, "tool_use")
        self.assertIn(next(block for block in answer.content if block.type == "tool_use").input["city"], CITIES)

    def test_langchain(self):
        from langchain_openai import ChatOpenAI
        base = {"model": "m", "api_key": "any", "base_url": self.url + "/v1", "max_retries": 0, "temperature": 0, "extra_body": NO_THINKING}
        model = ChatOpenAI(**base, max_tokens=24)
        whole = model.invoke("Hello").content
        self.assertTrue(whole)
        self.assertEqual("".join(chunk.content for chunk in model.stream("Hello")), whole)
        calls = ChatOpenAI(**base, max_tokens=400).bind_tools([OPENAI_TOOL], tool_choice="get_weather").invoke("Weather?").tool_calls
        self.assertIn(calls[0]["args"]["city"], CITIES)

    def test_litellm(self):
        import litellm
        for name, url in (("openai/m", self.url + "/v1"), ("deepseek/deepseek-chat", self.url), ("anthropic/claude-m", self.url)):
            request = {"model": name, "api_base": url, "api_key": "any", "messages": QUESTION, **({} if "anthropic" in name else {"extra_body": NO_THINKING})}
            plain = {**request, "temperature": 0, "max_tokens": 24}
            message = litellm.completion(**plain).choices[0].message
            said = (getattr(message, "reasoning_content", None) or "") + (message.content or "")
            self.assertTrue(said, name)
            deltas = [chunk.choices[0].delta for chunk in litellm.completion(**plain, stream=True)]
            self.assertEqual("".join((getattr(delta, "reasoning_content", None) or "") + (delta.content or "") for delta in deltas), said, name)
        answer = litellm.completion(model="openai/m", api_base=self.url + "/v1", api_key="any", messages=QUESTION, tools=[OPENAI_TOOL],
                                    tool_choice="required", max_tokens=400, extra_body=NO_THINKING)
        self.assertIn(json.loads(answer.choices[0].message.tool_calls[0].function.arguments)["city"], CITIES)

    def test_agents(self):
        import agents
        import openai

        asked = []

        @agents.function_tool
        def get_weather(city: Literal["Ankara", "Oslo"]) -> str:
            """The weather of a city."""
            asked.append(city)
            return "sunny in " + city

        client = openai.AsyncOpenAI(api_key="any", base_url=self.url + "/v1", max_retries=0)
        model = agents.OpenAIChatCompletionsModel(model="m", openai_client=client)
        settings = agents.ModelSettings(tool_choice="required", max_tokens=400, temperature=0, extra_body=NO_THINKING)
        agent = agents.Agent(name="a", instructions="Help.", tools=[get_weather], model=model, model_settings=settings, tool_use_behavior="stop_on_first_tool")
        result = asyncio.run(agents.Runner.run(agent, "Weather in Ankara?"))
        self.assertTrue(asked)
        self.assertEqual(result.final_output, "sunny in " + asked[0])

    def test_llm(self):
        home = self.folder / "llm"
        home.mkdir()
        (home / "extra-openai-models.yaml").write_text(
            f"- model_id: hadal\n  model_name: m\n  api_base: {self.url}/v1\n  api_key_name: any\n  reasoning: true\n", encoding="utf-8")
        command = [sys.executable, "-m", "llm", "-m", "hadal", "--key", "any", "-o", "temperature", "0", "-o", "max_tokens", "24", "-o",
                   "reasoning_effort", "none", "Hello"]
        said = [subprocess.run([*command, *extra], capture_output=True, text=True, env={**os.environ, "LLM_USER_PATH": str(home)}, timeout=60, check=True).stdout
                for extra in ([], ["--no-stream"])]
        self.assertTrue(said[0].strip())
        self.assertEqual(*said)

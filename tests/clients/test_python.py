"""The clients of PyPI, with nothing changed but the base URL: plain answers, streams, tools, errors."""
import asyncio
import json
import os
import subprocess
import sys
import unittest

from common import Case
from server import Server, wait_until
from shared import QUESTION, openai_tool, usual_snippet

ANSWER = {"text": "The user greets.</think>Hello! How can I help?", "finish": "stop"}
CALL = {"text": "I need the weather.</think>\n\n<｜DSML｜tool_calls>\n<｜DSML｜invoke name=\"get_weather\">\n<｜DSML｜parameter name=\"city\" "
                "string=\"true\">Ankara</｜DSML｜parameter>\n</｜DSML｜invoke>\n</｜DSML｜tool_calls>", "finish": "stop"}
# Long enough that only a cancelled request ends within a test.
ENDLESS = {"text": "x</think>" + "deeper and " * 3000, "finish": "stop", "delay_ms": 20}
AFTER_CALL = {"text": "It is sunny.</think>Sunny in Ankara.", "finish": "stop"}
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
OPENAI_TOOL = openai_tool(PARAMETERS)


class Client(Case):
    def serve(self, *script: dict, arguments: tuple = ()) -> str:
        """The base URL of a server with these answers."""
        server = Server(self.folder, list(script), *arguments)
        self.addCleanup(server.__exit__)
        self.server = server
        return f"http://{server.host}:{server.port}"

    def assert_cancelled(self) -> None:
        """A request whose client has gone is not computed any more."""
        self.assertTrue(wait_until(lambda: self.server.metric("requests_running") == 0, 10))


class OpenAi(Client):
    def client(self, *script: dict, **arguments):
        import openai
        return openai.OpenAI(api_key="any", base_url=self.serve(*script, **arguments) + "/v1", max_retries=0)

    def test_the_usual_snippet(self):
        message = usual_snippet(self.serve(ANSWER))
        self.assertEqual(message.content, "Hello! How can I help?")

    def test_stream(self):
        stream = self.client(ANSWER).chat.completions.create(model="m", messages=QUESTION, stream=True, stream_options={"include_usage": True})
        chunks = list(stream)
        self.assertEqual("".join(c.choices[0].delta.content or "" for c in chunks if c.choices), "Hello! How can I help?")
        self.assertEqual("".join(getattr(c.choices[0].delta, "reasoning_content", None) or "" for c in chunks if c.choices), "The user greets.")
        self.assertGreater(chunks[-1].usage.completion_tokens, 0)

    def test_tools(self):
        client = self.client(CALL, AFTER_CALL)
        message = client.chat.completions.create(model="m", messages=QUESTION, tools=[OPENAI_TOOL]).choices[0].message
        call = message.tool_calls[0]
        self.assertEqual((call.function.name, json.loads(call.function.arguments)), ("get_weather", {"city": "Ankara"}))
        history = [*QUESTION, message, {"role": "tool", "tool_call_id": call.id, "content": "sunny"}]
        final = client.chat.completions.create(model="m", messages=history, tools=[OPENAI_TOOL])
        self.assertEqual(final.choices[0].message.content, "Sunny in Ankara.")

    def test_tools_streamed_with_the_helper(self):
        with self.client(CALL).chat.completions.stream(model="m", messages=QUESTION, tools=[OPENAI_TOOL]) as stream:
            for _ in stream:
                pass
            call = stream.get_final_completion().choices[0].message.tool_calls[0]
        self.assertEqual(json.loads(call.function.arguments), {"city": "Ankara"})

    def test_parsed_into_a_model(self):
        from pydantic import BaseModel

        class City(BaseModel):
            name: str
            people: int

        answer = {"text": 'x</think>{"name": "Ankara", "people": 5}', "finish": "stop"}
        parsed = self.client(answer).chat.completions.parse(model="m", messages=QUESTION, response_format=City).choices[0].message.parsed
        self.assertEqual(parsed, City(name="Ankara", people=5))

    def test_responses(self):
        client = self.client(ANSWER, ANSWER, CALL)
        self.assertEqual(client.responses.create(model="m", input="Hello").output_text, "Hello! How can I help?")
        with client.responses.stream(model="m", input="Hello") as stream:
            kinds = [event.type for event in stream]
            self.assertEqual(stream.get_final_response().output_text, "Hello! How can I help?")
        self.assertEqual((kinds[0], kinds[-1]), ("response.created", "response.completed"))
        tool = {"type": "function", "name": "get_weather", "parameters": PARAMETERS, "strict": False}
        output = client.responses.create(model="m", input=QUESTION, tools=[tool]).output
        self.assertEqual([json.loads(item.arguments) for item in output if item.type == "function_call"], [{"city": "Ankara"}])

    def test_completions_models_and_logprobs(self):
        client = self.client({"text": " upon a time", "finish": "length"}, ANSWER)
        self.assertEqual(client.completions.create(model="m", prompt="Once").choices[0].text, " upon a time")
        self.assertTrue([model.id for model in client.models.list()])
        answer = client.chat.completions.create(model="m", messages=QUESTION, logprobs=True, top_logprobs=1)
        self.assertTrue(answer.choices[0].logprobs.content)

    def test_abort_in_mid_stream(self):
        stream = self.client(ENDLESS).chat.completions.create(model="m", messages=QUESTION, stream=True)
        for _ in range(5):
            next(stream)
        stream.close()
        self.assert_cancelled()

    def test_errors(self):
        import openai
        client = self.client(ANSWER, arguments=("--api-key", "secret"))
        with self.assertRaises(openai.AuthenticationError):
            client.models.list()
        client = client.with_options(api_key="secret")
        with self.assertRaises(openai.BadRequestError) as caught:
            client.chat.completions.create(model="m", messages=QUESTION, temperature=9)
        self.assertEqual(caught.exception.param, "temperature")
        with self.assertRaises(openai.NotFoundError):
            client.models.retrieve("nothing")
        client.chat.completions.create(model="m", messages=QUESTION)
        with self.assertRaises(openai.InternalServerError) as caught:  # the script has ended
            client.chat.completions.create(model="m", messages=QUESTION)
        self.assertEqual(caught.exception.status_code, 503)


class Anthropic(Client):
    def client(self, *script: dict, **arguments):
        import anthropic
        return anthropic.Anthropic(api_key="any", base_url=self.serve(*script, **arguments), max_retries=0)

    def test_messages(self):
        client = self.client(ANSWER, ANSWER)
        message = client.messages.create(model="m", max_tokens=100, messages=QUESTION)
        self.assertEqual([b.text for b in message.content if b.type == "text"], ["Hello! How can I help?"])
        with client.messages.stream(model="m", max_tokens=100, messages=QUESTION) as stream:
            self.assertEqual("".join(stream.text_stream), "Hello! How can I help?")
            self.assertEqual(stream.get_final_message().stop_reason, "end_turn")
        self.assertGreater(client.messages.count_tokens(model="m", messages=QUESTION).input_tokens, 5)

    def test_tools(self):
        client = self.client(CALL, CALL, AFTER_CALL)
        tools = [{"name": "get_weather", "input_schema": PARAMETERS}]
        first = client.messages.create(model="m", max_tokens=100, messages=QUESTION, tools=tools)
        with client.messages.stream(model="m", max_tokens=100, messages=QUESTION, tools=tools) as stream:
            streamed = stream.get_final_message()
        for message in (first, streamed):
            self.assertEqual(message.stop_reason, "tool_use")
            self.assertEqual([b.input for b in message.content if b.type == "tool_use"], [{"city": "Ankara"}])
        use = next(b for b in first.content if b.type == "tool_use")
        history = [*QUESTION, {"role": "assistant", "content": first.content},
                   {"role": "user", "content": [{"type": "tool_result", "tool_use_id": use.id, "content": "sunny"}]}]
        final = client.messages.create(model="m", max_tokens=100, messages=history, tools=tools)
        self.assertEqual([b.text for b in final.content if b.type == "text"], ["Sunny in Ankara."])

    def test_thinking(self):
        message = self.client(ANSWER).messages.create(model="m", max_tokens=2000, messages=QUESTION, thinking={"type": "enabled", "budget_tokens": 1024})
        self.assertEqual([b.thinking for b in message.content if b.type == "thinking"], ["The user greets."])

    def test_the_helper_that_runs_tools(self):
        import anthropic

        @anthropic.beta_tool
        def get_weather(city: str) -> str:
            """The weather of a city."""
            return "sunny in " + city

        final = self.client(CALL, AFTER_CALL).beta.messages.tool_runner(model="m", max_tokens=100, messages=QUESTION, tools=[get_weather]).until_done()
        self.assertEqual([b.text for b in final.content if b.type == "text"], ["Sunny in Ankara."])

    def test_abort_in_mid_stream(self):
        with self.client(ENDLESS).messages.stream(model="m", max_tokens=100, messages=QUESTION) as stream:
            next(stream.text_stream)
        self.assert_cancelled()

    def test_errors(self):
        import anthropic
        client = self.client(arguments=("--api-key", "secret"))
        with self.assertRaises(anthropic.AuthenticationError):
            client.messages.create(model="m", max_tokens=100, messages=QUESTION)
        with self.assertRaises(anthropic.BadRequestError):
            client.with_options(api_key="secret").messages.create(model="m", max_tokens=-1, messages=QUESTION)


class Frameworks(Client):
    def test_langchain(self):
        from langchain_core.tools import tool
        from langchain_openai import ChatOpenAI

        @tool
        def get_weather(city: str) -> str:
            """The weather of a city."""
            return "sunny in " + city

        model = ChatOpenAI(model="m", api_key="any", base_url=self.serve(ANSWER, ANSWER, CALL) + "/v1", max_retries=0)
        self.assertEqual(model.invoke("Hello").content, "Hello! How can I help?")
        self.assertEqual("".join(chunk.content for chunk in model.stream("Hello")), "Hello! How can I help?")
        calls = model.bind_tools([get_weather]).invoke("Weather?").tool_calls
        self.assertEqual([(call["name"], call["args"]) for call in calls], [("get_weather", {"city": "Ankara"})])

    def test_litellm(self):
        import litellm
        base = self.serve(ANSWER, ANSWER, ANSWER, CALL)
        for name, url in (("openai/m", base + "/v1"), ("deepseek/deepseek-chat", base), ("anthropic/claude-m", base)):
            answer = litellm.completion(model=name, api_base=url, api_key="any", messages=QUESTION, max_tokens=100)
            self.assertEqual(answer.choices[0].message.content, "Hello! How can I help?", name)
        chunks = list(litellm.completion(model="deepseek/deepseek-chat", api_base=base, api_key="any", messages=QUESTION, tools=[OPENAI_TOOL], stream=True))
        whole = litellm.stream_chunk_builder(chunks)
        self.assertEqual(json.loads(whole.choices[0].message.tool_calls[0].function.arguments), {"city": "Ankara"})

    def test_agents(self):
        import agents
        import openai

        @agents.function_tool
        def get_weather(city: str) -> str:
            """The weather of a city."""
            return "sunny in " + city

        for kind in (agents.OpenAIChatCompletionsModel, agents.OpenAIResponsesModel):
            client = openai.AsyncOpenAI(api_key="any", base_url=self.serve(CALL, AFTER_CALL) + "/v1", max_retries=0)
            agent = agents.Agent(name="a", instructions="Help.", tools=[get_weather], model=kind(model="m", openai_client=client))
            result = asyncio.run(agents.Runner.run(agent, "Weather in Ankara?"))
            self.assertEqual(result.final_output, "Sunny in Ankara.")

    def test_llm(self):
        home = self.folder / "llm"
        home.mkdir()
        (home / "extra-openai-models.yaml").write_text(
            f"- model_id: hadal\n  model_name: m\n  api_base: {self.serve(ANSWER, ANSWER)}/v1\n  api_key_name: any\n", encoding="utf-8")
        environment = {**os.environ, "LLM_USER_PATH": str(home)}
        for extra in ([], ["--no-stream"]):
            done = subprocess.run([sys.executable, "-m", "llm", "-m", "hadal", "--key", "any", *extra, "Hello"], capture_output=True, text=True,
                                  env=environment, timeout=60, check=False)
            self.assertEqual(done.stdout.strip(), "Hello! How can I help?", done.stderr)


if __name__ == "__main__":
    unittest.main()

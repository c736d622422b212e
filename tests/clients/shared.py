"""What the tests of the Python clients share: the usual snippet, a question, a tool, and a world without telemetry."""
import os

os.environ.update({"OPENAI_AGENTS_DISABLE_TRACING": "1", "LITELLM_LOCAL_MODEL_COST_MAP": "True", "DO_NOT_TRACK": "1"})
QUESTION = [{"role": "user", "content": "What is the weather in Ankara?"}]


def openai_tool(parameters: dict) -> dict:
    return {"type": "function", "function": {"name": "get_weather", "description": "The weather of a city.", "parameters": parameters}}


def usual_snippet(url: str):
    """What DeepSeek's documentation tells a newcomer to run, with another base URL."""
    from openai import OpenAI
    client = OpenAI(api_key="<DeepSeek API Key>", base_url=url)
    response = client.chat.completions.create(
        model="deepseek-chat",
        messages=[
            {"role": "system", "content": "You are a helpful assistant"},
            {"role": "user", "content": "Hello"},
        ],
        stream=False,
    )
    return response.choices[0].message

// The clients of npm against a model that computes: plain, streamed, and a tool call that tool_choice forces. The
// built-in model's words mean nothing, so the shape counts: a stream says what the whole answer said, and a call's
// arguments follow their schema.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createAnthropic } from '@ai-sdk/anthropic';
import { createDeepSeek } from '@ai-sdk/deepseek';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import Anthropic from '@anthropic-ai/sdk';
import { ChatOpenAI } from '@langchain/openai';
import { generateText, streamText, tool } from 'ai';
import OpenAI from 'openai';
import { z } from 'zod';
import { QUESTION, TIMEOUT, openaiTool, serveModel } from './hadal.mjs';

const CITIES = ['Ankara', 'Oslo'];
const PARAMETERS = { type: 'object', properties: { city: { type: 'string', enum: CITIES } }, required: ['city'], additionalProperties: false };
const TOOL = openaiTool(PARAMETERS);
const NO_THINKING = { thinking: { type: 'disabled' } };
const isCity = (city) => assert.ok(CITIES.includes(city), `not a city: ${city}`);

test('openai', TIMEOUT, async (t) => {
  const openai = new OpenAI({ apiKey: 'any', baseURL: `${await serveModel(t)}/v1`, maxRetries: 0 });
  for (const extra of [NO_THINKING, {}]) {
    const request = { model: 'm', messages: QUESTION, temperature: 0, max_tokens: 24, ...extra };
    const whole = await openai.chat.completions.create(request);
    assert.ok(whole.usage.completion_tokens > 0);
    const chunks = await Array.fromAsync(await openai.chat.completions.create({ ...request, stream: true }));
    for (const field of ['content', 'reasoning_content'])
      assert.equal(chunks.map((chunk) => chunk.choices[0]?.delta[field] ?? '').join(''), whole.choices[0].message[field] ?? '');
  }
  const tool_choice = { type: 'function', function: { name: 'get_weather' } };
  const answer = await openai.chat.completions.create({ model: 'm', messages: QUESTION, tools: [TOOL], tool_choice, max_tokens: 400, ...NO_THINKING });
  isCity(JSON.parse(answer.choices[0].message.tool_calls[0].function.arguments).city);
});

test('openai responses', TIMEOUT, async (t) => {
  const openai = new OpenAI({ apiKey: 'any', baseURL: `${await serveModel(t)}/v1`, maxRetries: 0 });
  const request = { model: 'm', input: 'Hello', temperature: 0, max_output_tokens: 24, reasoning: { effort: 'none' } };
  const whole = await openai.responses.create(request);
  assert.ok(whole.output_text);
  assert.equal((await openai.responses.stream(request).finalResponse()).output_text, whole.output_text);
  const tools = [{ type: 'function', name: 'get_weather', parameters: PARAMETERS, strict: true }];
  const { output } = await openai.responses.create({ ...request, tools, tool_choice: 'required', parallel_tool_calls: false, max_output_tokens: 400 });
  isCity(JSON.parse(output.find((item) => item.type === 'function_call').arguments).city);
});

test('@anthropic-ai/sdk', TIMEOUT, async (t) => {
  const anthropic = new Anthropic({ apiKey: 'any', baseURL: await serveModel(t), maxRetries: 0 });
  const request = { model: 'm', messages: QUESTION, ...NO_THINKING };
  const whole = await anthropic.messages.create({ ...request, temperature: 0, max_tokens: 24 });
  assert.ok(whole.content[0].text);
  assert.equal(await anthropic.messages.stream({ ...request, temperature: 0, max_tokens: 24 }).finalText(), whole.content[0].text);
  const tools = [{ name: 'get_weather', input_schema: PARAMETERS }];
  const answer = await anthropic.messages.create({ ...request, max_tokens: 400, tools, tool_choice: { type: 'tool', name: 'get_weather', disable_parallel_tool_use: true } });
  assert.equal(answer.stop_reason, 'tool_use');
  isCity(answer.content.find((block) => block.type === 'tool_use').input.city);
});

test('@langchain/openai', TIMEOUT, async (t) => {
  const configuration = { baseURL: `${await serveModel(t)}/v1` };
  const base = { model: 'm', apiKey: 'any', maxRetries: 0, temperature: 0, configuration, modelKwargs: NO_THINKING };
  const model = new ChatOpenAI({ ...base, maxTokens: 24 });
  const whole = (await model.invoke('Hello')).text;
  assert.ok(whole);
  assert.equal((await Array.fromAsync(await model.stream('Hello'))).map((chunk) => chunk.text).join(''), whole);
  const answer = await new ChatOpenAI({ ...base, maxTokens: 400 }).bindTools([TOOL], { tool_choice: 'get_weather' }).invoke('Weather?');
  isCity(answer.tool_calls[0].args.city);
});

const providers = {
  'openai-compatible': [(url) => createOpenAICompatible({ name: 'hadal', apiKey: 'any', baseURL: `${url}/v1` })('m'), { hadal: NO_THINKING }],
  deepseek: [(url) => createDeepSeek({ apiKey: 'any', baseURL: url })('deepseek-v4-flash'), { deepseek: NO_THINKING }],
  anthropic: [(url) => createAnthropic({ apiKey: 'any', baseURL: `${url}/v1` })('claude-sonnet-4-5'), { anthropic: NO_THINKING }],
};
for (const [name, [provider, providerOptions]] of Object.entries(providers)) {
  test(`ai with ${name}`, TIMEOUT, async (t) => {
    const request = { model: provider(await serveModel(t)), prompt: 'Hello', providerOptions, maxRetries: 0 };
    const plain = { ...request, temperature: 0, maxOutputTokens: 24 };
    const whole = await generateText(plain);
    assert.ok(whole.text);
    assert.equal((await Array.fromAsync(streamText(plain).textStream)).join(''), whole.text);
    const tools = { get_weather: tool({ description: 'The weather of a city.', inputSchema: z.object({ city: z.enum(CITIES) }) }) };
    const toolChoice = { type: 'tool', toolName: 'get_weather' };
    const { toolCalls } = await generateText({ ...request, maxOutputTokens: 400, tools, toolChoice });
    isCity(toolCalls[0].input.city);
  });
}

// npm's openai: Chat Completions, Responses, Completions, models, errors.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import OpenAI, { APIError, AuthenticationError, BadRequestError } from 'openai';
import { zodResponseFormat } from 'openai/helpers/zod';
import { z } from 'zod';
import { AFTER_CALL, ANSWER, CALL, CITY, CITY_SCHEMA, ENDLESS, OPENAI_TOOL, QUESTION, TIMEOUT, assertCancelled, serve } from './hadal.mjs';

const City = z.object({ name: z.string(), people: z.number() });
const client = async (t, ...script) => new OpenAI({ apiKey: 'any', baseURL: `${await serve(t, ...script)}/v1`, maxRetries: 0 });

test('the usual snippet', TIMEOUT, async (t) => {
  const openai = new OpenAI({ baseURL: await serve(t, ANSWER), apiKey: '<DeepSeek API Key>' });
  const completion = await openai.chat.completions.create({
    messages: [{ role: 'system', content: 'You are a helpful assistant.' }],
    model: 'deepseek-chat',
  });
  assert.equal(completion.choices[0].message.content, 'Hello! How can I help?');
  assert.equal(completion.choices[0].message.reasoning_content, 'The user greets.');
  assert.ok(completion.usage.completion_tokens_details.reasoning_tokens > 0);
});

test('a stream', TIMEOUT, async (t) => {
  const openai = await client(t, ANSWER);
  const stream = await openai.chat.completions.create({ model: 'm', messages: QUESTION, stream: true, stream_options: { include_usage: true } });
  const chunks = await Array.fromAsync(stream);
  const joined = (field) => chunks.map((chunk) => chunk.choices[0]?.delta[field] ?? '').join('');
  assert.equal(joined('content'), 'Hello! How can I help?');
  assert.equal(joined('reasoning_content'), 'The user greets.');
  assert.ok(chunks.at(-1).usage.completion_tokens > 0);
});

test('tools, there and back', TIMEOUT, async (t) => {
  const openai = await client(t, CALL, AFTER_CALL);
  const first = await openai.chat.completions.create({ model: 'm', messages: QUESTION, tools: [OPENAI_TOOL] });
  const { message, finish_reason: reason } = first.choices[0];
  const [call] = message.tool_calls;
  assert.deepEqual([reason, call.function.name, JSON.parse(call.function.arguments)], ['tool_calls', 'get_weather', { city: 'Ankara' }]);
  const history = [...QUESTION, message, { role: 'tool', tool_call_id: call.id, content: 'sunny' }];
  const final = await openai.chat.completions.create({ model: 'm', messages: history, tools: [OPENAI_TOOL] });
  assert.equal(final.choices[0].message.content, 'Sunny in Ankara.');
});

test('the helper that runs tools in a stream', TIMEOUT, async (t) => {
  const openai = await client(t, CALL, AFTER_CALL);
  const cities = [];
  const get_weather = ({ city }) => (cities.push(city), 'sunny');
  const runner = openai.chat.completions.runTools({
    model: 'm',
    messages: QUESTION,
    stream: true,
    tools: [{ type: 'function', function: { ...OPENAI_TOOL.function, function: get_weather, parse: JSON.parse } }],
  });
  assert.equal(await runner.finalContent(), 'Sunny in Ankara.');
  assert.deepEqual(cities, ['Ankara']);
});

test('parsed by a schema', TIMEOUT, async (t) => {
  const openai = await client(t, CITY, CITY);
  const request = { model: 'm', messages: QUESTION, response_format: zodResponseFormat(City, 'city') };
  assert.deepEqual((await openai.chat.completions.parse(request)).choices[0].message.parsed, { name: 'Ankara', people: 5 });
  const final = await openai.chat.completions.stream(request).finalChatCompletion();
  assert.deepEqual(final.choices[0].message.parsed, { name: 'Ankara', people: 5 });
});

test('responses', TIMEOUT, async (t) => {
  const openai = await client(t, ANSWER, ANSWER, CALL, AFTER_CALL);
  const plain = await openai.responses.create({ model: 'm', input: 'Hello' });
  assert.equal(plain.output_text, 'Hello! How can I help?');
  assert.deepEqual(plain.output.map((item) => item.type), ['reasoning', 'message']);
  const stream = openai.responses.stream({ model: 'm', input: 'Hello' });
  const kinds = (await Array.fromAsync(stream)).map((event) => event.type);
  assert.deepEqual([kinds[0], kinds.at(-1)], ['response.created', 'response.completed']);
  assert.equal((await stream.finalResponse()).output_text, 'Hello! How can I help?');
  const tools = [{ type: 'function', name: 'get_weather', parameters: CITY_SCHEMA, strict: false }];
  const { output } = await openai.responses.create({ model: 'm', input: QUESTION, tools });
  const call = output.find((item) => item.type === 'function_call');
  assert.deepEqual(JSON.parse(call.arguments), { city: 'Ankara' });
  const input = [...QUESTION, ...output, { type: 'function_call_output', call_id: call.call_id, output: 'sunny' }];
  assert.equal((await openai.responses.create({ model: 'm', input, tools })).output_text, 'Sunny in Ankara.');
});

test('completions, models and log probabilities', TIMEOUT, async (t) => {
  const openai = await client(t, { text: ' upon a time', finish: 'length' }, ANSWER);
  assert.equal((await openai.completions.create({ model: 'm', prompt: 'Once' })).choices[0].text, ' upon a time');
  assert.ok((await Array.fromAsync(openai.models.list())).length > 0);
  const answer = await openai.chat.completions.create({ model: 'm', messages: QUESTION, logprobs: true, top_logprobs: 1 });
  assert.ok(answer.choices[0].logprobs.content.length > 0);
});

test('an abort in mid-stream', TIMEOUT, async (t) => {
  const openai = await client(t, ENDLESS, ENDLESS);
  const stream = await openai.chat.completions.create({ model: 'm', messages: QUESTION, stream: true });
  let chunks = 0;
  for await (const _ of stream) if (++chunks === 5) break; // leaving the loop aborts the request
  await assertCancelled(openai.baseURL.replace('/v1', ''));
  const gone = new AbortController();
  const whole = openai.chat.completions.create({ model: 'm', messages: QUESTION }, { signal: gone.signal });
  setTimeout(() => gone.abort(), 300);
  await assert.rejects(whole, OpenAI.APIUserAbortError);
  await assertCancelled(openai.baseURL.replace('/v1', ''));
});

test('errors', TIMEOUT, async (t) => {
  const openai = await client(t);
  await assert.rejects(openai.chat.completions.create({ model: 'm', messages: QUESTION, temperature: 9 }), (error) => {
    assert.ok(error instanceof BadRequestError);
    assert.equal(error.param, 'temperature');
    return true;
  });
  await assert.rejects(openai.chat.completions.create({ model: 'm', messages: QUESTION }), (error) => {
    assert.ok(error instanceof APIError && !(error instanceof AuthenticationError));
    assert.equal(error.status, 503); // the script has ended
    return true;
  });
});

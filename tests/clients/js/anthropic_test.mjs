// npm's @anthropic-ai/sdk: Messages.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import Anthropic, { APIUserAbortError, BadRequestError } from '@anthropic-ai/sdk';
import { AFTER_CALL, ANSWER, CALL, CITY, CITY_SCHEMA, ENDLESS, QUESTION, TIMEOUT, assertCancelled, serve } from './hadal.mjs';

const TOOLS = [{ name: 'get_weather', description: 'The weather of a city.', input_schema: CITY_SCHEMA }];
const REQUEST = { model: 'm', max_tokens: 100, messages: QUESTION };
const client = async (t, ...script) => new Anthropic({ apiKey: 'any', baseURL: await serve(t, ...script), maxRetries: 0 });
const of = (message, type) => message.content.filter((block) => block.type === type);

test('messages, whole and streamed, with thinking', TIMEOUT, async (t) => {
  const anthropic = await client(t, ANSWER, ANSWER);
  const thinking = { type: 'enabled', budget_tokens: 1024 };
  const request = { ...REQUEST, max_tokens: 2000, thinking };
  const stream = anthropic.messages.stream(request);
  const kinds = (await Array.fromAsync(stream)).map((event) => event.type);
  assert.deepEqual([kinds[0], kinds.at(-1)], ['message_start', 'message_stop']);
  for (const message of [await anthropic.messages.create(request), await stream.finalMessage()]) {
    assert.deepEqual(of(message, 'thinking').map((block) => block.thinking), ['The user greets.']);
    assert.deepEqual(of(message, 'text').map((block) => block.text), ['Hello! How can I help?']);
    assert.equal(message.stop_reason, 'end_turn');
    assert.ok(message.usage.output_tokens > 0);
  }
  assert.ok((await anthropic.messages.countTokens({ model: 'm', messages: QUESTION })).input_tokens > 5);
});

test('tools, there and back', TIMEOUT, async (t) => {
  const anthropic = await client(t, CALL, CALL, AFTER_CALL);
  const request = { ...REQUEST, tools: TOOLS };
  const first = await anthropic.messages.create(request);
  for (const message of [first, await anthropic.messages.stream(request).finalMessage()]) {
    assert.equal(message.stop_reason, 'tool_use');
    assert.deepEqual(of(message, 'tool_use').map((block) => block.input), [{ city: 'Ankara' }]);
  }
  const result = { type: 'tool_result', tool_use_id: of(first, 'tool_use')[0].id, content: 'sunny' };
  const messages = [...QUESTION, { role: 'assistant', content: first.content }, { role: 'user', content: [result] }];
  assert.deepEqual(of(await anthropic.messages.create({ ...request, messages }), 'text').map((block) => block.text), ['Sunny in Ankara.']);
});

test('the helper that runs tools', TIMEOUT, async (t) => {
  const anthropic = await client(t, CALL, AFTER_CALL);
  const cities = [];
  const run = ({ city }) => (cities.push(city), 'sunny');
  const final = await anthropic.beta.messages.toolRunner({ ...REQUEST, tools: [{ ...TOOLS[0], run, parse: (input) => input }] });
  assert.deepEqual([cities, of(final, 'text').map((block) => block.text)], [['Ankara'], ['Sunny in Ankara.']]);
});

test('parsed by a schema', TIMEOUT, async (t) => {
  const anthropic = await client(t, CITY);
  const schema = { type: 'object', properties: { name: { type: 'string' }, people: { type: 'integer' } }, required: ['name', 'people'], additionalProperties: false };
  const message = await anthropic.messages.parse({ ...REQUEST, output_config: { format: { type: 'json_schema', schema, parse: JSON.parse } } });
  assert.deepEqual(message.parsed_output, { name: 'Ankara', people: 5 });
});

test('an abort in mid-stream', TIMEOUT, async (t) => {
  const anthropic = await client(t, ENDLESS);
  const stream = anthropic.messages.stream(REQUEST);
  stream.once('text', () => stream.abort());
  await assert.rejects(stream.finalMessage(), APIUserAbortError);
  await assertCancelled(anthropic.baseURL);
});

test('errors', TIMEOUT, async (t) => {
  const anthropic = await client(t);
  await assert.rejects(anthropic.messages.create({ ...REQUEST, max_tokens: -1 }), BadRequestError);
  await assert.rejects(anthropic.messages.create(REQUEST), (error) => {
    assert.equal(error.status, 503); // the script has ended
    return true;
  });
});

// npm's @langchain/openai: ChatOpenAI over Chat Completions and over Responses.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { HumanMessage, ToolMessage } from '@langchain/core/messages';
import { tool } from '@langchain/core/tools';
import { ChatOpenAI } from '@langchain/openai';
import { z } from 'zod';
import { AFTER_CALL, ANSWER, CALL, CITY, ENDLESS, TIMEOUT, assertCancelled, serve } from './hadal.mjs';

process.env.LANGSMITH_TRACING = 'false';
const City = z.object({ name: z.string(), people: z.number() });
const getWeather = tool(({ city }) => `sunny in ${city}`, { name: 'get_weather', description: 'The weather of a city.', schema: z.object({ city: z.string() }) });

for (const useResponsesApi of [false, true]) {
  describe(useResponsesApi ? 'responses' : 'chat', () => {
    const start = async (t, ...script) => {
      const url = await serve(t, ...script);
      return { url, model: new ChatOpenAI({ model: 'm', apiKey: 'any', maxRetries: 0, useResponsesApi, configuration: { baseURL: `${url}/v1` } }) };
    };

    test('plain and streamed', TIMEOUT, async (t) => {
      const { model } = await start(t, ANSWER, ANSWER);
      const whole = await model.invoke('Hello');
      assert.equal(whole.text, 'Hello! How can I help?');
      assert.ok(whole.usage_metadata.output_tokens > 0);
      assert.match(JSON.stringify(whole.additional_kwargs), /The user greets\./);
      const chunks = await Array.fromAsync(await model.stream('Hello'));
      assert.equal(chunks.map((chunk) => chunk.text).join(''), 'Hello! How can I help?');
    });

    test('tools, there and back', TIMEOUT, async (t) => {
      const { model } = await start(t, CALL, AFTER_CALL);
      const bound = model.bindTools([getWeather]);
      const question = new HumanMessage('What is the weather in Ankara?');
      const answer = await bound.invoke([question]);
      assert.deepEqual(answer.tool_calls.map(({ name, args }) => [name, args]), [['get_weather', { city: 'Ankara' }]]);
      const result = await getWeather.invoke(answer.tool_calls[0]);
      assert.ok(result instanceof ToolMessage);
      assert.equal((await bound.invoke([question, answer, result])).text, 'Sunny in Ankara.');
    });

    test('an object by a schema', TIMEOUT, async (t) => {
      const { model } = await start(t, CITY);
      assert.deepEqual(await model.withStructuredOutput(City, { method: 'jsonSchema' }).invoke('Ankara?'), { name: 'Ankara', people: 5 });
    });

    test('an abort in mid-stream', TIMEOUT, async (t) => {
      const { url, model } = await start(t, ENDLESS);
      const gone = new AbortController();
      await assert.rejects(async () => {
        for await (const chunk of await model.stream('Hello', { signal: gone.signal })) if (chunk.text) gone.abort();
      }, /abort/i);
      await assertCancelled(url);
    });
  });
}

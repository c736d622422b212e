// npm's ai with the providers openai-compatible, deepseek and anthropic: the same tests for each.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createAnthropic } from '@ai-sdk/anthropic';
import { createDeepSeek } from '@ai-sdk/deepseek';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { Output, generateText, stepCountIs, streamText, tool } from 'ai';
import { z } from 'zod';
import { AFTER_CALL, ANSWER, CALL, CITY, ENDLESS, TIMEOUT, assertCancelled, serve } from './hadal.mjs';

const prompt = 'What is the weather in Ankara?';
const City = z.object({ name: z.string(), people: z.number() });
const providers = {
  'openai-compatible': (url) => createOpenAICompatible({ name: 'hadal', apiKey: 'any', baseURL: `${url}/v1`, includeUsage: true, supportsStructuredOutputs: true })('m'),
  deepseek: (url) => createDeepSeek({ apiKey: 'any', baseURL: url })('deepseek-v4-flash'),
  anthropic: (url) => createAnthropic({ apiKey: 'any', baseURL: `${url}/v1` })('claude-sonnet-4-5'),
};

for (const [name, provider] of Object.entries(providers)) {
  describe(name, () => {
    const start = async (t, ...script) => {
      const url = await serve(t, ...script);
      return { url, options: { model: provider(url), prompt, maxRetries: 0 } };
    };
    const weather = (cities) =>
      tool({ description: 'The weather of a city.', inputSchema: z.object({ city: z.string() }), execute: ({ city }) => (cities.push(city), 'sunny') });

    test('plain', TIMEOUT, async (t) => {
      const { options } = await start(t, ANSWER);
      const { text, reasoningText, usage, finishReason } = await generateText(options);
      assert.deepEqual([text, reasoningText, finishReason], ['Hello! How can I help?', 'The user greets.', 'stop']);
      assert.ok(usage.inputTokens > 0 && usage.outputTokens > 0);
    });

    test('a stream', TIMEOUT, async (t) => {
      const { options } = await start(t, ANSWER);
      const result = streamText(options);
      assert.equal((await Array.fromAsync(result.textStream)).join(''), 'Hello! How can I help?');
      assert.deepEqual([await result.reasoningText, await result.finishReason], ['The user greets.', 'stop']);
      assert.ok((await result.usage).outputTokens > 0);
    });

    test('tools, there and back, whole and streamed', TIMEOUT, async (t) => {
      const { options } = await start(t, CALL, AFTER_CALL, CALL, AFTER_CALL);
      const cities = [];
      const request = { ...options, tools: { get_weather: weather(cities) }, stopWhen: stepCountIs(3) };
      const whole = await generateText(request);
      assert.deepEqual([whole.text, whole.steps.length], ['Sunny in Ankara.', 2]);
      const streamed = streamText(request);
      await streamed.consumeStream();
      assert.equal(await streamed.text, 'Sunny in Ankara.');
      assert.deepEqual(cities, ['Ankara', 'Ankara']);
    });

    test('an object by a schema', TIMEOUT, async (t) => {
      const { options } = await start(t, CITY, CITY);
      const request = { ...options, output: Output.object({ schema: City }) };
      assert.deepEqual((await generateText(request)).output, { name: 'Ankara', people: 5 });
      const streamed = streamText(request);
      assert.deepEqual((await Array.fromAsync(streamed.partialOutputStream)).at(-1), { name: 'Ankara', people: 5 });
    });

    test('an abort in mid-stream', TIMEOUT, async (t) => {
      const { url, options } = await start(t, ENDLESS);
      const gone = new AbortController();
      const kinds = [];
      for await (const part of streamText({ ...options, abortSignal: gone.signal }).fullStream) {
        kinds.push(part.type);
        if (part.type === 'text-delta') gone.abort();
      }
      assert.equal(kinds.at(-1), 'abort');
      await assertCancelled(url);
    });

    test('an error', TIMEOUT, async (t) => {
      const { options } = await start(t);
      await assert.rejects(generateText(options), (error) => {
        assert.equal(error.statusCode, 503); // the script has ended
        assert.match(error.message, /no line left/);
        return true;
      });
    });
  });
}

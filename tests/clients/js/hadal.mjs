// What the tests of the npm clients share: a running `hadal serve`, scripted or with a model, and scripted answers.
// HADAL is the program, HADAL_MODEL the model of the tests that need one (the built-in model by default).
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const BUILTIN = fileURLToPath(new URL('../../../assets/builtin', import.meta.url));
const MODEL = process.env.HADAL_MODEL || BUILTIN;

export const TIMEOUT = { timeout: 60_000 };
export const QUESTION = [{ role: 'user', content: 'What is the weather in Ankara?' }];
export const CITY_SCHEMA = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'], additionalProperties: false };
export const openaiTool = (parameters) => ({ type: 'function', function: { name: 'get_weather', description: 'The weather of a city.', parameters } });
export const OPENAI_TOOL = openaiTool(CITY_SCHEMA);
export const ANSWER = { text: 'The user greets.</think>Hello! How can I help?', finish: 'stop' };
export const CALL = {
  text:
    'I need the weather.</think>\n\n<｜DSML｜tool_calls>\n<｜DSML｜invoke name="get_weather">\n' +
    '<｜DSML｜parameter name="city" string="true">Ankara</｜DSML｜parameter>\n</｜DSML｜invoke>\n</｜DSML｜tool_calls>',
  finish: 'stop',
};
export const AFTER_CALL = { text: 'It is sunny.</think>Sunny in Ankara.', finish: 'stop' };
export const CITY = { text: 'x</think>{"name": "Ankara", "people": 5}', finish: 'stop' };
// Long enough that only a cancelled request ends within a test.
export const ENDLESS = { text: `x</think>${'deeper and '.repeat(3000)}`, finish: 'stop', delay_ms: 20 };

async function start(t, args) {
  const folder = mkdtempSync(join(tmpdir(), 'hadal-clients-'));
  const server = spawn(process.env.HADAL, ['serve', ...args(folder), '--port', '0', '--no-chats'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(server, 'exit');
  t.after(async () => {
    server.kill('SIGKILL');
    await exited;
    rmSync(folder, { recursive: true, force: true });
  });
  const [line] = await Promise.race([once(server.stdout, 'data'), exited.then(() => assert.fail('the server did not start'))]);
  return String(line).split('\n')[0].trim();
}

// The base URL of a server with these answers.
export const serve = (t, ...script) =>
  start(t, (folder) => {
    const file = join(folder, 'script.jsonl');
    writeFileSync(file, script.map((line) => `${JSON.stringify(line)}\n`).join(''));
    return [join(BUILTIN, 'tokenizer.json'), '--scripted', file];
  });

// The base URL of a server whose model answers.
export async function serveModel(t) {
  const url = await start(t, () => [MODEL, '-t', '1', '--ctx', '4096']);
  await until(async () => (await fetch(`${url}/ready`)).ok, 'the model is not ready');
  return url;
}

export async function until(condition, what) {
  for (let i = 0; i < 200; i++) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.fail(what);
}

// A request whose client has gone is not computed any more.
export const assertCancelled = (url) =>
  until(async () => /^hadal_requests_running 0$/m.test(await (await fetch(`${url}/metrics`)).text()), 'the request goes on without its reader');

// The page as `hadal serve` serves it: its own files, the store in SQLite, streams of scripted answers.
// HADAL is the program; without it the tests are skipped, loudly.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openPage } from './browser.mjs';

const program = process.env.HADAL;
const skip = program ? false : 'HADAL names no program';
const tokenizer = fileURLToPath(new URL('../../assets/builtin/tokenizer.json', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'hadal-serve-'));
const url = { value: '' };
let server;

const WORDS = 'The floor of the trench is **deep** and dark. ';
const SCRIPT = [
  { text: 'It is deep.</think>About **10,935 m**, or $h = 10935$.', finish: 'stop', usage: { prompt_tokens: 40, cached_tokens: 25 } },
  { text: `</think>${WORDS.repeat(400)}`, finish: 'stop', delay_ms: 20 },
  { text: `</think>${WORDS.repeat(400)}`, finish: 'stop', delay_ms: 20 },
];

async function start(...more) {
  const script = join(folder, 'script.jsonl');
  writeFileSync(script, SCRIPT.map((line) => JSON.stringify(line)).join('\n') + '\n');
  server = spawn(program, ['serve', tokenizer, '--scripted', script, '--port', '0', '--chats', join(folder, 'chats.db'), ...more], { stdio: ['ignore', 'pipe', 'inherit'] });
  for await (const text of server.stdout) {
    url.value = String(text).split('\n')[0].trim();
    return;
  }
}
const stop = () => new Promise((resolve) => (server.once('exit', resolve), server.kill('SIGKILL')));

before(async () => {
  if (program) await start();
});
after(async () => {
  if (program) await stop();
  rmSync(folder, { recursive: true, force: true });
});

const metric = async (name) => {
  const line = (await (await fetch(`${url.value}/metrics`)).text()).split('\n').find((text) => text.startsWith(`${name} `) || text.startsWith(`${name}{`));
  return Number(line?.split(' ').at(-1));
};
const until = async (condition, what) => {
  for (let i = 0; i < 100; i++) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.fail(what);
};
const stored = async () => {
  const { conversations } = await (await fetch(`${url.value}/api/conversations`)).json();
  return Promise.all(conversations.map(async ({ id }) => (await fetch(`${url.value}/api/conversations/${id}`)).json()));
};

test('the page comes from the program, safely', { skip }, async () => {
  const page = await fetch(url.value);
  assert.equal(page.headers.get('content-type'), 'text/html; charset=utf-8');
  assert.match(page.headers.get('content-security-policy'), /default-src 'none'/);
  const again = await fetch(url.value, { headers: { 'if-none-match': page.headers.get('etag') } });
  assert.equal(again.status, 304);
  const foreign = await fetch(`${url.value}/api/conversations`, { method: 'POST', body: '{}', headers: { origin: 'https://example.org', 'content-type': 'application/json' } });
  assert.equal(foreign.status, 403);
});

test('chat, stop, reload, kill -9', { skip, timeout: 90_000 }, async () => {
  const { page, say, idle, problems, close } = await openPage({ url: url.value });
  try {
    await say('How deep is it?');
    await idle();
    await page.locator('.prose strong', { hasText: '10,935 m' }).waitFor();
    await page.locator('.prose math').waitFor();
    await page.locator('.gauge', { hasText: '25 cached' }).waitFor();
    assert.match(await page.locator('.fold').innerText(), /Reasoning|Thought/);

    await say('Tell me more');
    await until(async () => (await page.locator('article.assistant .prose').last().innerText()).length > 200, 'a stream');
    const begin = Date.now();
    await page.keyboard.press('Escape');
    await page.getByText('Stopped.').waitFor();
    await until(async () => (await metric('hadal_requests_running')) === 0, 'the engine stopped');
    console.log(`# the engine stopped within ${Date.now() - begin} ms`);
    await until(async () => (await stored())[0].messages.at(-1).status === 'stopped', 'saved');

    await say('And more');
    await until(async () => (await page.locator('article.assistant .prose').last().innerText()).length > 300, 'a stream');
    const came = await page.locator('article.assistant .prose').last().innerText();
    await page.reload();
    await page.getByText('This reply was cut off.').waitFor();
    assert.ok((await page.locator('article.assistant .prose').last().innerText()).startsWith(came.slice(0, -20)));
    await until(async () => (await stored())[0].messages.at(-1).status === 'interrupted', 'saved');
    const all = JSON.stringify(await stored());
    await stop();
    await start();
    assert.equal(JSON.stringify(await stored()), all);
    assert.deepEqual(problems, []);
  } finally {
    await close();
  }
});

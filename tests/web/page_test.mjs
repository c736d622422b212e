// The page in Debian's Chromium against the mock: what issue and users ask of it. `make test-web`.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { long } from '../../web/mock/server.mjs';
import { openPage } from './browser.mjs';
import { attacks } from './xss_corpus.mjs';

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

// Runs the test on a page of its own; afterwards nothing may have been logged as an error, blocked by the CSP or
// asked of another host.
function onPage(name, options, body) {
  test(name, { timeout: 90_000 }, async () => {
    const session = await openPage(options);
    try {
      await body(session);
      assert.deepEqual(session.problems, []);
    } finally {
      await session.close();
    }
  });
}

const turns = (page, role) => page.locator(`article.${role}`);
const composer = (page) => page.locator('.composer textarea');
const until = async (condition, what) => {
  for (let i = 0; i < 100; i++) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.fail(what);
};

async function axe(page) {
  await page.evaluate((source) => new Function(source)(), axeSource).catch(async () => {
    // The CSP forbids eval, as it should: the debugger may still add a script.
    const session = await page.context().newCDPSession(page);
    await session.send('Page.setBypassCSP', { enabled: true });
    await session.send('Runtime.evaluate', { expression: axeSource });
  });
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 120)).join(' | ')}`);
}

onPage('a first chat', {}, async ({ page, say, idle, mock }) => {
  await say('Please think: how deep is it?');
  await page.getByText(/^Thinking…/).waitFor();
  await idle();
  const answer = turns(page, 'assistant');
  assert.equal(await answer.locator('.fold').getAttribute('aria-expanded'), 'false');
  assert.match(await answer.locator('.fold').innerText(), /Thought for \d/);
  await answer.locator('.fold').click();
  assert.match(await answer.locator('.thoughts').innerText(), /Challenger Deep/);
  assert.equal(await answer.locator('table tr').count(), 3);
  await answer.locator('math').first().waitFor();
  assert.equal(await answer.locator('annotation').count(), 0);
  await answer.locator('.hljs-keyword').first().waitFor();
  assert.match(await page.locator('.gauge').innerText(), /1M tokens[\s\S]*cached[\s\S]*tokens\/s/);
  assert.match(await page.title(), /how deep is it/);
  await answer.locator('.copy-code').click();
  assert.match(await page.evaluate(() => navigator.clipboard.readText()), /^def pressure/);
  const body = mock.state.requests[0];
  assert.deepEqual(body.messages, [{ role: 'user', content: 'Please think: how deep is it?' }]);
  assert.equal(body.stream_options.include_usage, true);
  await until(() => [...mock.chats.values()][0]?.messages[1]?.status === 'stop', 'saved');
  // A reload shows the same.
  await page.reload();
  await turns(page, 'assistant').locator('table').waitFor();
});

onPage('10,000 tokens without jank', {}, async ({ page, say, idle, mock }) => {
  // The page's own work is held to limits; frames are told beside those of the idle page, as other programs on
  // the machine delay both.
  const debug = await page.context().newCDPSession(page);
  await debug.send('Performance.enable');
  const work = async () => (await debug.send('Performance.getMetrics')).metrics.find(({ name }) => name === 'TaskDuration').value;
  await page.evaluate(() => {
    window.slow = [];
    new PerformanceObserver((list) => window.slow.push(...list.getEntries().map(({ duration }) => duration))).observe({ type: 'longtask' });
    window.frames = [];
    let last = performance.now();
    const tick = (now) => (window.frames.push(now - last), (last = now), requestAnimationFrame(tick));
    requestAnimationFrame(tick);
  });
  const frames = () => page.evaluate(() => window.frames.splice(0).slice(1).sort((a, b) => a - b));
  const told = (list) => `median ${list[list.length >> 1].toFixed(1)}, P99 ${list[Math.floor(list.length * 0.99)].toFixed(1)} ms`;
  await page.waitForTimeout(1500);
  const idleFrames = await frames();
  await page.evaluate(() => window.slow.splice(0));
  const before = await work();
  const begin = Date.now();
  await say('a long one');
  await idle();
  const took = Date.now() - begin;
  const spent = (await work()) - before;
  const worst = Math.max(0, ...(await page.evaluate(() => window.slow)));
  console.log(`# ${mock.state.sent} tokens in ${took} ms, ${(1000 * spent).toFixed(0)} ms of work, the longest task ${worst ? worst.toFixed(0) : 'under 50'} ms`);
  console.log(`# frames: idle ${told(idleFrames)}; streaming ${told(await frames())}`);
  assert.ok(mock.state.sent >= 10_000);
  assert.ok(spent < 2, `${spent} s of work`);
  assert.ok(worst < 250, `a task of ${worst} ms`);
  // The incremental text is the whole text.
  const whole = await page.evaluate(() => document.querySelectorAll('article.assistant :is(h3, li, pre, .prose a)').length);
  const text = long(10_000);
  assert.equal(whole, (text.match(/^### /gm).length + text.match(/^- /gm).length + text.match(/^```js/gm).length + text.match(/\]\(/g).length));
  // The end is in view.
  const rest = await page.locator('.scroller').evaluate((element) => element.scrollHeight - element.scrollTop - element.clientHeight);
  assert.ok(rest < 80, `${rest} px below`);
});

// Blocks whose meaning hangs on what comes later, or came before.
const TRICKY = `Intro with [a link][late-not], [one][ref] and \`code\`.

[ref]: https://example.org/a/long/address

Uses [ref] after it.

Setext
======

- tight
- list

  that becomes loose

  \`\`\`js
  let inside = "a list";

  // after a blank line
  \`\`\`
- end

1. one
   1. nested
      > quoted
2. two

| a | b |
|:-:|--:|
| 1 | $x_1$ |

> quote
lazy line

\\[
\\sum_{i=1}^n i

= \\frac{n(n+1)}2
\\]

Costs $5 and $6, but $y=2$ and \\(z\\).

\`\`\`\`md
\`\`\`
not closed by three

\`\`\`
\`\`\`\`

    indented

    code

---

## A *heading* with **marks**

Last, <b>no html</b> & **bold
over lines**, ~~struck~~ https://example.org/x_y_z end.
\`\`\`py
open = "to the end"

print(1)`;

onPage('a growing text ends as the whole text', {}, async ({ page, say, idle, mock }) => {
  const shown = () => page.locator('article.assistant .prose').last().evaluate((prose) => [...prose.children].map(({ innerHTML }) => innerHTML).join(''));
  await say('First, so that all is loaded: think');
  await idle();
  for (let seed = 1; seed <= 4; seed++) {
    let random = seed * 7919;
    mock.state.replyPieces = [];
    for (let at = 0; at < TRICKY.length; ) {
      random = (random * 1103515245 + 12345) % 2147483648;
      const size = 1 + (random >> 8) % (6 * seed);
      mock.state.replyPieces.push(TRICKY.slice(at, (at += size)));
    }
    await say(`again ${seed}`);
    await idle();
    const grown = await shown();
    mock.state.replyPieces = [TRICKY];
    await say('whole');
    await idle();
    const whole = await shown();
    assert.equal(grown, whole);
    assert.equal((whole.match(/https:\/\/example.org\/a\/long\/address/g) ?? []).length, 2);
    assert.match(whole, /<table>[\s\S]*class="center"[\s\S]*<math[\s\S]*<ol>|<ol>/);
  }
});

onPage('stop reaches the server at once', {}, async ({ page, say, idle, mock }) => {
  await say('a slow one');
  await until(() => mock.state.sent > 10, 'a stream');
  const begin = Date.now();
  await page.keyboard.press('Escape');
  await until(() => mock.state.aborted.length === 1, 'an abort');
  const step = 25;
  assert.ok(mock.state.aborted[0].at - begin < step + 100, `${mock.state.aborted[0].at - begin} ms`);
  await idle();
  await page.getByText('Stopped.').waitFor();
  await until(() => [...mock.chats.values()][0].messages[1].status === 'stopped', 'saved');
  await page.getByRole('button', { name: 'Continue' }).click();
  await page.getByText('Three. Four.').waitFor();
  assert.equal(mock.state.requests[1].messages.at(-1).prefix, true);
});

onPage('two chats at once', {}, async ({ page, say, idle, mock }) => {
  await say('a slow one');
  await until(() => mock.state.sent > 10, 'a stream');
  await page.keyboard.press('Alt+n');
  await say('meanwhile');
  await page.getByText('You said: meanwhile').waitFor();
  await idle();
  assert.equal(await page.locator('.chats .alive').count(), 1);
  await page.locator('.chats a', { hasText: 'a slow one' }).click();
  await page.getByRole('button', { name: 'Stop', exact: true }).click();
  await page.getByText('Stopped.').waitFor();
  assert.equal(mock.state.aborted.length, 1);
});

onPage('a reload in mid-stream keeps what came', {}, async ({ page, say, mock }) => {
  await say('a slow one');
  await until(() => mock.state.sent > 60, 'a stream');
  const before = await turns(page, 'assistant').locator('.prose').innerText();
  await page.reload();
  await page.getByText('This reply was cut off.').waitFor();
  const after = await turns(page, 'assistant').locator('.prose').innerText();
  assert.ok(after.startsWith(before.slice(0, -20)), `${before.length} characters before, ${after.length} after`);
  await until(() => [...mock.chats.values()][0].messages[1].status === 'interrupted', 'saved');
});

onPage('branches and edits', {}, async ({ page, say, idle, mock }) => {
  await say('first words');
  await idle();
  await turns(page, 'assistant').getByRole('button', { name: 'Regenerate' }).click();
  await idle();
  await turns(page, 'assistant').getByText('2/2').waitFor();
  await composer(page).fill('');
  await composer(page).press('ArrowUp');
  await page.locator('.editor textarea').fill('other words');
  await page.getByRole('button', { name: 'Send as a new version' }).click();
  await idle();
  await page.getByText('You said: other words').waitFor();
  assert.equal(await turns(page, 'user').count(), 1);
  await turns(page, 'user').hover();
  await turns(page, 'user').getByRole('button', { name: 'Earlier version' }).click();
  await page.getByText('You said: first words').waitFor();
  await turns(page, 'assistant').getByRole('button', { name: 'Earlier version' }).click();
  await turns(page, 'assistant').getByText('1/2').waitFor();
  const chat = [...mock.chats.values()][0];
  await until(() => chat.messages.length === 5 && chat.current === chat.messages[1].id, 'saved');
  await page.reload();
  await turns(page, 'assistant').getByText('1/2').waitFor();
});

onPage('no script of a reply runs', {}, async ({ page, say, idle, mock }) => {
  await page.evaluate(() => (window.ran = 0));
  await page.exposeFunction('attacked', () => assert.fail('a script ran'));
  page.on('dialog', (dialog) => (dialog.dismiss(), assert.fail('a dialog opened')));
  const anyHarm = () =>
    page.evaluate(() => ({
      ran: window.ran,
      bad: [...document.querySelectorAll('.thread *')].filter(
        (element) =>
          /^(SCRIPT|IFRAME|OBJECT|EMBED|IMG|VIDEO|AUDIO|FORM|STYLE|LINK|META|BASE)$/i.test(element.tagName) && !element.matches('.thread form') ||
          [...element.attributes].some(({ name, value }) => /^on/i.test(name) || /^\s*(javascript|data|vbscript):/i.test(value)),
      ).map((element) => element.outerHTML.slice(0, 100)),
    }));
  for (let i = 0; i < attacks.length; i += 12) {
    mock.state.replyText = attacks.slice(i, i + 12).join('\n\n');
    await say(attacks[i]);
    await idle();
    for (const link of await page.locator('.thread .prose a').all()) assert.match(await link.getAttribute('href'), /^(https?:|mailto:|#)/);
    assert.deepEqual(await anyHarm(), { ran: 0, bad: [] });
  }
  // And each alone, as reasoning, title, file, tool call and imported chat would hold it.
  const messages = attacks.map((text, i) => ({
    id: `m${i}`, parent: i ? `m${i - 1}` : null, role: ['user', 'assistant'][i % 2], content: text, reasoning: text, status: 'stop', error: text,
    files: [{ name: text, text }], tool_calls: i % 4 === 1 ? [{ id: text, name: text, arguments: text }] : undefined, model: text,
  }));
  const file = join(tmpdir(), `hadal-xss-${process.pid}.json`);
  writeFileSync(file, JSON.stringify({ format: 'hadal.conversations', version: 1, conversations: [{ title: attacks[0], messages, current: messages.at(-1).id, settings: {} }] }));
  await page.locator('.side input[type=file]').setInputFiles(file);
  await page.getByText('1 chats imported').waitFor();
  await until(async () => (await page.locator('.chats li').count()) === 2, 'listed');
  await page.locator('.chats a').first().click();
  await page.locator(`[data-id="m${attacks.length - 1}"]`).waitFor();
  await page.waitForTimeout(300);
  assert.deepEqual(await anyHarm(), { ran: 0, bad: [] });
  console.log(`# ${attacks.length} attacks, twice`);
});

onPage('the keyboard alone', {}, async ({ page, idle, mock }) => {
  const keys = page.keyboard;
  await keys.type('apples'); // the box has the focus
  await keys.press('Enter');
  await idle();
  await keys.press('Alt+n');
  await keys.type('pears');
  await keys.press('Shift+Enter');
  await keys.type('and plums');
  await keys.press('Enter');
  await idle();
  await until(() => mock.chats.size === 2, 'two chats');
  await keys.press('Control+k');
  await keys.type('apples');
  await until(async () => (await page.locator('.chats li').count()) === 1, 'one found');
  await keys.press('ArrowDown');
  await keys.press('Enter');
  await page.getByText('You said: apples').waitFor();
  await keys.press('Control+k');
  await keys.press('Escape'); // clears the search
  await until(async () => (await page.locator('.chats li').count()) === 2, 'both');
  await keys.press('ArrowDown');
  await keys.press('F2');
  await keys.press('Control+a');
  await keys.type('Fruit');
  await keys.press('Enter');
  await until(() => [...mock.chats.values()].some(({ title }) => title === 'Fruit'), 'renamed');
  await keys.press('Control+k');
  await keys.press('ArrowDown');
  await keys.press('Delete');
  await page.getByRole('dialog').waitFor();
  await keys.press('Tab');
  await keys.press('Enter');
  await until(() => mock.chats.size === 1, 'deleted');
  await keys.press('Escape');
  await keys.press('Alt+s');
  await page.getByRole('complementary').waitFor();
  // Every control can be reached and shows that it has the focus.
  await keys.press('Escape');
  const seen = new Set();
  for (let i = 0; i < 40; i++) {
    await keys.press('Tab');
    const at = await page.evaluate(() => {
      const element = document.activeElement;
      const ring = getComputedStyle(element);
      return { name: element.getAttribute('aria-label') ?? element.innerText ?? element.tagName, ring: ring.outlineStyle !== 'none' || element.matches('.composer textarea, .search input, body') };
    });
    assert.ok(at.ring, `no focus ring on ${at.name}`);
    seen.add(at.name);
  }
  for (const name of ['New chat', 'Search chats', 'Message', 'Preferences', 'Settings of this chat', 'Add text files']) assert.ok(seen.has(name), `${name} is not reached: ${[...seen]}`);
});

onPage('360 px', { width: 360, height: 740, scheme: 'dark', hasTouch: true }, async ({ page, say, idle }) => {
  const fits = async (where) => {
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(wide <= 360, `${where}: ${wide} px wide`);
    const out = await page.evaluate(() => [...document.querySelectorAll('button, input, textarea, select, a')].filter((element) => {
      const box = element.getBoundingClientRect();
      return box.width > 0 && (box.right > 361 || box.left < -1) && !element.closest('pre, .table, .math');
    }).map((element) => element.outerHTML.slice(0, 80)));
    assert.deepEqual(out, [], where);
  };
  await fits('welcome');
  await say('Please think: how deep is it?');
  await idle();
  await fits('reply');
  await page.getByRole('button', { name: 'Show chats' }).click();
  await fits('list');
  assert.equal(await page.locator('.chats li').count(), 1);
  await page.locator('.chats a').click();
  await page.getByRole('button', { name: 'Settings of this chat' }).click();
  await fits('settings');
  assert.deepEqual(await axe(page), []);
});

for (const [locale, scheme] of [['en-GB', 'light'], ['tr-TR', 'dark']]) {
  onPage(`no violations for axe-core: ${locale}, ${scheme}`, { locale, scheme }, async ({ page, say, idle }) => {
    assert.deepEqual(await axe(page), [], 'welcome');
    await say('Please think: how deep is it?');
    await idle();
    await page.locator('.fold').click();
    await say('What is the weather?');
    await idle();
    await page.keyboard.press('Alt+s');
    await page.locator('.chats .more').click();
    assert.deepEqual(await axe(page), [], 'everything open');
    await page.keyboard.press('Escape');
    await page.locator('.side-foot .icon').click();
    assert.deepEqual(await axe(page), [], 'preferences');
  });
}

onPage('both languages', { locale: 'tr-TR' }, async ({ page, say, idle }) => {
  assert.equal(await page.getAttribute('html', 'lang'), 'tr');
  await page.getByText('Derinlerde ne var?').waitFor();
  await say('merhaba');
  await idle();
  await page.getByRole('button', { name: 'Tercihler' }).click();
  await page.getByLabel('Dil').selectOption('en');
  await page.getByText('Language').waitFor();
  assert.equal(await page.getAttribute('html', 'lang'), 'en');
  await page.reload();
  await page.getByPlaceholder('Search chats').waitFor();
});

onPage('tools, settings, schema and prompt progress', {}, async ({ page, say, idle, mock }) => {
  await page.keyboard.press('Alt+s');
  await page.getByLabel('System prompt').fill('Be brief.');
  await page.getByLabel('Temperature').fill('0.3');
  await page.getByLabel('Seed').fill('7');
  await page.getByLabel('Stop at (one per line)').fill('END');
  await page.getByLabel('Think before answering').uncheck();
  await page.getByLabel('JSON by a schema').check();
  await page.getByLabel('JSON Schema').fill('{"type": ');
  await page.getByText(/Not valid JSON/).waitFor();
  await page.getByLabel('JSON Schema').fill('{"type": "object"}');
  await page.locator('fieldset', { hasText: 'Tools' }).locator('textarea').fill('[{"type": "function", "function": {"name": "get_weather"}}]');
  await say('The weather?');
  await idle();
  const body = mock.state.requests[0];
  assert.deepEqual(body.messages[0], { role: 'system', content: 'Be brief.' });
  assert.deepEqual([body.temperature, body.seed, body.stop, body.thinking.type], [0.3, 7, ['END'], 'disabled']);
  assert.deepEqual(body.response_format.json_schema.schema, { type: 'object' });
  assert.equal(body.tools[0].function.name, 'get_weather');
  await page.locator('.tool').getByText('"city": "İzmir"').waitFor();
  await page.getByLabel('Result for get_weather').fill('24 °C');
  await page.getByRole('button', { name: 'Send results' }).click();
  await page.getByText('Sunny').waitFor();
  const again = mock.state.requests[1].messages;
  assert.deepEqual(again.at(-1), { role: 'tool', tool_call_id: 'call_0', content: '24 °C' });
  assert.equal(again.at(-2).tool_calls[0].function.arguments, '{"city": "İzmir", "days": 3}');
  await idle();
  await say('Give json');
  await idle();
  await page.locator('.hljs-attr').first().waitFor();
  await say('a big prompt');
  await page.getByText(/Reading the prompt: .* from the cache/).waitFor();
  await idle();
  await say('fail now');
  await page.getByText('The reply failed: the engine lost its way').waitFor();
  await page.getByText('This much came').waitFor();
});

onPage('a long question is folded', {}, async ({ page, say, idle }) => {
  await say('lorem ipsum dolor '.repeat(300));
  await idle();
  const said = turns(page, 'user').locator('.said');
  const height = async () => (await said.boundingBox()).height;
  const folded = await height();
  assert.ok(folded < 500, `${folded} px`);
  await said.getByRole('button', { name: 'Show all' }).click();
  assert.ok((await height()) > 1.5 * folded);
  await said.getByRole('button', { name: 'Show less' }).click();
  assert.equal(await height(), folded);
  assert.deepEqual(await axe(page), []);
});

onPage('hundreds of chats', {}, async ({ page, mock }) => {
  for (let i = 0; i < 250; i++) {
    mock.chats.set(`c${i}`.padStart(12, '0'), { id: `c${i}`.padStart(12, '0'), title: `Chat ${i}`, version: 1, created_ms: i, updated_ms: i, settings: {}, current: null, messages: [] });
  }
  await page.reload();
  await until(async () => (await page.locator('[data-chat]').count()) === 200, 'the latest 200');
  await page.getByRole('button', { name: 'Older chats' }).click();
  await until(async () => (await page.locator('[data-chat]').count()) === 250, 'all');
  assert.equal(await page.getByRole('button', { name: 'Older chats' }).count(), 0);
});

onPage('files, export, import, two tabs', {}, async ({ page, say, idle, mock, context }) => {
  const drop = (name, bytes) =>
    page.evaluate(([fileName, content]) => {
      const data = new DataTransfer();
      data.items.add(new File([new Uint8Array(content)], fileName));
      for (const type of ['dragenter', 'drop']) window.dispatchEvent(new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true }));
    }, [name, bytes]);
  await drop('notes.md', [...Buffer.from('# Notes\n```\ncode\n```')]);
  await page.locator('.files li').getByText('notes.md').waitFor();
  await drop('photo.bin', [0xff, 0xfe, 0, 1]);
  await page.getByText('photo.bin is not a text file').waitFor();
  await say('Sum up');
  await idle();
  assert.equal(mock.state.requests[0].messages[0].content, 'notes.md\n````\n# Notes\n```\ncode\n```\n````\n\nSum up');
  await until(() => mock.chats.size === 1, 'saved');

  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Export all' }).click()]);
  const path = await download.path();
  assert.equal(JSON.parse(readFileSync(path, 'utf8')).conversations.length, 1);
  await page.locator('.side input[type=file]').setInputFiles(path);
  await page.getByText('1 chats imported').waitFor();
  await page.locator('.side input[type=file]').setInputFiles({ name: 'x.json', mimeType: 'application/json', buffer: Buffer.from('{"format": "other"}') });
  await page.getByText(/could not be imported/).waitFor();

  // The same chat in two tabs: what both write is kept.
  const id = page.url().split('#')[1];
  const other = await context.newPage();
  await other.goto(page.url());
  await other.getByText('You said: ').waitFor();
  await other.locator('.composer textarea').fill('from the other tab');
  await other.keyboard.press('Enter');
  await until(() => mock.chats.get(id).messages.length === 4, 'the other tab');
  await page.locator('.composer textarea').fill('from this tab');
  await page.keyboard.press('Enter');
  await until(() => mock.chats.get(id).messages.length === 6, 'both tabs');
  const said = mock.chats.get(id).messages.map(({ content }) => content);
  assert.ok(said.includes('from the other tab') && said.includes('from this tab'));
});

onPage('a server with keys, and one that went away', { key: 'secret', }, async ({ page, say, idle, mock }) => {
  await page.getByRole('dialog').getByRole('textbox').or(page.locator('dialog input')).first().fill('secret');
  await page.getByRole('button', { name: 'Save' }).click();
  await until(async () => (await page.locator('.bar .model').innerText()) === 'nano', 'the model');
  await say('hello');
  await idle();
  await page.getByText('You said: hello').waitFor();
  await until(() => mock.chats.size === 1, 'saved');
});

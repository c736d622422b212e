// The API as the page sees it, without a model: for work on the page and for its tests.
//   node mock/server.mjs [port]       serves web/dist too, with the headers that the program sends
// What a reply is like follows from words in the last message: see SCRIPTS. /mock/state says what was seen.
import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { DIST } from '../scripts/dist_files.mjs';

const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.css': 'text/css; charset=utf-8', '.svg': 'image/svg+xml' };
const CSP =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const pieces = (text) => text.match(/\s*\S{1,6}|\s+/g) ?? [];

const SAMPLE = `The trench floor lies **10,935 m** down; light ends at about 1,000 m.

## What lives there

1. Amphipods, up to *34 cm* long
2. Holothurians, which walk on the mud
3. Xenophyophores — single cells the size of a fist

| Zone | From | To |
|---|--:|--:|
| Abyssal | 4,000 m | 6,000 m |
| Hadal | 6,000 m | 11,000 m |

The pressure is $p = p_0 + \\rho g h$, so at the bottom

$$
p \\approx 1030 \\cdot 9.81 \\cdot 10935 \\approx 1.1 \\times 10^8\\,\\mathrm{Pa}
$$

\`\`\`python
def pressure(depth_m: float) -> float:
    """Pascal, at a depth in metres."""
    return 101_325 + 1030 * 9.81 * depth_m  # sea water

print(f"{pressure(10_935):.3g}")
\`\`\`

> The sea is not less beautiful for being dark.
`;

const THOUGHTS = 'The question is about depth. I recall the Challenger Deep, measured several times; the figure of 10,935 m is the one most used. I should say what lives there, and give the pressure.';

export function long(words) {
  const parts = [];
  for (let i = 0; parts.length < words / 8; i++) {
    parts.push(i % 9 === 0 ? `\n\n### Part ${i / 9 + 1}\n\n` : '');
    parts.push(`Line ${i}: the water column holds **salt**, \`cold\` and [light](https://example.org/${i}) in layers that seldom mix at all.`);
    parts.push(i % 5 === 4 ? `\n\n- one\n- two of ${i}\n- three\n\n` : ' ');
    if (i % 20 === 19) parts.push(`\n\n\`\`\`js\nconst depth${i} = ${i} * 100; // metres\nconsole.log(depth${i});\n\`\`\`\n\n`);
  }
  return parts.join('');
}

// word in the message -> {reasoning, text, calls, delay, finish, prompt, error}
const SCRIPTS = [
  ['long', () => ({ text: long(10000), delay: 0 })],
  ['slow', () => ({ text: SAMPLE.repeat(30), delay: 25 })],
  ['weather', () => ({ reasoning: 'I need the tool.', calls: [{ name: 'get_weather', arguments: '{"city": "İzmir", "days": 3}' }], finish: 'tool_calls' })],
  ['prompt', () => ({ text: 'Read.', prompt: 48000 })],
  ['json', () => ({ text: '{"depth_m":10935,"zones":["abyssal","hadal"]}' })],
  ['short', () => ({ text: 'One. Two.', finish: 'length' })],
  ['fail', () => ({ text: 'This much came', error: 'the engine lost its way' })],
  ['think', () => ({ reasoning: THOUGHTS, text: SAMPLE, delay: 8 })],
];

export function startMock({ port = 0, key = '' } = {}) {
  const chats = new Map();
  const state = { requests: [], aborted: [], sent: 0, replyText: null, replyPieces: null };

  const summary = ({ id, title, version, created_ms, updated_ms, messages }) => ({ id, title, version, created_ms, updated_ms, message_count: messages.length });
  function change(chat, body) {
    for (const name of ['title', 'settings', 'current']) if (body[name] != null) chat[name] = body[name];
    for (const message of body.messages ?? []) {
      const place = chat.messages.findIndex(({ id }) => id === message.id);
      if (place < 0 && message.parent && !chat.messages.some(({ id }) => id === message.parent)) throw new Error(`no message ${message.parent}`);
      if (place < 0) chat.messages.push(message);
      else chat.messages[place] = message;
    }
    chat.updated_ms = Date.now();
    return summary(chat);
  }
  function create(body) {
    const now = Date.now();
    const chat = { id: randomUUID().replaceAll('-', ''), title: '', version: 1, created_ms: now, updated_ms: now, settings: {}, current: null, messages: [] };
    change(chat, body);
    chats.set(chat.id, chat);
    return summary(chat);
  }

  function conversations(method, path, query, body) {
    const error = (status, message) => [status, { error: { message, type: 'invalid_request_error', param: null, code: null } }];
    const id = path.split('/')[3];
    if (!id && method === 'GET') {
      const words = (query.get('search') ?? '').toLowerCase().split(/\s+/).filter(Boolean);
      const list = [...chats.values()].sort((a, b) => b.updated_ms - a.updated_ms);
      const text = (chat) => `${chat.title}\n${chat.messages.map(({ content }) => content).join('\n')}`.toLowerCase();
      const found = list.filter((chat) => words.every((word) => text(chat).includes(word)));
      const from = Number(query.get('offset') ?? 0);
      const page = found.slice(from, from + Number(query.get('limit') ?? 200));
      return [200, { conversations: page.map((chat) => ({ ...summary(chat), ...(words.length ? { excerpt: `…${words[0]}…` } : {}) })) }];
    }
    if (!id && method === 'POST') return [201, create(body)];
    if (id === 'export') return [200, { format: 'hadal.conversations', version: 1, conversations: [...chats.values()] }];
    if (id === 'import' && method === 'POST') {
      if (body.format !== 'hadal.conversations') return error(400, 'format: not an export of hadal');
      return [201, { conversations: body.conversations.map(create) }];
    }
    const chat = chats.get(id);
    if (!chat) return error(404, 'there is no such conversation');
    if (method === 'GET') return [200, chat];
    if (method === 'DELETE') return chats.delete(id) && [200, {}];
    if (method !== 'PATCH') return error(405, 'no such method');
    if (body.version !== chat.version) return error(409, 'another version came first');
    try {
      change(chat, body);
    } catch (problem) {
      return error(400, problem.message);
    }
    chat.version += 1;
    return [200, summary(chat)];
  }

  async function complete(request, response, body) {
    const last = body.messages.at(-1);
    const asked = String(last.content ?? '').toLowerCase();
    const script = state.replyPieces ? { pieces: state.replyPieces, delay: 4 } : state.replyText !== null ? { text: state.replyText } : last.role === 'tool' ? { text: 'Sunny, **24 °C**.' } : last.prefix ? { text: ' Three. Four.' } : (SCRIPTS.find(([word]) => asked.includes(word))?.[1]() ?? { text: `You said: ${last.content}` });
    state.requests.push(body);
    let gone = false;
    response.on('close', () => {
      if (response.writableEnded) return;
      gone = true;
      state.aborted.push({ at: Date.now(), sent: state.sent });
    });
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
    const id = `chatcmpl-${randomUUID()}`;
    const send = (fields) => response.write(`data: ${JSON.stringify({ id, object: 'chat.completion.chunk', created: 1, model: body.model, ...fields })}\n\n`);
    const delta = (value, finish = null) => send({ choices: [{ index: 0, delta: value, finish_reason: finish }] });
    const promptTokens = script.prompt ?? 12 * body.messages.length;
    const cached = Math.floor(promptTokens * 0.6);
    response.write(': keep-alive\n\n');
    for (let done = cached; script.prompt && done < promptTokens && !gone; done += 3000) {
      send({ choices: [], prompt_progress: { total: promptTokens, cache: cached, processed: done, time_ms: 5 } });
      await sleep(120);
    }
    delta({ role: 'assistant', content: '' });
    const thoughts = pieces(script.reasoning ?? '');
    const words = script.pieces ?? pieces(script.text ?? '');
    state.sent = 0;
    for (const [field, list] of [['reasoning_content', thoughts], ['content', words]]) {
      for (const piece of list) {
        if (gone) return;
        delta({ [field]: piece });
        state.sent += 1;
        if (script.delay) await sleep(script.delay);
        else if (state.sent % 40 === 0) await sleep(2);
      }
    }
    for (const [index, call] of (script.calls ?? []).entries()) {
      delta({ tool_calls: [{ index, id: `call_${index}`, type: 'function', function: { name: call.name, arguments: '' } }] });
      for (const piece of pieces(call.arguments)) delta({ tool_calls: [{ index, function: { arguments: piece } }] });
    }
    if (script.error) {
      response.write(`data: ${JSON.stringify({ error: { message: script.error, type: 'server_error', code: 500 } })}\n\n`);
      return response.end();
    }
    delta({}, script.finish ?? 'stop');
    send({
      choices: [],
      usage: {
        prompt_tokens: promptTokens, completion_tokens: state.sent, total_tokens: promptTokens + state.sent,
        prompt_tokens_details: { cached_tokens: cached }, completion_tokens_details: { reasoning_tokens: thoughts.length },
      },
    });
    response.end('data: [DONE]\n\n');
  }

  function asset(path, response) {
    const file = join(DIST, path === '/' ? 'index.html' : path);
    if (!file.startsWith(DIST) || !existsSync(file)) return response.writeHead(404).end();
    response.writeHead(200, { 'content-type': TYPES[extname(file)] ?? 'application/octet-stream', 'content-security-policy': CSP });
    response.end(readFileSync(file));
  }

  const server = createServer(async (request, response) => {
    const url = new URL(request.url, 'http://localhost');
    const json = (status, value) => response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
    let text = '';
    for await (const part of request) text += part;
    try {
      const body = text ? JSON.parse(text) : {};
      const isApi = /^\/(v1|beta|api)\//.test(url.pathname);
      if (isApi && key && request.headers.authorization !== `Bearer ${key}`) return json(401, { error: { message: 'a key is needed', type: 'authentication_error' } });
      if (url.pathname === '/mock/state') return json(200, state);
      if (url.pathname === '/v1/models') return json(200, { object: 'list', data: [{ id: 'nano', object: 'model', created: 1, owned_by: 'hadal', context_window: 1048576 }] });
      if (url.pathname.endsWith('/chat/completions')) return await complete(request, response, body);
      if (url.pathname.startsWith('/api/conversations')) return json(...conversations(request.method, url.pathname, url.searchParams, body));
      asset(url.pathname, response);
    } catch (error) {
      json(400, { error: { message: error.message, type: 'invalid_request_error' } });
    }
  });
  return new Promise((resolve) => {
    server.listen(port, '127.0.0.1', () => resolve({ server, state, chats, url: `http://127.0.0.1:${server.address().port}` }));
  });
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { url } = await startMock({ port: Number(process.argv[2] ?? 8089) });
  console.log(url);
}

// The server's API as the page uses it (web/API.md): JSON calls, and a chat completion as a stream of events.
import { preferences } from './preferences.svelte.js';

export class ApiError extends Error {
  constructor(status, message, type = '') {
    super(message);
    this.status = status;
    this.type = type;
  }
}

function headers(more = {}) {
  return preferences.key ? { ...more, authorization: `Bearer ${preferences.key}` } : more;
}

async function errorOf(response) {
  let error = {};
  try {
    error = (await response.json()).error ?? {};
  } catch {
    // The status has to do.
  }
  return new ApiError(response.status, error.message || `HTTP ${response.status}`, error.type);
}

export async function call(method, path, body, options = {}) {
  const response = await fetch(path, {
    method,
    headers: headers(body === undefined ? {} : { 'content-type': 'application/json' }),
    body: body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body),
    ...options,
  });
  if (!response.ok) throw await errorOf(response);
  return response.json();
}

// Whole `data:` payloads of a stream, however its bytes are cut; comments and other fields are skipped.
export async function* serverEvents(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let waiting = '';
  let data = [];
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      waiting += value;
      const lines = waiting.split('\n');
      waiting = lines.pop();
      for (let line of lines) {
        if (line.endsWith('\r')) line = line.slice(0, -1);
        if (line.startsWith('data:')) data.push(line.slice(line[5] === ' ' ? 6 : 5));
        if (line !== '' || data.length === 0) continue;
        yield data.join('\n');
        data = [];
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

// Calls onChunk with each parsed chunk; returns when the stream ended as it should, throws otherwise.
export async function streamChat(path, body, signal, onChunk) {
  const response = await fetch(path, {
    method: 'POST',
    headers: headers({ 'content-type': 'application/json' }),
    body: JSON.stringify(body),
    signal,
  });
  if (!response.ok) throw await errorOf(response);
  for await (const data of serverEvents(response.body)) {
    if (data === '[DONE]') return;
    const chunk = JSON.parse(data);
    if (chunk.error) throw new ApiError(chunk.error.code ?? 500, chunk.error.message, chunk.error.type);
    onChunk(chunk);
  }
  throw new ApiError(0, 'the connection closed early');
}

// One reply: the request that asks for it, and what its chunks do to the message.
import { requestMessages } from './tree.js';

const NUMBERS = ['temperature', 'top_p', 'top_k', 'min_p', 'presence_penalty', 'frequency_penalty', 'max_tokens', 'seed'];

function outputFormat({ output, schema }) {
  if (output === 'json') return { type: 'json_object' };
  if (output !== 'schema') return undefined;
  return { type: 'json_schema', json_schema: { name: 'answer', strict: true, schema: JSON.parse(schema || '{}') } };
}

export function replyRequest(chat, parent, model, continued) {
  const { settings } = chat;
  const body = {
    model,
    messages: requestMessages(chat, continued ? continued.id : parent),
    stream: true,
    stream_options: { include_usage: true },
    return_progress: true,
    thinking: { type: settings.thinking === false ? 'disabled' : 'enabled' },
  };
  if (settings.thinking !== false && settings.effort) body.reasoning_effort = settings.effort;
  for (const name of NUMBERS) if (settings[name] != null) body[name] = settings[name];
  const stops = (settings.stop ?? '').split('\n').filter(Boolean);
  if (stops.length) body.stop = stops;
  const format = outputFormat(settings);
  if (format) body.response_format = format;
  if (settings.tools?.trim()) body.tools = JSON.parse(settings.tools);
  if (!continued) return { path: '/v1/chat/completions', body };
  body.messages.at(-1).prefix = true;
  return { path: '/beta/chat/completions', body };
}

export function startReply(message) {
  delete message.error;
  delete message.finish;
  message.status = 'streaming';
  return { firstAt: 0, lastAt: 0, deltas: 0, thinkingSince: null, usage: null };
}

export function receiveChunk(message, chunk, state) {
  const now = Date.now();
  if (chunk.prompt_progress) message.progress = chunk.prompt_progress;
  if (chunk.usage) {
    state.usage = chunk.usage;
    message.usage = {
      prompt: chunk.usage.prompt_tokens ?? 0,
      completion: chunk.usage.completion_tokens ?? 0,
      cached: chunk.usage.prompt_tokens_details?.cached_tokens ?? chunk.usage.prompt_cache_hit_tokens ?? 0,
      reasoning: chunk.usage.completion_tokens_details?.reasoning_tokens ?? 0,
    };
  }
  const choice = chunk.choices?.[0];
  if (!choice) return;
  if (choice.finish_reason) message.finish = choice.finish_reason;
  const { reasoning_content: reasoning, content, tool_calls: calls } = choice.delta ?? {};
  if (!reasoning && !content && !calls?.length) return;
  delete message.progress;
  state.firstAt ||= now;
  state.lastAt = now;
  state.deltas += 1;
  if (reasoning) {
    state.thinkingSince ??= now;
    message.reasoning = (message.reasoning ?? '') + reasoning;
  } else if (message.reasoning && message.reasoning_ms === undefined) {
    message.reasoning_ms = now - (state.thinkingSince ?? now);
  }
  if (content) message.content += content;
  for (const call of calls ?? []) {
    message.tool_calls ??= [];
    message.tool_calls[call.index] ??= { id: '', name: '', arguments: '' };
    const entry = message.tool_calls[call.index];
    if (call.id) entry.id = call.id;
    if (call.function?.name) entry.name += call.function.name;
    entry.arguments += call.function?.arguments ?? '';
  }
}

// The state of the page: the list of chats, the one that is open, the reply that is being written.
import { call, streamChat } from './api.js';
import { number, t } from './i18n.js';
import { remember, remembered } from './preferences.svelte.js';
import { receiveChunk, replyRequest, startReply } from './reply.js';
import { Saver } from './saver.js';
import { latestLeaf, pathTo } from './tree.js';

const BASE = '/api/conversations';
const LISTED = 200; // chats that are read at once

export const app = $state({
  list: [],
  older: false, // whether there are more than the list holds
  search: '',
  found: null, // what the search found; null: no search
  models: [],
  model: '',
  needsKey: false,
  keepsChats: true, // whether the server has a store for them
  notes: [], // {id, text}
  chat: newChat(),
  streams: [], // the replies being written: {chat, id, controller}, one of a chat at most
  announce: '',
});

const savers = new WeakMap();
let noteNumber = 0;

export function newChat() {
  return { id: null, title: '', version: 0, settings: remembered('newSettings', {}), current: null, messages: {}, order: [] };
}

export function newMessageId() {
  return crypto.getRandomValues(new Uint32Array(3)).reduce((text, part) => text + part.toString(36).padStart(7, '0'), 'm');
}

export function note(text) {
  const id = ++noteNumber;
  app.notes.push({ id, text });
  setTimeout(() => (app.notes = app.notes.filter((other) => other.id !== id)), 7000);
}

function report(error) {
  if (error.status === 401) app.needsKey = true;
  else note(error instanceof TypeError ? t('offline') : error.message);
}

// --- the list ---

export async function start() {
  await Promise.all([loadList(), loadModels()]);
  const id = location.hash.slice(1);
  if (id) await openChat(id);
}

export async function loadModels() {
  try {
    const { data = [] } = await call('GET', '/v1/models');
    app.models = data;
    app.model = data.find(({ id }) => id === remembered('model'))?.id ?? data[0]?.id ?? '';
  } catch (error) {
    report(error);
  }
}

export function contextSize() {
  const model = app.models.find(({ id }) => id === app.model);
  return model?.context_window ?? model?.max_model_len ?? 0;
}

export async function loadList() {
  try {
    app.list = (await call('GET', `${BASE}?limit=${LISTED}`)).conversations;
    app.older = app.list.length === LISTED;
    app.needsKey = false;
    app.keepsChats = true;
  } catch (error) {
    if (error.status === 404) app.keepsChats = false;
    else report(error);
  }
}

export async function loadOlder() {
  try {
    const { conversations } = await call('GET', `${BASE}?limit=${LISTED}&offset=${app.list.length}`);
    const known = new Set(app.list.map(({ id }) => id));
    app.list.push(...conversations.filter(({ id }) => !known.has(id)));
    app.older = conversations.length === LISTED;
  } catch (error) {
    report(error);
  }
}

let searchTimer = null;
export function search(words) {
  app.search = words;
  clearTimeout(searchTimer);
  if (!words.trim()) {
    app.found = null;
    return;
  }
  searchTimer = setTimeout(async () => {
    try {
      const { conversations } = await call('GET', `${BASE}?search=${encodeURIComponent(words.trim().split(/\s+/).slice(0, 8).join(' '))}`);
      if (app.search === words) app.found = conversations;
    } catch (error) {
      report(error);
    }
  }, 120);
}

function listed(summary) {
  app.list = [summary, ...app.list.filter(({ id }) => id !== summary.id)];
}

// --- the open chat ---

function toChat(stored) {
  const messages = {};
  for (const message of stored.messages) messages[message.id] = message;
  return { ...stored, messages, order: stored.messages.map(({ id }) => id) };
}

export function startNew() {
  app.chat = newChat();
  history.replaceState(null, '', location.pathname + location.search);
}

export async function openChat(id) {
  const stream = app.streams.find(({ chat }) => chat.id === id);
  if (stream) app.chat = stream.chat;
  else {
    try {
      app.chat = toChat(await call('GET', `${BASE}/${id}`));
      rescueDraft();
    } catch (error) {
      report(error);
      if (error.status === 404) startNew();
      return;
    }
  }
  history.replaceState(null, '', `#${id}`);
}

// Another tab may have gone on with it.
export async function refresh() {
  await loadList();
  const { chat } = app;
  const summary = app.list.find(({ id }) => id === chat.id);
  if (summary && summary.version > chat.version && !streamOf(chat)) await openChat(chat.id);
}

function saver(chat) {
  if (!savers.has(chat)) {
    savers.set(
      chat,
      new Saver(chat, {
        created(saved, summary) {
          listed(summary);
          if (app.chat === saved) history.replaceState(null, '', `#${saved.id}`);
        },
        saved: (_, summary) => listed(summary),
        merged: mergeChat,
        problem: note,
      }),
    );
  }
  return savers.get(chat);
}

export function save(chat, what) {
  return app.keepsChats ? saver(chat).mark(what) : Promise.resolve();
}

function mergeChat(ours, theirs, unsavedMessages, unsavedFields) {
  for (const message of theirs.messages) {
    if (!ours.messages[message.id]) ours.order.push(message.id);
    if (!unsavedMessages.has(message.id)) ours.messages[message.id] = message;
  }
  for (const field of ['title', 'settings', 'current']) {
    if (!unsavedFields.has(field) && !(field === 'current' && streamOf(ours))) ours[field] = theirs[field];
  }
  note(t('bothKept'));
}

export async function renameChat(id, title) {
  const chat = app.chat.id === id ? app.chat : app.list.find((other) => other.id === id);
  if (!title.trim() || chat.title === title.trim()) return;
  if (chat === app.chat) {
    chat.title = title.trim().slice(0, 200);
    return save(chat, { fields: ['title'], now: true });
  }
  try {
    listed(await call('PATCH', `${BASE}/${id}`, { version: chat.version, title: title.trim().slice(0, 200) }));
  } catch (error) {
    report(error);
    await loadList();
  }
}

export async function deleteChat(id) {
  try {
    const stream = app.streams.find(({ chat }) => chat.id === id);
    if (stream) {
      stream.chat.deleted = true;
      stream.controller.abort();
    }
    dropDraft(id);
    await call('DELETE', `${BASE}/${id}`);
  } catch (error) {
    if (error.status !== 404) return report(error);
  }
  app.list = app.list.filter((other) => other.id !== id);
  if (app.found) app.found = app.found.filter((other) => other.id !== id);
  if (app.chat.id === id) startNew();
}

export async function exportChats(id) {
  try {
    const all = id
      ? { format: 'hadal.conversations', version: 1, conversations: [await call('GET', `${BASE}/${id}`)] }
      : await call('GET', `${BASE}/export`);
    const link = document.createElement('a');
    link.href = URL.createObjectURL(new Blob([JSON.stringify(all, null, 1)], { type: 'application/json' }));
    link.download = id ? `hadal-${id.slice(0, 8)}.json` : 'hadal-chats.json';
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  } catch (error) {
    report(error);
  }
}

export async function importChats(file) {
  try {
    const { conversations } = await call('POST', `${BASE}/import`, await file.text());
    note(t('imported', { n: conversations.length }));
    await loadList();
  } catch (error) {
    note(t('importFailed', { why: error.message }));
  }
}

// --- messages ---

export function addMessage(chat, fields) {
  const message = { id: newMessageId(), parent: chat.current, content: '', created_ms: Date.now(), ...fields };
  chat.messages[message.id] = message;
  chat.order.push(message.id);
  chat.current = message.id;
  return message.id;
}

export function showBranch(chat, id) {
  chat.current = latestLeaf(chat, id);
  save(chat, { fields: ['current'] });
}

function titleFor(text, files) {
  const line = (text.trim() || files?.[0]?.name || '').split('\n')[0].replace(/\s+/g, ' ');
  return [...line].length > 60 ? `${[...line].slice(0, 59).join('')}…` : line;
}

export function sendMessage(text, files = [], parent = undefined) {
  const { chat } = app;
  if (streamOf(chat) || (!text.trim() && files.length === 0)) return;
  const fields = { role: 'user', content: text };
  if (files.length) fields.files = files;
  if (parent !== undefined) fields.parent = parent;
  const id = addMessage(chat, fields);
  chat.title ||= titleFor(text, files).replace(/[\u0000-\u001f\u007f]/g, ' ');
  reply(chat, id, [id]);
}

export function sendToolResults(parent, results) {
  const { chat } = app;
  if (streamOf(chat)) return;
  chat.current = parent;
  const ids = results.map(({ call: { id, name }, text }) => addMessage(chat, { role: 'tool', tool_call_id: id, name, content: text }));
  reply(chat, chat.current, ids);
}

// Another answer beside `id`.
export function regenerate(id) {
  const { chat } = app;
  if (!streamOf(chat)) reply(chat, chat.messages[id].parent);
}

export function streamOf(chat) {
  return app.streams.find((stream) => stream.chat === chat);
}

export function stop() {
  streamOf(app.chat)?.controller.abort();
}

// Writes an answer to `parent`; with `continued`, goes on with that message.
export async function reply(chat, parent, unsaved = [], continued = null) {
  chat.current = parent;
  const id = continued ?? addMessage(chat, { role: 'assistant', reasoning: '', model: app.model });
  chat.current = id;
  const controller = new AbortController();
  app.streams.push({ chat, id, controller });
  const state = startReply(chat.messages[id]);
  save(chat, { messages: [...unsaved, id], fields: ['title', 'settings', 'current'], now: true });

  // Deltas gather, so that the page is drawn 25 times a second at most.
  let gathered = [];
  let timer = 0;
  const show = () => {
    clearTimeout(timer);
    timer = 0;
    for (const chunk of gathered) receiveChunk(chat.messages[id], chunk, state);
    gathered = [];
  };
  const onChunk = (chunk) => {
    gathered.push(chunk);
    timer ||= setTimeout(show, 40);
  };
  const saving = setInterval(() => {
    keepDraft(chat, id);
    save(chat, { messages: [id] });
  }, 1000);
  let failure = null;
  try {
    const { path, body } = replyRequest(chat, parent, app.model, continued && chat.messages[id]);
    await streamChat(path, body, controller.signal, onChunk);
  } catch (error) {
    failure = error;
  }
  clearInterval(saving);
  show();
  if (leaving) return keepDraft(chat, id);
  finish(chat.messages[id], state, failure, controller.signal.aborted);
  app.streams = app.streams.filter((stream) => stream.id !== id);
  if (chat.deleted) return;
  app.announce = t('finished');
  setTimeout(() => (app.announce = ''), 1500);
  await save(chat, { messages: [id], now: true });
  dropDraft(chat.id);
}

function finish(message, state, failure, stopped) {
  delete message.progress;
  if (message.reasoning && message.reasoning_ms === undefined) message.reasoning_ms = Date.now() - (state.thinkingSince ?? Date.now());
  message.status = stopped ? 'stopped' : failure ? 'failed' : (message.finish ?? 'stop');
  if (failure?.status === 401) app.needsKey = true;
  if (failure && !stopped) message.error = failure instanceof TypeError ? t('offline') : failure.message;
  const spent = state.lastAt - state.firstAt;
  const tokens = state.usage?.completion_tokens ?? state.deltas;
  if (tokens > 1 && spent > 0) message.speed = Number((((tokens - 1) * 1000) / spent).toFixed(1));
}

// --- a reply that a reload cuts off ---

function keepDraft(chat, id) {
  if (chat.id) remember(`draft.${chat.id}`, { message: chat.messages[id] });
}

function dropDraft(id) {
  remember(`draft.${id}`, null);
}

// A page that goes away breaks its own stream: that is no failure of the reply.
let leaving = false;
for (const event of ['beforeunload', 'pagehide']) {
  addEventListener(event, () => {
    for (const { chat, id } of app.streams) keepDraft(chat, id);
    leaving = true;
    setTimeout(() => (leaving = false), 2000);
  });
}

// The server has what was saved; this browser has what came after.
function rescueDraft() {
  const { chat } = app;
  const draft = remembered(`draft.${chat.id}`);
  const stored = draft && chat.messages[draft.message.id];
  const size = (message) => message.content.length + (message.reasoning?.length ?? 0);
  if (stored?.status !== 'streaming') return;
  if (size(draft.message) >= size(stored)) Object.assign(stored, draft.message);
  stored.status = 'interrupted';
  delete stored.progress;
  dropDraft(chat.id);
  save(chat, { messages: [stored.id], now: true });
}

export function shownPath() {
  return pathTo(app.chat.messages, app.chat.current);
}

export function speedText(message) {
  return message.speed ? t('speed', { n: number(message.speed, { maximumFractionDigits: message.speed < 100 ? 1 : 0 }) }) : '';
}

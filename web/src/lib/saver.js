// Brings the changes of one conversation to the server, one call at a time and in order. When another tab was
// first (409), its version is read and merged: messages are only ever added, so nothing of either side is lost.
import { call } from './api.js';
import { t } from './i18n.js';

const DELAY_MS = 2500;

const BASE = '/api/conversations';

export class Saver {
  // hooks: created(conversation), saved(conversation), merged(conversation, theirs), problem(text)
  constructor(conversation, hooks) {
    this.conversation = conversation;
    this.hooks = hooks;
    this.messages = new Set();
    this.fields = new Set();
    this.running = null;
    this.timer = null;
  }

  // `fields` of title, settings, current; saved soon, or at once.
  mark({ messages = [], fields = [], now = false }) {
    for (const id of messages) this.messages.add(id);
    for (const field of fields) this.fields.add(field);
    if (now) return this.flush();
    this.timer ??= setTimeout(() => this.flush(), DELAY_MS);
    return Promise.resolve();
  }

  flush() {
    clearTimeout(this.timer);
    this.timer = null;
    this.running ??= this.run().finally(() => {
      this.running = null;
      if (this.messages.size || this.fields.size) this.timer ??= setTimeout(() => this.flush(), DELAY_MS);
    });
    return this.running;
  }

  async run() {
    for (let attempt = 0; this.messages.size || this.fields.size; attempt++) {
      const messages = [...this.messages];
      const fields = [...this.fields];
      this.messages.clear();
      this.fields.clear();
      try {
        await this.send(messages, fields);
        attempt = 0;
      } catch (error) {
        for (const id of messages) this.messages.add(id);
        for (const field of fields) this.fields.add(field);
        if (error.status === 409 && attempt < 5) await this.merge();
        else if (error.status === 404) return this.giveUp(t('gone'));
        else if (error.status >= 400 && error.status < 500) return this.giveUp(t('notSaved', { why: error.message }));
        else return this.hooks.problem(t('notSaved', { why: error.message })); // tried again later
      }
    }
  }

  giveUp(text) {
    this.messages.clear();
    this.fields.clear();
    this.hooks.problem(text);
  }

  async send(ids, fields) {
    const { conversation } = this;
    const wanted = new Set(ids);
    const messages = conversation.order.filter((id) => wanted.has(id)).map((id) => plain(conversation.messages[id]));
    if (conversation.id === null) {
      const body = { title: conversation.title, settings: plain(conversation.settings), messages, current: conversation.current };
      const summary = await call('POST', BASE, body);
      Object.assign(conversation, { id: summary.id, version: summary.version });
      return this.hooks.created(conversation, summary);
    }
    const body = { version: conversation.version, messages };
    for (const field of fields) body[field] = plain(conversation[field]);
    const summary = await call('PATCH', `${BASE}/${conversation.id}`, body);
    conversation.version = summary.version;
    this.hooks.saved(conversation, summary);
  }

  async merge() {
    const theirs = await call('GET', `${BASE}/${this.conversation.id}`);
    this.hooks.merged(this.conversation, theirs, this.messages, this.fields);
    this.conversation.version = theirs.version;
  }
}

function plain(value) {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
}

// Markdown -> clean HTML. Raw HTML in the text is text; what is rendered is cleaned once more by DOMPurify; images
// become links, so that a reply cannot make the page call anybody.
//
// Maths and highlighting load when first needed: until then the source stands in their place, and `ready`
// callbacks tell views to render again.
import DOMPurify from 'dompurify';
import MarkdownIt from 'markdown-it';
import { mathRules } from './math_rules.js';
import { t } from './i18n.js';

let katex = null;
let highlighter = null;
let loading = { katex: null, highlighter: null };
const listeners = new Set();

export function whenReady(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function load(name) {
  loading[name] ??= (name === 'katex' ? import('./katex_chunk.js') : import('./highlight_chunk.js')).then(
    (chunk) => {
      if (name === 'katex') katex = chunk.default;
      else highlighter = chunk.default;
      for (const listener of listeners) listener();
    },
    () => (loading[name] = null),
  );
}

const md = new MarkdownIt({ html: false, linkify: true, typographer: false, breaks: false });
md.linkify.set({ fuzzyLink: false, fuzzyEmail: false });
md.use(mathRules);
md.validateLink = (url) => /^(https?:|mailto:|#)/i.test(url.trim());

const escape = md.utils.escapeHtml;

md.renderer.rules.math_inline = (tokens, i) => math(tokens[i].content, false);
md.renderer.rules.math_block = (tokens, i) => math(tokens[i].content, true);
md.renderer.rules.image = (tokens, i) => {
  const url = tokens[i].attrGet('src') ?? '';
  return md.validateLink(url) ? `<a href="${escape(url)}">${escape(tokens[i].content || url)}</a>` : escape(tokens[i].content);
};
md.renderer.rules.fence = (tokens, i, _, env) => code(tokens[i].content, tokens[i].info.trim().split(/\s+/)[0], env);
md.renderer.rules.code_block = (tokens, i, _, env) => code(tokens[i].content, '', env);
md.renderer.rules.table_open = () => '<div class="table" tabindex="0" role="group"><table>';
md.renderer.rules.table_close = () => '</table></div>';
// The page's own headings are of levels 1 and 2: the first heading of a reply is of level 3, none skips a level.
md.renderer.rules.heading_open = (tokens, i, options, env, self) => {
  const level = Number(tokens[i].tag[1]);
  env.firstHeading ??= level;
  const wanted = Math.min(6, Math.max(3, 3 + level - env.firstHeading));
  env.lastHeading = Math.min(wanted, (env.lastHeading ?? 2) + 1);
  tokens[i].tag = `h${env.lastHeading}`;
  return self.renderToken(tokens, i, options);
};
md.renderer.rules.heading_close = (tokens, i, options, env) => `</h${env.lastHeading}>\n`;
// Alignment as a class: the CSP forbids style attributes.
for (const rule of ['th_open', 'td_open']) {
  md.renderer.rules[rule] = (tokens, i, options, env, self) => {
    const align = /right|center/.exec(tokens[i].attrGet('style') ?? '');
    tokens[i].attrs = align ? [['class', align[0]]] : null;
    return self.renderToken(tokens, i, options);
  };
}

function math(tex, display) {
  if (!katex) {
    load('katex');
    return `<code class="pending">${escape(tex)}</code>`;
  }
  const html = katex
    .renderToString(tex, { displayMode: display, output: 'mathml', throwOnError: false, strict: false, trust: false, maxExpand: 500, maxSize: 50 })
    // The TeX source inside would be read twice; style attributes are forbidden.
    .replace(/<annotation[^>]*>[\s\S]*?<\/annotation>/g, '')
    .replace(/ style="[^"]*"/g, '');
  return display ? `<div class="math" tabindex="0" role="group">${html}</div>` : html;
}

function code(text, language, env) {
  const body = highlighted(text, language, env);
  const name = /^[\w+#.-]{1,30}$/.test(language) ? language : '';
  return (
    `<div class="code"><div class="code-bar"><span>${escape(name)}</span>` +
    `<button type="button" class="copy-code">${escape(t('copy'))}</button></div>` +
    `<pre tabindex="0"><code>${body}</code></pre></div>`
  );
}

function highlighted(text, language, env) {
  // A block that still grows is coloured only while that is quick.
  if (!language || text.length > (env.growing ? 6000 : 200000)) return escape(text);
  if (!highlighter) {
    load('highlighter');
    return escape(text);
  }
  return highlighter.getLanguage(language) ? highlighter.highlight(text, { language, ignoreIllegals: true }).value : escape(text);
}

DOMPurify.addHook('afterSanitizeAttributes', (node) => {
  if (node.tagName === 'A') {
    node.setAttribute('target', '_blank');
    node.setAttribute('rel', 'noopener noreferrer nofollow');
  }
});

const CLEAN = {
  USE_PROFILES: { html: true, mathMl: true },
  // DOMPurify holds every attribute against this: a scheme of these, or no scheme at all.
  ALLOWED_URI_REGEXP: /^(?:(?:https?|mailto):|[^a-z]|[a-z+.-]+(?:[^a-z+.:-]|$))/i,
  FORBID_TAGS: ['style', 'form', 'input', 'textarea', 'select', 'img', 'audio', 'video', 'picture', 'source', 'dialog', 'svg'],
  FORBID_ATTR: ['style', 'id', 'name'],
  ALLOW_DATA_ATTR: false,
  RETURN_DOM_FRAGMENT: true,
};

export function cleanFragment(html) {
  return DOMPurify.sanitize(html, CLEAN);
}

// The lines at which top-level blocks start.
function blockStarts(text, env) {
  const tokens = [];
  md.block.parse(text, md, env, tokens);
  return tokens.filter((token) => token.level === 0 && token.map && token.nesting >= 0).map((token) => token.map[0]);
}

export function renderMarkdown(text, env = {}) {
  return md.render(text, env);
}

// Keeps a container's children equal to the rendered text while it grows: blocks that are complete are rendered
// once, only the last is rendered again.
export class GrowingMarkdown {
  constructor(container) {
    this.container = container;
    this.reset();
    this.stopListening = whenReady(() => this.renderAgain());
  }

  reset() {
    this.done = 0; // characters of complete blocks
    this.text = '';
    this.finished = false;
    this.env = { references: {} }; // link definitions of complete blocks hold for all that follow
    this.container.replaceChildren();
    this.tail = null;
  }

  update(received, finished) {
    const text = received.includes('\r') ? received.replace(/\r\n?/g, '\n') : received;
    if (!text.startsWith(this.text)) this.reset();
    else if (text === this.text && finished === this.finished && this.tail) return;
    this.text = text;
    this.finished = finished;
    const rest = text.slice(this.done);
    const starts = blockStarts(rest, {});
    const last = starts.length > 1 ? starts[starts.length - 1] : 0;
    if (last > 0) {
      const cut = offsetOfLine(rest, last);
      this.renderBlock(rest.slice(0, cut), false);
      this.tail = null;
      this.done += cut;
    }
    this.renderBlock(text.slice(this.done), !finished);
    // A link may have been defined after its use.
    if (finished && this.done > 0 && Object.keys(this.env.references).length > 0) {
      this.container.replaceChildren();
      this.tail = null;
      this.done = 0;
      this.env = { references: {} };
      this.renderBlock(text, false);
    }
  }

  // Into the tail's element when there is one, which is the last.
  renderBlock(source, growing) {
    if (!this.tail) {
      this.tail = document.createElement('div');
      this.container.append(this.tail);
    }
    // What a growing block defines may still be half of it.
    const env = growing ? { ...this.env, references: { ...this.env.references }, growing } : this.env;
    this.tail.replaceChildren(cleanFragment(renderMarkdown(source, env)));
  }

  renderAgain() {
    const { text, finished } = this;
    this.reset();
    this.update(text, finished);
  }

  destroy() {
    this.stopListening();
  }
}

function offsetOfLine(text, line) {
  let offset = 0;
  for (let i = 0; i < line; i++) offset = text.indexOf('\n', offset) + 1;
  return offset;
}

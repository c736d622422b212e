// TeX in Markdown: $…$ and \(…\) inside a line, $$…$$ and \[…\] as blocks or inside a line. A dollar before a
// space or after one, or followed by a digit where it closes, is money.

function inlineDollar(state, silent) {
  const { src, pos, posMax } = state;
  if (src[pos] !== '$') return false;
  const double = src[pos + 1] === '$';
  const width = double ? 2 : 1;
  const start = pos + width;
  if (start >= posMax || (!double && /\s/.test(src[start]))) return false;
  for (let end = start; end < posMax; end++) {
    if (src[end] === '\\') end++;
    else if (src[end] === '$') {
      if (double && src[end + 1] !== '$') continue;
      if (end === start) return false;
      if (!double && (/\s/.test(src[end - 1]) || /\d/.test(src[end + 1] ?? ''))) return false;
      return take(state, silent, src.slice(start, end), end + width);
    }
  }
  return false;
}

function inlineBackslash(state, silent) {
  const { src, pos, posMax } = state;
  if (src[pos] !== '\\' || (src[pos + 1] !== '(' && src[pos + 1] !== '[')) return false;
  const close = src[pos + 1] === '(' ? '\\)' : '\\]';
  const end = src.indexOf(close, pos + 2);
  if (end < 0 || end >= posMax || src.slice(pos + 2, end).trim() === '') return false;
  return take(state, silent, src.slice(pos + 2, end), end + 2);
}

function take(state, silent, tex, next) {
  if (!silent) state.push('math_inline', 'math', 0).content = tex;
  state.pos = next;
  return true;
}

function block(state, startLine, endLine, silent) {
  const line = (n) => state.src.slice(state.bMarks[n] + state.tShift[n], state.eMarks[n]);
  const first = line(startLine);
  const open = ['$$', '\\['].find((mark) => first.startsWith(mark));
  if (!open || state.sCount[startLine] - state.blkIndent >= 4) return false;
  const close = open === '$$' ? '$$' : '\\]';
  const parts = [];
  for (let n = startLine; n < endLine; n++) {
    const text = n === startLine ? first.slice(2) : line(n);
    const end = text.trimEnd();
    if (end.endsWith(close)) {
      if (silent) return true;
      parts.push(end.slice(0, -2));
      const token = state.push('math_block', 'math', 0);
      token.content = parts.join('\n').trim();
      token.map = [startLine, n + 1];
      state.line = n + 1;
      return token.content !== '' || (state.tokens.pop(), (state.line = startLine), false);
    }
    if (text.includes(close)) return false;
    parts.push(text);
  }
  return false;
}

export function mathRules(md) {
  md.inline.ruler.before('escape', 'math_backslash', inlineBackslash);
  md.inline.ruler.after('math_backslash', 'math_dollar', inlineDollar);
  md.block.ruler.before('fence', 'math_block', block, { alt: ['paragraph', 'reference', 'blockquote', 'list'] });
}

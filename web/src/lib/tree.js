// A conversation as a tree: messages by id, answers to the same parent are branches.

// The ids from the root to `leaf`.
export function pathTo(messages, leaf) {
  const path = [];
  for (let id = leaf; id != null && messages[id]; id = messages[id].parent) path.unshift(id);
  return path;
}

// Messages with the same parent, in the order in which they came.
export function siblings(conversation, id) {
  const parent = conversation.messages[id]?.parent ?? null;
  return conversation.order.filter((other) => (conversation.messages[other].parent ?? null) === parent);
}

// The leaf reached from `id` by taking the latest branch each time.
export function latestLeaf(conversation, id) {
  const latest = new Map();
  for (const other of conversation.order) latest.set(conversation.messages[other].parent ?? null, other);
  let leaf = id;
  while (latest.has(leaf)) leaf = latest.get(leaf);
  return leaf;
}

// A fence that the text cannot close.
function fenceFor(text) {
  const longest = Math.max(2, ...(text.match(/`+/g) ?? []).map((run) => run.length));
  return '`'.repeat(longest + 1);
}

function contentOf(message) {
  const files = (message.files ?? []).map(({ name, text }) => {
    const fence = fenceFor(text);
    return `${name}\n${fence}\n${text}\n${fence}`;
  });
  return [...files, message.content].filter(Boolean).join('\n\n');
}

// The messages of a request, from the root to `leaf`.
export function requestMessages(conversation, leaf) {
  const list = [];
  const system = conversation.settings.system?.trim();
  if (system) list.push({ role: 'system', content: system });
  for (const id of pathTo(conversation.messages, leaf)) {
    const message = conversation.messages[id];
    if (message.role === 'tool') {
      list.push({ role: 'tool', tool_call_id: message.tool_call_id, content: message.content });
    } else if (message.role === 'assistant') {
      const entry = { role: 'assistant', content: message.content };
      if (message.reasoning) entry.reasoning_content = message.reasoning;
      if (message.tool_calls?.length) {
        entry.tool_calls = message.tool_calls.map(({ id: call, name, arguments: text }) => ({
          id: call,
          type: 'function',
          function: { name, arguments: text },
        }));
      }
      list.push(entry);
    } else {
      list.push({ role: message.role, content: contentOf(message) });
    }
  }
  return list;
}

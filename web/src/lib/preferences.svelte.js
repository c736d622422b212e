// What this browser remembers for itself: theme, language, API key, settings for new chats.
const PREFIX = 'hadal.';

export function remember(name, value) {
  try {
    if (value == null) localStorage.removeItem(PREFIX + name);
    else localStorage.setItem(PREFIX + name, JSON.stringify(value));
  } catch {
    // A full or forbidden storage costs the memory, not the chat.
  }
}

export function remembered(name, otherwise = null) {
  try {
    return JSON.parse(localStorage.getItem(PREFIX + name)) ?? otherwise;
  } catch {
    return otherwise;
  }
}

const browserLanguage = (navigator.language || 'en').toLowerCase().startsWith('tr') ? 'tr' : 'en';

export const preferences = $state({
  theme: remembered('theme', 'auto'), // auto, light, dark
  language: remembered('language', browserLanguage),
  key: remembered('key', ''),
  sidebar: remembered('sidebar', true),
});

export function setPreference(name, value) {
  preferences[name] = value;
  remember(name, value);
  applyTheme();
}

export function applyTheme() {
  const root = document.documentElement;
  if (preferences.theme === 'auto') delete root.dataset.theme;
  else root.dataset.theme = preferences.theme;
  root.lang = preferences.language;
}

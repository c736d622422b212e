// The words of the page in English and Turkish. A key that a language lacks fails the build's check.
import { preferences } from './preferences.svelte.js';
import en from './words_en.js';
import tr from './words_tr.js';

export const languages = { en, tr };

// t('tokens', {n: 5}): {n} is replaced; numbers are written as the language writes them.
export function t(key, values = {}) {
  const text = (languages[preferences.language] ?? en)[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (_, name) => {
    const value = values[name];
    return typeof value === 'number' ? number(value) : (value ?? '');
  });
}

export function number(value, options) {
  return new Intl.NumberFormat(preferences.language, options).format(value);
}

export function compact(value) {
  return number(value, value < 10000 ? {} : { notation: 'compact', maximumFractionDigits: 1 });
}

export function when(ms) {
  const date = new Date(ms);
  const today = new Date();
  const sameDay = date.toDateString() === today.toDateString();
  const sameYear = date.getFullYear() === today.getFullYear();
  return new Intl.DateTimeFormat(
    preferences.language,
    sameDay ? { hour: '2-digit', minute: '2-digit' } : { day: 'numeric', month: 'short', year: sameYear ? undefined : 'numeric' },
  ).format(date);
}

export function duration(ms) {
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 60) return t('seconds', { n: Number(seconds.toFixed(seconds < 10 ? 1 : 0)) });
  return t('minutes', { m: Math.floor(seconds / 60), s: Math.round(seconds % 60) });
}

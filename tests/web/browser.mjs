// Debian's Chromium, quiet and offline, with an empty profile; one page per test against a mock of its own.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { startMock } from '../../web/mock/server.mjs';

const FLAGS = [
  '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync',
];

// With `url`, the page of that server instead.
export async function openPage({ width = 1200, height = 800, locale = 'en-GB', scheme = 'light', key = '', path = '/', url = '', ...more } = {}) {
  const mock = url ? { url, server: null } : await startMock({ key });
  const profile = mkdtempSync(join(tmpdir(), 'hadal-web-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    chromiumSandbox: false,
    headless: true,
    args: FLAGS,
    viewport: { width, height },
    locale,
    colorScheme: scheme,
    permissions: ['clipboard-read', 'clipboard-write'],
    ...more,
  });
  const page = context.pages()[0] ?? (await context.newPage());
  const problems = [];
  page.on('console', (message) => message.type() === 'error' && !/status of 4\d\d/.test(message.text()) && problems.push(message.text()));
  page.on('pageerror', (error) => problems.push(String(error)));
  // Nothing may leave the machine.
  page.on('request', (request) => !request.url().startsWith(mock.url) && !/^(data|blob):/.test(request.url()) && problems.push(`asked ${request.url()}`));
  await page.goto(mock.url + path);
  await page.getByRole('textbox', { name: /^(Message|İleti)$/ }).waitFor();
  return {
    page, mock, problems, context,
    async say(text) {
      await page.locator('.composer textarea').fill(text);
      await page.keyboard.press('Enter');
    },
    async idle() {
      await page.locator('.composer .send:not(.stop)').waitFor();
    },
    async close() {
      await context.close();
      mock.server?.closeAllConnections();
      mock.server?.close();
      rmSync(profile, { recursive: true, force: true });
    },
  };
}

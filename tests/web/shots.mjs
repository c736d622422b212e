// Pictures of the page for people to look at: node shots.mjs FOLDER
import { openPage } from './browser.mjs';

const folder = process.argv[2] ?? '/tmp';
for (const [name, options] of [
  ['light', {}],
  ['dark', { scheme: 'dark', locale: 'tr-TR' }],
  ['phone', { width: 360, height: 740, scheme: 'dark' }],
]) {
  const session = await openPage(options);
  const { page, say, idle } = session;
  const shoot = (what) => page.screenshot({ path: `${folder}/${name}_${what}.png` });
  await shoot('welcome');
  await say('Please think: how deep is it?');
  await page.waitForTimeout(700);
  await shoot('thinking');
  await idle();
  await page.waitForTimeout(300);
  await shoot('end');
  await page.locator('.scroller').evaluate((element) => (element.scrollTop = 0));
  await page.waitForTimeout(200);
  await shoot('top');
  await say('What is the weather?');
  await idle();
  await page.keyboard.press('Alt+s');
  await page.waitForTimeout(200);
  await shoot('tool_panel');
  await page.keyboard.press('Escape');
  await say('A long prompt');
  await page.waitForTimeout(400);
  await shoot('progress');
  await idle();
  if (name !== 'phone') {
    await page.locator('body').press('?');
    await page.locator('.composer textarea').evaluate((element) => element.blur());
    await page.keyboard.press('?');
    await shoot('keys');
  } else {
    await page.getByRole('button', { name: 'Show chats' }).click();
    await shoot('drawer');
  }
  await session.close();
}

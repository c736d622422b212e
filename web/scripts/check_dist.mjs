// Whether web/dist is what the sources build to (the compressed files by their content).
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { DIST, files } from './dist_files.mjs';
import en from '../src/lib/words_en.js';
import tr from '../src/lib/words_tr.js';

const problems = [];
for (const key of new Set([...Object.keys(en), ...Object.keys(tr)])) {
  if (!(key in en) || !(key in tr)) problems.push(`words: ${key} is missing in one language`);
  const holes = (words) => (words[key]?.match(/\{\w+\}/g) ?? []).sort().join();
  if (holes(en) !== holes(tr)) problems.push(`words: ${key} has other holes in Turkish`);
}

const fresh = mkdtempSync(join(tmpdir(), 'hadal-dist-'));
execFileSync('npx', ['vite', 'build', '--outDir', fresh, '--emptyOutDir', '--logLevel', 'error'], { stdio: 'inherit' });
const committed = files(DIST).filter((name) => !name.endsWith('.gz'));
const built = files(fresh);
if (committed.join() !== built.join()) problems.push(`files differ:\n  committed ${committed}\n  built     ${built}`);
for (const name of committed.filter((file) => built.includes(file))) {
  const bytes = readFileSync(join(DIST, name));
  if (!bytes.equals(readFileSync(join(fresh, name)))) problems.push(`${name} differs from the sources`);
}
for (const name of files(DIST).filter((file) => file.endsWith('.gz'))) {
  const plain = readFileSync(join(DIST, name.slice(0, -3)));
  if (!gunzipSync(readFileSync(join(DIST, name))).equals(plain)) problems.push(`${name} holds something else`);
}
rmSync(fresh, { recursive: true });
console.log(problems.length ? problems.join('\n') : 'web/dist is what the sources build to');
process.exit(problems.length ? 1 : 0);

// After vite build: compresses the bundle, prints what a first load costs and fails when it is too much.
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { DIST, files } from './dist_files.mjs';

const FIRST_LOAD_LIMIT = 150 * 1024;

let first = 0;
const index = readFileSync(join(DIST, 'index.html'), 'utf8');
if (/<script(?![^>]*\bsrc=)|<style|\son\w+=/i.test(index)) throw new Error('index.html holds inline code, which the CSP forbids');
for (const name of files(DIST).filter((file) => !file.endsWith('.gz'))) {
  const bytes = readFileSync(join(DIST, name));
  const zipped = gzipSync(bytes, { level: 9 });
  const isFirst = name === 'index.html' || name === 'icon.svg' || index.includes(name);
  if (zipped.length < bytes.length * 0.95) writeFileSync(join(DIST, `${name}.gz`), zipped);
  if (isFirst) first += zipped.length;
  const hash = createHash('sha256').update(bytes).digest('hex').slice(0, 8);
  console.log(`${isFirst ? 'first' : ' lazy'} ${name.padEnd(44)} ${String(bytes.length).padStart(7)} -> ${String(zipped.length).padStart(6)} ${hash}`);
}
console.log(`first load: ${(first / 1024).toFixed(1)} KB gzip of at most ${FIRST_LOAD_LIMIT / 1024}`);
if (first > FIRST_LOAD_LIMIT) process.exit(1);

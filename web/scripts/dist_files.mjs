import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';

export const DIST = fileURLToPath(new URL('../dist/', import.meta.url));

// The files under a folder, sorted, by their names from there.
export function files(root, folder = '') {
  return readdirSync(join(root, folder), { withFileTypes: true })
    .flatMap((entry) => (entry.isDirectory() ? files(root, `${folder}${entry.name}/`) : `${folder}${entry.name}`))
    .sort();
}

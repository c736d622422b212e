import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';

// Several files with hashes in their names and nothing inline: the page runs under a strict
// Content-Security-Policy. Maths and highlighting are chunks of their own, loaded when a reply needs them.
export default defineConfig({
  plugins: [svelte()],
  base: './',
  build: {
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    chunkSizeWarningLimit: 600,
  },
  server: { proxy: Object.fromEntries(['/v1', '/beta', '/api', '/health'].map((p) => [p, 'http://127.0.0.1:8089'])) },
});

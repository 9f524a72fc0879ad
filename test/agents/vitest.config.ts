import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    root: fileURLToPath(new URL('.', import.meta.url)),
    include: ['*.agents.ts'],
    testTimeout: 150_000,
    hookTimeout: 60_000,
    maxConcurrency: 2,
  },
});

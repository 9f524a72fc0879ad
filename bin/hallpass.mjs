#!/usr/bin/env node
// What `npx hallpass` runs. An older Node could not read the command itself, so its version is looked at first.
import './node-24.mjs';

await import('./hallpass.ts');

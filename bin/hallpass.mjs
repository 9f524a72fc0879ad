#!/usr/bin/env node
// Runs for `npx hallpass`. An older Node could not read the command itself, so its version is checked first.
import './node-24.mjs';

await import('./hallpass.ts');

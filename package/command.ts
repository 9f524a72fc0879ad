#!/usr/bin/env node
/**
 * The `hallpass` command of the installed package. It loads everything else by itself, so that what is wrong with the
 * configuration or with Node is said in one line.
 */
const NODE_MIN = [20, 19] as const;
const EXIT_WRONG_USE = 2;

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);

try {
  if (major < NODE_MIN[0] || (major === NODE_MIN[0] && minor < NODE_MIN[1])) {
    throw new Error(`needs Node ${NODE_MIN.join('.')} or later, got ${process.versions.node}`);
  }
  await import('../bin/hallpass.ts');
} catch (error) {
  process.stderr.write(`hallpass: ${error instanceof Error ? error.message : 'cannot start'}\n`);
  process.exitCode = EXIT_WRONG_USE;
}

export {};

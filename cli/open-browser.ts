/**
 * Opens a file or an address in the user's browser.
 */
import { spawn } from 'node:child_process';

const OPENERS: Readonly<Partial<Record<NodeJS.Platform, string>>> = {
  darwin: 'open',
  win32: 'explorer',
  linux: 'xdg-open',
};

/** A machine without a browser is no fault: the caller prints what to open. */
export function openInBrowser(target: string): void {
  const opener = OPENERS[process.platform];
  if (opener === undefined) return;
  const child = spawn(opener, [target], { stdio: 'ignore', detached: true });
  child.on('error', () => {});
  child.unref();
}

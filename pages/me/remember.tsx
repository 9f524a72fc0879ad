/**
 * "Remember on this device": the only thing that a page keeps, and only after a tick.
 *
 * Guarantees: nothing is stored without the tick; a key is never stored, only a pass, which ends by itself; a pass that
 * ended is taken out.
 */
import { useState } from 'preact/hooks';
import { readClaims } from '../shared/credential.ts';
import { Button } from '../shared/form.tsx';

const NAME = 'hallpass.pass';

/** Hosts whose names belong to a cloud: another tenant may get the same name, or share it, later. */
const SHARED_HOST = /(^|\.)(amazonaws\.com|amazonaws\.com\.cn|on\.aws|cloudfront\.net|localhost)$/;
const ADDRESS = /^[\d.]+$|:/;

/**
 * Returns true where the gateway has a host name of its own. What a browser stores belongs to a whole origin, so the
 * gateway must be at the root of its host, by https.
 */
export const hasOwnHost = ({ protocol, hostname, pathname }: Location | URL): boolean =>
  protocol === 'https:' &&
  pathname === '/me' &&
  hostname.includes('.') &&
  !ADDRESS.test(hostname) &&
  !SHARED_HOST.test(hostname);

/** Passes alone: a key may have no end, and a server key signs for everyone. */
const mayRemember = (credential: string): boolean =>
  hasOwnHost(location) && readClaims(credential).expiresAtMs !== undefined;

/** Returns the pass that was stored, if it has not ended. */
export function recall(nowMs: number): string | undefined {
  const pass = read();
  if (pass === undefined) return undefined;
  const { expiresAtMs = 0 } = readClaims(pass);
  if (hasOwnHost(location) && nowMs < expiresAtMs) return pass;
  forget(pass);
  return undefined;
}

/** Takes a pass out of the store, if it is the one that was stored. */
export function forget(credential: string): void {
  if (read() !== credential) return;
  try {
    localStorage.removeItem(NAME);
  } catch {
    // The browser allows no storage, so nothing is in it.
  }
}

function read(): string | undefined {
  try {
    return localStorage.getItem(NAME) ?? undefined;
  } catch {
    return undefined;
  }
}

/** @returns true if the browser kept it */
function remember(credential: string): boolean {
  try {
    localStorage.setItem(NAME, credential);
  } catch {
    // The browser allows no storage.
  }
  return read() === credential;
}

/** The box to tick; nothing where a pass may not be stored. */
export function Remember({ credential }: { readonly credential: string }) {
  const [isKept, setKept] = useState(read() === credential);
  const [said, setSaid] = useState('');
  if (!mayRemember(credential)) return null;
  const keep = (wanted: boolean) => {
    if (!wanted) forget(credential);
    const isNowKept = wanted && remember(credential);
    setKept(isNowKept);
    setSaid(isNowKept ? '' : wanted ? 'This browser keeps nothing.' : 'Forgotten.');
  };
  return (
    <section class="card noprint">
      <h2>This device</h2>
      <label class="tick">
        <input
          type="checkbox"
          checked={isKept}
          onChange={(event) => keep(event.currentTarget.checked)}
        />
        Remember on this device
      </label>
      <p class="small quiet">
        Tick it on a device of your own alone. Whoever uses this browser can then spend what is
        left. The pass is kept in this browser until it ends.
      </p>
      {isKept && (
        <div class="gap-top">
          <Button onClick={() => keep(false)}>Forget on this device</Button>
        </div>
      )}
      <p role="status" class="small">
        {said}
      </p>
    </section>
  );
}

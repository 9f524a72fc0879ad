/**
 * The session of `hallpass console`: a code opens it once, a bearer carries it. Both are in memory alone.
 */
import { timingSafeEqual } from 'node:crypto';

/** The time that a browser has to open the link. */
const CODE_LIFETIME_MS = 60_000;
const SECRET_BYTES = 32;

export interface Session {
  /** For the link. */
  readonly code: string;
  /** Answers the bearer for the code. The code is of no use after its first try, right or wrong, nor after 60 s. */
  open(code: string): string | undefined;
  /** Returns true for the header of this session, once it was opened. */
  isOpenFor(authorization: string | undefined): boolean;
}

export function makeSession(ports: { nowMs(): number; bytes(count: number): Uint8Array }): Session {
  const secret = () => Buffer.from(ports.bytes(SECRET_BYTES)).toString('base64url');
  const code = secret();
  const bearer = secret();
  const endsAtMs = ports.nowMs() + CODE_LIFETIME_MS;
  let isTried = false;
  let isOpen = false;
  return {
    code,
    open(tried) {
      if (isTried || ports.nowMs() >= endsAtMs) return undefined;
      isTried = true;
      isOpen = isSame(tried, code);
      return isOpen ? bearer : undefined;
    },
    isOpenFor: (authorization) => isOpen && isSame(authorization ?? '', `Bearer ${bearer}`),
  };
}

/** Takes the same time for any text of the right length. */
const isSame = (a: string, b: string): boolean => {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
};

/**
 * Tokens minted by PyJWT, as other people's scripts mint them; nothing of Hallpass is in them.
 */
import { execFileSync, spawnSync } from 'node:child_process';

/** True if this machine has Python with PyJWT. */
export const hasPyJwt: boolean = spawnSync('python3', ['-c', 'import jwt']).status === 0;

export const PYJWT_ABSENT = 'python3 with PyJWT is absent here (pip install pyjwt): skipped';

/** The recipe that users of scoped tokens know: `kid` is the account and base64 of the key's name. */
const SCRIPT = `
import base64, json, sys, time, jwt
a = json.load(sys.stdin)
claims = {"sub": a["account"], "exp": int(time.time()) + a["lifetime_seconds"], **a["claims"]}
kid = a["account"] + ":" + base64.b64encode(a["key_name"].encode()).decode()
print("jwt:" + jwt.encode(claims, a["key"], algorithm="HS256", headers={"kid": kid}), end="")
`;

export interface PyJwtOptions {
  readonly account: string;
  readonly keyName: string;
  readonly key: string;
  readonly lifetimeSeconds: number;
  readonly claims: Readonly<Record<string, unknown>>;
}

/** Mints `jwt:<jws>`. */
export function mintWithPyJwt(options: PyJwtOptions): string {
  const { account, keyName, key, lifetimeSeconds, claims } = options;
  const input = { account, key_name: keyName, key, lifetime_seconds: lifetimeSeconds, claims };
  return execFileSync('python3', ['-c', SCRIPT], {
    input: JSON.stringify(input),
    encoding: 'utf8',
  });
}

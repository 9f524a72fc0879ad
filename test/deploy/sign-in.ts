/**
 * Sign-in on a deployed stack: its function, its table and its one secret. Nobody signs in, because the deployed
 * function calls only providers with a public address.
 */
import type { Stack } from './aws.ts';
import { expectAnswers, send } from './requests.ts';
import { expectThat, hallpass, type Life } from './tools.ts';

const form = (members: Readonly<Record<string, string>>) => ({
  headers: { 'content-type': 'application/x-www-form-urlencoded' },
  body: new URLSearchParams(members).toString(),
});

/** Gives sign-in its key, and begins the sign-in of a device, which waits for its person. */
export async function signsIn(life: Life, { name, root }: Stack): Promise<void> {
  const limit = ['--limit', 'user:usd:day=5'];
  await hallpass(life, ['keys', 'create', 'staff', ...limit, '--stack', name]);
  await hallpass(life, ['sign-in', 'use-key', 'staff', '--stack', name]);
  await expectAnswers(root, [
    { path: '/.well-known/oauth-authorization-server', holds: '"token_endpoint"' },
    { path: '/device', holds: '<!doctype html>' },
  ]);
  const begun = await send(root, {
    path: '/oauth/device_authorization',
    ...form({ client_id: 'hallpass' }),
  });
  expectThat(begun.status === 200, `a device got ${begun.status} ${begun.text}`);
  const code = JSON.parse(begun.text).device_code;
  const grant = 'urn:ietf:params:oauth:grant-type:device_code';
  const poll = (deviceCode: string) => ({
    path: '/oauth/token',
    ...form({ grant_type: grant, device_code: deviceCode, client_id: 'hallpass' }),
    status: 400,
  });
  await expectAnswers(root, [
    { ...poll(code), holds: 'authorization_pending' },
    { ...poll('unknown'), holds: '"error"' },
  ]);
}

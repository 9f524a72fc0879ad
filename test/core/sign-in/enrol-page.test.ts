import { describe, expect, test } from 'vitest';
import { makeTicket } from '../../../core/sign-in/browser.ts';
import { enrolPerson, submitEnrolment } from '../../../core/sign-in/enrol-page.ts';
import { codeIdOf, type Enrolment, enrolmentIdOf } from '../../../core/sign-in/enrolment.ts';
import { KEY } from '../../support/memory-keys.ts';
import { makeSignInKit, type SignInKit } from '../../support/sign-in-kit.ts';

const BROWSER = 'B'.repeat(42).concat('A');
const ID = enrolmentIdOf('link');
const CODE = 'ABCDEFGHIJKLMNOP';
const ADA = { person: { user: 'ada@example.edu', keyName: 'course' } };

/** A gateway with one link and one code of its list. */
async function makeLink(by: Enrolment['by']): Promise<SignInKit> {
  const kit = makeSignInKit();
  const nowMs = kit.ports.clock.nowMs();
  const endsAtMs = nowMs + 86_400_000;
  const enrolment: Enrolment = {
    keyName: 'course',
    by,
    domains: [],
    placesMax: 3,
    endsAtMs,
    createdAtMs: nowMs,
  };
  await kit.store.create({ id: ID, expiresAtMs: endsAtMs, data: JSON.stringify(enrolment) });
  await kit.store.create({ id: codeIdOf(ID, CODE), expiresAtMs: endsAtMs, data: '{}' });
  return kit;
}

const submit = (kit: SignInKit, ports = kit.ports) => {
  const ticket = makeTicket(BROWSER, 'enrol', { enrolmentId: ID }, kit.ports);
  const request = {
    method: 'POST',
    path: '/enrol',
    query: new URLSearchParams(),
    headers: new Map([
      ['content-type', ['application/x-www-form-urlencoded']],
      ['cookie', [`__Host-hallpass=${BROWSER}`]],
    ]),
    body: new URLSearchParams({ ticket, code: CODE, name: 'Ann Lee' }).toString(),
    sourceIp: '203.0.113.7',
  };
  return submitEnrolment(request, ports);
};

describe('a code of a list', () => {
  test('is not used up by a gateway that cannot sign', async () => {
    const kit = await makeLink('code');
    let key: string | undefined;
    const secrets = { ...kit.ports.secrets, findKey: async () => key };
    const ports = { ...kit.ports, secrets };
    await expect(submit(kit, ports)).rejects.toMatchObject({ code: 'service_unavailable' });
    key = KEY;
    expect(await submit(kit, ports)).toMatchObject({ kind: 'page', status: 200 });
  });

  test('is no proof at a link that wants a login', async () => {
    const kit = await makeLink('login');
    await expect(submit(kit)).rejects.toThrow('this link takes no codes');
  });
});

describe('a login', () => {
  test('gives a pass at a link that wants a login', async () => {
    const kit = await makeLink('login');
    expect(await enrolPerson(ADA, ID, kit.ports)).toMatchObject({ kind: 'page', status: 200 });
  });

  test('is no proof at a link that wants a code, though the person has a ticket of its page', async () => {
    const kit = await makeLink('code');
    await expect(enrolPerson(ADA, ID, kit.ports)).rejects.toThrow('this link takes codes only');
  });
});

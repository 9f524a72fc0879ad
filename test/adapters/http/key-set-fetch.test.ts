import { readFileSync } from 'node:fs';
import http, { type RequestListener } from 'node:http';
import https from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { type KeySetFetchOptions, makeKeySetFetch } from '../../../adapters/http/key-set-fetch.ts';
import { makeKeySets } from '../../../core/jwt/issuer-keys.ts';
import { makePairs } from '../../support/jwts.ts';

const fixture = (name: string) => readFileSync(new URL(`../../fixtures/${name}`, import.meta.url));
const CERTIFICATE = fixture('localhost-certificate.pem');
const TLS = { cert: CERTIFICATE, key: fixture('localhost-key.pem') };

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()));
});

/** @returns the port on 127.0.0.1 */
async function listen(server: http.Server | https.Server): Promise<number> {
  await new Promise<void>((resolve) => (server as Server).listen(0, '127.0.0.1', resolve));
  stops.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return (server.address() as AddressInfo).port;
}
const listenHttps = (answer: RequestListener) => listen(https.createServer(TLS, answer));
const listenHttp = (answer: RequestListener) => listen(http.createServer(answer));

const LOOPBACK = [{ address: '127.0.0.1', family: 4 }];
const local = (options: Partial<KeySetFetchOptions> = {}) =>
  makeKeySetFetch({ allowLocal: true, ca: String(CERTIFICATE), ...options });
const SET = '{"keys":[]}';

const outage = (detail: string) =>
  expect.objectContaining({
    code: 'service_unavailable',
    detail: `an issuer's key set cannot be fetched: ${detail}`,
  });
const NOT_PUBLIC = outage('its host has an address that is not public');
const failed = (code: string) => outage(`the request failed: ${code}`);

describe('a key set', () => {
  test('is fetched over https', async () => {
    const seen: (string | undefined)[] = [];
    const port = await listenHttps((request, response) => {
      seen.push(`${request.method} ${request.url}`, request.headers.host, request.headers.cookie);
      response.end(SET);
    });
    const fetchKeySet = local({ resolve: async () => LOOPBACK });
    expect(await fetchKeySet(`https://localhost:${port}/keys?a=b`)).toBe(SET);
    expect(seen).toEqual(['GET /keys?a=b', `localhost:${port}`, undefined]);
  });

  test('is refused from a server without a trusted certificate of that name', async () => {
    const port = await listenHttps((_, response) => response.end(SET));
    const resolve = async () => LOOPBACK;
    await expect(local({ resolve })(`https://issuer.example.edu:${port}/`)).rejects.toThrow(
      failed('ERR_TLS_CERT_ALTNAME_INVALID'),
    );
    const untrusting = makeKeySetFetch({ allowLocal: true, resolve });
    await expect(untrusting(`https://localhost:${port}/`)).rejects.toThrow(
      failed('DEPTH_ZERO_SELF_SIGNED_CERT'),
    );
  });

  test('has 256 kB at most', async () => {
    let sent = '';
    const port = await listenHttp((_, response) => response.end(sent));
    sent = 'x'.repeat(262_144);
    expect(await local()(`http://127.0.0.1:${port}/`)).toHaveLength(262_144);
    sent = 'x'.repeat(262_145);
    await expect(local()(`http://127.0.0.1:${port}/`)).rejects.toThrow(
      outage('it answered with more than 256 kB'),
    );
  });

  test('is not read further than its limit', async () => {
    let written = 0;
    const port = await listenHttp((_, response) => {
      const chunk = Buffer.alloc(65_536, 'x');
      const write = (): void => {
        while (written < 40_000_000 && !response.destroyed) {
          written += chunk.length;
          if (!response.write(chunk)) return void response.once('drain', write);
        }
        response.end();
      };
      write();
    });
    await expect(local()(`http://127.0.0.1:${port}/`)).rejects.toThrow(
      outage('it answered with more than 256 kB'),
    );
    expect(written).toBeLessThan(20_000_000);
  });

  test.each([[301], [302], [307], [308]])(
    'is not fetched from the target of a redirect: %d',
    async (status) => {
      const asked: (string | undefined)[] = [];
      const port = await listenHttp((request, response) => {
        asked.push(request.url);
        response.writeHead(status, { location: '/elsewhere' }).end();
      });
      await expect(local()(`http://127.0.0.1:${port}/keys`)).rejects.toThrow(
        outage(`it answered ${status}`),
      );
      expect(asked).toEqual(['/keys']);
    },
  );

  test.each([[204], [404], [500], [503]])('is refused with the status %d', async (status) => {
    const port = await listenHttp((_, response) => response.writeHead(status).end(SET));
    await expect(local()(`http://127.0.0.1:${port}/`)).rejects.toThrow(
      outage(`it answered ${status}`),
    );
  });

  test('is refused at a bad status, without waiting for the body', async () => {
    let hungUp = (): void => {};
    const hangUp = new Promise<void>((resolve) => (hungUp = resolve));
    const port = await listenHttp((_, response) => {
      response.on('close', hungUp);
      response.writeHead(500).write('x'); // And never ends.
    });
    await expect(local({ timeoutMs: 60_000 })(`http://127.0.0.1:${port}/`)).rejects.toThrow(
      outage('it answered 500'),
    );
    await hangUp;
  });

  test('is an outage when the connection breaks', async () => {
    const port = await listenHttp((request, response) => {
      response.write('{"keys":', () => request.socket.destroy());
    });
    await expect(local()(`http://127.0.0.1:${port}/`)).rejects.toThrow(failed('ECONNRESET'));
  });
});

describe('time', () => {
  const LATE = outage('it did not answer in time');

  test('is bounded while the issuer is silent', async () => {
    const port = await listenHttp(() => {});
    await expect(local({ timeoutMs: 50 })(`http://127.0.0.1:${port}/`)).rejects.toThrow(LATE);
  });

  test('is five seconds for look-up, connection and answer together', async () => {
    const late = new AbortController();
    const timeout = vi.spyOn(AbortSignal, 'timeout').mockReturnValue(late.signal);
    const port = await listenHttp((_, response) => {
      response.write('{"keys":', () => late.abort());
    });
    await expect(local()(`http://127.0.0.1:${port}/`)).rejects.toThrow(LATE);
    expect(timeout.mock.calls).toEqual([[5_000]]);
    timeout.mockRestore();
  });

  test('is bounded while the issuer drips', async () => {
    const port = await listenHttp((_, response) => {
      const timer = setInterval(() => response.write(' '), 5);
      response.on('close', () => clearInterval(timer));
    });
    await expect(local({ timeoutMs: 100 })(`http://127.0.0.1:${port}/`)).rejects.toThrow(LATE);
  });

  test('is bounded while the name is looked up', async () => {
    const resolve = () => new Promise<never>(() => {});
    await expect(local({ timeoutMs: 20, resolve })('https://issuer.example.edu/')).rejects.toThrow(
      LATE,
    );
  });
});

describe('an address inside the network', () => {
  const deployed = (...addresses: string[]) => {
    const resolve = async () =>
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
    return makeKeySetFetch({ allowLocal: false, resolve });
  };

  test.each([
    ['https://127.0.0.1/'],
    ['https://[::1]/'],
    ['https://10.0.0.1/'],
    ['https://169.254.169.254/latest/meta-data/'],
    ['https://[fd00:ec2::254]/'],
    ['https://[::ffff:169.254.169.254]/'],
    ['https://2130706433/'],
    ['https://0x7f.1/'],
    ['https://0177.0.0.1/'],
    ['https://127.1/'],
    ['https://0/'],
  ])('is refused in a URL: %s', async (url) => {
    await expect(deployed('1.1.1.1')(url)).rejects.toThrow(NOT_PUBLIC);
  });

  test.each([
    [['127.0.0.1']],
    [['10.1.2.3']],
    [['169.254.169.254']],
    [['::1']],
    [['fe80::1']],
    [['::ffff:10.0.0.1']],
    [['100.64.0.1']],
    [['1.1.1.1', '127.0.0.1']],
    [['::1', '2606:4700::1111']],
  ])('is refused when a name leads there: %j', async (addresses) => {
    await expect(deployed(...addresses)('https://issuer.example.edu/')).rejects.toThrow(NOT_PUBLIC);
  });

  test('is refused for localhost, by the system’s own resolver', async () => {
    const fetchKeySet = makeKeySetFetch({ allowLocal: false });
    await expect(fetchKeySet('https://localhost/')).rejects.toThrow(NOT_PUBLIC);
  });

  test('is not reached by a name that changes: the connection goes to the checked address', async () => {
    const port = await listenHttp((_, response) => response.end(SET));
    const asked: string[] = [];
    const resolve = async (hostname: string) => {
      asked.push(hostname);
      return LOOPBACK;
    };
    // No other resolver knows this name, so that it is reached at all shows whose answer was used.
    expect(await local({ resolve })(`http://rebound.invalid:${port}/`)).toBe(SET);
    expect(asked).toEqual(['rebound.invalid']);
  });

  test('is allowed only on this machine, and only with allowLocal', async () => {
    const to = (address: string) => local({ resolve: async () => [{ address, family: 4 }] });
    await expect(to('10.0.0.1')('https://issuer.example.edu/')).rejects.toThrow(NOT_PUBLIC);
    await expect(to('169.254.169.254')('http://issuer.example.edu/')).rejects.toThrow(NOT_PUBLIC);
    await expect(to('1.1.1.1')('http://issuer.example.edu/')).rejects.toThrow(NOT_PUBLIC);
  });

  test('is not found for a name without an address', async () => {
    await expect(deployed()('https://issuer.example.edu/')).rejects.toThrow(
      outage('its host has no address'),
    );
  });
});

test('quotes no error but Node’s own codes', async () => {
  for (const code of ['http://10.0.0.1 is closed', 7, undefined]) {
    const resolve = () => Promise.reject(Object.assign(new Error('CANARY'), { code }));
    await expect(
      makeKeySetFetch({ allowLocal: false, resolve })('https://a.example/'),
    ).rejects.toThrow(outage('the request failed'));
  }
});

test.each([
  ['http://issuer.example.edu/'],
  ['http://127.0.0.1/'],
  ['ftp://issuer.example.edu/'],
  ['file:///etc/passwd'],
  ['data:application/json,{}'],
  ['https://user:secret@issuer.example.edu/'],
  ['issuer.example.edu'],
  [''],
])('refuses the URL %j', async (url) => {
  await expect(makeKeySetFetch({ allowLocal: false })(url)).rejects.toThrow(
    outage('its URL must begin with "https:" and name no user'),
  );
});

describe('10,000 tokens with unknown kids', () => {
  const jwk = { ...makePairs().ES256.publicKey.export({ format: 'jwk' }), kid: 'known' };
  const body = JSON.stringify({ keys: [jwk] });

  test.each<[string, RequestListener]>([
    ['answers', (_, response) => response.end(body)],
    ['fails', (_, response) => response.writeHead(500).end()],
    ['hangs', () => {}],
    ['sends 40 MB', (_, response) => response.end(Buffer.alloc(40_000_000, 'x'))],
  ])('cause one request while the issuer %s, and known keys still work', async (_, then) => {
    let fetches = 0;
    const port = await listenHttp((request, response) => {
      if (fetches === 1) response.end(body);
      else then(request, response);
    });
    const fetchSet = local({ timeoutMs: 60_000 });
    const fetchSoon = local({ timeoutMs: 500 });
    const clock = { nowMs: () => nowMs, sleep: async () => {} };
    let nowMs = 1_795_176_000_000;
    // Counted here: under load a hanging request may end before the server has it.
    const counted: typeof fetchSet = (url) => {
      fetches += 1;
      return fetches === 1 ? fetchSet(url) : fetchSoon(url);
    };
    const sets = makeKeySets(counted, clock);
    const find = (kid: string) => sets.find(`http://127.0.0.1:${port}/`, { kid, alg: 'ES256' });
    expect(await find('known')).toBeDefined();
    nowMs += 30_000;
    const unknown = Promise.all(Array.from({ length: 10_000 }, (_, at) => find(`kid-${at}`)));
    expect(await find('known')).toBeDefined();
    expect(new Set(await unknown)).toEqual(new Set([undefined]));
    expect(await find('kid-once-more')).toBeUndefined();
    expect(await find('known')).toBeDefined();
    expect(fetches).toBe(2);
  });
});

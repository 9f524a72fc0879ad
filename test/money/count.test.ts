import { describe, expect, test } from 'vitest';
import { GatewayError } from '../../core/base/errors.ts';
import type { UpstreamRequest, UpstreamResponse } from '../../core/providers/ports.ts';
import { makeCountSlots } from '../../core/proxy/count-input.ts';
import { completion } from '../support/fake-provider.ts';
import { ask, makeProxy } from '../support/proxy-fixtures.ts';
import { makeGrant } from '../support/wallet-fixtures.ts';

/** 20,000 characters; input and output cost a dollar a million. The bytes hold $0.0202. */
const body = ask({
  model: 'openai/both',
  messages: [{ role: 'user', content: 'word '.repeat(4_000) }],
  max_tokens: 100,
});
const grant = (limitUsd: number) => makeGrant([`token:usd:total=${limitUsd}`]);

const answerOf = (text: string, status = 200): UpstreamResponse => ({
  status,
  headers: { 'content-type': 'application/json' },
  body: (async function* () {
    yield Buffer.from(text);
  })(),
});

/** Serves the body; the provider's count route answers this, and its completion reports no usage. */
async function serveCounted(
  limitUsd: number,
  counted: () => UpstreamResponse,
  slots = makeCountSlots(),
) {
  const sent: UpstreamRequest[] = [];
  const proxy = makeProxy(
    {},
    {
      countSlots: slots,
      upstream: {
        async send(request) {
          sent.push(request);
          return request.url.endsWith('/input_tokens') ? counted() : answerOf(completion('x'));
        },
      },
    },
  );
  const code = await proxy
    .serve(body, grant(limitUsd))
    .then(() => 'served')
    .catch((error: GatewayError) => error.code);
  const counts = sent.filter(({ url }) => url.endsWith('/input_tokens'));
  return { code, counts, held: proxy.rows()[0]?.tokens.input };
}

const fourThousand = () => answerOf('{"object":"response.input_tokens","input_tokens":4000}');

// guarantee: counted-once-at-most
describe('the provider’s count', () => {
  test('bounds a request that is too expensive by its bytes: 4 % and 256 more, for it was rewritten', async () => {
    const { code, counts, held } = await serveCounted(0.01, fourThousand);
    expect([code, held]).toEqual(['served', 4_416]);
    expect(counts).toHaveLength(1);
    expect(counts[0]).toMatchObject({
      url: 'https://api.openai.com/v1/responses/input_tokens',
      headers: { authorization: expect.any(String) },
    });
  });

  test('is taken first where the hold is over an eighth of what is left', async () => {
    expect(await serveCounted(0.15, fourThousand)).toMatchObject({ code: 'served', held: 4_416 });
  });

  test('is not needed where the hold is smaller than that', async () => {
    expect(await serveCounted(0.5, fourThousand)).toMatchObject({ code: 'served', counts: [] });
  });

  test('is not taken where what is left pays for no count of so many bytes', async () => {
    expect(await serveCounted(0.0012, fourThousand)).toMatchObject({
      code: 'request_too_expensive',
      counts: [],
    });
  });

  test.each<[string, () => UpstreamResponse]>([
    ['an error', () => answerOf('{}', 500)],
    ['no JSON', () => answerOf('<html>')],
    ['no number', () => answerOf('{"input_tokens":"many"}')],
    ['zero', () => answerOf('{"input_tokens":0}')],
    [
      'nothing',
      () => {
        throw new GatewayError('upstream_timeout');
      },
    ],
  ])('that is %s changes nothing, and is not tried again', async (_, counted) => {
    const { code, counts } = await serveCounted(0.01, counted);
    expect([code, counts.length]).toEqual(['request_too_expensive', 1]);
  });

  test('that is too large still refuses', async () => {
    const large = () => answerOf('{"input_tokens":19000}');
    expect((await serveCounted(0.01, large)).code).toBe('request_too_expensive');
  });

  test('is taken by four requests of a process at once', async () => {
    const slots = makeCountSlots();
    expect([1, 2, 3, 4, 5].map(() => slots.take())).toEqual([true, true, true, true, false]);
    expect((await serveCounted(0.01, fourThousand, slots)).counts).toEqual([]);
    slots.free();
    expect((await serveCounted(0.01, fourThousand, slots)).code).toBe('served');
  });
});

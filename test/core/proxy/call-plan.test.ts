import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../../core/base/json.ts';
import { asNanoUsd } from '../../../core/base/money.ts';
import { makePriceBook } from '../../../core/models/pricing.ts';
import { affordableCap, amountsUnder, planCall } from '../../../core/proxy/call-plan.ts';
import { ask, CAPPED, CHAT_ASK, config, UNCAPPED } from '../../support/proxy-fixtures.ts';
import { makeGrant } from '../../support/wallet-fixtures.ts';

const prices = makePriceBook({ version: 'v1', asOf: '', models: {}, rows: [] }, config.prices);
const settings = { config, prices, providerUrls: {} };
const plan = (more: object, grant = CAPPED) =>
  planCall({ ...CHAT_ASK, body: ask(more) as JsonObject }, grant, settings);

describe('planCall', () => {
  test('finds model, provider and price', () => {
    expect(plan({})).toMatchObject({
      target: { provider: 'openai', model: 'm', id: 'openai/m' },
      provider: { name: 'openai' },
      price: { outputNanoPerMillion: 1_000_000_000n },
      priceVersion: 'v1',
      isBounded: true,
    });
  });

  test.each([
    ['model_not_found', { model: 'nobody/m' }, 'the model "nobody/m" does not exist'],
    ['model_not_found', { model: 'demo/other' }, 'the model "demo/other" does not exist'],
    [
      'model_price_unknown',
      { model: 'openai/unheard-of' },
      expect.stringMatching(
        /^the price of the model "openai\/unheard-of" is not known, and a spending limit applies: add this line to "prices"/,
      ),
    ],
    [
      'invalid_request',
      { model: undefined },
      '"model" must be the id of a model, such as "provider/model"',
    ],
  ])('refuses with %s: %j', (code, more, message) => {
    expect(() => plan(more)).toThrowError(expect.objectContaining({ code, message }));
  });

  /** The tokens that each kind of limit wants of a request; `no`: refused, else the tokens that are held. */
  describe.each([
    ['usd alone', ['token:usd:total=1'], 'no', 'no', 100],
    ['tokens alone', ['token:tokens:day=1000000'], 'no', 'no', 100],
    ['both', ['token:usd:total=1', 'user:tokens:day=1000000'], 'no', 'no', 100],
    ['neither', ['token:requests:day=5'], 'passes', 'passes', undefined],
  ] as const)('under %s', (_, limits, unknownField, reference, cap) => {
    const outcomeOf = (more: object) => {
      try {
        return plan(more, makeGrant(limits)) && 'passes';
      } catch {
        return 'no';
      }
    };
    const contentOf = (part: object) => ({ messages: [{ role: 'user', content: [part] }] });

    test('passes unknown fields, input by reference and an uncapped output without a USD limit', () => {
      expect(outcomeOf({ unheard_of: 1 })).toBe(unknownField);
      expect(outcomeOf(contentOf({ type: 'image_url', image_url: 'https://x/y.png' }))).toBe(
        reference,
      );
      expect(outcomeOf(contentOf({ type: 'video_url', video_url: { url: 'https://x/v' } }))).toBe(
        reference,
      );
      const { request } = plan({}, makeGrant(limits));
      expect(JSON.parse(request.write(100)).max_completion_tokens).toBe(cap);
      expect(outcomeOf({ background: true })).toBe('no');
      expect(JSON.parse(request.write(100))).not.toHaveProperty('store');
    });
  });

  test.each([
    ['key', 'server', true],
    ['key', 'personal', false],
    ['scoped-token', 'server', false],
    ['client-access', 'client', false],
  ] as const)(
    'lets a %s of a %s key name what is stored at the provider: %s',
    (credential, keyKind, allowed) => {
      const grant = makeGrant([], { credential, keyKind });
      const attempt = () => plan({ previous_response_id: 'resp_1' }, grant);
      if (allowed) expect(attempt).not.toThrow();
      else expect(attempt).toThrowError(/"previous_response_id" may name data stored/);
    },
  );

  test('refuses a model that is not allowed before it looks for its price', () => {
    const grant = makeGrant(['token:usd:total=1'], { models: ['openai/m'] });
    expect(() => plan({ model: 'openai/unheard-of' }, grant)).toThrowError(
      expect.objectContaining({ code: 'model_not_allowed' }),
    );
  });

  test('serves a model without a price when no USD limit applies', () => {
    const unpriced = plan({ model: 'openai/unheard-of', max_tokens: 10 }, UNCAPPED);
    expect(unpriced.price).toBeUndefined();
    expect(amountsUnder(unpriced, 10).usd).toBe(0n);
  });

  test.each([
    [['user:usd:day=1'], true],
    [['user:tokens:minute=5'], true],
    [['user:requests:minute=5'], false],
    [[], false],
  ])('bounds the output under %j: %s', (limits, isBounded) => {
    expect(plan({}, makeGrant(limits)).isBounded).toBe(isBounded);
  });
});

describe('what a call takes', () => {
  test('is the highest price of the input and all output of all choices', () => {
    const call = plan({ model: 'openai/both', max_tokens: 100, n: 2 });
    const inputTokens = call.inputTokensMax;
    expect(amountsUnder(call, 100)).toEqual({
      usd: BigInt(inputTokens + 200) * 1_000n,
      tokens: BigInt(inputTokens + 200),
    });
  });
});

describe('affordableCap', () => {
  const usd = (nanoUsd: bigint) => ({ usd: asNanoUsd(nanoUsd) });
  const call = plan({ max_tokens: 100 });

  test.each([
    ['most of it', usd(99_999n), 99],
    ['just 16 tokens', usd(16_000n), 16],
    ['not 16 tokens', usd(15_999n), undefined],
    ['nothing', usd(0n), undefined],
    ['more than was asked for', usd(1_000_000n), 99],
    ['less of tokens', { ...usd(99_999n), tokens: BigInt(call.inputTokensMax + 40) }, 40],
    ['fewer tokens than the input', { tokens: 5n }, undefined],
  ])('finds what is affordable with %s left', (_, left, cap) => {
    expect(affordableCap(call, left, 100)).toBe(cap);
  });

  test('never returns the given cap, and never goes below 16', () => {
    expect(affordableCap(call, usd(1_000_000n), 40)).toBe(39);
    expect(affordableCap(call, usd(1_000_000n), 16)).toBeUndefined();
  });

  test('returns a cap that fits, and one token more would not', () => {
    const dear = plan({ model: 'openai/both', max_tokens: 100_000, n: 3 });
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 400_000_000n }), (left) => {
        const cap = affordableCap(dear, usd(left), 100_000);
        if (cap === undefined) {
          expect(amountsUnder(dear, 16).usd).toBeGreaterThan(left);
          return;
        }
        expect(amountsUnder(dear, cap).usd).toBeLessThanOrEqual(left);
        if (cap < 99_999) expect(amountsUnder(dear, cap + 1).usd).toBeGreaterThan(left);
      }),
    );
  });
});

import type { Provider } from '@pydantic/genai-prices';
import { describe, expect, test } from 'vitest';
import { BEDROCK_IDS } from '../../bin/bedrock-ids.ts';
import { OWN_PRICES } from '../../bin/own-price-rows.ts';
import { findPriceSource, readLibrary } from '../../bin/price-sources.ts';
import { makePriceTable } from '../../bin/price-table.ts';
import { PRICE_TABLE } from '../../core/models/pricing.ts';

const provider = (models: Provider['models'], id = 'lab'): Provider => ({
  id,
  name: id,
  api_pattern: '',
  models,
});
const prices = { input_mtok: 1, output_mtok: 2 };
const make = (...providers: Provider[]) =>
  makePriceTable(providers, { libraryVersion: '9.9.9', asOf: '2026-11-20' });
const rowOf = (models: Provider['models'], id: string) => {
  const table = make(provider(models));
  const index = table.models.lab?.[id];
  return index === undefined ? undefined : table.rows[index];
};

describe('makePriceTable', () => {
  test('includes ids that the library names in full, and no prefix, suffix, part or pattern', () => {
    const match = {
      or: [
        { equals: 'a-2026' },
        { starts_with: 'a-pre' },
        { ends_with: 'fix-a' },
        { contains: 'part-a' },
        { regex: 'a-\\d' },
      ],
    };
    const table = make(
      provider([
        { id: 'a', match: { or: [{ equals: 'a' }, ...match.or] }, prices },
        { id: 'b-rule', match: { starts_with: 'b-1' }, prices },
      ]),
    );

    expect(table.models).toEqual({ lab: { a: 0, 'a-2026': 0 } });
  });

  test('includes only the ids that a source lists, if it lists any', () => {
    const models = [
      { id: 'regional.x-v1', match: { contains: 'x-1' }, prices },
      { id: 'y', match: { equals: 'y' }, prices },
    ];
    const source = { ...provider(models), onlyIds: ['us.x-1', 'eu.x-1', 'us.x-1', 'z'] };

    expect(make(source).models).toEqual({ lab: { 'eu.x-1': 0, 'us.x-1': 0 } });
  });

  test('prices an id that two models match by the first one, as the library does', () => {
    const models = [
      { id: 'first', match: { starts_with: 'x' }, prices: { input_mtok: 5, output_mtok: 5 } },
      { id: 'x-2', match: { equals: 'x-2' }, prices },
    ];

    expect(rowOf(models, 'x-2')).toEqual([5e9, 5e9, 5e9, 5e9]);
  });

  test.each([
    ['zero', { input_mtok: 0, output_mtok: 0 }],
    ['free input', { input_mtok: 0, output_mtok: 1 }],
    ['no prices', {}],
    ['no output price', { input_mtok: 1 }],
    ['images as output', { ...prices, output_image_mtok: 30 }],
    ['sound as output', { ...prices, output_audio_mtok: 30 }],
    ['hours', { audio_hours: 1 }],
  ])('leaves out a model with %s', (_what, modelPrices) => {
    expect(rowOf([{ id: 'a', match: { equals: 'a' }, prices: modelPrices }], 'a')).toBeUndefined();
  });

  test('reads cache prices, reasoning, windows, and floats to the nano-dollar', () => {
    const model = {
      id: 'a',
      match: { equals: 'a' },
      context_window: 1_000,
      prices: {
        input_mtok: 0.29,
        output_mtok: 1,
        output_reasoning_mtok: 3,
        cache_read_mtok: 0.1 + 0.2,
        cache_write_mtok: 1e-10,
      },
    };

    expect(rowOf([model], 'a')).toEqual([290_000_000, 3e9, 300_000_000, 1, 1_000]);
  });

  test('writes each tier after the input where it begins, with all its prices', () => {
    const model = {
      id: 'a',
      match: { equals: 'a' },
      prices: {
        input_mtok: { base: 1, tiers: [{ start: 100, price: 2 }] },
        output_mtok: {
          base: 4,
          tiers: [
            { start: 50, price: 5 },
            { start: 100, price: 6 },
          ],
        },
      },
    };

    expect(rowOf([model], 'a')).toEqual([
      1e9,
      4e9,
      1e9,
      1e9,
      0,
      0,
      [
        [50, 1e9, 5e9, 1e9, 1e9],
        [100, 2e9, 6e9, 2e9, 2e9],
      ],
    ]);
  });

  test('uses the newest prices in force, and none that change with the hour', () => {
    const dated = (start_date: string, input_mtok: number) => ({
      constraint: { type: 'start_date' as const, start_date },
      prices: { input_mtok, output_mtok: 1 },
    });
    const models = [
      {
        id: 'dated',
        match: { equals: 'dated' },
        prices: [{ prices }, dated('2026-11-20', 7), dated('2026-11-21', 9)],
      },
      {
        id: 'hourly',
        match: { equals: 'hourly' },
        prices: [
          { prices },
          {
            constraint: { type: 'time_of_date' as const, start_time: '00:30', end_time: '16:30' },
            prices,
          },
        ],
      },
    ];

    expect(rowOf(models, 'dated')?.[0]).toBe(7e9);
    expect(rowOf(models, 'hourly')).toBeUndefined();
  });

  test('puts our own rows over those of the library, and the output maxima into them', () => {
    const source = '';
    const table = makePriceTable(
      [
        provider([
          { id: 'a', match: { equals: 'a' }, prices },
          { id: 'b', match: { equals: 'b' }, prices, context_window: 9_000 },
        ]),
      ],
      {
        libraryVersion: '9.9.9',
        asOf: '2026-11-20',
        own: {
          list: '',
          date: '',
          rows: {
            lab: {
              a: { usdPerMillion: [3, 4, 0.3, 3.75], source },
              c: {
                usdPerMillion: [1, 2, 0.1, 1],
                maxOutputTokens: 500,
                tiers: [[1_000, 2, 4, 0.2, 2]],
                source,
              },
            },
            other: { d: { usdPerMillion: [1, 1, 1, 1], contextWindow: 10, source } },
          },
          maxOutputTokens: { lab: { b: 700 } },
        },
      },
    );
    const rows = Object.entries(table.models).flatMap(([part, ids]) =>
      Object.entries(ids).map(([id, row]) => [`${part}/${id}`, table.rows[row]]),
    );
    expect(Object.fromEntries(rows)).toEqual({
      'lab/a': [3e9, 4e9, 3e8, 3.75e9],
      'lab/b': [1e9, 2e9, 1e9, 1e9, 9_000, 700],
      'lab/c': [1e9, 2e9, 1e8, 1e9, 0, 500, [[1_000, 2e9, 4e9, 2e8, 2e9]]],
      'other/d': [1e9, 1e9, 1e9, 1e9, 10],
    });
  });

  test('has no row for a model that is billed per call', () => {
    const id = 'gpt-search-preview';
    expect(rowOf([{ id, match: { equals: id }, prices }], id)).toBeUndefined();
  });

  test('writes the same text for the same data in any order, and another version for other data', () => {
    const a = provider([{ id: 'm', match: { equals: 'm' }, prices }], 'a');
    const b = provider([{ id: 'n', match: { equals: 'n' }, prices }], 'b');
    const dearer = provider(
      [{ id: 'n', match: { equals: 'n' }, prices: { ...prices, input_mtok: 2 } }],
      'b',
    );

    expect(JSON.stringify(make(a, b))).toBe(JSON.stringify(make(b, a)));
    expect(make(a, b).version).toMatch(/^genai-prices 9\.9\.9 [0-9a-f]{8}$/);
    expect(make(a, b).version).not.toBe(make(a, dearer).version);
  });
});

describe('findPriceSource', () => {
  test('finds a provider by its exact name only', () => {
    expect(findPriceSource('openai')).toMatchObject({ id: 'openai' });
    expect(findPriceSource('amazon')).toBeUndefined();
    expect(findPriceSource('nobody')).toBeUndefined();
  });

  test.each(['bedrock', 'bedrock@us', 'bedrock-mantle', 'bedrock-mantle@us'])(
    'finds %s with its ids',
    (part) => {
      const source = findPriceSource(part);
      expect(source).toMatchObject({ id: part, onlyIds: BEDROCK_IDS.get(part) });
      expect(source?.models.length).toBeGreaterThan(50);
      expect(new Set(source?.onlyIds).size).toBe(source?.onlyIds?.length);
    },
  );
});

test("the library prices all of Bedrock's ids but these", () => {
  const unpriced = [...BEDROCK_IDS].flatMap(([part, ids]) =>
    ids.filter((id) => PRICE_TABLE.models[part]?.[id] === undefined),
  );
  expect(unpriced).toEqual(['amazon.nova-2-lite-v1:0']);
});

test('the committed table equals that of the installed library with our own rows', () => {
  const { asOf } = PRICE_TABLE;
  const table = makePriceTable(readLibrary(), { libraryVersion: '0.1.8', asOf, own: OWN_PRICES });

  expect(JSON.stringify(table)).toBe(JSON.stringify(PRICE_TABLE));
});

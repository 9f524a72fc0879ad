import { expect, test } from 'vitest';
import { idsOfType, join, modelsOfAgents, modelsOfSdks } from '../../bin/named-models.ts';
import { isBilledPerCall, makePriceBook, PRICE_TABLE } from '../../core/models/pricing.ts';

/** No public list had a full price of these when the table was made. Under a spending limit they are refused. */
const WITHOUT_FIGURES: readonly string[] = [
  ...['gpt-5.6-cyber', 'gpt-6-cyber', 'gpt-6-rosalind', 'gpt-rosalind-research'],
  ...['gpt-daybreak-blue-latest', 'gpt-daybreak-red-latest'],
  ...['gemma-4-26b-a4b-it', 'gemma-4-31b-it'],
];

test('a model that an SDK or an agent names has a price per token, but for those without public figures', () => {
  const book = makePriceBook(PRICE_TABLE, {});
  const named = join([modelsOfSdks(), modelsOfAgents()]);
  expect(Object.values(named).flat().length).toBeGreaterThan(100);
  const unpriced = Object.entries(named).flatMap(([provider, ids]) =>
    ids.filter((id) => book.find(provider, id) === undefined && !isBilledPerCall(id)),
  );
  expect(unpriced.toSorted()).toEqual(WITHOUT_FIGURES.toSorted());
});

test('the ids of a type are read, and a type that is gone is an error', () => {
  const text = "type A = 'x-1' | \"x-2\" | (string & {});\ntype B = 'y';";
  expect(idsOfType(text, 'A')).toEqual(['x-1', 'x-2']);
  expect(() => idsOfType(text, 'C')).toThrow('the type "C" is not in the file');
});

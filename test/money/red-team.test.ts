import { describe, expect, test } from 'vitest';
import { GatewayError } from '../../core/base/errors.ts';
import { CHAT } from '../../core/dialects/chat/chat.ts';
import type { Dialect } from '../../core/dialects/dialect.ts';
import { EMBEDDINGS } from '../../core/dialects/embeddings.ts';
import { GOOGLE_EMBED } from '../../core/dialects/google/embed.ts';
import { GOOGLE } from '../../core/dialects/google/google.ts';
import { MESSAGES } from '../../core/dialects/messages/messages.ts';
import type { RequestRules } from '../../core/dialects/request-rules.ts';
import { RESPONSES } from '../../core/dialects/responses/responses.ts';
import { EXAMPLES } from '../support/red-team/examples.ts';
import { faultsOf, storedFaultsOf } from '../support/red-team/oracle.ts';
import { type Attack, attacksAround, attacksOn } from '../support/red-team/places.ts';
import { REFERENCES } from '../support/red-team/references.ts';
import { readSdkShapes, type SdkName } from '../support/red-team/sdk-shapes.ts';
import { outcomeOf, REQUEST_RULES, SCOPED } from '../support/request-rules.ts';

const DIALECTS: Readonly<Record<SdkName, Dialect>> = {
  chat: CHAT,
  responses: RESPONSES,
  messages: MESSAGES,
  embeddings: EMBEDDINGS,
  google: GOOGLE,
  google_embed: GOOGLE_EMBED,
};
const NAMES = Object.keys(DIALECTS) as readonly SdkName[];
const SHAPES = readSdkShapes();
const FAULTS_SHOWN = 20;
/** Forty thousand requests, on a machine that does other work too. */
const TIMEOUT_MS = 120_000;

/** Members that a request needs though its SDK's type does not say so. */
const BASES: Readonly<Partial<Record<SdkName, object>>> = { responses: { input: 'Hi' } };

/** Other values that a whole request may have in the place of an example's members. */
const VARIANTS: Readonly<Partial<Record<SdkName, readonly object[]>>> = {
  chat: [
    { max_tokens: 9_000, reasoning: { max_tokens: 4_000 } },
    { max_tokens: 9_000, thinking: { type: 'enabled', budget_tokens: 4_000 } },
  ],
  messages: [{ thinking: { type: 'enabled', budget_tokens: 9_000 } }],
};

/** The attacks that pass, as they were understood. */
function forwardedOf(name: SdkName, attacks: readonly Attack[], rules: RequestRules) {
  return attacks.flatMap(({ name: attackName, body }) => {
    try {
      return [{ attackName, request: DIALECTS[name].parse(body, rules) }];
    } catch (error) {
      if (error instanceof GatewayError) return [];
      throw error;
    }
  });
}

/** The faults of the attacks that a limit lets pass, and the number of those attacks. */
function attack(name: SdkName, attacks: readonly Attack[]) {
  const { name: dialect } = DIALECTS[name];
  const forwarded = forwardedOf(name, attacks, REQUEST_RULES);
  const faults = forwarded.flatMap(({ attackName, request }) => {
    const { cap, capMin } = request.output;
    return [...new Set([cap, request.output.thinkingBudget === undefined ? cap : capMin])]
      .flatMap((sentCap) => faultsOf({ dialect, request, cap: sentCap, shape: SHAPES[name] }))
      .map((fault) => `${attackName} -> ${fault}`);
  });
  return { forwarded: forwarded.length, faults: faults.slice(0, FAULTS_SHOWN) };
}

describe.each(NAMES)('under a limit, a request of the dialect %s', (name) => {
  test('as agents and other clients send it passes, and is bounded', () => {
    const examples = [{}, ...(VARIANTS[name] ?? [])].map((more, index) => ({
      name: `example ${index}`,
      body: { ...EXAMPLES[name], ...more },
    }));
    expect(examples.map(({ body }) => outcomeOf(DIALECTS[name], body))).toEqual(
      examples.map(() => 'passes'),
    );
    expect(attack(name, examples)).toEqual({ forwarded: examples.length, faults: [] });
  });

  // guarantee: forwarded-only-if-bounded
  test('made from its SDK’s types, with every kind of value at every place, is refused or bounded', {
    timeout: TIMEOUT_MS,
  }, () => {
    const { forwarded, faults } = attack(name, attacksOn(SHAPES[name], BASES[name]));
    expect(faults).toEqual([]);
    expect(forwarded).toBeGreaterThan(PASSING_MIN[name].types);
  });

  test('made from a whole example, with every kind of value at every place, is refused or bounded', {
    timeout: TIMEOUT_MS,
  }, () => {
    const { forwarded, faults } = attack(name, [
      ...attacksAround(EXAMPLES[name]),
      ...attacksAround(REFERENCES[name] ?? {}),
    ]);
    expect(faults).toEqual([]);
    expect(forwarded).toBeGreaterThan(PASSING_MIN[name].example);
  });
});

describe.each(NAMES)('without a limit, a scoped request of the dialect %s', (name) => {
  test('names nothing that is stored, with every kind of value at every place', {
    timeout: TIMEOUT_MS,
  }, () => {
    const attacks = [
      ...attacksOn(SHAPES[name], BASES[name]),
      ...attacksAround(EXAMPLES[name]),
      ...attacksAround(REFERENCES[name] ?? {}),
    ];
    const forwarded = forwardedOf(name, attacks, { ...REQUEST_RULES, ...SCOPED });
    const faults = forwarded.flatMap(({ attackName, request }) =>
      storedFaultsOf(JSON.parse(request.write(request.output.cap))).map(
        (path) => `${attackName} -> ${path}`,
      ),
    );
    expect(faults.slice(0, FAULTS_SHOWN)).toEqual([]);
    expect(forwarded.length).toBeGreaterThan(PASSING_MIN[name].scoped);
  });
});

/** The least number of attacks that pass: with none, a test would show nothing. */
const PASSING_MIN: Readonly<Record<SdkName, { types: number; example: number; scoped: number }>> = {
  chat: { types: 700, example: 700, scoped: 3_000 },
  responses: { types: 1_400, example: 1_400, scoped: 8_000 },
  messages: { types: 1_500, example: 1_000, scoped: 5_000 },
  embeddings: { types: 30, example: 25, scoped: 60 },
  google: { types: 3_500, example: 800, scoped: 9_000 },
  google_embed: { types: 40, example: 25, scoped: 900 },
};

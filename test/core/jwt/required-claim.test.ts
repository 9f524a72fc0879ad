import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatRequired, parseRequired } from '../../../core/jwt/required-claim.ts';

test.each([
  ['tier', { claim: 'tier', values: [] }],
  ['tier=pro', { claim: 'tier', values: ['pro'] }],
  ['tier=pro|team', { claim: 'tier', values: ['pro', 'team'] }],
  ['level=3', { claim: 'level', values: [3] }],
  ['level="3"', { claim: 'level', values: ['3'] }],
  ['level=007', { claim: 'level', values: ['007'] }],
  ['active=true|1', { claim: 'active', values: [true, 1] }],
  ['https://x.example/roles=a=b', { claim: 'https://x.example/roles', values: ['a=b'] }],
  ['app.role=admin', { claim: 'app.role', values: ['admin'] }],
])('reads %s', (text, expected) => {
  expect(parseRequired(text)).toEqual(expected);
});

test.each([
  ['nothing', ''],
  ['no name', '=x'],
  ['no value', 'tier='],
  ['an empty value', 'tier=a||b'],
  ['a control character', 'ti\u0000er'],
  ['a number without end', 'tier=1e999'],
  ['quotes that are no JSON', 'tier="\\x"'],
  ['33 values', `tier=${Array(33).fill('a').join('|')}`],
  ['a name of 513 characters', 'a'.repeat(513)],
])('does not read %s', (_, text) => {
  expect(parseRequired(text)).toBeUndefined();
});

test('reads what it wrote, with the type of each value', () => {
  const value = fc.oneof(
    fc.stringMatching(/^[a-z0-9".:-]{1,12}$/),
    fc.boolean(),
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }).filter((each) => !Object.is(each, -0)),
  );
  const claim = fc.stringMatching(/^[a-z.:/]{1,12}$/);
  fc.assert(
    fc.property(claim, fc.array(value, { maxLength: 4 }), (name, values) => {
      const required = { claim: name, values };
      expect(parseRequired(formatRequired(required))).toEqual(required);
    }),
  );
});

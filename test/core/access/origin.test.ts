import { describe, expect, test } from 'vitest';
import { requireAllowedOrigin } from '../../../core/access/origin.ts';

const from = (...origins: string[]) => new Map(origins.length === 0 ? [] : [['origin', origins]]);
const APP = 'https://app.example.edu';

describe('requireAllowedOrigin', () => {
  test.each([
    ['no origin, as back ends send none', from(), [APP]],
    ['an origin that is listed', from(APP), ['https://other.example', APP]],
    ['any origin when any is allowed', from('https://evil.example'), ['*']],
    ['a page opened from disk when any is allowed', from('null'), ['*']],
    ['a page opened from disk when it is listed', from('null'), ['null']],
  ])('passes %s', (_what, headers, allowed) => {
    expect(() => requireAllowedOrigin(headers, allowed)).not.toThrow();
  });

  test.each([
    ['another origin', from('https://evil.example'), [APP]],
    ['one that only begins alike', from(`${APP}.evil.example`), [APP]],
    ['another scheme', from('http://app.example.edu'), [APP]],
    ['a page opened from disk', from('null'), [APP]],
    ['every origin when none is allowed', from(APP), []],
  ])('refuses %s', (_what, headers, allowed) => {
    expect(() => requireAllowedOrigin(headers, allowed)).toThrow(
      expect.objectContaining({ code: 'origin_not_allowed', status: 403 }),
    );
  });

  test('refuses two origins', () => {
    expect(() => requireAllowedOrigin(from(APP, APP), ['*'])).toThrow(
      'the header "origin" was sent twice',
    );
  });
});

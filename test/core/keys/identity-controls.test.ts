import { expect, test } from 'vitest';
import { mergeControls } from '../../../core/keys/key-settings.ts';

test('keeps the rules that are on', () => {
  expect(mergeControls(undefined, undefined)).toBeUndefined();
  expect(mergeControls({ trustEmail: true }, undefined)).toEqual({ trustEmail: true });
  expect(mergeControls({ trustEmail: true }, { enforceIdentity: true })).toEqual({
    trustEmail: true,
    enforceIdentity: true,
  });
});

test('drops rules that are off, empty or the default', () => {
  const seen = { trustEmail: true, allowedDomains: ['example.edu'], userHeader: 'x-mail' };
  expect(mergeControls(seen, { trustEmail: false })).toEqual({
    allowedDomains: ['example.edu'],
    userHeader: 'x-mail',
  });
  const off = { trustEmail: false, allowedDomains: [], userHeader: 'x-user-email' };
  expect(mergeControls(seen, off)).toBeUndefined();
});

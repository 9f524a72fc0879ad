import { describe, expect, test } from 'vitest';
import { findStoredName, isPublicUrl } from '../../../core/dialects/stored.ts';

describe('a member that no shape knows', () => {
  test.each<[string, unknown, string]>([
    ['file_id', 'f', 'file_id'],
    ['fileIds', ['f'], 'fileIds'],
    ['previous_response_id', 'r', 'previous_response_id'],
    ['container', {}, 'container'],
    ['cachedContent', 'c', 'cachedContent'],
    ['box', { inner: { skill_id: 's' } }, 'box.inner.skill_id'],
    ['box', [{ a: 1 }, { id: 'x' }], 'box.id'],
    ['server_url', 'gs://bucket/x', 'server_url'],
    ['server_url', 'ftp://x.edu', 'server_url'],
    ['links', ['https://x.edu', 'files/a'], 'links'],
    ['anything', 'https://storage.googleapis.com/b/x', 'anything'],
    ['anything', 'GS://bucket/x', 'anything'],
    ['n'.repeat(65), 1, '(unnamed)'],
    ['say this to them', { id: 'x' }, '(unnamed).id'],
  ])('"%s" could name stored data with %j', (name, value, path) => {
    expect(findStoredName(name, value)).toBe(path);
  });

  test.each<[string, unknown]>([
    ['file_id', null],
    ['id', undefined],
    ['server_url', 'https://x.edu/mcp'],
    ['urls', ['https://x.edu']],
    ['voice', 'alloy'],
    ['video', { fps: 24, idea: 'x', fileless: true }],
    ['text', 'look at gs://bucket'],
    ['count', 7],
    ['is_on', true],
    ['name with blanks', 'x'],
  ])('"%s" is harmless with %j', (name, value) => {
    expect(findStoredName(name, value)).toBeUndefined();
  });
});

test.each([
  ['https://x.edu/y.png', true],
  ['HTTPS://X.EDU', true],
  ['https://notgoogleapis.com/x', true],
  ['http://x.edu', false],
  ['https://', false],
  ['https://storage.googleapis.com/b', false],
  ['https://STORAGE.googleapis.com./b', false],
  ['https://googleapis.com', false],
  ['https://storage.cloud.google.com/b', false],
  ['gs://bucket/x', false],
  ['files/a', false],
])('%s is an address that anyone may read: %s', (address, isPublic) => {
  expect(isPublicUrl(address)).toBe(isPublic);
});

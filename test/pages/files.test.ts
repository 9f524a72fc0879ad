/** The built files: as new as their source, small, with no other origin in them. */
import { readdirSync, statSync } from 'node:fs';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { buildOperatorFiles, buildPageFiles } from '../../bin/page-files.ts';
import { PAGE_FILES, type PageFile } from '../../lambdas/pages.ts';
import operator from '../../pages/dist/operator.json' with { type: 'json' };

const textOf = ({ br }: PageFile): string =>
  brotliDecompressSync(Buffer.from(br, 'base64')).toString();
const fileAt = (path: string): PageFile => {
  const file = PAGE_FILES[path];
  if (file === undefined) throw new Error(`there is no ${path}`);
  return file;
};

/** The files that a page loads, itself first. */
function filesOf(page: string): readonly PageFile[] {
  const assets = textOf(fileAt(page)).matchAll(/(?:href|src)="(assets\/[^"]+)"/g);
  return [fileAt(page), ...[...assets].map(([, path]) => fileAt(`/${path}`))];
}

const sentBytes = (page: string): number =>
  filesOf(page).reduce((sum, { br }) => sum + Buffer.from(br, 'base64').length, 0);

describe('the built files of the pages', () => {
  test('are what "npm run pages:build" makes of the source', async () => {
    const built = await buildPageFiles();
    expect(Object.keys(PAGE_FILES)).toEqual(Object.keys(built));
    for (const [path, file] of Object.entries(built)) {
      expect([path, textOf(fileAt(path))]).toEqual([path, textOf(file)]);
      expect(fileAt(path).hash).toBe(file.hash);
    }
  });

  test('of hallpass console are as new as their source, and the gateway serves none of its own', async () => {
    const built = await buildOperatorFiles();
    expect(Object.keys(operator)).toEqual(Object.keys(built));
    for (const [path, file] of Object.entries<PageFile>(operator)) {
      expect([path, textOf(file)]).toEqual([path, textOf(built[path] ?? file)]);
    }
    expect(Object.keys(PAGE_FILES).filter((path) => path.includes('operator'))).toEqual([]);
  });

  test('offer sign-in only in the form for gateways that have it', () => {
    for (const path of ['/', '/me']) {
      expect(textOf(fileAt(path))).not.toMatch(/sign.?in|oauth/i);
      const withSignIn = textOf(fileAt(`${path} with sign-in`));
      expect(withSignIn).toContain('oauth/login');
      expect(withSignIn).not.toContain('<!--');
    }
  });

  test('hold the same text in both forms', () => {
    for (const file of Object.values(PAGE_FILES)) {
      expect(gunzipSync(Buffer.from(file.gzip, 'base64')).toString()).toBe(textOf(file));
    }
  });

  // guarantee: pages-are-small
  test.each([
    ['/', 10_000],
    ['/me', 30_000],
    ['/console', 100_000],
  ])('%s loads less than %i bytes, as sent', (page, bytesMax) => {
    expect(sentBytes(page)).toBeLessThan(bytesMax);
  });

  test('have no inline script, no inline style and no handler in an attribute', () => {
    for (const page of ['/', '/me', '/console']) {
      const html = textOf(fileAt(page));
      expect(html).not.toMatch(/<style|\sstyle=|\son\w+=|javascript:/i);
      expect(html).not.toMatch(/<script(?![^>]*\ssrc="assets\/)/);
    }
  });

  test('leave sizes and colours to the style sheet: no script asks for the screen', () => {
    const asks = /matchMedia|ResizeObserver|BoundingClientRect|[a-z](Width|Height)\b|\bresize\b/;
    for (const [path, file] of [
      ...Object.entries(PAGE_FILES),
      ...Object.entries<PageFile>(operator),
    ]) {
      if (/\.js$/.test(path)) expect(asks.exec(textOf(file)), path).toBe(null);
    }
  });

  test('have relative links alone, so that they work below a stage or a base path', () => {
    for (const page of ['/', '/me', '/console']) {
      const links = [...textOf(fileAt(page)).matchAll(/(?:href|src)="([^"]*)"/g)];
      const others = links.map(([, link = '']) => link).filter((link) => /^(\w+:|\/)/.test(link));
      expect(others.filter((link) => !link.startsWith('data:image/svg+xml,'))).toEqual([]);
    }
  });

  test('say how an agent finds the base URL and the models, and name no host', () => {
    for (const path of ['/SKILL.md', '/llms.txt']) {
      const text = textOf(fileAt(path));
      expect(text).toMatch(/`v1` in place of/);
      expect(text).toMatch(/models/);
      expect(text).not.toMatch(/https?:\/\//);
    }
  });
});

test('the pictures of the README are under 200 kB together', () => {
  const folder = new URL('../../docs/images/', import.meta.url);
  const names = readdirSync(folder);
  expect(names.sort()).toEqual(['console.png', 'me.png']);
  const bytes = names.reduce((sum, name) => sum + statSync(new URL(name, folder)).size, 0);
  expect(bytes).toBeLessThan(200_000);
});

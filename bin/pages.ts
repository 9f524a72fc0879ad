/**
 * Writes pages/dist/*.json from the source of the pages and shows how large each file is as sent
 * (npm run pages:build). The files are committed: nothing is built at start.
 */
import { writeFile } from 'node:fs/promises';
import { buildOperatorFiles, buildPageFiles } from './page-files.ts';

const bytesOf = (base64: string): number => Buffer.from(base64, 'base64').length;

for (const [name, build] of [
  ['pages', buildPageFiles],
  ['operator', buildOperatorFiles],
] as const) {
  const files = await build();
  const target = new URL(`../pages/dist/${name}.json`, import.meta.url);
  await writeFile(target, `${JSON.stringify(files, undefined, 1)}\n`);
  for (const [path, { br, gzip }] of Object.entries(files)) {
    console.log(`${path.padEnd(34)} ${bytesOf(br)} bytes br, ${bytesOf(gzip)} gzip`);
  }
}

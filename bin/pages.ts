/**
 * Writes pages/dist/pages.json from the source of the pages and shows how large each file is as sent
 * (npm run pages:build). The file is committed: nothing is built at start.
 */
import { writeFile } from 'node:fs/promises';
import { buildPageFiles } from './page-files.ts';

const files = await buildPageFiles();
const target = new URL('../pages/dist/pages.json', import.meta.url);
await writeFile(target, `${JSON.stringify(files, undefined, 1)}\n`);
for (const [path, { br, gzip }] of Object.entries(files)) {
  const bytes = (base64: string) => Buffer.from(base64, 'base64').length;
  console.log(`${path.padEnd(32)} ${bytes(br)} bytes br, ${bytes(gzip)} gzip`);
}

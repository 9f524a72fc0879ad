/**
 * `npm run bench:bounds`: how long it takes to bound the tokens of 400 kB of code, and of texts made to be slow.
 */
import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { textTokensMax } from '../core/dialects/bound/text-bound.ts';

const CHARS = 400_000;
const ROUNDS = 20;

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const CODE = globSync('{core,adapters,cli}/**/*.ts', { cwd: ROOT })
  .map((path) => readFileSync(`${ROOT}/${path}`, 'utf8'))
  .join('');

const fill = (unit: string): string => unit.repeat(Math.ceil(CHARS / unit.length)).slice(0, CHARS);

const TEXTS: Readonly<Record<string, string>> = {
  code: fill(CODE),
  Chinese: fill('人人生而自由，在尊严和权利上一律平等。'),
  'marks out of order': fill('\u0301\u0323'),
  'capitals that grow': fill('Ⱦ,'),
};

/** The median of some rounds in milliseconds of processor time; those before the code was compiled do not count. */
function medianMs(text: string, vocabulary: 'bytes' | 'claude'): number {
  const rounds = Array.from({ length: 2 * ROUNDS }, () => {
    const begun = process.cpuUsage();
    textTokensMax(text, vocabulary);
    const { user, system } = process.cpuUsage(begun);
    return (user + system) / 1_000;
  });
  return rounds.slice(ROUNDS).sort((a, b) => a - b)[ROUNDS / 2] ?? 0;
}

console.log(
  `milliseconds of processor time for ${CHARS.toLocaleString('en')} characters, median of ${ROUNDS} rounds`,
);
console.table(
  Object.fromEntries(
    Object.entries(TEXTS).map(([name, text]) => [
      name,
      {
        'kB of UTF-8': Math.round(Buffer.byteLength(text) / 1_000),
        'by bytes': Number(medianMs(text, 'bytes').toFixed(1)),
        'for Claude': Number(medianMs(text, 'claude').toFixed(1)),
      },
    ]),
  ),
);

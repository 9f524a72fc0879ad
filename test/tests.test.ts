import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readSource, type SourceFile, withoutTexts } from './support/source.ts';

const LINES_MAX = 400;
const IMPORT_OF_VITEST = /import \{([^}]*)\} from 'vitest'/;
const CHANCE = /\bMath\.random\b|\brandomUUID\b|\brandomBytes\b|\bgetRandomValues\b/;

const files = readSource().filter(({ path }) => path.startsWith('test/'));

const isTooLong = ({ text }: SourceFile): boolean => text.split('\n').length - 1 > LINES_MAX;

function importsIt({ text }: SourceFile): boolean {
  const [, names = ''] = IMPORT_OF_VITEST.exec(text) ?? [];
  return names.split(',').some((name) => name.trim() === 'it');
}

/** Draws by chance, so that two runs of a test differ. */
const drawsByChance = ({ text }: SourceFile): boolean => CHANCE.test(withoutTexts(text));

const pathsOf = (found: (file: SourceFile) => boolean): readonly string[] =>
  files.filter(found).map(({ path }) => path);

describe('the files of tests', () => {
  test(`have at most ${LINES_MAX} lines`, () => {
    expect(pathsOf(isTooLong)).toEqual([]);
  });

  test('name each test with test(), not with it()', () => {
    expect(pathsOf(importsIt)).toEqual([]);
  });

  test('draw nothing by chance', () => {
    expect(pathsOf(drawsByChance)).toEqual([]);
  });

  test.each([
    ['isTooLong', isTooLong, '\n'.repeat(400), false],
    ['isTooLong', isTooLong, '\n'.repeat(401), true],
    ['importsIt', importsIt, "import { expect, it } from 'vitest';", true],
    ['importsIt', importsIt, "import {\n  it,\n  vi,\n} from 'vitest';", true],
    ['importsIt', importsIt, "import { test, vitest } from 'vitest';", false],
    ['drawsByChance', drawsByChance, 'const jti = crypto.randomUUID();', true],
    ['drawsByChance', drawsByChance, 'const at = Math.random();', true],
    ['drawsByChance', drawsByChance, "const words = 'randomBytes'; // Math.random()", false],
  ])('%s finds what it looks for (row %#)', (_, found, text, answer) => {
    expect(found({ path: 'test/a.test.ts', text })).toBe(answer);
  });
});

test('a property draws the same values in each run of one seed', () => {
  const draw = () => fc.sample(fc.nat(), 20);
  expect(draw()).toEqual(draw());
});

test('each file that is mutated is there', () => {
  const config = fileURLToPath(new URL('mutation/stryker.config.json', import.meta.url));
  const { mutate } = JSON.parse(readFileSync(config, 'utf8'));
  const absent = mutate.filter(
    (path: string) => !existsSync(fileURLToPath(new URL(`../${path}`, import.meta.url))),
  );
  expect(absent).toEqual([]);
});

/**
 * Chromium for the tests of pages: unpacked once, before the first test, from the package @sparticuz/chromium.
 *
 * The package holds a build for Linux x64. HALLPASS_CHROMIUM names the program elsewhere; without it, other machines
 * skip these tests and one line says so.
 * The package unpacks into the temporary folder of its process, where two runs would disturb each other. A process of
 * its own unpacks into a new folder, and a rename puts that in its place in one step.
 */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { inflateSync } from 'node:zlib';

const MODULES = fileURLToPath(new URL('../../node_modules/', import.meta.url));
const CACHE = join(MODULES, '.cache');
const require = createRequire(import.meta.url);
const PACKAGE_FOLDER = join(dirname(require.resolve('@sparticuz/chromium')), '..');
const { version } = JSON.parse(readFileSync(join(PACKAGE_FOLDER, 'package.json'), 'utf8'));
/** The last part changes when this file lays out the folder in another way. */
const FOLDER = join(CACHE, `chromium-${version}-1`);
const UNPACK_TIMEOUT_MS = 120_000;
/** The package adds the libraries it needs only where this names a runtime of Lambda. */
const LAMBDA_RUNTIME = 'nodejs24.x';
const UNPACK = `
  const { default: chromium } = await import('@sparticuz/chromium');
  await chromium.executablePath();`;

export interface Chromium {
  readonly executablePath: string;
  /** Only for the browser's process. @default the environment of this process */
  readonly env?: Readonly<Record<string, string>>;
}

const named = process.env.HALLPASS_CHROMIUM;
const isInPackage = process.platform === 'linux' && process.arch === 'x64';

const unpacked = {
  executablePath: join(FOLDER, 'chromium'),
  env: {
    PATH: process.env.PATH ?? '',
    HOME: FOLDER,
    LD_LIBRARY_PATH: join(FOLDER, 'al2023', 'lib'),
    FONTCONFIG_PATH: join(FOLDER, 'fonts'),
  },
};
const elsewhere = named === undefined ? undefined : { executablePath: named };

/** The browser of this machine; undefined if it has none. */
export const chromium: Chromium | undefined = elsewhere ?? (isInPackage ? unpacked : undefined);

/** Unpacks the browser if this machine needs that and it is not yet done. */
export async function setup(): Promise<void> {
  if (chromium === undefined) {
    console.log(
      `browser tests are skipped on ${process.platform} ${process.arch}: HALLPASS_CHROMIUM names no Chromium`,
    );
  }
  if (chromium !== unpacked || existsSync(FOLDER)) return;
  await mkdir(CACHE, { recursive: true });
  const folder = await mkdtemp(join(CACHE, 'unpacking-'));
  try {
    await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', UNPACK], {
      cwd: MODULES,
      timeout: UNPACK_TIMEOUT_MS,
      env: { PATH: process.env.PATH, TMPDIR: folder, AWS_LAMBDA_JS_RUNTIME: LAMBDA_RUNTIME },
    });
    await addFonts(join(folder, 'fonts'));
    await rename(folder, FOLDER);
  } catch (error) {
    // Another run was first: its folder is as good.
    if (!existsSync(FOLDER)) throw error;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const FONT_FILES = [
  require.resolve('@fontsource/noto-sans-mono/files/noto-sans-mono-latin-400-normal.woff'),
  require.resolve('@fontsource/noto-sans-mono/files/noto-sans-mono-latin-700-normal.woff'),
];

const FONT_CONFIGURATION = `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir prefix="relative">.</dir>
  <cachedir prefix="xdg">fontconfig</cachedir>
  <alias><family>monospace</family><prefer><family>Noto Sans Mono</family></prefer></alias>
</fontconfig>
`;

/** Adds a monospaced font, and a configuration: the package has Open Sans only, and its own looks for it in /tmp. */
async function addFonts(folder: string): Promise<void> {
  for (const file of FONT_FILES) {
    const font = toTrueType(await readFile(file));
    await writeFile(join(folder, basename(file).replace(/woff$/, 'ttf')), font);
  }
  await writeFile(join(folder, 'fonts.conf'), FONT_CONFIGURATION);
}

const WOFF_HEADER_BYTES = 44;
const WOFF_ENTRY_BYTES = 20;
const TRUE_TYPE_HEADER_BYTES = 12;
const TRUE_TYPE_ENTRY_BYTES = 16;

/** The font in a WOFF file (https://www.w3.org/TR/WOFF/) as a TrueType file: Chromium takes no others from the system. */
function toTrueType(woff: Buffer<ArrayBuffer>): Buffer {
  const count = woff.readUInt16BE(12);
  const directory = Buffer.alloc(TRUE_TYPE_HEADER_BYTES + TRUE_TYPE_ENTRY_BYTES * count);
  woff.copy(directory, 0, 4, 8); // what kind of font it is
  directory.writeUInt16BE(count, 4);
  const parts = [directory];
  let offset = directory.length;
  for (let index = 0; index < count; index += 1) {
    const entry = woff.subarray(WOFF_HEADER_BYTES + WOFF_ENTRY_BYTES * index);
    const [start, packedBytes, bytes] = [4, 8, 12].map((at) => entry.readUInt32BE(at));
    const packed = woff.subarray(start, Number(start) + Number(packedBytes));
    const table = packedBytes === bytes ? packed : inflateSync(packed);
    const row = TRUE_TYPE_HEADER_BYTES + TRUE_TYPE_ENTRY_BYTES * index;
    entry.copy(directory, row, 0, 4); // the table's name
    entry.copy(directory, row + 4, 16, 20); // its checksum
    directory.writeUInt32BE(offset, row + 8);
    directory.writeUInt32BE(table.length, row + 12);
    const padding = Buffer.alloc((4 - (table.length % 4)) % 4);
    parts.push(table, padding);
    offset += table.length + padding.length;
  }
  return Buffer.concat(parts);
}

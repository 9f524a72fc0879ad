/**
 * Writes a file completely or not at all: to a temporary file beside it, which is then renamed.
 */
import { randomBytes } from 'node:crypto';
import { type FileHandle, lstat, open, realpath, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { CommandError, wrongUse } from './failure.ts';

/** The file holds tokens, so only its owner may read it. */
const OWNER_ONLY = 0o600;

/** Characters that are buffered before a write. */
const BLOCK_CHARS = 65_536;

/**
 * Writes lines to a file that only its owner may read. On any failure an existing file is unchanged and no other file
 * remains.
 * @param signal stops between two blocks
 * @throws CommandError if it cannot be written, and any error of `lines`
 */
export async function writeWhole(
  path: string,
  lines: AsyncIterable<string>,
  signal: AbortSignal,
): Promise<void> {
  const place = await placeOf(path);
  const suffix = randomBytes(6).toString('hex');
  const beside = join(dirname(place), `.${basename(place)}.${suffix}.tmp`);
  const file = await withWords(path, () => open(beside, 'wx', OWNER_ONLY));
  try {
    try {
      await writeBlocks(file, lines, path, signal);
      await withWords(path, () => file.sync());
    } finally {
      await file.close();
    }
    signal.throwIfAborted();
    await withWords(path, () => rename(beside, place));
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  }
  await syncFolder(dirname(place));
}

async function writeBlocks(
  file: FileHandle,
  lines: AsyncIterable<string>,
  path: string,
  signal: AbortSignal,
): Promise<void> {
  let block = '';
  for await (const line of lines) {
    block += `${line}\n`;
    if (block.length < BLOCK_CHARS) continue;
    const full = block;
    block = '';
    await withWords(path, () => file.appendFile(full));
    signal.throwIfAborted();
  }
  await withWords(path, () => file.appendFile(block));
}

/** Returns the path of the file itself. If the path is a link, it stays one. */
async function placeOf(path: string): Promise<string> {
  const stats = await lstat(path).catch(() => undefined);
  if (stats === undefined) return resolve(path);
  const place = stats.isSymbolicLink()
    ? await withWords(path, () => realpath(path))
    : resolve(path);
  if (stats.isSymbolicLink() ? (await lstat(place)).isFile() : stats.isFile()) return place;
  throw wrongUse(`"${path}" exists and is not a file`);
}

/** Makes the rename survive a power cut, where the system supports that. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder).catch(() => undefined);
  await handle?.sync().catch(() => {});
  await handle?.close();
}

const WORDS: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full',
  EDQUOT: 'your disk quota is used up',
  EFBIG: 'it is larger than this disk allows',
  ENOENT: 'its folder does not exist',
  EACCES: 'you have no permission',
  EROFS: 'the disk is read-only',
};

/** Runs a file operation and words its failure. */
async function withWords<T>(path: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'an error';
    throw new CommandError(
      `"${path}" cannot be written: ${WORDS[code] ?? code}; nothing was left behind`,
    );
  }
}

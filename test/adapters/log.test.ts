import { describe, expect, test } from 'vitest';
import { makeLog } from '../../adapters/log.ts';
import { asRequestId } from '../../core/base/ids.ts';
import type { LogEntry } from '../../core/base/ports.ts';

const CANARY = 'sk-hp-canary';

function lines(...entries: readonly LogEntry[]): readonly string[] {
  const written: string[] = [];
  const log = makeLog((line) => written.push(line));
  for (const entry of entries) log.write(entry);
  return written;
}

describe('makeLog', () => {
  test('writes the fields of an entry as one line of JSON', () => {
    const entry: LogEntry = {
      level: 'info',
      event: 'request',
      requestId: asRequestId('r1'),
      httpStatus: 200,
      costNanoUsd: 15_000n,
      detail: 'a\nb',
    };
    expect(lines(entry)).toEqual([
      '{"level":"info","event":"request","requestId":"r1","detail":"a\\nb","httpStatus":200,"costNanoUsd":"15000"}',
    ]);
  });

  test('writes no field that is not named', () => {
    const entry = { level: 'info', event: 'x', body: CANARY, authorization: CANARY } as const;
    expect(lines(entry)).toEqual(['{"level":"info","event":"x"}']);
  });

  test.each([
    ['an error', new TypeError(CANARY), 'TypeError'],
    [
      'an error with a code',
      Object.assign(new Error(CANARY), { code: 'ECONNRESET' }),
      'Error ECONNRESET',
    ],
    [
      'an error with words for a code',
      Object.assign(new Error(''), { code: `no ${CANARY}` }),
      'Error',
    ],
    ['an error with a cause', new Error('x', { cause: CANARY }), 'Error'],
    ['a text', CANARY, 'string'],
    ['an object', { CANARY }, 'object'],
  ])('writes only what kind %s is', (_, cause, text) => {
    const [line = ''] = lines({ level: 'error', event: 'x', cause });
    expect(JSON.parse(line).cause).toBe(text);
    expect(line).not.toContain(CANARY);
  });

  test('never throws', () => {
    const log = makeLog(() => {
      throw new Error('the disk is full');
    });
    expect(() => log.write({ level: 'info', event: 'x' })).not.toThrow();
  });
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EVENT_BYTES_MAX, makeEventSplitter } from '../../../core/proxy/sse.ts';

/** The bytes that a splitter lets through, read by read. */
function split(...reads: readonly string[]) {
  const splitter = makeEventSplitter();
  const out = reads.map((read) => {
    const { unread, events } = splitter.push(Buffer.from(read));
    return unread.length > 0 ? ['unread', unread.toString(), events.toString()] : events.toString();
  });
  return { out, rest: splitter.rest().toString(), isMidEvent: splitter.isMidEvent() };
}

describe('makeEventSplitter', () => {
  test('passes whole events on and holds the rest', () => {
    expect(split('data: 1\n\ndata: 2\n\nda', 'ta: 3\n', '\n: c')).toEqual({
      out: ['data: 1\n\ndata: 2\n\n', '', 'data: 3\n\n'],
      rest: ': c',
      isMidEvent: false,
    });
  });

  test.each([
    ['LF', 'a\n\nb'],
    ['CRLF', 'a\r\n\r\nb'],
    ['CR', 'a\r\rb'],
    ['LF and CRLF', 'a\n\r\nb'],
    ['CRLF and LF', 'a\r\n\nb'],
  ])('finds the end of an event in %s, in one read or byte by byte', (_, text) => {
    const [whole] = split(text).out;
    expect(whole).toBe(text.slice(0, -1));
    const { out, rest } = split(...text);
    expect(out.filter((events) => events !== '')).toEqual([text.slice(0, -1)]);
    expect(rest).toBe('b');
  });

  test('does not copy a read that ends with an event', () => {
    const read = Buffer.from('data: 1\n\n');
    expect(makeEventSplitter().push(read).events.buffer).toBe(read.buffer);
  });

  test('passes an event that is too long on in pieces, and finds its end', () => {
    const long = 'x'.repeat(EVENT_BYTES_MAX);
    const { out, rest, isMidEvent } = split(long, 'y', 'z\n', '\ndata: 1\n\nda');
    expect(out).toEqual([
      '',
      ['unread', `${long}y`, ''],
      ['unread', 'z\n', ''],
      ['unread', '\n', 'data: 1\n\n'],
    ]);
    expect(rest).toBe('da');
    expect(isMidEvent).toBe(false);
  });

  test('reports that it is inside a long event', () => {
    expect(split('x'.repeat(EVENT_BYTES_MAX + 1)).isMidEvent).toBe(true);
  });

  test('passes every byte on in order, as whole events', () => {
    const piece = fc.constantFrom('\n', '\r', '\n\n', '\r\n', 'data: x', ': c', 'é');
    fc.assert(
      fc.property(fc.array(piece), fc.array(fc.nat({ max: 9 })), (pieces, sizes) => {
        const bytes = Buffer.from(pieces.join(''));
        const splitter = makeEventSplitter();
        const passed: Buffer[] = [];
        for (let at = 0, turn = 0; at < bytes.length; turn++) {
          const size = 1 + (sizes[turn % Math.max(sizes.length, 1)] ?? 0);
          const { events } = splitter.push(bytes.subarray(at, at + size));
          at += size;
          if (events.length === 0) continue;
          expect(events.toString()).toMatch(/(\n\n|\n\r\n|\r\r)$/);
          passed.push(Buffer.from(events));
        }
        expect(Buffer.concat([...passed, splitter.rest()])).toEqual(bytes);
      }),
    );
  });
});

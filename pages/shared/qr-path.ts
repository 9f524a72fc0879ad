/**
 * A QR code as the path of an SVG, for a page and for cards that a command draws.
 */
import { encode } from 'uqr';

export interface QrPath {
  /** One rectangle for each run of dark modules in a row. */
  readonly path: string;
  /** Modules on each side, with a margin of two. */
  readonly size: number;
}

const MARGIN = 2;

/** Makes the path of a text. It corrects the fewest errors: a credential is long, and a printed card is clean. */
export function toQrPath(text: string): QrPath {
  const { data, size } = encode(text, { ecc: 'L', border: MARGIN });
  return { path: data.map(toRuns).join(''), size };
}

function toRuns(row: readonly boolean[], y: number): string {
  const dark = row.map((isDark) => (isDark ? '1' : '0')).join('');
  return [...dark.matchAll(/1+/g)]
    .map(({ index, 0: { length } }) => `M${index} ${y}h${length}v1h-${length}z`)
    .join('');
}

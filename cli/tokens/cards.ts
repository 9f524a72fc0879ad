/**
 * Cards of a class: one HTML file to print, with a card and a QR code for each student.
 * The file needs no network and holds no script. Names are text in it, whatever they contain.
 */

import { escapeHtml } from '../../core/base/html.ts';
import { toQrPath } from '../../pages/shared/qr-path.ts';

/** One student's card. */
export interface Card {
  readonly email: string;
  readonly name: string;
  readonly section: string;
  readonly token: string;
  /** As it is printed: `2 USD`. */
  readonly amount: string;
  readonly expiresAt: string;
  /** Ends in `/v1`. */
  readonly baseUrl: string;
}

const HEAD = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="content-security-policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="referrer" content="no-referrer">
<title>Passes</title>
<style>
body { font: 11pt/1.4 system-ui, sans-serif; margin: 8mm; color: #1c1d1f; display: grid; gap: 6mm; grid-template-columns: repeat(2, minmax(0, 1fr)); }
.card { border: 1px dashed #8a887f; border-radius: 3mm; padding: 5mm; display: grid; grid-template-columns: auto minmax(0, 1fr); gap: 5mm; break-inside: avoid; }
svg { width: 42mm; height: 42mm; }
p { margin: 0 0 1.5mm; overflow-wrap: anywhere; }
strong { font-size: 14pt; }
.quiet { color: #5f6065; font-size: 9pt; }
</style>
<body>`;

/** Yields the lines of the file. */
export async function* toCardLines(cards: AsyncIterable<Card>): AsyncGenerator<string> {
  yield HEAD;
  for await (const card of cards) yield toCard(card);
  yield '</body></html>';
}

function toCard({ email, name, section, token, amount, expiresAt, baseUrl }: Card): string {
  const { path, size } = toQrPath(`${baseUrl.replace(/\/v1$/, '')}/me#${token}`);
  const person = [name, section].filter((text) => text !== '').join(', ');
  return `<section class="card"><svg viewBox="0 0 ${size} ${size}"><path d="${path}"/></svg><div>
<p><strong><bdi>${escapeHtml(name === '' ? email : person)}</bdi></strong></p>
<p><bdi>${escapeHtml(email)}</bdi></p>
<p>${escapeHtml(amount)}, until ${escapeHtml(expiresAt)}</p>
<p class="quiet">Scan it to see what is left and to set up your tools. Keep it to yourself: anyone with this card can spend it.</p>
<p class="quiet">${escapeHtml(baseUrl)}</p></div></section>`;
}

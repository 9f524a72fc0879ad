/** Passes for a class: a CSV with e-mail addresses in, the same CSV with a pass and a link a row out. */
import { useState } from 'preact/hooks';
import {
  expiryOf,
  isNoStudent,
  isPeriod,
  jtiOfRow,
  parseHeading,
  parseRow,
  periodOf,
  ROSTER_ROWS_MAX,
  type RosterRow,
  tagsOfRow,
} from '../../core/tokens/roster.ts';
import { CSV_CHARS_MAX, parseCsv, saveCsv } from '../shared/csv.ts';
import { Button, bindFields, Field, Form } from '../shared/form.tsx';
import { Notice } from '../shared/parts.tsx';
import { findFault, makePassSigner, type PassClaims, type Signer } from '../shared/sign.ts';
import { DEFAULT_TERMS, endOf, type PassTerms, TermFields, toClaims } from './pass-terms.tsx';

/** @returns a sentence if a row is wrong */
function readRoster(text: string): readonly RosterRow[] | string {
  if (text.length > CSV_CHARS_MAX) return 'the file is too long';
  const [heading, ...rows] = parseCsv(text);
  if (heading === undefined) return 'the file is empty';
  if (rows.length > ROSTER_ROWS_MAX) return `the file has more than ${ROSTER_ROWS_MAX} rows`;
  const columns = parseHeading(heading.cells);
  if (typeof columns === 'string') return columns;
  const people = new Map<string, RosterRow>();
  for (const { cells, line } of rows) {
    if (isNoStudent(cells, columns)) continue;
    const row = parseRow(cells, columns, { line, width: heading.cells.length });
    if (typeof row === 'string') return `line ${line}: ${row}`;
    if (people.has(row.email)) return `line ${line}: the address is there twice`;
    people.set(row.email, row);
  }
  return people.size === 0 ? 'the file has no rows' : [...people.values()];
}

/** Makes the claims of a student's pass. What the row says takes the place of the form's terms. */
function toClaimsOfRow(
  row: RosterRow,
  terms: PassTerms,
  period: string,
  nowMs: number,
): PassClaims {
  const { email, limitUsd, models, expires } = row;
  const expiresAtMs = expires === undefined ? undefined : expiryOf(expires, nowMs);
  const tags = tagsOfRow(row, undefined);
  return {
    ...toClaims({ ...terms, user: email, name: jtiOfRow(period, email) }, nowMs),
    ...(limitUsd !== undefined && { spending_limit: limitUsd }),
    ...(models && { models }),
    ...(expiresAtMs !== undefined && { exp: Math.floor(expiresAtMs / 1000) }),
    ...(tags && { tags }),
  };
}

export function RosterForm({ signer }: { readonly signer: Signer }) {
  const [terms, setTerms] = useState(DEFAULT_TERMS);
  const [file, setFile] = useState<File>();
  const [fault, setFault] = useState('');
  const [done, setDone] = useState('');
  const period = terms.name.trim();

  async function issue(): Promise<void> {
    setDone('');
    const roster = readRoster((await file?.text()) ?? '');
    setFault(typeof roster === 'string' ? roster : '');
    if (typeof roster === 'string') return;
    const nowMs = Date.now();
    const name = period === '' ? periodOf(endOf(terms, nowMs) * 1000) : period;
    const sign = await makePassSigner(signer);
    const base = new URL('.', location.href).href;
    const passes: { readonly row: RosterRow; readonly token: string }[] = [];
    let last = { exp: 0, token: '' };
    for (const row of roster) {
      const claims = toClaimsOfRow(row, terms, name, nowMs);
      const { exp } = claims;
      if (exp * 1000 <= nowMs) return setFault(`line ${row.line}: the pass would end in the past`);
      const token = await sign(claims);
      if (exp > last.exp) last = { exp, token };
      passes.push({ row, token });
    }
    // If the gateway takes the pass that ends last, it takes all of them.
    const refused = await findFault(last.token);
    if (refused !== undefined) return setFault(refused);
    saveCsv('passes.csv', passes, {
      email: ({ row }) => row.email,
      name: ({ row }) => row.name,
      section: ({ row }) => row.section,
      base_url: () => `${base}v1`,
      token: ({ token }) => token,
      link: ({ token }) => `${base}me#${token}`,
    });
    setDone(`${roster.length} passes are in passes.csv. They are kept nowhere else.`);
  }

  return (
    <Form class="card stack" onSend={issue}>
      <h2 class="flat">Issue passes for a class</h2>
      <div class="fields">
        <label>
          CSV with the columns email, name, section
          <input
            type="file"
            accept=".csv,text/csv"
            required
            onChange={(event) => setFile(event.currentTarget.files?.[0])}
          />
        </label>
        <Field
          label="Period, such as week-12"
          pattern="[\w.\-]{0,64}"
          placeholder="the day they end"
          {...bindFields(terms, setTerms)('name')}
        />
        <TermFields terms={terms} onChange={setTerms} />
      </div>
      <p class="small quiet">
        Issue a period again for the same allowance, not a second one. The file is read and written
        in this window.
      </p>
      <div>
        <Button type="submit" kind="primary" disabled={period !== '' && !isPeriod(period)}>
          Sign and save
        </Button>
      </div>
      <p role="status" class="small">
        {done}
      </p>
      {fault !== '' && <Notice state={{ title: 'No pass was signed.', next: fault }} />}
    </Form>
  );
}

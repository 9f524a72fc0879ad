/**
 * `hallpass tokens issue --roster`: issues a token for each row of a class roster, into one file for a mail merge.
 * Invariant: the file is written completely or not at all, and the same period gives a student the same allowance.
 */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { addAbortSignal, type Readable } from 'node:stream';
import { toCsvLine, toSafeCell } from '../../core/base/csv.ts';
import { toWords } from '../../core/base/duration.ts';
import { nanoUsdFromUsd } from '../../core/base/money.ts';
import { issueOffline, requireKid } from '../../core/tokens/issue.ts';
import {
  expiryOf,
  jtiOfRow,
  periodOf,
  type RosterRow,
  tagsOfRow,
} from '../../core/tokens/roster.ts';
import { CommandError } from '../failure.ts';
import { type Terminal, toInstant, toJson } from '../output.ts';
import { writeWhole } from '../whole-file.ts';
import { type Card, toCardLines } from './cards.ts';
import { type IssueFlags, readCommonAsk, readSigner } from './issue.ts';
import { BASE_URL, type RosterFlags, requireRosterUse } from './roster-flags.ts';
import { askGateway, budgetWarnings, findRows, type Replacement } from './roster-gateway.ts';
import { readRoster } from './roster-read.ts';
import { type Budget, type CommonAsk, namesGateway } from './token-book.ts';

/** The settings of all tokens of a roster. */
interface Plan {
  readonly ask: CommonAsk;
  readonly period: string;
  readonly baseUrl: string;
  readonly replaced: ReadonlyMap<string, Replacement>;
  readonly nowMs: number;
}

export async function issueRoster(
  flags: IssueFlags & RosterFlags,
  nowMs: number,
  terminal: Terminal,
): Promise<void> {
  const { roster = '', out, cards, period = periodOf(flags.expires) } = flags;
  requireRosterUse(flags);
  const ask = readCommonAsk(flags, terminal);
  issueOffline({ ...ask, jti: period }, nowMs); // Reports faults of all tokens before any row is read.
  const done = await untilInterrupted(async (signal) => {
    const open = () => openRoster(roster, signal, terminal);
    const { budgets, replaced } = await askOf(flags, { period, ask }, terminal, open);
    const plan: Plan = { ask, period, baseUrl: flags.baseUrl ?? BASE_URL, replaced, nowMs };
    let count = 0;
    const write = async (path: string, toText: ToText) => {
      const { input, share } = await open();
      const issued = issueRows(readRoster(input), plan, (done) => {
        count = done;
        terminal.redraw?.(toBar(done, share()));
      });
      await writeWhole(path, toText(issued), signal).finally(() => terminal.redraw?.(''));
    };
    if (out !== undefined) await write(out, toLines);
    if (cards !== undefined) await write(cards, toCardLines);
    return { replaced, count, budgets };
  });
  for (const words of budgetWarnings(
    { count: done.count, limitUsd: flags.limitUsd },
    done.budgets,
  )) {
    terminal.note(`warning: ${words}`);
  }
  printSummary({ ...done, period }, flags, terminal, nowMs);
}

const NONE_REPLACED: ReadonlyMap<string, Replacement> = new Map();

/** Returns the budgets to check, and the replaced tokens. Uses the gateway only if a flag needs it. */
async function askOf(
  flags: IssueFlags & RosterFlags,
  { period, ask }: Pick<Plan, 'period' | 'ask'>,
  terminal: Terminal,
  open: () => Promise<OpenRoster>,
): Promise<{ budgets: readonly Budget[]; replaced: ReadonlyMap<string, Replacement> }> {
  const { roster, replace = [], budgetUsd } = flags;
  const amount = budgetUsd === undefined ? undefined : nanoUsdFromUsd(budgetUsd);
  const own = amount === undefined ? [] : [{ name: `budget of ${budgetUsd} USD`, amount }];
  if (!isOnline(flags)) return { budgets: own, replaced: NONE_REPLACED };
  const students =
    roster === '-' ? NO_STUDENTS : await findRows(replace, readRoster((await open()).input));
  const known = await askGateway({ ...students, period, common: ask }, flags, terminal);
  for (const [email, { revoked, jti, spendingLimit }] of known.replaced) {
    const left = spendingLimit === undefined ? '' : `, with the remaining ${spendingLimit} USD`;
    terminal.note(
      revoked === undefined
        ? `${email} gets the token "${jti}", by which the first one was replaced${left}`
        : `revoked the token "${revoked}" of ${email}; the new one is "${jti}"${left}`,
    );
  }
  return { budgets: [...own, ...known.budgets], replaced: known.replaced };
}

/** True if a flag needs the gateway. */
const isOnline = (flags: RosterFlags): boolean =>
  (flags.replace ?? []).length > 0 || namesGateway(flags);

const NO_STUDENTS = { rows: [], leaked: new Set<string>() };

/** Added where no gateway was called: signing needs none, but only a gateway knows what is revoked. */
const UNKNOWN_REPLACED =
  '. Offline, a student whose token of this period was replaced gets the first one, which is revoked: add --url, --data or --stack for their current one';

interface OpenRoster {
  readonly input: Readable;
  /** Returns the share that has been read, from 0 to 1; undefined for standard input. */
  share(): number | undefined;
}

async function openRoster(
  path: string,
  signal: AbortSignal,
  { openInput }: Terminal,
): Promise<OpenRoster> {
  if (path === '-') return { input: addAbortSignal(signal, openInput()), share: () => undefined };
  const stats = await stat(path).catch(() => undefined);
  if (!stats?.isFile()) throw new CommandError(`there is no roster "${path}"`);
  const input = createReadStream(path);
  input.on('error', () => {}); // The reader gets the error.
  return {
    input: addAbortSignal(signal, input),
    share: () => Math.min(1, input.bytesRead / Math.max(1, stats.size)),
  };
}

const HEADING = [
  ...['email', 'name', 'section', 'token', 'expires_at'],
  ...['OPENAI_BASE_URL', 'OPENAI_API_KEY'],
];

/** At most a hundred updates of the bar for a roster of 20,000 rows. */
const ROWS_A_STEP = 200;

type ToText = (cards: AsyncIterable<Card>) => AsyncIterable<string>;

/** Issues a token for each row. The same plan gives the same tokens, so that two files of one roster agree. */
async function* issueRows(
  rows: AsyncIterable<RosterRow>,
  plan: Plan,
  onProgress: (count: number) => void,
): AsyncGenerator<Card> {
  let count = 0;
  for await (const row of rows) {
    yield issueRow(row, plan);
    count += 1;
    if (count % ROWS_A_STEP === 0) onProgress(count);
  }
  onProgress(count);
}

function issueRow(row: RosterRow, plan: Plan): Card {
  const { ask, period, baseUrl, replaced, nowMs } = plan;
  const { email, name, section, limitUsd, models = ask.models, expires } = row;
  const { generation, spendingLimit = limitUsd ?? ask.spendingLimit } = replaced.get(email) ?? {};
  const own: CommonAsk = {
    ...ask,
    ...(spendingLimit === undefined ? {} : { spendingLimit }),
    ...(models && { models }),
    expiresAtMs: (expires && expiryOf(expires, nowMs)) || ask.expiresAtMs,
  };
  const jti = jtiOfRow(period, email, generation);
  const tags = tagsOfRow(row, ask.tags);
  const { token, expiresAtMs } = issueOffline(
    { ...own, user: email, jti, ...(tags && { tags }) },
    nowMs,
  );
  const amount = spendingLimit === undefined ? 'The limits of its key' : `${spendingLimit} USD`;
  return { email, name, section, token, amount, expiresAt: toInstant(expiresAtMs), baseUrl };
}

/** Yields the lines of the CSV file, a heading and a line per token. */
async function* toLines(cards: AsyncIterable<Card>): AsyncGenerator<string> {
  yield toCsvLine(HEADING);
  for await (const { email, name, section, token, expiresAt, baseUrl } of cards) {
    const student = [email, name, section].map(toSafeCell);
    yield toCsvLine([...student, token, expiresAt, baseUrl, token]);
  }
}

const BAR_CHARS = 30;

function toBar(count: number, share: number | undefined): string {
  if (share === undefined) return `${count} tokens`;
  const full = Math.round(share * BAR_CHARS);
  return `${'█'.repeat(full)}${'░'.repeat(BAR_CHARS - full)} ${Math.floor(share * 100)}%  ${count} tokens`;
}

/** Runs something that Ctrl-C or SIGTERM stops cleanly. A second signal ends the process at once. */
async function untilInterrupted<T>(act: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const stop = () => controller.abort();
  process.once('SIGINT', stop).once('SIGTERM', stop);
  try {
    return await act(controller.signal);
  } catch (error) {
    if (controller.signal.aborted) throw new CommandError('interrupted; nothing was written');
    throw error;
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop);
  }
}

interface Done {
  readonly count: number;
  readonly period: string;
  readonly replaced: ReadonlyMap<string, Replacement>;
}

function printSummary(
  { count, period, replaced }: Done,
  flags: IssueFlags & RosterFlags,
  terminal: Terminal,
  nowMs: number,
): void {
  const { out, cards, expires, limitUsd, models, json, roster } = flags;
  const unknown = isOnline(flags) && roster !== '-' ? '' : UNKNOWN_REPLACED;
  const { keyName } = requireKid(readSigner(terminal).kid);
  const expiresAt = toInstant(expires);
  terminal.note(
    [
      `issued ${count} tokens of the key "${keyName}" to ${[out, cards].filter((each) => each !== undefined).join(' and ')}`,
      `for the period ${period}`,
      models === undefined ? 'for any model of the key' : `for ${models.join(', ')}`,
      limitUsd === undefined ? 'without a limit of their own' : `for ${limitUsd} USD each`,
      `until ${expiresAt} (${toWords((expires - nowMs) / 1000)})${unknown}`,
    ].join(', '),
  );
  if (!json) return;
  terminal.print(
    toJson({
      issued: count,
      out: out ?? null,
      ...(cards !== undefined && { cards }),
      key_name: keyName,
      period,
      models: models ?? null,
      spending_limit: limitUsd ?? null,
      expires_at: expiresAt,
      replaced: [...replaced].map(([email, { revoked, jti, spendingLimit }]) => ({
        ...{ email, revoked_jti: revoked ?? null, jti, spending_limit: spendingLimit ?? null },
      })),
    }),
  );
}

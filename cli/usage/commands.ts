/**
 * `hallpass usage`: usage reports, and the audit of the counters.
 */
import type { Command } from 'commander';
import { systemClock as clock } from '../../adapters/system.ts';
import { readGroupBy, readSpan } from '../../core/account/usage.ts';
import { toGatewayError } from '../../core/base/errors.ts';
import type { KeyRecord } from '../../core/keys/key-record.ts';
import { auditUsage } from '../../core/usage/audit/audit.ts';
import { addSums, NO_USAGE } from '../../core/usage/cells.ts';
import type { GroupBy } from '../../core/usage/report.ts';
import { reportKeys } from '../../core/usage/report-keys.ts';
import { CommandError, wrongUse } from '../failure.ts';
import { type PlaceFlags, toKeyName, withPlace } from '../flags.ts';
import { callByKey, type UrlFlag, withUrl } from '../gateway/by-key.ts';
import { type Gateway, withGateway } from '../gateway/connect.ts';
import { printResult, type Terminal, toInstant, toTable } from '../output.ts';
import { faultsOf, type KeyAudit } from './audit-faults.ts';
import { listRows, toRowJson, toRowTable } from './rows.ts';
import {
  type PrintedReport,
  printedAnswer,
  printedSummary,
  toReportCsv,
  toReportJson,
  toReportTable,
  type UsageSummary,
} from './text.ts';

interface UsageFlags extends PlaceFlags, UrlFlag {
  readonly by: string;
  readonly from?: string;
  readonly to?: string;
  readonly key?: string;
  readonly csv?: true;
  readonly estimated?: true;
}

/** The most reads of a report. An operator may wait longer than a request. */
const READS_MAX = 20_000;

/** Adds the commands to the program. */
export function addUsageCommands(program: Command, terminal: Terminal): void {
  const usage = withUrl(withKey(withPlace(program.command('usage'))))
    .summary('show usage by user, token, model or day')
    .description(
      'Sums usage by one or more of user, token, key, model, day, conversation and tag:<name>. A date means its whole day, UTC. Without --from, the report starts with this month.',
    )
    .option('--by <names>', 'names to group by, separated by commas', 'day')
    .option('--from <when>', 'a date, or an instant such as 2026-12-01T12:00Z')
    .option('--to <when>', 'a date (inclusive) or an instant (exclusive)')
    .option('--csv', 'print CSV to standard output')
    .option(
      '--estimated',
      'list the requests that were counted in full because nothing was reported',
    )
    .enablePositionalOptions() // Flags after "audit" belong to the audit.
    .action((flags: UsageFlags) => report(flags, terminal));

  withKey(withPlace(usage.command('audit')))
    .summary('recompute the counters from the usage rows')
    .description(
      'Compares each counter and slice of every wallet with the usage rows of its window, and each pool with its wallets. Also lists the requests that cost more than they held. Exit status 1 if there is any of these.',
    )
    .action((_: PlaceFlags, command: Command) => audit(command.optsWithGlobals(), terminal));
}

const withKey = (command: Command): Command =>
  command.option('--key <name>', 'only this key (default: all keys)', toKeyName);

/** Returns one key by name, or all keys. */
const keysOf = async (name: string | undefined, gateway: Gateway): Promise<readonly KeyRecord[]> =>
  name === undefined ? gateway.keys.list(gateway.account) : [await gateway.requireKey(name)];

async function report(flags: UsageFlags, terminal: Terminal): Promise<void> {
  if (flags.csv && flags.json) throw wrongUse('--csv and --json cannot be used together');
  const ask = readQuery(flags);
  if (flags.url !== undefined) return reportByKey(flags.url, flags, terminal);
  if (flags.estimated) return reportEstimated(flags, ask, terminal);
  const made = await withGateway(flags, terminal, async (gateway) =>
    reportAll(await keysOf(flags.key, gateway), ask, gateway),
  );
  const text = () => toReportText(printedSummary(made), flags);
  printResult(flags, terminal, { json: toReportJson(made), text });
  if (made.truncated) {
    throw new CommandError(TOO_MUCH);
  }
}

const toReportText = (printed: PrintedReport, { csv }: UsageFlags): string =>
  csv ? toReportCsv(printed) : toReportTable(printed);

/** Asks the gateway for the report of the key in HALLPASS_KEY. */
async function reportByKey(url: string, flags: UsageFlags, terminal: Terminal): Promise<void> {
  const { by, from, to, key, estimated } = flags;
  if (estimated) throw wrongUse('--estimated goes with --data or --stack, not with --url');
  const span = { ...(from && { from }), ...(to && { to }) };
  const query = new URLSearchParams({ group_by: by, ...span, ...(key && { key }) });
  const answer = await callByKey(url, `/usage?${query}`, terminal);
  const text = () => toReportText(printedAnswer(answer, by), flags);
  printResult(flags, terminal, { json: answer, text });
  if (answer.truncated === true) throw new CommandError(TOO_MUCH);
}

const TOO_MUCH = 'there is more usage than one report reads, so the sums are too small';

/** Lists the rows whose cost is a bound and not a report. The owner may give credit for them. */
async function reportEstimated(
  flags: UsageFlags,
  span: UsageQuery,
  terminal: Terminal,
): Promise<void> {
  if (flags.csv) throw wrongUse('--csv and --estimated cannot be used together');
  const { rows, truncated } = await withGateway(flags, terminal, async (gateway) =>
    listRows(await keysOf(flags.key, gateway), { ...span, readsMax: READS_MAX }, gateway.usage),
  );
  printResult(flags, terminal, {
    json: { data: rows.map(toRowJson), truncated },
    text: () => toRowTable(rows),
  });
  if (truncated) throw new CommandError('there are more rows than one command reads');
}

type UsageQuery = Pick<UsageSummary, 'fromMs' | 'toMs' | 'groupBy'>;

/** Reads the flags. Errors name the flag, not the route's parameter. */
function readQuery({ by, from, to }: UsageFlags): UsageQuery {
  try {
    return { ...readSpan({ from, to }, Date.now()), groupBy: readGroupBy(by) };
  } catch (error) {
    const { message } = toGatewayError(error);
    throw wrongUse(
      message.replace(/^"(from|to|group_by)"/, (_, name) =>
        name === 'group_by' ? '--by' : `--${name}`,
      ),
    );
  }
}

/** Reports on several keys. Users and tokens of two keys are different, so such lines are also grouped by key. */
async function reportAll(
  records: readonly KeyRecord[],
  ask: UsageQuery,
  gateway: Gateway,
): Promise<UsageSummary> {
  const isByKey = ask.groupBy.some((name) => name === 'user' || name === 'token');
  const isApart = records.length > 1 && isByKey && !ask.groupBy.includes('key');
  const groupBy: readonly GroupBy[] = isApart ? ['key', ...ask.groupBy] : ask.groupBy;
  const { fromMs, toMs } = ask;
  const reports = await reportKeys(
    records,
    { fromMs, toMs, groupBy, readsMax: READS_MAX },
    gateway,
  );
  return {
    ...ask,
    groupBy,
    rows: reports.flatMap(({ rows, key: { id: keyId, name: keyName } }) =>
      rows.map((row) => ({ row, key: { keyId, keyName } })),
    ),
    total: reports.reduce((sum, { total }) => addSums(sum, total), NO_USAGE),
    truncated: reports.some(({ truncated }) => truncated),
  };
}

async function audit(
  flags: PlaceFlags & { readonly key?: string },
  terminal: Terminal,
): Promise<void> {
  const audits = await withGateway(flags, terminal, async (gateway) => {
    const records = await keysOf(flags.key, gateway);
    const made: KeyAudit[] = [];
    for (const record of records.filter(({ kind }) => kind !== 'personal')) {
      made.push({
        name: record.name,
        found: await auditUsage(toAudited(record), { ...gateway, clock }),
      });
    }
    if (made.length === records.length) return made;
    return [...made, ...(await auditPersonal(gateway))];
  });
  printResult(flags, terminal, { json: audits.map(toAuditJson), text: () => toAuditText(audits) });
  const faults = faultsOf(audits);
  if (faults.length > 0) throw new CommandError(faults.join('; '));
}

const toAudited = ({ id: keyId, createdAtMs }: KeyRecord) => ({ keyId, createdAtMs });

/** Audits all personal keys as one: those of one user share a wallet. */
async function auditPersonal(gateway: Gateway): Promise<readonly KeyAudit[]> {
  const records = await gateway.keys.list(gateway.account);
  const personal = records.filter(({ kind }) => kind === 'personal').map(toAudited);
  const [first, ...otherPersonalKeys] = personal;
  if (first === undefined) return [];
  const found = await auditUsage({ ...first, otherPersonalKeys }, { ...gateway, clock });
  return [{ name: 'personal keys', found }];
}

/** Formats an audit. Amounts are text, because nano-dollars can exceed a JSON number. */
const toAuditJson = ({ name, found }: KeyAudit) => ({
  key: name,
  rows: found.rows,
  wallets: found.wallets,
  counters: found.counters,
  pools: found.pools,
  differences: found.differences.map(({ itemId, counter, counted, expected }) => ({
    item: itemId,
    counter,
    counted: String(counted),
    expected: String(expected),
  })),
  overruns: found.overruns.map(toRowJson),
  busy: found.busy,
  totals_checked: found.totalsChecked,
  truncated: found.truncated,
});

function toAuditText(audits: readonly KeyAudit[]): string {
  const summary = toTable(
    ['KEY', 'ROWS', 'WALLETS', 'COUNTERS', 'POOLS', 'DIFFERENCES', 'OVERRUNS', 'BUSY'],
    audits.map(({ name, found }) => [
      name,
      ...[found.rows, found.wallets, found.counters, found.pools].map(String),
      String(found.differences.length),
      String(found.overruns.length),
      String(found.busy.length),
    ]),
  );
  const differences = audits.flatMap(({ found }) => found.differences);
  const overruns = audits.flatMap(({ found }) => found.overruns);
  const passed = overruns.length === 0 ? '' : `\n\n${toRowTable(overruns)}`;
  if (differences.length === 0)
    return `${summary}\n\nas of ${toInstant(Date.now())}, no counter differs${passed}`;
  const lines = differences.map((each) => [
    each.itemId,
    each.counter,
    String(each.counted),
    String(each.expected),
  ]);
  const head = ['ITEM', 'COUNTER', 'COUNTED', 'EXPECTED'];
  return `${summary}\n\n${toTable(head, lines)}${passed}`;
}

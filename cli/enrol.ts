/**
 * `hallpass enrol`: links by which people get a pass of a key, each once.
 */
import { randomBytes } from 'node:crypto';
import type { Command } from 'commander';
import { makeSignInSecrets } from '../adapters/aws/sign-in-secret.ts';
import { findEnrolments } from '../adapters/dynamodb/enrolments.ts';
import { makeSignInStore } from '../adapters/dynamodb/sign-in-store.ts';
import { systemClock } from '../adapters/system.ts';
import { asNanoUsd, nanoUsdFromUsd, toUsdText } from '../core/base/money.ts';
import { isDomain } from '../core/base/names.ts';
import {
  CODE_CHARS,
  codeIdOf,
  countIdOf,
  ENROLMENT,
  ENROLMENT_COUNT,
  type Enrolment,
  enrolmentIdOf,
  PLACES_MAX,
  parseEnrolment,
  UNUSED,
} from '../core/sign-in/enrolment.ts';
import type { StoredGrant } from '../core/sign-in/ports.ts';
import { CommandError, wrongUse } from './failure.ts';
import { must, type PlaceFlags, toExpiry, toKeyName, toModels, toUsd, withPlace } from './flags.ts';
import { type Gateway, withGateway } from './gateway/connect.ts';
import { requireMatchingModels } from './model-check.ts';
import { printResult, type Terminal, toInstant, toTable } from './output.ts';
import { requireSigningKey } from './sign-in.ts';
import { writeWhole } from './whole-file.ts';

interface CreateFlags extends PlaceFlags {
  readonly key: string;
  readonly domains?: readonly string[];
  readonly models?: readonly string[];
  readonly limitUsd?: number;
  readonly expires: number;
  readonly max: number;
  readonly codes?: string;
  readonly baseUrl?: string;
}

const LINK_BYTES = 16;
const LOCAL_URL = 'http://127.0.0.1:8787';
/** RFC 4648, 6. */
const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
/** Characters of an id that a person types. */
const SHORT_CHARS = 12;

/** Adds the commands to the program. */
export function addEnrolCommands(program: Command, terminal: Terminal): void {
  const enrol = program.command('enrol').summary('links by which people get a pass themselves');
  withPlace(enrol.command('create'))
    .summary('make a link')
    .description(
      'Makes a link by which people get a pass, each once: they sign in or, with --codes, type a code of a list that this command writes. The gateway needs "signIn" in its configuration, and "sign-in use-key" for the key.',
    )
    .requiredOption('--key <name>', 'the server key that signs', toKeyName)
    .option('--domains <list>', 'e-mail domains, with commas (default: any)', toDomains)
    .option('--models <list>', 'models of the passes (default: those of the key)', toModels)
    .option('--limit-usd <usd>', "each person's own limit for good", toUsd)
    .requiredOption(
      '--expires <when>',
      'end of the link and of its passes: 7d, or an instant',
      toExpiry(systemClock.nowMs()),
    )
    .requiredOption('--max <number>', 'the number of people', toPlaces)
    .option(
      '--codes <file>',
      'write as many one-time codes into a file, for people without a login',
    )
    .option('--base-url <url>', 'the URL before /enrol (default: that of the configuration)')
    .action((flags: CreateFlags) => create(flags, terminal));
  withPlace(enrol.command('list'))
    .summary('show the links')
    .description('Shows all links that have not expired, with the places that are taken.')
    .action((flags: PlaceFlags) => list(flags, terminal));
  withPlace(enrol.command('end'))
    .summary('end a link')
    .description('Ends a link at once. Passes that it gave hold until they expire.')
    .argument('<id>', 'the id that "enrol list" shows')
    .action((id: string, flags: PlaceFlags) => end(id, flags, terminal));
}

function toPlaces(text: string): number {
  const places = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (places >= 1 && places <= PLACES_MAX) return places;
  throw must(`1 to ${PLACES_MAX}`, text);
}

function toDomains(text: string): readonly string[] {
  const domains = text
    .toLowerCase()
    .split(',')
    .map((each) => each.trim());
  if (domains.every(isDomain)) return domains;
  throw must('domains such as example.edu', text);
}

/** The short id of a link. It is hexadecimal: an argument that begins with `-` would be read as an option. */
const shortOf = (enrolmentId: string): string =>
  Buffer.from(enrolmentId.slice(ENROLMENT.length), 'base64url')
    .toString('hex')
    .slice(0, SHORT_CHARS);

const tableOf = ({ environment }: Gateway): string => {
  if (environment.signInTable !== undefined) return environment.signInTable;
  throw new CommandError('the gateway has no sign-in: its configuration needs "signIn"');
};

async function create(flags: CreateFlags, terminal: Terminal): Promise<void> {
  if (flags.codes !== undefined && flags.domains !== undefined) {
    throw wrongUse('"--domains" is for people who sign in, and "--codes" for those who do not');
  }
  const made = await withGateway(flags, terminal, async (gateway) => {
    await requireSigner(flags.key, gateway);
    await requireMatchingModels(flags, gateway.models);
    const store = makeSignInStore(gateway.dynamodb, tableOf(gateway));
    const link = randomBytes(LINK_BYTES).toString('base64url');
    const id = enrolmentIdOf(link);
    const enrolment = toEnrolment(flags);
    await store.create({ id, expiresAtMs: flags.expires, data: JSON.stringify(enrolment) });
    if (flags.codes !== undefined) {
      await writeWhole(flags.codes, makeCodes(id, flags, store), new AbortController().signal);
    }
    const base = flags.baseUrl ?? gateway.config.signIn?.publicUrl ?? LOCAL_URL;
    return { id: shortOf(id), link: `${base.replace(/\/$/, '')}/enrol?link=${link}` };
  });
  if (flags.codes !== undefined) terminal.note(`wrote ${flags.max} codes to ${flags.codes}`);
  terminal.note('the link is shown only once; "enrol list" shows its places, "enrol end" ends it');
  printResult(flags, terminal, { json: made, text: () => made.link });
}

/** A link that cannot sign would fail in front of a class. */
async function requireSigner(name: string, gateway: Gateway): Promise<void> {
  const { secretsManager, environment } = gateway;
  await requireSigningKey(name, gateway);
  const secrets = makeSignInSecrets(secretsManager, environment.secretPrefix, systemClock);
  if ((await secrets.findKey(name)) === undefined) {
    throw new CommandError(
      `sign-in may not sign with "${name}": run "hallpass sign-in use-key ${name}"`,
    );
  }
}

function toEnrolment(flags: CreateFlags): Enrolment {
  const { key, codes, domains = [], models, limitUsd, max, expires } = flags;
  const limit = limitUsd === undefined ? undefined : nanoUsdFromUsd(limitUsd);
  return {
    keyName: key,
    by: codes === undefined ? 'login' : 'code',
    domains,
    ...(models && { models }),
    ...(limit !== undefined && { limitNanoUsd: String(limit) }),
    placesMax: max,
    endsAtMs: expires,
    createdAtMs: systemClock.nowMs(),
  };
}

/** Draws a code, keeps its hash, then writes it: a code in the file is in force. */
async function* makeCodes(
  enrolmentId: string,
  { max, expires }: CreateFlags,
  store: ReturnType<typeof makeSignInStore>,
): AsyncGenerator<string> {
  for (let made = 0; made < max; made += 1) {
    const code = drawCode();
    const id = codeIdOf(enrolmentId, code);
    await store.create({ id, expiresAtMs: expires, data: UNUSED });
    yield code.replaceAll(/(.{4})(?=.)/g, '$1-');
  }
}

/** 80 bits: each byte gives five of its bits. */
const drawCode = (): string =>
  Array.from(randomBytes(CODE_CHARS), (byte) => BASE32[byte % BASE32.length]).join('');

async function findAll(gateway: Gateway) {
  const found = await findEnrolments(gateway.dynamodb, tableOf(gateway), {
    enrolments: ENROLMENT,
    counts: ENROLMENT_COUNT,
  });
  const nowMs = systemClock.nowMs();
  const open = found.grants.filter(({ expiresAtMs }) => expiresAtMs > nowMs);
  return { ...found, grants: open };
}

async function list(flags: PlaceFlags, terminal: Terminal): Promise<void> {
  const { grants, taken, isWhole } = await withGateway(flags, terminal, findAll);
  const rows = grants
    .map((grant) => toRow(grant, taken.get(countIdOf(grant.id)) ?? 0))
    .sort((a, b) => a.expires.localeCompare(b.expires));
  if (!isWhole) terminal.note('there are more links than this command reads');
  printResult(flags, terminal, {
    json: rows,
    text: () =>
      toTable(
        ['id', 'key', 'by', 'taken', 'limit USD', 'expires', 'state'],
        rows.map((row) => [
          ...[row.id, row.key, row.by, `${row.taken} of ${row.max}`],
          ...[row.limitUsd ?? '-', row.expires, row.ended ? 'ended' : 'open'],
        ]),
      ),
  });
}

function toRow(grant: StoredGrant, taken: number) {
  const { keyName, by, placesMax, limitNanoUsd, endsAtMs, ended, domains } = parseEnrolment(grant);
  return {
    id: shortOf(grant.id),
    key: keyName,
    by,
    domains,
    taken,
    max: placesMax,
    limitUsd: limitNanoUsd === undefined ? null : toUsdText(asNanoUsd(BigInt(limitNanoUsd))),
    expires: toInstant(endsAtMs),
    ended: ended === true,
  };
}

async function end(id: string, flags: PlaceFlags, terminal: Terminal): Promise<void> {
  await withGateway(flags, terminal, async (gateway) => {
    const { grants } = await findAll(gateway);
    const fitting = grants.filter((grant) => shortOf(grant.id) === id);
    const [grant] = fitting;
    if (grant === undefined || fitting.length > 1)
      throw new CommandError(`there is no link "${id}"`);
    const ended = JSON.stringify({ ...parseEnrolment(grant), ended: true });
    const store = makeSignInStore(gateway.dynamodb, tableOf(gateway));
    const isWritten = await store.replace(grant, { expiresAtMs: grant.expiresAtMs, data: ended });
    if (!isWritten) throw new CommandError('somebody else changed it at this moment; try again');
  });
  terminal.note('ended the link; passes that it gave hold until they expire');
  printResult(flags, terminal, { json: { id }, text: () => id });
}

/**
 * `hallpass keys`: make, list, show, change, rotate and disable keys.
 */
import { type Command, Option } from 'commander';
import type { Limit } from '../../core/base/limits.ts';
import {
  createKey,
  disableKey,
  type KeyAdminPorts,
  listChanges,
  requireKey,
  rotateKey,
  setKey,
} from '../../core/keys/key-admin.ts';
import type { KeySettings } from '../../core/keys/key-settings.ts';
import { config } from '../../hallpass.config.ts';
import { wrongUse } from '../failure.ts';
import {
  type PlaceFlags,
  toDuration,
  toKeyName,
  toLimits,
  toModelsOrAny,
  toTokenLifetime,
  toUser,
  withAuthor,
  withPlace,
} from '../flags.ts';
import { makeAdminPorts, withGateway } from '../gateway/connect.ts';
import { type Terminal, toJson, toLines } from '../output.ts';
import { type IdentityFlags, readIdentity, withIdentity } from './identity-flags.ts';
import { changeTable, keyLines, keyTable, toChangeJson, toKeyJson, toMadeJson } from './text.ts';

interface SettingFlags extends PlaceFlags, IdentityFlags {
  readonly models?: readonly string[] | 'any';
  readonly limit?: readonly Limit[];
  readonly maxTokenLifetime?: number;
}

interface CreateFlags extends SettingFlags {
  readonly user?: string;
  readonly clientAccess?: true;
}

/** Adds the group to the program. */
export function addKeyCommands(program: Command, terminal: Terminal): void {
  const keys = program.command('keys').description('make, change and end keys');

  withSettings(keys.command('create'))
    .summary('make a key')
    .description(
      'Makes a key and prints it with its kid. It is shown once. Names are never used again, even when the key is disabled.',
    )
    .argument('<name>', 'what the key is called', toKeyName)
    .option('--user <user>', 'a personal key, which always speaks for this user', toUser)
    .addOption(
      new Option(
        '--client-access',
        'a client key, public, of use only with a JWT behind it',
      ).conflicts('user'),
    )
    .action((name: string, flags: CreateFlags) => create(name, flags, terminal));

  withPlace(keys.command('list'))
    .summary('list all keys')
    .description('Lists all keys of the account, disabled ones too.')
    .action((flags: PlaceFlags) => list(flags, terminal));

  withPlace(keys.command('show'))
    .summary('show one key')
    .description('Shows what is known of a key, and with --audit who changed what and when.')
    .argument('<name>', 'the key', toKeyName)
    .option('--audit', 'its changes too, the last one first')
    .action((name: string, flags: PlaceFlags & { audit?: true }) => show(name, flags, terminal));

  withSettings(keys.command('set'))
    .summary('change what a key allows')
    .description(
      'Changes a key within 10 seconds. --limit takes the place of all its limits, --models of all its models; "--limit none" and "--models any" clear them.',
    )
    .argument('<name>', 'the key', toKeyName)
    .action((name: string, flags: SettingFlags) => set(name, flags, terminal));

  withAuthor(withPlace(keys.command('rotate')))
    .summary('put a new key string in the place of a key')
    .description(
      'Prints the new key string, once; it is taken everywhere at once. The former one, and tokens it signed, hold until the overlap ends, and not longer; tokens that it signs from now on must end by then.',
    )
    .argument('<name>', 'the key', toKeyName)
    .option(
      '--overlap <time>',
      "how long both hold (default: the key's token lifetime)",
      toDuration,
    )
    .option('--now', 'the former key string ends within 10 seconds, with all that it signed')
    .action((name: string, flags: PlaceFlags & { overlap?: number; now?: true }) =>
      rotate(name, flags, terminal),
    );

  withAuthor(withPlace(keys.command('disable')))
    .summary('end a key for good')
    .description(
      'The key and all tokens it signed are refused within 10 seconds, for good. Its usage stays.',
    )
    .argument('<name>', 'the key', toKeyName)
    .action((name: string, flags: PlaceFlags) => disable(name, flags, terminal));
}

const withSettings = (command: Command): Command =>
  withIdentity(withAuthor(withPlace(command)))
    .option('--models <models>', 'exact ids or "provider/*", or "any"; repeatable', toModelsOrAny)
    .option(
      '--limit <limit>',
      'per:unit:window=value such as user:usd:week=5, or "none"; repeatable',
      toLimits,
    )
    .option('--max-token-lifetime <time>', 'how far away its tokens may expire', toTokenLifetime);

/** Does something that changes keys. */
const withAdmin = <T>(
  flags: PlaceFlags,
  terminal: Terminal,
  use: (ports: KeyAdminPorts) => Promise<T>,
  isNew = false,
): Promise<T> =>
  withGateway(
    flags,
    terminal.variables,
    async (gateway) => use(await makeAdminPorts(gateway, flags, terminal.variables)),
    isNew,
  );

async function create(
  name: string,
  { user, clientAccess, ...flags }: CreateFlags,
  terminal: Terminal,
): Promise<void> {
  const { limits, maxTokenLifetimeSeconds } = config.defaults;
  const own = await readSettings(flags, terminal);
  if (clientAccess && own.verifier === undefined) {
    throw wrongUse(
      'a client key needs a verifier: give --jwt-secret -, --jwt-public-key, --jwks-url or --preset',
    );
  }
  const settings = { models: undefined, limits, maxTokenLifetimeSeconds, ...own };
  const made = await withAdmin(
    flags,
    terminal,
    (ports) => createKey({ name, user, clientAccess, settings }, ports),
    true,
  );
  const json = toMadeJson(made);
  terminal.note(`made the key "${name}"; it is shown this once`);
  terminal.print(
    flags.json
      ? toJson(json)
      : toLines([
          ['key', json.key],
          ['kid', json.kid],
        ]),
  );
}

async function readSettings(
  { models, limit, maxTokenLifetime, ...flags }: SettingFlags,
  terminal: Terminal,
): Promise<Partial<KeySettings>> {
  return {
    ...(await readIdentity(flags, terminal)),
    ...(models !== undefined && { models: models === 'any' ? undefined : models }),
    ...(limit !== undefined && { limits: limit }),
    ...(maxTokenLifetime !== undefined && { maxTokenLifetimeSeconds: maxTokenLifetime }),
  };
}

async function list(flags: PlaceFlags, terminal: Terminal): Promise<void> {
  const records = await withGateway(flags, terminal.variables, ({ account, keys }) =>
    keys.list(account),
  );
  const nowMs = Date.now();
  if (flags.json) terminal.print(toJson(records.map((record) => toKeyJson(record, nowMs))));
  else terminal.print(keyTable(records, nowMs));
}

async function show(
  name: string,
  flags: PlaceFlags & { audit?: true },
  terminal: Terminal,
): Promise<void> {
  const { record, changes } = await withGateway(
    flags,
    terminal.variables,
    async ({ account, keys }) => {
      const found = await requireKey(name, { account, store: keys });
      return { record: found, changes: flags.audit ? await listChanges(found, keys) : undefined };
    },
  );
  const nowMs = Date.now();
  if (flags.json) {
    const audit = changes && { audit: changes.map(toChangeJson) };
    terminal.print(toJson({ ...toKeyJson(record, nowMs), ...audit }));
    return;
  }
  terminal.print(toLines(keyLines(record, nowMs)));
  if (changes !== undefined) terminal.print(`\n${changeTable(changes)}`);
}

async function set(name: string, flags: SettingFlags, terminal: Terminal): Promise<void> {
  const settings = await readSettings(flags, terminal);
  if (Object.keys(settings).length === 0) {
    throw wrongUse('there is nothing to set: "hallpass keys set --help" has the flags');
  }
  const record = await withAdmin(flags, terminal, (ports) => setKey(name, settings, ports));
  const nowMs = Date.now();
  terminal.print(flags.json ? toJson(toKeyJson(record, nowMs)) : toLines(keyLines(record, nowMs)));
}

async function rotate(
  name: string,
  flags: PlaceFlags & { overlap?: number; now?: true },
  terminal: Terminal,
): Promise<void> {
  if (flags.now && flags.overlap !== undefined) {
    throw wrongUse('--overlap and --now exclude each other');
  }
  const overlapMs = flags.now ? 0 : flags.overlap && flags.overlap * 1000;
  const made = await withAdmin(flags, terminal, (ports) => rotateKey(name, overlapMs, ports));
  const json = toMadeJson(made);
  const end = json.former === null ? 'ends within 10 seconds' : `holds until ${json.former.until}`;
  terminal.note(`rotated the key "${name}": the new one is shown this once, the former ${end}`);
  terminal.print(
    flags.json
      ? toJson(json)
      : toLines([
          ['key', json.key],
          ['kid', json.kid],
        ]),
  );
}

async function disable(name: string, flags: PlaceFlags, terminal: Terminal): Promise<void> {
  const isChanged = await withAdmin(flags, terminal, (ports) => disableKey(name, ports));
  terminal.note(
    isChanged
      ? `disabled the key "${name}": it is refused within 10 seconds`
      : `the key "${name}" was disabled before`,
  );
  if (flags.json) terminal.print(toJson({ name, disabled: true, changed: isChanged }));
}

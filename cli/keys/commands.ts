/**
 * `hallpass keys`: make, list, show, change, rotate and disable keys.
 */
import { type Command, Option } from 'commander';
import type { Limit } from '../../core/base/limits.ts';
import { createKey, type MadeKey, setKey } from '../../core/keys/key-admin.ts';
import { disableKey, rotateKey } from '../../core/keys/key-rotation.ts';
import type { KeySettings } from '../../core/keys/key-settings.ts';
import type { Tier } from '../../core/keys/tier.ts';
import { wrongUse } from '../failure.ts';
import {
  type PlaceFlags,
  toDuration,
  toExpiry,
  toKeyName,
  toTokenLifetime,
  toUser,
  withAuthor,
  withPlace,
} from '../flags.ts';
import { withAdmin, withGateway } from '../gateway/connect.ts';
import { requireMatchingModels } from '../model-check.ts';
import { printResult, type Terminal, toJson, toLines } from '../output.ts';
import { isUsedBySignIn } from '../sign-in.ts';
import { listAllChanges } from './changes.ts';
import { type IdentityFlags, readIdentity, withIdentity } from './identity-flags.ts';
import { requireWholeRules, withRules } from './rule-flags.ts';
import { changeTable, keyLines, keyTable, toChangeJson, toKeyJson, toMadeJson } from './text.ts';

interface SettingFlags extends PlaceFlags, IdentityFlags {
  readonly models?: readonly string[] | 'any';
  readonly limit?: readonly Limit[];
  readonly maxTokenLifetime?: number;
  readonly expires?: number | 'never';
  readonly managedBy?: string;
  readonly when?: readonly Tier[];
}

interface CreateFlags extends SettingFlags {
  readonly user?: string;
  readonly clientAccess?: true;
}

/** Adds the commands to the program. */
export function addKeyCommands(program: Command, terminal: Terminal): void {
  const keys = program.command('keys').description('make, change and disable keys');

  withSettings(keys.command('create'))
    .summary('make a key')
    .description(
      'Makes a key and prints it once, with its kid. A name can be used only once, even after its key is disabled.',
    )
    .argument('<name>', 'name of the new key', toKeyName)
    .option('--user <user>', 'make a personal key, which always acts for this user', toUser)
    .addOption(
      new Option(
        '--client-access',
        'make a client key: public, and valid only together with a JWT',
      ).conflicts('user'),
    )
    .addOption(
      new Option(
        '--identity-namespace <namespace>',
        'join users of headers, tokens and JWTs by verified e-mail',
      ).choices(['email']),
    )
    .action((name: string, flags: CreateFlags) => create(name, flags, terminal));

  withPlace(keys.command('list'))
    .summary('list all keys')
    .description('Lists all keys of the account, including disabled ones.')
    .action((flags: PlaceFlags) => list(flags, terminal));

  withPlace(keys.command('show'))
    .summary('show one key')
    .description(
      'Shows the settings of a key, and with --audit its changes and those of its people.',
    )
    .argument('<name>', 'the key', toKeyName)
    .option('--audit', 'also show who changed what and when, latest first')
    .action((name: string, flags: PlaceFlags & { audit?: true }) => show(name, flags, terminal));

  withSettings(keys.command('set'))
    .summary('change the settings of a key')
    .description(
      'Changes a key within 10 seconds. --limit replaces all its limits and --models all its models; "--limit none" and "--models any" remove them.',
    )
    .argument('<name>', 'the key', toKeyName)
    .action((name: string, flags: SettingFlags) => set(name, flags, terminal));

  withAuthor(withPlace(keys.command('rotate')))
    .summary('replace the key string of a key')
    .description(
      'Prints the new key string once. It is valid at once. The former string and the tokens it signed stay valid until the overlap ends; tokens that it signs from now on must expire by then.',
    )
    .argument('<name>', 'the key', toKeyName)
    .option(
      '--overlap <time>',
      "how long both strings are valid (default: the key's token lifetime)",
      toDuration,
    )
    .option('--now', 'end the former string and its tokens within 10 seconds')
    .action((name: string, flags: PlaceFlags & { overlap?: number; now?: true }) =>
      rotate(name, flags, terminal),
    );

  withAuthor(withPlace(keys.command('disable')))
    .summary('disable a key for ever')
    .description(
      'Refuses the key and all tokens it signed within 10 seconds, for ever. Its usage is kept.',
    )
    .argument('<name>', 'the key', toKeyName)
    .action((name: string, flags: PlaceFlags) => disable(name, flags, terminal));
}

const withSettings = (command: Command): Command =>
  withRules(withIdentity(withAuthor(withPlace(command))))
    .option('--max-token-lifetime <time>', 'longest lifetime of its tokens', toTokenLifetime)
    .option(
      '--expires <when>',
      'end of the key and of all its tokens: a duration, an instant, or "never"',
      toKeyExpiry,
    )
    .option(
      '--managed-by <key>',
      'server key whose owner sees and changes the users of this client or personal key',
      toKeyName,
    );

const toKeyExpiry = (text: string): number | 'never' =>
  text === 'never' ? text : toExpiry(Date.now())(text);

async function create(
  name: string,
  { user, clientAccess, ...flags }: CreateFlags,
  terminal: Terminal,
): Promise<void> {
  const own = await readSettings(flags, terminal);
  if (clientAccess && own.verifier === undefined) {
    throw wrongUse(
      'a client key needs a verifier: give --jwt-secret -, --jwt-public-key, --jwks-url or --preset',
    );
  }
  const made = await withAdmin(
    flags,
    terminal,
    async (ports, gateway) => {
      await requireMatchingModels(own, gateway.models);
      const { limits, maxTokenLifetimeSeconds } = gateway.config.defaults;
      const settings = { models: undefined, limits, maxTokenLifetimeSeconds, ...own };
      return createKey({ name, user, clientAccess, settings }, ports);
    },
    true,
  );
  terminal.note(`made the key "${name}"; it is shown only once`);
  printMade(made, flags, terminal);
}

/** Prints a new key string, the only time that it is shown. */
function printMade(made: MadeKey, flags: PlaceFlags, terminal: Terminal): void {
  const json = toMadeJson(made);
  const lines = [['key', json.key] as const, ['kid', json.kid] as const];
  printResult(flags, terminal, { json, text: () => toLines(lines) });
}

async function readSettings(
  { models, limit, maxTokenLifetime, expires, managedBy, when, ...flags }: SettingFlags,
  terminal: Terminal,
): Promise<Partial<KeySettings>> {
  return {
    ...(await readIdentity(flags, terminal)),
    ...(models !== undefined && { models: models === 'any' ? undefined : models }),
    ...(limit !== undefined && { limits: limit }),
    ...(maxTokenLifetime !== undefined && { maxTokenLifetimeSeconds: maxTokenLifetime }),
    ...(expires !== undefined && { expiresAtMs: expires === 'never' ? undefined : expires }),
    ...(managedBy !== undefined && { managedBy }),
    ...(when !== undefined && { tiers: requireWholeRules(when) }),
  };
}

async function list(flags: PlaceFlags, terminal: Terminal): Promise<void> {
  const records = await withGateway(flags, terminal, ({ account, keys }) => keys.list(account));
  const nowMs = Date.now();
  printResult(flags, terminal, {
    json: records.map((record) => toKeyJson(record, nowMs)),
    text: () => keyTable(records, nowMs),
  });
}

async function show(
  name: string,
  flags: PlaceFlags & { audit?: true },
  terminal: Terminal,
): Promise<void> {
  const { record, listed } = await withGateway(flags, terminal, async (gateway) => {
    const found = await gateway.requireKey(name);
    return {
      record: found,
      listed: flags.audit ? await listAllChanges(found, gateway) : undefined,
    };
  });
  const nowMs = Date.now();
  const audit = listed && { audit: listed.changes.map(toChangeJson) };
  printResult(flags, terminal, {
    json: { ...toKeyJson(record, nowMs), ...audit },
    text: () =>
      toLines(keyLines(record, nowMs)) +
      (listed === undefined ? '' : `\n\n${changeTable(listed.changes)}`),
  });
  if (listed?.isWhole === false) {
    terminal.note('older changes are left out: 200 of the key and 1,000 of its people are listed');
  }
}

async function set(name: string, flags: SettingFlags, terminal: Terminal): Promise<void> {
  const settings = await readSettings(flags, terminal);
  if (Object.keys(settings).length === 0) {
    throw wrongUse('nothing to set: see the flags in "hallpass keys set --help"');
  }
  const record = await withAdmin(flags, terminal, async (ports, gateway) => {
    await requireMatchingModels(settings, gateway.models);
    return setKey(name, settings, ports);
  });
  const nowMs = Date.now();
  const json = toKeyJson(record, nowMs);
  printResult(flags, terminal, { json, text: () => toLines(keyLines(record, nowMs)) });
}

async function rotate(
  name: string,
  flags: PlaceFlags & { overlap?: number; now?: true },
  terminal: Terminal,
): Promise<void> {
  if (flags.now && flags.overlap !== undefined) {
    throw wrongUse('--overlap and --now cannot be used together');
  }
  const overlapMs = flags.now ? 0 : flags.overlap && flags.overlap * 1000;
  const { made, isSignIns } = await withAdmin(flags, terminal, async (ports, gateway) => {
    // Before the rotation, after which nothing may come between a new key and its one showing.
    const isSignIns = await isUsedBySignIn(name, gateway);
    return { made: await rotateKey(name, overlapMs, ports), isSignIns };
  });
  const { former } = toMadeJson(made);
  const end = former === null ? 'ends within 10 seconds' : `is valid until ${former.until}`;
  terminal.note(
    `rotated the key "${name}": the new string is shown only once, the former one ${end}`,
  );
  if (isSignIns) {
    terminal.note(`sign-in signs with "${name}": run "hallpass sign-in use-key ${name}" again`);
  }
  printMade(made, flags, terminal);
}

async function disable(name: string, flags: PlaceFlags, terminal: Terminal): Promise<void> {
  const isChanged = await withAdmin(flags, terminal, (ports) => disableKey(name, ports));
  terminal.note(
    isChanged
      ? `disabled the key "${name}": it is refused within 10 seconds`
      : `the key "${name}" was already disabled`,
  );
  if (flags.json) terminal.print(toJson({ name, disabled: true, changed: isChanged }));
}

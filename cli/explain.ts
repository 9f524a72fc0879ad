/**
 * `hallpass explain`: lists the checks that a credential passes, and the one that fails with its reason.
 */
import type { Command } from 'commander';
import { makeKeyRecords } from '../adapters/dynamodb/key-records.ts';
import { makeKeySetFetch } from '../adapters/http/key-set-fetch.ts';
import { systemClock as clock } from '../adapters/system.ts';
import { type Check, explain } from '../core/explain.ts';
import { makeKeySets } from '../core/jwt/issuer-keys.ts';
import { makeJwtKeys } from '../core/jwt/jwt-keys.ts';
import { makeGatewayPrices } from '../core/models/gateway-prices.ts';
import { CommandError, wrongUse } from './failure.ts';
import { type PlaceFlags, withPlace } from './flags.ts';
import { type Gateway, withGateway } from './gateway/connect.ts';
import { readSecret, styled, type Terminal, toJson } from './output.ts';

interface ExplainFlags extends PlaceFlags {
  readonly model?: string;
  readonly header?: readonly string[];
}

/** Adds the command to the program. */
export function addExplainCommand(program: Command, terminal: Terminal): void {
  withPlace(program.command('explain'))
    .summary('why a credential is accepted or refused')
    .description(
      'Lists the checks of a request. It calls no provider and spends nothing. The exit status is 1 if a check fails.',
    )
    .argument('<credential>', 'a key or a token, or "-" to read it from standard input')
    .option('--model <model>', 'a model that the request would name')
    .option(
      '--header <header>',
      "a header of the request, such as 'X-Conversation-Id: c1'; repeatable",
      (text: string, others: readonly string[] = []) => [...others, text],
    )
    .action((credential: string, flags: ExplainFlags) =>
      explainCredential(credential, flags, terminal),
    );
}

async function explainCredential(
  argument: string,
  flags: ExplainFlags,
  terminal: Terminal,
): Promise<void> {
  const credential = await readSecret(argument, terminal);
  const headers = readHeaders(credential, flags.header ?? []);
  const checks = await withGateway(flags, terminal, (gateway) =>
    explain({ headers, model: flags.model }, makePorts(gateway)),
  );
  const failed = checks.filter(({ passed }) => !passed);
  if (flags.json) terminal.print(toJson({ passed: failed.length === 0, checks }));
  else terminal.print(checks.map(toLine).join('\n'));
  const [first] = failed;
  if (first !== undefined) {
    throw new CommandError(`refused with ${first.status} ${first.code}: ${first.check}`);
  }
}

function makePorts(gateway: Gateway) {
  const { account, config, dynamodb, secrets, models, wallets, people } = gateway;
  const { keysTable, allowLocalIssuers } = gateway.environment;
  const fetchKeySet = makeKeySetFetch({ allowLocal: allowLocalIssuers });
  return {
    authorize: {
      account,
      allowedOrigins: config.allowedOrigins,
      keys: makeKeyRecords(dynamodb, keysTable, clock),
      secrets,
      jwtKeys: makeJwtKeys(secrets, makeKeySets(fetchKeySet, clock)),
      clock,
    },
    wallets,
    people,
    settings: { ...models, prices: makeGatewayPrices(config) },
  };
}

/** Returns the headers of the request, with the credential where SDKs put it. */
function readHeaders(
  credential: string,
  texts: readonly string[],
): ReadonlyMap<string, readonly string[]> {
  const headers = new Map<string, readonly string[]>([['authorization', [`Bearer ${credential}`]]]);
  for (const text of texts) {
    const [, name, value = ''] = /^([\w!#$%&'*+.^`|~-]+):[ \t]*([^\r\n]*)$/.exec(text) ?? [];
    if (name === undefined) throw wrongUse('"--header" must be \'Name: value\'');
    const key = name.toLowerCase();
    headers.set(key, [...(headers.get(key) ?? []), value.trim()]);
  }
  return headers;
}

const toLine = ({ check, passed, found, code }: Check): string =>
  passed
    ? `${styled('green', 'passed')}  ${check}: ${found}`
    : `${styled('red', 'failed')}  ${check}: ${found} [${code}]`;

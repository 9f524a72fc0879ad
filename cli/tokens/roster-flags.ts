/**
 * The flags of `hallpass tokens issue` that only a roster has.
 */
import { type Command, InvalidArgumentError } from 'commander';
import { isPeriod, PERIOD_CHARS_MAX } from '../../core/tokens/roster.ts';
import { wrongUse } from '../failure.ts';
import { type PlaceFlags, toUsd } from '../flags.ts';
import type { IssueFlags } from './issue.ts';

export interface RosterFlags extends PlaceFlags {
  readonly roster?: string;
  readonly out?: string;
  readonly period?: string;
  readonly replace?: readonly string[];
  readonly baseUrl?: string;
  readonly budgetUsd?: number;
}

/** Of a local gateway, as `npm start` has it. */
export const BASE_URL = 'http://127.0.0.1:8787/v1';

/** Each needs a few calls to the gateway; a class of leaks is a new period. */
const REPLACED_MAX = 100;

/** The flags that only a roster has. */
export const withRoster = (command: Command): Command =>
  command
    .option('--roster <file>', 'students.csv with email,name,section; "-" is standard input')
    .option('--out <file>', 'where the tokens go, readable by you alone')
    .option(
      '--period <name>',
      'issued again for the same period, a student has the same allowance (default: the day of --expires, UTC)',
      toPeriod,
    )
    .option(
      '--replace <row>',
      "an e-mail address, or a line: revokes that student's token of the period, and makes one of another name over what was left; repeatable",
      toReplaced,
    )
    .option(
      '--base-url <url>',
      `of the gateway, for OPENAI_BASE_URL (default: '${BASE_URL}')`,
      toUrl,
    )
    .option(
      '--budget-usd <amount>',
      "the key's own budget, to be warned when the sum passes it",
      toUsd,
    );

function toPeriod(text: string): string {
  if (isPeriod(text)) return text;
  throw new InvalidArgumentError(
    `It must be 1 to ${PERIOD_CHARS_MAX} of letters, digits, "_", "." and "-", got "${text}".`,
  );
}

function toReplaced(text: string, others: readonly string[] = []): readonly string[] {
  const rows = [...new Set([...others, text.trim().toLowerCase()])];
  if (rows.length <= REPLACED_MAX) return rows;
  throw new InvalidArgumentError(`It must be given at most ${REPLACED_MAX} times.`);
}

function toUrl(text: string): string {
  if (/^https?:\/\/[^\s"',;]+$/.test(text) && URL.canParse(text)) return text.replace(/\/+$/, '');
  throw new InvalidArgumentError(`It must be an http or https URL, got "${text}".`);
}

const ROSTER_ALONE = ['out', 'period', 'replace', 'baseUrl', 'budgetUsd', 'data', 'stack', 'as'];

/** @throws CommandError for a flag that says nothing where one token is issued */
export function requireNoRosterFlags<T extends object>(flags: T): T {
  const name = ROSTER_ALONE.find((each) => Object.hasOwn(flags, each));
  if (name === undefined) return flags;
  const flag = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  throw wrongUse(`--${flag} needs --roster`);
}

/** @throws CommandError for flags that do not go together */
export function requireRosterUse({
  roster,
  out,
  user,
  jti,
  replace,
}: IssueFlags & RosterFlags): void {
  if (out === undefined) throw wrongUse('--roster needs --out, the file that the tokens go to');
  if (user !== undefined || jti !== undefined) {
    throw wrongUse('--user and --jti are made of the rows of --roster');
  }
  if (roster === '-' && replace !== undefined) {
    throw wrongUse('--replace reads the roster twice: --roster must be a file');
  }
}

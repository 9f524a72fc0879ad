/**
 * The flags of `hallpass tokens issue` that are only for a roster.
 */
import { type Command, InvalidArgumentError } from 'commander';
import { foldUser } from '../../core/base/names.ts';
import { isPeriod, PERIOD_CHARS_MAX } from '../../core/tokens/roster.ts';
import { wrongUse } from '../failure.ts';
import { must, type PlaceFlags, toUsd } from '../flags.ts';
import type { UrlFlag } from '../gateway/by-key.ts';
import type { IssueFlags } from './issue.ts';

export interface RosterFlags extends PlaceFlags, UrlFlag {
  readonly roster?: string;
  readonly out?: string;
  readonly cards?: string;
  readonly period?: string;
  readonly replace?: readonly string[];
  readonly baseUrl?: string;
  readonly budgetUsd?: number;
}

/** The base URL of a local gateway, as `npm start` prints it. */
export const BASE_URL = 'http://127.0.0.1:8787/v1';

/** The most replaced tokens. Each needs a few calls to the gateway; for more leaks start a new period. */
const REPLACED_MAX = 100;

/** Adds the flags of a roster. */
export const withRoster = (command: Command): Command =>
  command
    .option(
      '--roster <file>',
      'CSV file with email,name,section, or a Canvas gradebook; "-" is standard input',
    )
    .option('--out <file>', 'file for the tokens, which only you can read')
    .option(
      '--cards <file>',
      'HTML file with a card and a QR code for each student, which only you can read',
    )
    .option(
      '--period <name>',
      'all tokens of a student with the same period share one allowance (default: the day of --expires, UTC)',
      toPeriod,
    )
    .option(
      '--replace <row>',
      "e-mail address or line number: revokes that student's token of the period and issues a new one with the rest of the allowance; repeatable",
      toReplaced,
    )
    .option(
      '--base-url <url>',
      `base URL of the gateway, for OPENAI_BASE_URL (default: '${BASE_URL}')`,
      toUrl,
    )
    .option(
      '--budget-usd <amount>',
      'budget of the key; warns if all limits together exceed it',
      toUsd,
    );

function toPeriod(text: string): string {
  if (isPeriod(text)) return text;
  throw must(`1 to ${PERIOD_CHARS_MAX} of letters, digits, "_", "." and "-"`, text);
}

function toReplaced(text: string, others: readonly string[] = []): readonly string[] {
  const rows = [...new Set([...others, foldUser(text)])];
  if (rows.length <= REPLACED_MAX) return rows;
  throw new InvalidArgumentError(`It must be given at most ${REPLACED_MAX} times.`);
}

function toUrl(text: string): string {
  if (/^https?:\/\/[^\s"',;]+$/.test(text) && URL.canParse(text)) return text.replace(/\/+$/, '');
  throw must('an http or https URL', text);
}

const ROSTER_ALONE = ['out', 'cards', 'period', 'replace', 'baseUrl', 'budgetUsd', 'as'];

/** @throws CommandError for a flag that is only for a roster */
export function requireNoRosterFlags<T extends object>(flags: T): T {
  const name = ROSTER_ALONE.find((each) => Object.hasOwn(flags, each));
  if (name === undefined) return flags;
  const flag = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  throw wrongUse(`--${flag} needs --roster`);
}

/** @throws CommandError for flags that cannot be used with a roster */
export function requireRosterUse({
  roster,
  out,
  cards,
  user,
  jti,
  replace,
}: IssueFlags & RosterFlags): void {
  if (out === undefined && cards === undefined) {
    throw wrongUse('--roster needs --out, the file for the tokens, or --cards');
  }
  if (roster === '-' && out !== undefined && cards !== undefined) {
    throw wrongUse('--out and --cards read the roster twice: --roster must be a file');
  }
  if (user !== undefined || jti !== undefined) {
    throw wrongUse('--user and --jti cannot be used with --roster: its rows give them');
  }
  if (roster === '-' && replace !== undefined) {
    throw wrongUse('--replace reads the roster twice: --roster must be a file');
  }
}

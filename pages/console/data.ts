/**
 * Reads everything the console shows with one server key: its limits, its usage, its people.
 */
import { call, type KeyInfo, Refusal, type UsageAnswer, type UsageLine } from '../shared/api.ts';
import { lastDays } from '../shared/format.ts';
import type { Person } from '../shared/person.ts';

export interface ConsoleData {
  readonly info: KeyInfo;
  readonly days: readonly string[];
  readonly byModel: UsageAnswer;
  readonly people: readonly Person[];
  /** False where the gateway answers no `GET /v1/users`: people are then known by their usage alone. */
  readonly hasPeople: boolean;
}

const PAGE_SIZE = 200;
/** 20,000 people. */
const PAGES_MAX = 100;

export async function loadConsole(key: string, span: number): Promise<ConsoleData> {
  const days = lastDays(span, Date.now());
  const usage = (groupBy: string) =>
    call<UsageAnswer>(key, `usage?group_by=${groupBy}&from=${days[0]}`);
  const [{ data: info }, byModel, people] = await Promise.all([
    call<{ data: KeyInfo }>(key, 'key'),
    usage('day,model'),
    readPeople(key),
  ]);
  if (people !== undefined) return { info, days, byModel, people, hasPeople: true };
  const byUser = await usage('user');
  return { info, days, byModel, people: byUser.data.flatMap(toPerson), hasPeople: false };
}

/** Reads the conversations of the span. */
export const loadConversations = (key: string, span: number): Promise<UsageAnswer> =>
  call(key, `usage?group_by=user,conversation&from=${lastDays(span, Date.now())[0]}`);

async function readPeople(key: string): Promise<readonly Person[] | undefined> {
  const people: Person[] = [];
  let after = '';
  try {
    for (let page = 0; page < PAGES_MAX; page += 1) {
      const answer = await call<{ data: readonly Person[]; next: string | null }>(
        key,
        `users?limit=${PAGE_SIZE}${after}`,
      );
      people.push(...answer.data);
      if (answer.next === null) break;
      after = `&after=${encodeURIComponent(answer.next)}`;
    }
  } catch (error) {
    if (error instanceof Refusal && error.status === 404) return undefined;
    throw error;
  }
  return people;
}

/** The key's own usage, without a user, is no person. */
function toPerson({ user, user_source: source, usd }: UsageLine): Person[] {
  if (typeof user !== 'string') return [];
  return [
    {
      id: `${source}:${user}`,
      user,
      email: null,
      usage_usd: usd,
      reserved_usd: 0,
      limits: [],
      nearest: null,
      last_seen: null,
      minutes_refused: 0,
      blocked: null,
      note: null,
    },
  ];
}

/** Changes a person. The same change sent twice under one key counts once. */
export const changePerson = (
  key: string,
  id: string,
  sent: { readonly changes: object; readonly idempotencyKey: string },
): Promise<{ data: Person }> =>
  call(key, `users/${encodeURIComponent(id)}`, {
    method: 'PATCH',
    body: sent.changes,
    headers: { 'idempotency-key': sent.idempotencyKey },
  });

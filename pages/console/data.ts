/**
 * Reads everything the console shows with one server key: its limits, its usage, its people.
 */
import type { KeyInfo, UserView } from '../../core/account/views.ts';
import { call, type UsageAnswer } from '../shared/api.ts';
import { lastDays } from '../shared/format.ts';

export interface ConsoleData {
  readonly info: KeyInfo;
  readonly days: readonly string[];
  readonly byModel: UsageAnswer;
  readonly people: readonly UserView[];
  /** False if there are more people than the page reads. */
  readonly arePeopleWhole: boolean;
}

const PAGE_SIZE = 200;
/** 20,000 people. */
const PAGES_MAX = 100;

export async function loadConsole(key: string, span: number): Promise<ConsoleData> {
  const days = lastDays(span, Date.now());
  const [{ data: info }, byModel, people] = await Promise.all([
    call<{ data: KeyInfo }>(key, 'key'),
    call<UsageAnswer>(key, `usage?group_by=day,model&from=${days[0]}`),
    readPeople(key),
  ]);
  return { info, days, byModel, ...people };
}

/** Reads the conversations of the span. */
export const loadConversations = (key: string, span: number): Promise<UsageAnswer> =>
  call(key, `usage?group_by=user,conversation&from=${lastDays(span, Date.now())[0]}`);

async function readPeople(key: string): Promise<Pick<ConsoleData, 'people' | 'arePeopleWhole'>> {
  const people: UserView[] = [];
  let after = '';
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const { data, next } = await call<{ data: readonly UserView[]; next: string | null }>(
      key,
      `users?limit=${PAGE_SIZE}${after}`,
    );
    people.push(...data);
    if (next === null) return { people, arePeopleWhole: true };
    after = `&after=${encodeURIComponent(next)}`;
  }
  return { people, arePeopleWhole: false };
}

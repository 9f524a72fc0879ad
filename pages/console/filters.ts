/**
 * The filters of the console, kept in the address's fragment: a link to it shows the same to everyone who has the key.
 */
import { useEffect, useState } from 'preact/hooks';
import { dropCredential } from '../shared/credential.ts';
import { DAYS } from '../shared/format.ts';

/** The values of each filter, with their words. */
export const VIEWS = {
  overview: 'Overview',
  people: 'People',
  conversations: 'Conversations',
  passes: 'Passes',
} as const;
export const GROUPS = { all: 'All', near: 'Near a limit', blocked: 'Blocked' } as const;
export const ORDERS = {
  spent: 'Most spent first',
  left: 'Least left first',
  seen: 'Seen last first',
  refused: 'Most refused first',
} as const;

export interface Filters {
  readonly view: keyof typeof VIEWS;
  readonly days: keyof typeof DAYS;
  /** A part of a name. */
  readonly find: string;
  readonly group: keyof typeof GROUPS;
  readonly order: keyof typeof ORDERS;
  readonly page: number;
}

const PAGE_MAX = 10_000;

function readFilters(): Filters {
  const fields = new URLSearchParams(location.hash.slice(1));
  const oneOf = <T extends object>(name: string, allowed: T, otherwise: keyof T): keyof T => {
    const value = fields.get(name) ?? '';
    return Object.hasOwn(allowed, value) ? (value as keyof T) : otherwise;
  };
  return {
    view: oneOf('view', VIEWS, 'overview'),
    days: oneOf('days', DAYS, '30'),
    find: fields.get('find') ?? '',
    group: oneOf('group', GROUPS, 'all'),
    order: oneOf('order', ORDERS, 'spent'),
    page: Math.min(PAGE_MAX, Math.max(1, Math.trunc(Number(fields.get('page')) || 1))),
  };
}

function writeFilters(filters: Filters): void {
  const fields = Object.entries(filters).map(([name, value]) => [name, String(value)]);
  history.replaceState(null, '', `#${new URLSearchParams(fields)}`);
}

export type SetFilters = (changes: Partial<Filters>) => void;

/**
 * Returns the filters, and a function that changes some of them. A new choice begins at the first page. A credential in
 * the address is dropped: the console reads its key from the form alone.
 */
export function useFilters(): readonly [Filters, SetFilters] {
  const [filters, setFilters] = useState(() => {
    dropCredential();
    return readFilters();
  });
  useEffect(() => {
    const read = () => {
      dropCredential();
      setFilters(readFilters());
    };
    addEventListener('hashchange', read);
    return () => removeEventListener('hashchange', read);
  }, []);
  const change: SetFilters = (changes) =>
    setFilters((before) => {
      const next = { ...before, page: 1, ...changes };
      writeFilters(next);
      return next;
    });
  return [filters, change];
}

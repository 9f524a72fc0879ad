/**
 * The filters of the console, kept in the address's fragment: a link to it shows the same to everyone who has the key.
 */
import { useEffect, useState } from 'preact/hooks';
import { isCredential } from '../shared/credential.ts';

export const VIEWS = ['overview', 'people', 'conversations', 'passes'] as const;
export type View = (typeof VIEWS)[number];
export const SPANS = ['7', '30', '90'] as const;
export const GROUPS = ['all', 'near', 'blocked'] as const;
export type Group = (typeof GROUPS)[number];
export const ORDERS = ['spent', 'left', 'seen', 'refused'] as const;
export type Order = (typeof ORDERS)[number];

export interface Filters {
  readonly view: View;
  readonly days: (typeof SPANS)[number];
  /** A part of a name. */
  readonly find: string;
  readonly group: Group;
  readonly order: Order;
  readonly page: number;
}

const PAGE_MAX = 10_000;

function readFilters(): Filters {
  const fields = new URLSearchParams(location.hash.slice(1));
  const oneOf = <T extends string>(name: string, allowed: readonly T[], otherwise: T): T =>
    allowed.find((value) => value === fields.get(name)) ?? otherwise;
  return {
    view: oneOf('view', VIEWS, 'overview'),
    days: oneOf('days', SPANS, '30'),
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

/** Takes a credential out of the address; the console asks for its key in the form alone. */
function dropCredential(): void {
  if (isCredential(decodeURIComponent(location.hash.slice(1)))) {
    history.replaceState(null, '', location.pathname + location.search);
  }
}

export type SetFilters = (changes: Partial<Filters>) => void;

/** Returns the filters, and a function that changes some of them. A new choice begins at the first page. */
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

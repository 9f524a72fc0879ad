/**
 * Users of a key as the commands print them.
 */
import type { UserLimit, UserView } from '../../core/account/views.ts';
import { type Line, toLines, toTable } from '../output.ts';

export const userTable = (users: readonly UserView[]): string =>
  toTable(
    ['USER', 'SPENT', 'HELD', 'NEAREST', 'LAST SEEN', 'REFUSED', 'BLOCKED'],
    users.map((user) => [
      user.id,
      `${user.usage_usd} USD`,
      `${user.reserved_usd} USD`,
      nearestOf(user),
      user.last_seen ?? 'never',
      `${user.minutes_refused} min`,
      user.blocked ?? '',
    ]),
  );

const nearestOf = ({ nearest }: UserView): string =>
  nearest === null ? 'no limit' : `${nearest.percent} % of ${nearest.unit}:${nearest.window}`;

export const userLines = (user: UserView): string =>
  toLines([
    ['user', user.id],
    ['e-mail', user.email ?? 'unknown'],
    ['spent', `${user.usage_usd} USD, and ${user.reserved_usd} USD held`],
    ...user.limits.map((limit): Line => ['limit', limitText(limit)]),
    ['credit', `${user.credit_usd} USD`],
    ['nearest', nearestOf(user)],
    ['last seen', user.last_seen ?? 'never'],
    ['refused', `in ${user.minutes_refused} minutes`],
    ['blocked', user.blocked ?? 'no'],
    ['note', user.note ?? ''],
  ]);

function limitText({ unit, window, limit, used, own, until }: UserLimit): string {
  const whose = own ? `their own${until === null ? '' : ` until ${until}`}` : "the key's";
  return `${unit}:${window} ${used} of ${limit}, ${whose}`;
}

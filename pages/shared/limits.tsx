/** All limits that apply, the one with the smallest share left first. */
import type { LimitInfo } from '../../core/account/views.ts';
import { formatReset } from './format.ts';
import { Meter } from './parts.tsx';
import { formatLeft, nameOfLimit, tightestFirst } from './words.ts';

export function Limits(props: {
  readonly title: string;
  readonly limits: readonly LimitInfo[];
  readonly nowMs: number;
}) {
  const { title, limits, nowMs } = props;
  if (limits.length === 0) return null;
  return (
    <section class="card noprint">
      <h2>{title}</h2>
      <ul class="limits">
        {tightestFirst(limits).map((limit) => {
          const { per, unit, window, resets_at: resetsAt } = limit;
          const name = nameOfLimit(limit);
          return (
            <li class="limit" key={`${per}:${unit}:${window}`}>
              <span>{name}</span>
              <span class="num small">
                {formatLeft(limit)}
                {`, ${limit.percent} % used `}
                {resetsAt !== null && (
                  <span class="quiet">{formatReset(Date.parse(resetsAt), nowMs)}</span>
                )}
              </span>
              <Meter limit={limit} label={`${name}: ${formatLeft(limit)}`} />
            </li>
          );
        })}
      </ul>
    </section>
  );
}

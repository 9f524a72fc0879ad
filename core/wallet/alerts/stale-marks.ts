/**
 * Marks that may go: of windows long past, and the oldest of limits without an end.
 * Invariant: a mark of a window that can still be spent in stays, so that its alert is not sent again.
 */
import { DAY_MS, windowEndMs } from '../../base/limits.ts';
import { parseCounterName } from '../counter-name.ts';

/** Marks of limits for all time that an item keeps. Each change of the amount adds as many as there are levels. */
const ENDLESS_MAX = 60;

/**
 * Returns the names of marks to remove.
 * @param done when each was done, by its name
 */
export function staleMarksOf(done: ReadonlyMap<string, number>, nowMs: number): readonly string[] {
  const endless: string[] = [];
  const past: string[] = [];
  const oldestFirst = [...done].sort(([, a], [, b]) => a - b);
  for (const [name] of oldestFirst) {
    const counter = parseCounterName(name.split(':').slice(0, -2).join(':'));
    if (counter === undefined) continue;
    const endsAtMs = windowEndMs(counter.window, counter.windowName);
    if (endsAtMs === null) endless.push(name);
    else if (endsAtMs + DAY_MS <= nowMs) past.push(name);
  }
  return [...past, ...endless.slice(0, Math.max(0, endless.length - ENDLESS_MAX))];
}

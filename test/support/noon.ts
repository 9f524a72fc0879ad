/**
 * The clock of a test file whose programs all run in this process: it starts at noon in the middle of a week and a month,
 * and runs on from there. No minute, hour, day, week or month ends between two requests that a test counts together.
 */

const NOON_MS = Date.parse('2026-11-18T12:00:05Z');

/** Call it at the top of a test file, before anything reads the clock. Each file has a process of its own. */
export function startAtNoon(): void {
  const MachineDate = Date;
  const startedAtMs = MachineDate.now();
  const nowMs = (): number => NOON_MS + MachineDate.now() - startedAtMs;
  globalThis.Date = new Proxy(MachineDate, {
    construct: (target, values, maker) =>
      Reflect.construct(target, values.length === 0 ? [nowMs()] : values, maker),
    get: (target, name) => (name === 'now' ? nowMs : Reflect.get(target, name)),
  });
}

/**
 * The clock of a test file whose programs all run in this process: it starts at noon in the middle of a week and a month,
 * and runs on from there. No minute, hour, day, week or month ends between two requests that a test counts together.
 */

const NOON_MS = Date.parse('2026-11-18T12:00:05Z');

/** The machine's clock, kept where all test files of a process find it. */
const machine = globalThis as unknown as { hallpassMachineDate?: DateConstructor };
machine.hallpassMachineDate ??= Date;
const MachineDate = machine.hallpassMachineDate;

/** Call it at the top of a test file, before anything reads the clock. The next file has the machine's clock again. */
export function startAtNoon(): void {
  const startedAtMs = MachineDate.now();
  const nowMs = (): number => NOON_MS + MachineDate.now() - startedAtMs;
  globalThis.Date = new Proxy(MachineDate, {
    construct: (target, values, maker) =>
      Reflect.construct(target, values.length === 0 ? [nowMs()] : values, maker),
    get: (target, name) => (name === 'now' ? nowMs : Reflect.get(target, name)),
  });
}

/** Undoes `startAtNoon`. */
export function useMachineClock(): void {
  globalThis.Date = MachineDate;
}

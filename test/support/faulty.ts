import { type AwsCall, AwsCallError } from '../../adapters/aws/aws-call.ts';

/** The fate of a call: done, never arrived, done with its answer lost, lost now and done later, or done twice. */
export type Fault = 'none' | 'dropped' | 'answer-lost' | 'late' | 'doubled';

/** Returns a source of fractions from 0 to 1 that are the same in every run (mulberry32). */
export function makeSeededFraction(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const lost = (): AwsCallError => new AwsCallError('TimeoutError', 'UpdateItem', 0);

/** Lets calls fail like a network; `deliver` carries out the late ones. */
export interface FaultyLine {
  through<T>(fault: Fault, write: () => Promise<T>): Promise<T>;
  /** Carries out the calls that are late; nobody gets their answers. */
  deliver(): Promise<void>;
}

export function makeFaultyLine(toError: () => Error = lost): FaultyLine {
  const late: (() => Promise<unknown>)[] = [];
  return {
    async through(fault, write) {
      if (fault === 'late' || fault === 'doubled') late.push(write);
      if (fault === 'dropped' || fault === 'late') throw toError();
      const answer = await write();
      if (fault === 'answer-lost') throw toError();
      return answer;
    },
    async deliver() {
      for (const write of late.splice(0)) await write().catch(() => undefined);
    },
  };
}

/** A call whose writes have the faults that `drawFault` returns. Reads have none. */
export function makeFaultyCall(
  call: AwsCall,
  drawFault: () => Fault,
): { readonly call: AwsCall; deliver(): Promise<void> } {
  const line = makeFaultyLine();
  return {
    deliver: line.deliver,
    call: (operation, input) =>
      /^(UpdateItem|PutItem)$/.test(operation)
        ? line.through(drawFault(), () => call(operation, input))
        : call(operation, input),
  };
}

import { type AwsCall, AwsCallError } from '../../adapters/aws/aws-call.ts';

/** What becomes of a call: done, never arrived, done with its answer lost, lost now and done later, or done twice. */
export type Fault = 'none' | 'dropped' | 'answer-lost' | 'late' | 'doubled';

/** Draws like a die that is cast the same in every run (mulberry32). */
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

/** Lets calls fail as a network does; `deliver` brings what is late, as many times as it is asked to. */
export interface FaultyLine {
  through<T>(fault: Fault, write: () => Promise<T>): Promise<T>;
  /** Delivers what was late until now; its answers reach nobody. */
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

/** A call whose writes meet the faults that `drawFault` draws. Reads pass. */
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

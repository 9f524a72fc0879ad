/**
 * `npm run bench:memory`: the memory of a bare pipe and of Hallpass under long and many streams, in one run.
 * Memory is flat if a second 50 MB stream, and a second round of 200 streams at once, do not raise it.
 */
import { Command } from 'commander';
import { pinned } from './child.ts';
import { load } from './load.ts';
import { type MeasuredTarget, type MeasuredTargets, withTargets } from './targets.ts';

const STREAMS_A_USER = 100;
const HUGE_STREAMS = 2;
const ROUNDS = 4;

/** Memory in MB: resident, and the heap in use after a garbage collection. */
interface Memory {
  readonly resident: number;
  readonly liveHeap: number;
}

type Memories = Readonly<Record<string, Memory>>;

const { json } = new Command('npm run bench:memory --')
  .description('measures memory over 50 MB streams and over 200 streams at once')
  .option('--json', 'print the figures as one JSON object')
  .parse()
  .opts<{ json?: boolean }>();

/** @param another a second user's credential, because one user has at most 128 requests in flight */
async function measure({ child, target }: MeasuredTarget, another = 'none'): Promise<Memories> {
  const manyStreams = async (): Promise<void> => {
    const users = [target, { ...target, credential: another }];
    await Promise.all(users.map((user) => load(user, 'paced', STREAMS_A_USER, STREAMS_A_USER)));
  };
  const look = async (): Promise<Memory> => {
    const { rssBytes, liveHeapBytes } = await child.usage();
    return { resident: toMb(rssBytes), liveHeap: toMb(liveHeapBytes) };
  };
  await load(target, 'plain', 400, 8);
  await load(target, 'burst', 4, 1);
  const memories: Record<string, Memory> = { warm: await look() };
  for (let stream = 1; stream <= HUGE_STREAMS; stream++) {
    await load(target, 'huge', 1, 1);
    memories[`after ${stream} x 50 MB`] = await look();
  }
  for (let round = 1; round <= ROUNDS; round++) {
    await manyStreams();
    memories[`after ${round} x 200 streams at once`] = await look();
  }
  return memories;
}

const toMb = (bytes: number): number => Math.round(bytes / 1024 / 102.4) / 10;

async function run({
  bare,
  hallpass,
}: MeasuredTargets): Promise<Readonly<Record<'bare' | 'hallpass', Memories>>> {
  const another = String(await hallpass.child.ask('another-token'));
  return { bare: await measure(bare), hallpass: await measure(hallpass, another) };
}

const memory = await withTargets(run);
if (json) console.log(JSON.stringify({ node: process.versions.node, pinned, ...memory }));
else {
  const line = (name: string, ...cells: readonly (string | number)[]): string =>
    `${name.padEnd(34)}${cells.map((cell) => String(cell).padStart(12)).join('')}`;
  console.log(line('MB: resident, live heap', 'bare pipe', '', 'hallpass', ''));
  for (const [name, bare] of Object.entries(memory.bare)) {
    const own = memory.hallpass[name];
    const cells = [bare, own].flatMap((at) => (at ? [at.resident, at.liveHeap] : []));
    console.log(line(name, ...cells));
  }
}
process.exit(0);

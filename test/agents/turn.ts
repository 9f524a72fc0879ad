/** Runs one agent for one turn, as a process with a home of its own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { type Agent, type Gateway, programOf } from './agents.ts';

export interface Turn {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const TURN_MS_MAX = 120_000;
/** Nothing listens there: what an agent sends to any other host fails at once. */
const NO_NETWORK = 'http://127.0.0.1:9';

/** One pixel. */
const PICTURE = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);

export async function runTurn(agent: Agent, gateway: Gateway): Promise<Turn> {
  const home = await mkdtemp(join(tmpdir(), 'hallpass-agent-'));
  try {
    const cwd = join(home, 'project');
    await mkdir(cwd);
    await writeFile(join(cwd, 'picture.png'), PICTURE);
    await writeFiles(home, agent.files?.(gateway) ?? {});
    const program = programOf(agent);
    const [file, ...first] = program.endsWith('.js') ? [process.execPath, program] : [program];
    const child = spawn(file, [...first, ...agent.arguments(gateway)], {
      cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: TURN_MS_MAX,
      env: {
        PATH: '/usr/local/bin:/usr/bin:/bin',
        HOME: home,
        HTTP_PROXY: NO_NETWORK,
        HTTPS_PROXY: NO_NETWORK,
        NO_PROXY: '127.0.0.1',
        ...agent.variables(gateway),
      },
    });
    const [stdout, stderr, [status]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'close'),
    ]);
    return { status, stdout, stderr };
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

async function writeFiles(home: string, files: Readonly<Record<string, object>>): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    const file = join(home, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, JSON.stringify(content));
  }
}

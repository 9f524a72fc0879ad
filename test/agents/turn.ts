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

export interface AgentProcess {
  /** The program and its arguments. */
  readonly command: readonly [string, ...string[]];
  readonly variables: Readonly<Record<string, string>>;
  /** Texts by their path in the home folder, which holds the project in `project/`. */
  readonly files: Readonly<Record<string, string>>;
}

const TURN_MS_MAX = 120_000;
/** Nothing listens there: what an agent sends to any other host fails at once. */
const NO_NETWORK = 'http://127.0.0.1:9';

/** One pixel. */
const PICTURE = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);

/** The command that runs an agent's program with arguments. */
export function commandOf(agent: Agent, args: readonly string[]): AgentProcess['command'] {
  const program = programOf(agent);
  return program.endsWith('.js') ? [process.execPath, program, ...args] : [program, ...args];
}

export const runTurn = (agent: Agent, gateway: Gateway): Promise<Turn> =>
  runAgent({
    command: commandOf(agent, agent.arguments(gateway)),
    variables: agent.variables(gateway),
    files: agent.files?.(gateway) ?? {},
  });

/** Runs a command in the project of a new home folder. `bin/` of the home is on its path. */
export async function runAgent({ command, variables, files }: AgentProcess): Promise<Turn> {
  const home = await mkdtemp(join(tmpdir(), 'hallpass-agent-'));
  try {
    const cwd = join(home, 'project');
    await mkdir(cwd);
    await writeFile(join(cwd, 'picture.png'), PICTURE);
    await writeFiles(home, files);
    const [program, ...args] = command;
    const child = spawn(program, args, {
      cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: TURN_MS_MAX,
      env: {
        PATH: `${home}/bin:/usr/local/bin:/usr/bin:/bin`,
        HOME: home,
        HTTP_PROXY: NO_NETWORK,
        HTTPS_PROXY: NO_NETWORK,
        NO_PROXY: '127.0.0.1',
        ...variables,
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

async function writeFiles(home: string, files: AgentProcess['files']): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    const file = join(home, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, content, { mode: 0o700 });
  }
}

/**
 * `npx hallpass` for a shell without a process each time: curl calls the command's own `runHallpass` over a socket.
 * Invariant: arguments, folder, `HALLPASS_*` variables and what `-` reads go in; the lines of both outputs come out in
 * their order, and the exit status.
 */
import { once } from 'node:events';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage } from 'node:http';
import { dirname } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { runHallpass } from '../../cli/program.ts';

/** Replaces `npx`: sends the arguments and runs the script in the answer. */
const scriptOf = (socketPath: string): string => `#!/usr/bin/env bash
shift
form=(--form-string "folder=$PWD")
for name in "\${!HALLPASS_@}"; do form+=(--form-string "$name=\${!name}"); done
for argument in "$@"; do
  form+=(--form-string "argument=$argument")
  [[ $argument != - ]] || form+=(--form 'input=<-')
done
eval "$(curl -sS --unix-socket '${socketPath}' "\${form[@]}" http://hallpass/)"
`;

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
const textOf = (form: FormData, name: string): string => String(form.get(name) ?? '');

async function readForm(request: IncomingMessage): Promise<FormData> {
  const headers = { 'content-type': request.headers['content-type'] ?? '' };
  return new Response(new Uint8Array(await buffer(request)), { headers }).formData();
}

/** Answers a script that prints what the command printed and ends as it ended. */
async function runAsked(form: FormData): Promise<string> {
  const lines: string[] = [];
  const input = textOf(form, 'input');
  const variables = [...form].filter(([name]) => name.startsWith('HALLPASS_'));
  process.chdir(textOf(form, 'folder'));
  const status = await runHallpass(form.getAll('argument').map(String), {
    print: (line) => lines.push(`printf '%s\\n' ${quoted(line)}`),
    note: (line) => lines.push(`printf '%s\\n' ${quoted(line)} >&2`),
    readInput: async () => input,
    openInput: () => Readable.from([Buffer.from(input)]),
    variables: Object.fromEntries(variables.map(([name, value]) => [name, String(value)])),
  });
  return [...lines, `exit ${status}`].join('\n');
}

/**
 * Writes an `npx` to this path that runs `hallpass` in this process, in the folder where it is called: one at a time.
 * @returns how to end it
 */
export async function serveHallpass(npxPath: string): Promise<() => Promise<void>> {
  const folder = process.cwd();
  const socketPath = `${npxPath}.socket`;
  const server = createServer(async (request, response) => {
    response.end(await runAsked(await readForm(request)));
  });
  await mkdir(dirname(npxPath), { recursive: true });
  await once(server.listen(socketPath), 'listening');
  await writeFile(npxPath, scriptOf(socketPath));
  await chmod(npxPath, 0o755);
  return async () => {
    process.chdir(folder);
    server.close();
    await once(server, 'close');
  };
}

/** Runs commands of the sources in this process, so that these tests need no build. @module */
import { Readable, Writable } from 'node:stream';
import { runCommandLine, type Register } from '../../host/cli/program.ts';

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function sink(lines: string[]): Writable {
  return new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      lines.push(chunk.toString());
      done();
    },
  });
}

export async function run(register: Register, argv: readonly string[]): Promise<Ran> {
  const stdout: string[] = [];
  const stderr: string[] = [];
  const { signal } = new AbortController();
  const streams = { stdin: Readable.from([]), stdout: sink(stdout), stderr: sink(stderr) };
  const code = await runCommandLine(argv, { ...streams, env: {}, signal }, '0', [register]);
  return { code, stdout: stdout.join(''), stderr: stderr.join('') };
}

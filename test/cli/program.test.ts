/**
 * The command line's frame: exit codes, the form of failures, where output goes, signals and progress.
 * @module
 */
import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { Io } from '../../host/cli/io.ts';
import { runCommandLine, type Register } from '../../host/cli/program.ts';
import { DpcaError, EXIT } from '../../src/errors.ts';
import { folder, type Ran } from './dpca.ts';

interface Terminal {
  readonly isTty?: boolean;
  readonly signal?: AbortSignal;
  readonly env?: Record<string, string>;
}

/** Runs `dpca try ...` in this process, with `action` as the command. */
async function attempt(
  action: (io: Io) => unknown,
  argv: readonly string[] = [],
  terminal: Terminal = {},
): Promise<Ran> {
  const sink = (): { stream: PassThrough & { isTTY?: boolean }; text: () => string } => {
    const stream = new PassThrough();
    const parts: Buffer[] = [];
    stream.on('data', (part: Buffer) => parts.push(part));
    return { stream, text: () => Buffer.concat(parts).toString('utf8') };
  };
  const [stdout, stderr] = [sink(), sink()];
  if (terminal.isTty === true) stderr.stream.isTTY = true;
  const register: Register = (program, io) => {
    program.command('try').action(async () => {
      await action(io);
    });
  };
  const code = await runCommandLine(
    ['try', ...argv],
    {
      stdin: new PassThrough(),
      stdout: stdout.stream,
      stderr: stderr.stream,
      env: terminal.env ?? {},
      signal: terminal.signal ?? new AbortController().signal,
    },
    '0.0.0',
    [register],
  );
  return { code, stdout: stdout.text(), stderr: stderr.text() };
}

describe('failures', () => {
  it.each([
    ['ERR_USAGE', EXIT.usage],
    ['ERR_INPUT_VALUE', EXIT.input],
    ['PCR_MISMATCH', EXIT.attestation],
    ['ERR_PEER_SILENT', EXIT.peer],
    ['ERR_INTERRUPTED', EXIT.interrupted],
    ['ERR_INTERNAL', EXIT.unexpected],
  ] as const)('%s ends with exit code %i', async (code, exit) => {
    const ran = await attempt(() => {
      throw new DpcaError(code, 'what happened');
    });
    expect(ran.code).toBe(exit);
    expect(ran.stdout).toBe('');
    expect(ran.stderr).toMatch(new RegExp(`^error ${code}: what happened\nhint: .+\n$`));
  });

  it('are one JSON object with --json', async () => {
    const ran = await attempt(() => {
      throw new DpcaError('ERR_CONFIG', 'what happened');
    }, ['--json']);
    expect(JSON.parse(ran.stderr)).toMatchObject({
      error: { code: 'ERR_CONFIG', message: 'what happened', exit: 2 },
    });
  });

  it('without a code end with 1, and their stack shows only in a debug log', async () => {
    const fail = (): never => {
      throw new TypeError('something is undefined');
    };
    const ran = await attempt(fail);
    expect(ran.code).toBe(1);
    expect(ran.stderr).toMatch(/^error ERR_INTERNAL: something is undefined\n/);
    expect(ran.stderr).not.toContain('program.test');
    expect((await attempt(fail, ['--log-level', 'debug'])).stderr).toContain('program.test');
  });

  it('of the command line itself end with 2', async () => {
    for (const argv of [['--unknown'], ['surplus'], ['--log-level', 'loud']]) {
      const ran = await attempt(() => undefined, argv);
      expect(ran.code).toBe(2);
      expect(ran.stderr).toMatch(/^error ERR_USAGE: /);
    }
    const at = folder();
    for (const argv of [[], ['nonsense'], ['keys'], ['keys', 'new']]) {
      expect((await at.dpca(argv)).code).toBe(2);
    }
    for (const argv of [['--help'], ['keys', 'new', '--help'], ['help', 'peers'], ['--version']]) {
      const ran = await at.dpca(argv);
      expect([ran.code, ran.stderr]).toEqual([0, '']);
      expect(ran.stdout).not.toBe('');
    }
    at.remove();
  });

  it('after an interrupt end with 130, whatever they were', async () => {
    const interrupt = new AbortController();
    const ran = await attempt(
      () => {
        interrupt.abort();
        throw new Error('socket closed');
      },
      [],
      { signal: interrupt.signal },
    );
    expect(ran.code).toBe(130);
    expect(ran.stderr).toContain('ERR_INTERRUPTED');
  });
});

describe('output', () => {
  it("is text, or one JSON line with --json, and the exit class is the command's", async () => {
    const action = (io: Io): void => {
      io.result({ answer: 1 }, 'the answer is 1');
      io.exit('attestation');
    };
    expect(await attempt(action)).toEqual({ code: 4, stdout: 'the answer is 1\n', stderr: '' });
    expect(await attempt(action, ['--json'])).toEqual({
      code: 4,
      stdout: '{"answer":1}\n',
      stderr: '',
    });
  });

  it('keeps logs on stderr as JSON lines, without private keys', async () => {
    const ran = await attempt((io) => {
      io.log.info({ key: { privateKey: 'aa55', publicKey: '01' }, privateKey: 'aa55' }, 'loaded');
      io.log.debug('detail');
    });
    expect(ran.stdout).toBe('');
    expect(ran.stderr.trim().split('\n')).toHaveLength(1);
    expect(JSON.parse(ran.stderr)).toMatchObject({ level: 'info', msg: 'loaded' });
    expect(ran.stderr).not.toContain('aa55');
  });

  it('logs as much as flag, then variable, say; --quiet leaves errors', async () => {
    const action = (io: Io): void => {
      io.log.debug('d');
      io.log.warn('w');
      io.log.error('e');
    };
    const lines = async (argv: string[], env = {}): Promise<number> =>
      (await attempt(action, argv, { env })).stderr.split('\n').length - 1;
    expect(await lines([])).toBe(2);
    expect(await lines(['--log-level', 'debug'])).toBe(3);
    expect(await lines(['--quiet'])).toBe(1);
    expect(await lines(['--log-level', 'silent'])).toBe(0);
  });
});

describe('progress', () => {
  const work = (io: Io): void => {
    const progress = io.progress();
    progress.phase('matching', 1000);
    for (let i = 0; i < 10; i++) progress.advance(100);
    progress.phase('waiting for the peer');
    progress.done();
  };

  it('is JSON lines off a terminal', async () => {
    const lines = (await attempt(work)).stderr.trim().split('\n');
    const parsed = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(
      parsed.filter((line) => line['msg'] === 'progress').map((line) => line['percent']),
    ).toEqual([10, 20, 30, 40, 50, 60, 70, 80, 90, 100]);
    expect(parsed.filter((line) => line['msg'] === 'phase')).toHaveLength(2);
  });

  it('is a bar on a terminal, and nothing with --quiet', async () => {
    const ran = await attempt(work, [], { isTty: true });
    expect(ran.stderr).toMatch(/✓ matching █{24} 100 % /);
    expect(ran.stderr).toMatch(/✓ waiting for the peer /);
    expect(ran.stderr).not.toContain('{');
    expect((await attempt(work, ['--quiet'], { isTty: true })).stderr).toBe('');
  });
});

/**
 * The files of deploy/, as far as they can be checked without AWS: structure and promises of the template, units as
 * systemd reads them, and what is written down twice. Linters run where they are installed and are skipped by name
 * where they are not; the structural checks always run. The template was never launched (docs/operating.md).
 * @module
 */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  accessSync,
  chmodSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PORTS } from '../../host/image/root.ts';
import { parseYaml, type Yaml } from './yaml.ts';

const DEPLOY = fileURLToPath(new URL('../../deploy', import.meta.url));
const read = (...parts: readonly string[]): string => readFileSync(join(DEPLOY, ...parts), 'utf8');
const folder = mkdtempSync(join(tmpdir(), 'dpca-deploy-'));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

function isInstalled(tool: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((path) => {
    try {
      accessSync(join(path, tool), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** A test that needs a tool; without it the skip names the tool. */
function withTool(tool: string, name: string, body: () => void): void {
  if (isInstalled(tool)) it(name, body);
  else it.skip(`${name} (SKIPPED: ${tool} is not installed)`, () => undefined);
}

interface Ended {
  readonly status: number | null;
  readonly out: string;
}
function run(tool: string, argv: readonly string[]): Ended {
  const { status, stdout, stderr } = spawnSync(tool, argv, { encoding: 'utf8', timeout: 55_000 });
  return { status, out: `${stdout}${stderr}` };
}

type Map_ = { [key: string]: Yaml };
const at = (value: Yaml | undefined, ...path: readonly (string | number)[]): Yaml | undefined =>
  path.reduce<Yaml | undefined>(
    (found, key) =>
      typeof found === 'object' && found !== null ? (found as Map_)[String(key)] : undefined,
    value,
  );

function textOf(value: Yaml | undefined): string {
  if (typeof value === 'string') return value;
  throw new Error('expected text');
}

describe('the CloudFormation template', () => {
  const text = read('nitro-instance.yaml');
  let template: Yaml;
  let resources: Map_;
  beforeAll(async () => {
    template = await parseYaml(text);
    resources = at(template, 'Resources') as Map_;
  });

  it('refers to nothing that is not there, and leaves no parameter unused', () => {
    const parameters = Object.keys(at(template, 'Parameters') as Map_);
    const known = [...parameters, ...Object.keys(resources)];
    const used = new Set<string>();
    const walk = (value: Yaml): void => {
      if (typeof value !== 'object' || value === null) return;
      for (const [key, inner] of Object.entries(value)) {
        if (key === 'Ref') used.add(textOf(inner));
        else if (key === 'Fn::GetAtt') used.add(textOf(at(inner, 0)));
        else if (key === 'Fn::Sub') {
          for (const [, name = ''] of textOf(inner).matchAll(/\$\{([^}]+)\}/g)) used.add(name);
        } else walk(inner);
      }
    };
    walk(template);
    expect([...used].filter((name) => !name.startsWith('AWS::') && !known.includes(name))).toEqual(
      [],
    );
    expect(parameters.filter((name) => !used.has(name))).toEqual([]);
    expect(parameters.length).toBeGreaterThan(8);
  });

  it('has enclaves on, IMDSv2 only, and every volume encrypted', () => {
    const properties = at(resources, 'Instance', 'Properties');
    expect(at(properties, 'EnclaveOptions')).toEqual({ Enabled: true });
    expect(at(properties, 'MetadataOptions')).toMatchObject({
      ...{ HttpTokens: 'required', HttpPutResponseHopLimit: 1 },
    });
    expect(at(properties, 'BlockDeviceMappings', 0, 'Ebs', 'Encrypted')).toBe(true);
    expect(at(resources, 'StateVolume', 'Properties', 'Encrypted')).toBe(true);
    expect(at(resources, 'StateVolume', 'DeletionPolicy')).toBe('Retain');
    expect(at(resources, 'StateVolume', 'UpdateReplacePolicy')).toBe('Retain');
    expect(at(properties, 'KeyName')).toBeUndefined();
  });

  it('opens one port, to the peer and to nobody else', () => {
    const group = at(resources, 'SecurityGroup', 'Properties');
    const ingress = at(group, 'SecurityGroupIngress') as Yaml[];
    expect(ingress).toEqual([
      {
        ...{ Description: expect.any(String) as string, IpProtocol: 'tcp' },
        ...{
          FromPort: { Ref: 'WssPort' },
          ToPort: { Ref: 'WssPort' },
          CidrIp: { Ref: 'PeerCidr' },
        },
      },
    ]);
    const pattern = new RegExp(textOf(at(template, 'Parameters', 'PeerCidr', 'AllowedPattern')));
    expect(['0.0.0.0/0', '10.0.0.0/8'].filter((range) => pattern.test(range))).toEqual([]);
    expect(pattern.test('203.0.113.7/32')).toBe(true);
    expect((at(group, 'SecurityGroupEgress') as Yaml[]).length).toBe(2);
  });

  it('gives the role a shell and nothing else', () => {
    const role = at(resources, 'EnclaveRole', 'Properties');
    expect(at(role, 'Policies')).toBeUndefined();
    expect(at(role, 'ManagedPolicyArns')).toEqual([
      { 'Fn::Sub': 'arn:${AWS::Partition}:iam::aws:policy/AmazonSSMManagedInstanceCore' },
    ]);
    expect(
      Object.keys(resources).filter((name) => at(resources, name, 'Type') === 'AWS::IAM::Policy'),
    ).toEqual([]);
    expect(at(template, 'Outputs', 'RoleArn', 'Value')).toEqual({
      'Fn::GetAtt': ['EnclaveRole', 'Arn'],
    });
  });

  it('takes instance types that can hold an enclave', () => {
    const pattern = new RegExp(
      textOf(at(template, 'Parameters', 'InstanceType', 'AllowedPattern')),
    );
    const given = [
      'm6i.xlarge',
      'c7i.2xlarge',
      'r5.xlarge',
      'm5zn.2xlarge',
      'm6i.large',
      't3.xlarge',
      'm4.xlarge',
    ];
    expect(given.filter((type) => pattern.test(type))).toEqual(given.slice(0, 4));
  });

  it('holds no secret and installs a release only with its hash', () => {
    expect(text).not.toMatch(/AKIA|BEGIN [A-Z ]*PRIVATE|password|secret_?key/i);
    expect(at(template, 'Rules', 'ReleaseIsPinned', 'Assertions')).toHaveLength(1);
    expect(text.indexOf('sha256sum --check')).toBeLessThan(text.indexOf('tar --extract'));
  });

  it('first boot: what is put into allocator.yaml and enclave.env, played on the committed files', () => {
    const script = textOf(
      at(resources, 'Instance', 'Properties', 'UserData', 'Fn::Base64', 'Fn::Sub'),
    )
      .replaceAll('${EnclaveMemoryMiB}', '6144')
      .replaceAll('${EnclaveCpus}', '4');
    const sed = script.split('\n').find((line) => line.startsWith('sed '));
    const printf = script.split('\n').find((line) => line.startsWith('printf '));
    const allocator = join(folder, 'allocator.yaml');
    // the form that nitro-cli has shipped so far, and a list of pools
    for (const shipped of [read('allocator.yaml'), '---\n- memory_mib: 512\n  cpu_count: 2\n']) {
      writeFileSync(allocator, shipped);
      execFileSync('bash', ['-c', `allocator=${allocator}; ${sed ?? 'false'}`]);
      const after = readFileSync(allocator, 'utf8');
      expect(after).toMatch(/^(- )?memory_mib: 6144$/m);
      expect(after).toMatch(/^( {2})?cpu_count: 4$/m);
    }
    const env = join(folder, 'enclave.env');
    execFileSync('bash', ['-c', (printf ?? 'false').replace('/etc/dpca/enclave.env', env)]);
    const names = (file: string) => [...file.matchAll(/^(\w+)=/gm)].map(([, name]) => name);
    expect(names(readFileSync(env, 'utf8'))).toEqual(names(read('enclave.env')));
    const checked = spawnSync('bash', ['-n'], { input: script, encoding: 'utf8' });
    expect([checked.status, checked.stderr]).toEqual([0, '']);
  });

  withTool('cfn-lint', 'passes cfn-lint', () => {
    expect(run('cfn-lint', [join(DEPLOY, 'nitro-instance.yaml')])).toEqual({ status: 0, out: '' });
  });
});

/** The installation, below a root of its own, with stand-ins for what the units start. */
function installed(name: string): string {
  const root = join(folder, name);
  execFileSync('bash', [join(DEPLOY, 'install.sh')], { env: { ...process.env, DESTDIR: root } });
  for (const program of ['node', 'systemctl']) {
    mkdirSync(join(root, 'usr/bin'), { recursive: true });
    writeFileSync(join(root, 'usr/bin', program), '#!/bin/sh\n');
    chmodSync(join(root, 'usr/bin', program), 0o755);
  }
  const units = join(root, 'etc/systemd/system');
  writeFileSync(
    join(units, 'nitro-enclaves-allocator.service'),
    '[Service]\nType=oneshot\nExecStart=/usr/bin/node\n',
  );
  for (const target of ['sysinit', 'basic', 'multi-user', 'network-online', 'timers', 'shutdown']) {
    writeFileSync(join(units, `${target}.target`), '[Unit]\nDescription=stand-in\n');
  }
  return root;
}

const UNITS = [
  ...['dpca-enclave.service', 'dpca-enclave-check.service', 'dpca-enclave-check.timer'],
  ...['dpca-enclave-restart.service', 'dpca-serve@3.service', 'dpca-run.service'],
];

/** Settings of a unit file, drop-ins not included. */
function settings(unit: string): ReadonlyMap<string, string> {
  const lines = read('systemd', unit).split('\n');
  return new Map(
    lines.flatMap((line): [string, string][] => {
      const [, key = '', value = ''] = /^(\w+)=(.*)$/.exec(line) ?? [];
      return key === '' ? [] : [[key, value]];
    }),
  );
}

describe('the units', () => {
  it('install.sh puts every file somewhere, overwrites no configuration, and can be repeated', () => {
    const root = installed('twice');
    const env = join(root, 'etc/dpca/enclave.env');
    writeFileSync(env, 'CID=99\n');
    execFileSync('bash', [join(DEPLOY, 'install.sh')], { env: { ...process.env, DESTDIR: root } });
    expect(readFileSync(env, 'utf8')).toBe('CID=99\n');
    const of = (path: string): string[] =>
      statSync(path).isDirectory()
        ? readdirSync(path).flatMap((name) => of(join(path, name)))
        : [path];
    const there = of(root).map((path) => readFileSync(path, 'utf8'));
    const missing = ['systemd', 'journald', 'logrotate', 'sysusers']
      .flatMap((part) => of(join(DEPLOY, part)))
      .filter((path) => !there.includes(readFileSync(path, 'utf8')));
    expect(missing).toEqual([]);
    expect(existsSync(join(root, 'etc/systemd/system/multi-user.target.wants'))).toBe(false);
  });

  it('approvals: serving is neither restarted, enabled nor tied to the enclave', () => {
    const serve = settings('dpca-serve@.service');
    expect(serve.get('Restart')).toBe('no');
    expect(serve.get('ExecStart')).toContain('--runs %i ');
    const text = read('systemd', 'dpca-serve@.service');
    expect(text).not.toMatch(/^(WantedBy|RequiredBy|Requires|BindsTo|PartOf|Upholds)=/m);
    expect(serve.get('StandardOutput')).toBe('null');
    expect(settings('dpca-run.service').get('StandardOutput')).toBe('null');
    expect(serve.get('ExecStart')).toMatch(/--health 127\.0\.0\.1:\d+$/);
  });

  it('host and enclave have users of their own, and nobody but systemctl runs as root', () => {
    const users = UNITS.filter((unit) => unit.endsWith('.service')).map((unit) => {
      return settings(unit.replace('@3', '@')).get('User') ?? 'root';
    });
    expect(users).toEqual(['dpca-enclave', 'dpca-enclave', 'root', 'dpca', 'dpca']);
    for (const user of ['dpca', 'dpca-enclave']) {
      expect(read('sysusers', 'dpca.conf')).toMatch(new RegExp(`^u ${user} `, 'm'));
    }
    expect(settings('dpca-serve@.service').get('StateDirectoryMode')).toBe('0700');
  });

  it('the enclave is started as dpca image run takes it, and never in debug mode', () => {
    const start = settings('dpca-enclave.service').get('ExecStart') ?? '';
    for (const [flag] of start.matchAll(/--[a-z-]+/g)) {
      expect(readFileSync(join(DEPLOY, '../host/commands/image.ts'), 'utf8')).toMatch(
        new RegExp(`'${flag} <|const state = '${flag} <`),
      );
    }
    expect(start).not.toContain('debug');
    const variables = [...start.matchAll(/\$\{(\w+)\}/g)].map(([, name]) => name);
    const given = [...read('enclave.env').matchAll(/^(\w+)=/gm)].map(([, name]) => name);
    expect(variables).toEqual(given);
  });

  it('allocator.yaml reserves what enclave.env asks for', async () => {
    const allocator = await parseYaml(read('allocator.yaml'));
    const env = Object.fromEntries(
      [...read('enclave.env').matchAll(/^(\w+)=(\d+)$/gm)].map(([, k = '', v]) => [k, Number(v)]),
    );
    expect(at(allocator, 'memory_mib')).toBeGreaterThanOrEqual(env['MEMORY_MIB'] ?? Infinity);
    expect(at(allocator, 'cpu_count')).toBeGreaterThanOrEqual(env['CPUS'] ?? Infinity);
  });

  withTool('systemd-analyze', 'systemd-analyze verify finds nothing to say', () => {
    const root = installed('verified');
    const argv = ['verify', `--root=${root}`, '--recursive-errors=no', ...UNITS];
    expect(run('systemd-analyze', argv)).toEqual({ status: 0, out: '' });
    // and it would: an unknown setting is a line on stderr
    const dropIn = join(root, 'etc/systemd/system/dpca-.service.d/10-hardening.conf');
    writeFileSync(
      dropIn,
      readFileSync(dropIn, 'utf8').replace('NoNewPrivileges', 'NoNewPrivilege'),
    );
    expect(run('systemd-analyze', argv).out).toContain("Unknown key 'NoNewPrivilege'");
  });

  withTool('systemd-analyze', 'systemd-analyze security: exposure below 2.5 of 10', () => {
    const root = installed('judged');
    for (const unit of UNITS.filter((name) =>
      /^dpca-(serve|run|enclave)(@3)?\.service$/.test(name),
    )) {
      const { status, out } = run('systemd-analyze', [
        ...['security', `--root=${root}`, '--offline=yes', '--threshold=25', '--no-pager', unit],
      ]);
      expect([unit, status, out.split('\n').at(-2)]).toEqual([unit, 0, expect.any(String)]);
    }
  });
});

describe('logs', () => {
  it('the journal and the logs of nitro-cli have an end', () => {
    expect(read('journald', '50-dpca.conf')).toMatch(/^SystemMaxUse=\d+G$/m);
    expect(read('journald', '50-dpca.conf')).toMatch(/^MaxRetentionSec=\d+day$/m);
    expect(read('logrotate', 'nitro-enclaves')).toMatch(/^ {4}rotate \d+$/m);
  });

  withTool('logrotate', 'logrotate reads its file', () => {
    const path = join(folder, 'rotate');
    // the group of nitro-cli is not on this machine, and a configuration of others' is refused
    writeFileSync(path, read('logrotate', 'nitro-enclaves').replace(/^ *su .*\n/m, ''), {
      mode: 0o644,
    });
    const { status, out } = run('logrotate', ['--debug', '--state', join(folder, 'state'), path]);
    expect([status, /error/i.test(out)]).toEqual([0, false]);
  });

  withTool('shellcheck', 'shellcheck has nothing to say of install.sh', () => {
    expect(run('shellcheck', [join(DEPLOY, 'install.sh')])).toEqual({ status: 0, out: '' });
  });
});

describe('what is written down twice', () => {
  it('the configuration of a vsock enclave: CID and ports', () => {
    const page = readFileSync(join(DEPLOY, '../docs/operating.md'), 'utf8');
    const [, shown = '{}'] = /^config\.enclave = (\{.*\});$/m.exec(page) ?? [];
    const [, cid] = /^CID=(\d+)$/m.exec(read('enclave.env')) ?? [];
    expect(JSON.parse(shown)).toEqual({ kind: 'vsock', cid: Number(cid), ports: PORTS });
  });
});

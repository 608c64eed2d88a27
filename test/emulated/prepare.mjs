// Gets what the boot tests need, which is no part of the project, into one folder outside it:
//
//   node test/emulated/prepare.mjs            packages of Debian: guests with a stock kernel (about a minute)
//   node test/emulated/prepare.mjs --build    also QEMU with the nitro-enclave machine and the image's own kernel,
//                                             from Debian's sources (about ten minutes on two cores)
//
// The folder is DPCA_EMULATION, else /var/cache/dpca-emulation. What cannot be got is said by name, and the tests that
// need it say so again and are skipped; nothing is half installed. Root, Debian 12 and apt-get. Only node: built-ins.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const project = join(dirname(fileURLToPath(import.meta.url)), '../..');
const cache = process.env.DPCA_EMULATION ?? '/var/cache/dpca-emulation';
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';
const DOWNLOAD_MS = 300_000;
const BUILD_MS = 2_400_000;
/** The archive keeps only current versions: another one is looked at by a person before its digest goes here. */
const VHOST_VSOCK = {
  '0.3.0-2': 'fd36382419cc174f00d9b1691486b581e13e8c1168dc339b86b2a65180a29ce7',
};

function run(command, argv, options = {}) {
  const done = spawnSync(command, argv, {
    encoding: 'utf8',
    timeout: DOWNLOAD_MS,
    maxBuffer: 1 << 28,
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.timeout === undefined ? {} : { timeout: options.timeout }),
  });
  if (done.status === 0) return done.stdout;
  const reason =
    done.error?.message ?? `${done.stdout}${done.stderr}`.trim().split('\n').slice(-3).join(' | ');
  throw new Error(`${command} ${argv.slice(0, 3).join(' ')} ...: ${reason}`);
}

/** The mirror that this machine's apt already uses. */
function mirror() {
  const sites = run('apt-get', ['indextargets', '--format', '$(SITE)']).split('\n');
  return sites.find((site) => /debian\/?$/.test(site)) ?? 'http://deb.debian.org/debian';
}

/** Options of an apt that knows one suite and leaves the machine's own lists alone. */
function privateApt(work, name, line) {
  const at = join(work, name);
  for (const folder of [
    'etc/apt.conf.d',
    'etc/preferences.d',
    'state/lists/partial',
    'cache/archives/partial',
  ]) {
    mkdirSync(join(at, folder), { recursive: true });
  }
  writeFileSync(join(at, 'etc/sources.list'), `${line}\n`);
  const options = [
    ...['-o', `Dir::Etc=${at}/etc`, '-o', `Dir::State=${at}/state`, '-o', `Dir::Cache=${at}/cache`],
    ...['-o', 'Dir::State::status=/var/lib/dpkg/status', '-o', 'APT::Sandbox::User=root'],
  ];
  run('apt-get', [...options, 'update']);
  return (argv, cwd) => run('apt-get', [...options, ...argv], { cwd });
}

function install(packages) {
  const wait = ['-y', '-o', 'DPkg::Lock::Timeout=300', '--no-install-recommends'];
  run('apt-get', ['update']);
  run('apt-get', ['install', ...wait, ...packages], { timeout: 2 * DOWNLOAD_MS });
}

const packageIn = (folder, start) => {
  const name = readdirSync(folder).find((file) => file.startsWith(start) && file.endsWith('.deb'));
  if (name === undefined) throw new Error(`${start} was not downloaded`);
  return join(folder, name);
};

/** Unpacks into `target` at once or not at all. */
function unpack(deb, target) {
  rmSync(`${target}.part`, { recursive: true, force: true });
  run('dpkg', ['-x', deb, `${target}.part`]);
  rmSync(target, { recursive: true, force: true });
  renameSync(`${target}.part`, target);
}

/** name, what must be there afterwards, how to get it */
const STEPS = [
  ['C compiler', ['/usr/bin/cc', '/usr/include/stdio.h'], () => install(['gcc', 'libc6-dev'])],
  ['QEMU', ['/usr/bin/qemu-system-x86_64'], () => install(['qemu-system-x86'])],
  [
    'vhost-device-vsock',
    [join(cache, 'tools/usr/bin/vhost-device-vsock')],
    (work) => {
      const apt = privateApt(work, 'forky', `deb [signed-by=${KEYRING}] ${mirror()} forky main`);
      apt(['download', 'vhost-device-vsock'], work);
      const deb = packageIn(work, 'vhost-device-vsock');
      const digest = createHash('sha256').update(readFileSync(deb)).digest('hex');
      if (!Object.values(VHOST_VSOCK).includes(digest)) {
        throw new Error(`${deb}: its digest ${digest} is not one that was looked at`);
      }
      unpack(deb, join(cache, 'tools'));
    },
  ],
  [
    'stock kernel',
    [join(cache, 'kernel/boot')],
    (work) => {
      run('apt-get', ['update']);
      const depends = run('apt-cache', ['depends', 'linux-image-cloud-amd64']);
      const name = /Depends: (linux-image-6\.1\.\S+)/.exec(depends)?.[1];
      if (name === undefined) throw new Error('no linux-image-6.1 is known to apt');
      run('apt-get', ['download', '-o', 'APT::Sandbox::User=root', name], { cwd: work });
      unpack(packageIn(work, 'linux-image-6.1'), join(cache, 'kernel'));
    },
  ],
];

const BUILD_PACKAGES = [
  ...[
    'build-essential',
    'dpkg-dev',
    'ninja-build',
    'pkgconf',
    'python3-venv',
    'flex',
    'bison',
    'bc',
  ],
  ...[
    'libglib2.0-dev',
    'libpixman-1-dev',
    'libcbor-dev',
    'libgnutls28-dev',
    'zlib1g-dev',
    'libfdt-dev',
  ],
  ...[
    'libslirp-dev',
    'libseccomp-dev',
    'libcap-ng-dev',
    'libelf-dev',
    'libssl-dev',
    'xz-utils',
    'cpio',
    'kmod',
  ],
];
const QEMU_OPTIONS = [
  ...[
    '--target-list=x86_64-softmmu',
    '--without-default-features',
    '--enable-tcg',
    '--enable-system',
  ],
  ...[
    '--enable-gnutls',
    '--enable-libcbor',
    '--enable-vhost-user',
    '--enable-vhost-kernel',
    '--enable-slirp',
  ],
  ...[
    '--enable-pixman',
    '--enable-fdt=system',
    '--enable-seccomp',
    '--disable-docs',
    '--disable-install-blobs',
  ],
];

const BUILD_STEPS = [
  [
    'QEMU with the nitro-enclave machine',
    [join(cache, 'qemu-system-x86_64')],
    (work) => {
      install(BUILD_PACKAGES);
      const source = privateApt(
        work,
        'trixie',
        `deb-src [signed-by=${KEYRING}] ${mirror()} trixie main`,
      );
      source(['source', '--download-only', 'qemu'], work);
      const description = readdirSync(work).find((file) => /^qemu_.*\.dsc$/.test(file));
      run('dpkg-source', ['--no-check', '-x', description, 'qemu'], {
        cwd: work,
        timeout: BUILD_MS,
      });
      // QEMU wants a newer meson than Debian 12 has
      const backports = privateApt(
        work,
        'backports',
        `deb [signed-by=${KEYRING}] ${mirror()} bookworm-backports main`,
      );
      backports(['download', 'meson'], work);
      unpack(packageIn(work, 'meson'), join(work, 'meson'));
      const build = join(work, 'qemu-build');
      mkdirSync(build);
      const meson = join(work, 'meson/usr');
      const env = {
        PATH: `${join(meson, 'bin')}:${process.env.PATH ?? ''}`,
        PYTHONPATH: join(meson, 'lib/python3/dist-packages'),
      };
      const options = { cwd: build, env, timeout: BUILD_MS };
      run(join(work, 'qemu/configure'), QEMU_OPTIONS, options);
      run('ninja', ['qemu-system-x86_64'], options);
      const machines = run(join(build, 'qemu-system-x86_64'), ['-M', 'help']);
      if (!machines.includes('nitro-enclave')) throw new Error('it has no nitro-enclave machine');
      run('strip', ['-o', join(cache, 'qemu-system-x86_64'), 'qemu-system-x86_64'], { cwd: build });
    },
  ],
  [
    "the image's own kernel",
    [join(cache, 'bzImage')],
    (work) => {
      install(BUILD_PACKAGES);
      run('apt-get', ['download', '-o', 'APT::Sandbox::User=root', 'linux-source-6.12'], {
        cwd: work,
      });
      unpack(packageIn(work, 'linux-source-6.12'), join(work, 'linux'));
      run('tar', ['-xf', 'linux/usr/src/linux-source-6.12.tar.xz'], { cwd: work });
      const out = join(work, 'kernel-build');
      mkdirSync(out);
      const options = {
        cwd: join(work, 'linux-source-6.12'),
        timeout: BUILD_MS,
        // the same bytes whenever and wherever it is built, by the same compiler
        env: {
          KBUILD_BUILD_TIMESTAMP: 'Thu Jan  1 00:00:00 UTC 1970',
          ...{
            KBUILD_BUILD_USER: 'enclave',
            KBUILD_BUILD_HOST: 'enclave',
            KBUILD_BUILD_VERSION: '1',
          },
        },
      };
      const fragment = join(project, 'enclave/init/kernel.config');
      run('make', ['-s', `O=${out}`, 'tinyconfig'], options);
      run(
        'scripts/kconfig/merge_config.sh',
        ['-m', '-O', out, join(out, '.config'), fragment],
        options,
      );
      run('make', ['-s', `O=${out}`, 'olddefconfig'], options);
      const config = readFileSync(join(out, '.config'), 'utf8').split('\n');
      const lost = readFileSync(fragment, 'utf8')
        .split('\n')
        .filter((line) => line.startsWith('CONFIG_') && !config.includes(line));
      if (lost.length > 0) throw new Error(`options that did not survive: ${lost.join(' ')}`);
      run('make', ['-s', `O=${out}`, '-j2', 'bzImage'], options);
      copyFileSync(join(out, 'arch/x86/boot/bzImage'), join(cache, 'bzImage'));
    },
  ],
];

let missing = 0;
for (const [name, results, get] of process.argv.includes('--build')
  ? [...STEPS, ...BUILD_STEPS]
  : STEPS) {
  if (results.every((path) => existsSync(path))) continue;
  console.error(`Getting ${name} ...`);
  let work;
  try {
    mkdirSync(cache, { recursive: true });
    work = mkdtempSync(join(cache, 'work-'));
    get(work);
    if (!results.every((path) => existsSync(path))) throw new Error('it did not arrive');
  } catch (error) {
    missing += 1;
    console.error(`NOT THERE: ${name}: ${error.message}`);
  }
  if (work !== undefined) rmSync(work, { recursive: true, force: true });
}
console.error(
  missing === 0
    ? `Everything is in ${cache}.`
    : `${missing} missing; tests that need it are skipped.`,
);

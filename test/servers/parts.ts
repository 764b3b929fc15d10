import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { XSENDFILE } from './apache.ts';
import { FERRETDB } from './ferretdb.ts';
import { MONGO_JAVA_SERVER } from './mongo-java-server.ts';
import { SCHEMATHESIS } from '../clients/schemathesis.ts';
import { NJS } from './nginx.ts';
import { type ServerProcess, withLogs } from './process.ts';
import { SLAPD } from './slapd.ts';

/**
 * The real servers and clients that tests may need: how each is found, and what brings it. A program of the same name
 * but of another project is not taken for it.
 */
const PARTS = {
  'docker-registry': {
    looks: () => says('docker-registry', ['--version'], /distribution/),
    from: 'apt: docker-registry',
  },
  dockerd: {
    looks: () => isRoot() && says('dockerd', ['--version'], /^Docker version/),
    from: 'apt: docker.io, as root',
  },
  docker: { looks: () => says('docker', ['--version'], /^Docker version/), from: 'apt: docker.io' },
  containerd: {
    looks: () =>
      isRoot() &&
      says('containerd', ['--version'], /^containerd /) &&
      says('ctr', ['--version'], /containerd/),
    from: 'apt: containerd, as root',
  },
  podman: {
    looks: () => isRoot() && says('podman', ['--version'], /^podman version/),
    from: 'apt: podman, as root',
  },
  skopeo: { looks: () => says('skopeo', ['--version'], /^skopeo version/), from: 'apt: skopeo' },
  crane: {
    looks: () => says('crane', ['--help'], /managing container images/),
    from: 'go: go-containerregistry',
  },
  regsync: { looks: () => says('regsync', ['version'], /VCSTag/), from: 'go: regclient' },
  regctl: { looks: () => says('regctl', ['version'], /VCSTag/), from: 'go: regclient' },
  rsync: { looks: () => says('rsync', ['--version'], /^rsync +version/), from: 'apt: rsync' },
  nginx: { looks: () => says('nginx', ['-v'], /^nginx version/), from: 'apt: nginx-light' },
  njs: { looks: () => existsSync(NJS), from: 'apt: libnginx-mod-http-js' },
  apache2: { looks: () => says('apache2', ['-v'], /^Server version: Apache\/2\.4/), from: 'apt: apache2' },
  xsendfile: { looks: () => existsSync(XSENDFILE), from: 'apt: libapache2-mod-xsendfile' },
  caddy: { looks: () => says('caddy', ['version'], /^v?2\./), from: 'apt: caddy' },
  sshd: {
    looks: () => says('/usr/sbin/sshd', ['-V'], /OpenSSH/) && says('ssh', ['-V'], /OpenSSH/),
    from: 'apt: openssh-server',
  },
  shellcheck: { looks: () => says('shellcheck', ['--version'], /ShellCheck/), from: 'apt: shellcheck' },
  busybox: { looks: () => says('busybox', ['--help'], /^BusyBox/), from: 'apt: busybox' },
  haproxy: { looks: () => says('haproxy', ['-v'], /^HAProxy version/), from: 'apt: haproxy' },
  promtool: { looks: () => says('promtool', ['--version'], /^promtool, version/), from: 'apt: prometheus' },
  'compose-spec': {
    looks: () => says('compose-spec', [], /Compose Specification/),
    from: 'go: github.com/compose-spec/compose-go/v2/cmd, as compose-spec',
  },
  chromium: { looks: () => says('chromium', ['--version'], /^Chromium /m), from: 'apt: chromium' },
  debootstrap: {
    looks: () => isRoot() && says('debootstrap', ['--version'], /^debootstrap/),
    from: 'apt: debootstrap, as root',
  },
  runc: { looks: () => isRoot() && says('runc', ['--version'], /^runc version/), from: 'apt: runc, as root' },
  'systemd-analyze': {
    looks: () => says('systemd-analyze', ['--version'], /^systemd/),
    from: 'apt: systemd',
  },
  'systemd-notify': {
    looks: () => says('systemd-notify', ['--version'], /^systemd/),
    from: 'apt: systemd',
  },
  npm: { looks: () => says('npm', ['--version'], /^\d/), from: 'nodejs.org: Node 20 or newer' },
  'toxiproxy-server': {
    looks: () => says('toxiproxy-server', ['--version'], /^toxiproxy-server version/),
    from: 'go: github.com/Shopify/toxiproxy',
  },
  slapd: { looks: () => existsSync(SLAPD), from: 'apt: slapd' },
  rabbitmq: {
    looks: () => existsSync('/usr/lib/rabbitmq/bin/rabbitmq-server'),
    from: 'apt: rabbitmq-server',
  },
  'mongo-java-server': {
    looks: () => existsSync(path.join(MONGO_JAVA_SERVER, 'MongoJavaServer.class')),
    from: 'mvn: de.bwaldvogel:mongo-java-server, by .ci/run',
  },
  ferretdb: { looks: () => existsSync(FERRETDB), from: 'go: github.com/FerretDB/FerretDB, by .ci/run' },
  python3: { looks: () => says('python3', ['--version'], /^Python 3/), from: 'apt: python3' },
  schemathesis: { looks: () => existsSync(SCHEMATHESIS), from: 'pip: schemathesis, by .ci/run' },
  versitygw: {
    looks: () => says('versitygw', ['--help'], /Versity S3 Gateway/i),
    from: 'go: github.com/versity/versitygw',
  },
  opa: {
    looks: () => says('opa', ['version'], /Rego Version/),
    from: 'go: github.com/open-policy-agent/opa',
  },
  exfat: {
    looks: () => isRoot() && existsSync('/sbin/mount.exfat-fuse') && says('mkfs.exfat', ['-V'], /exfatprogs/),
    from: 'apt: exfat-fuse and exfatprogs, as root',
  },
  tmpfs: { looks: () => isRoot() && says('mount', ['--version'], /util-linux/), from: 'Linux, as root' },
} as const satisfies Record<string, { looks: () => boolean; from: string }>;

export type Part = keyof typeof PARTS;

type Body = () => Promise<unknown>;
type TestOrHook = { test: (title: string, body: Body, timeoutMs?: number) => void } & Record<
  'beforeAll' | 'afterAll',
  (hook: Body, timeoutMs?: number) => void
>;

/** Like Jest's own; they run only where the parts are there. */
export interface TestsWithParts extends TestOrHook {
  /** The same, and when one fails, the error shows the logs of these servers. */
  showing(servers: () => readonly Pick<ServerProcess, 'name' | 'log'>[]): TestOrHook;
}

/**
 * Tests that need real parts. Where one is missing, each test is skipped, its title says for want of what, and Jest
 * counts it. With GANTRY_TEST_REQUIRE_PARTS=1 it fails instead, so that a complete run can not pass by skipping.
 */
export function needs(...parts: readonly Part[]): TestsWithParts {
  const missing = parts.filter((part) => !isThere(part));
  const tests = missing.length === 0 ? asWritten : inVain(missing);
  return {
    ...tests,
    showing: (servers) => {
      const explained = (body: Body) => async () => {
        try {
          await body();
        } catch (error) {
          throw withLogs(error, servers());
        }
      };
      return {
        test: (title, body, timeoutMs) => tests.test(title, explained(body), timeoutMs),
        beforeAll: (hook, timeoutMs) => tests.beforeAll(explained(hook), timeoutMs),
        afterAll: (hook, timeoutMs) => tests.afterAll(explained(hook), timeoutMs),
      };
    },
  };
}

/**
 * A contract suite on an engine that needs real parts: `define` defines its tests, with Jest's own functions. Where a part is
 * missing, one test of this title stands for them all, and is skipped or fails.
 */
export function withParts(title: string, parts: readonly Part[], define: () => void): void {
  if (parts.every(isThere)) define();
  else inVain(parts.filter((part) => !isThere(part))).test(title, async () => undefined);
}

const done = (body: Body) => async () => {
  await body();
};
const asWritten: TestOrHook = {
  test: (title, body, timeoutMs) => test(title, done(body), timeoutMs),
  beforeAll: (hook, timeoutMs) => beforeAll(done(hook), timeoutMs),
  afterAll: (hook, timeoutMs) => afterAll(done(hook), timeoutMs),
};

/** Tests that can not run for want of something. */
function inVain(missing: readonly Part[]): TestOrHook {
  const want = missing.map((part) => `${part} (${PARTS[part].from})`).join(', ');
  const required = process.env['GANTRY_TEST_REQUIRE_PARTS'] === '1';
  const fail = () => {
    throw new Error(`this test needs ${want}, which is not on this machine`);
  };
  return {
    test: (title) => (required ? test(title, fail) : test.skip(`${title} [skipped: no ${want}]`, fail)),
    beforeAll: () => undefined,
    afterAll: () => undefined,
  };
}

const found = new Map<Part, boolean>();

/** Whether the part is on this machine. Looked for once. */
function isThere(part: Part): boolean {
  const known = found.get(part) ?? PARTS[part].looks();
  found.set(part, known);
  return known;
}

function says(command: string, args: readonly string[], expected: RegExp): boolean {
  const { stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8', timeout: 20_000 });
  return error === undefined && expected.test(`${stdout}${stderr}`);
}

function isRoot(): boolean {
  return process.getuid?.() === 0;
}

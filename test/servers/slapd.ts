import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { once } from 'node:events';
import path from 'node:path';
import type { Authority } from './certificates.ts';
import { freePorts } from './free-port.ts';
import { type ServerProcess, startProcess } from './process.ts';
import { run } from './run.ts';
import { temporaryFolder } from './temporary-folder.ts';
import { until } from './until.ts';

/** Not everybody's PATH has the folder. */
export const SLAPD = '/usr/sbin/slapd';
const SLAPADD = '/usr/sbin/slapadd';

export const BASE = 'dc=example,dc=org';
/** Who may look users up. */
export const READER = { dn: `cn=gantry,${BASE}`, password: 'reader (secret)' } as const;

export interface SlapdOptions {
  /** It has TLS, with a certificate of this authority. */
  readonly tls?: Authority;
  /** Entries beside the base and the reader, in LDIF. */
  readonly entries: string;
}

/** OpenLDAP's server with a folder of its own, which can be stopped and started again. */
export interface Slapd extends AsyncDisposable, Pick<ServerProcess, 'name' | 'log'> {
  /** `ldap://127.0.0.1:PORT` */
  readonly url: string;
  /** `ldaps://127.0.0.1:PORT`, if it has TLS. */
  readonly tlsUrl: string;
  readonly pid: () => number;
  /** The searches that it has answered since it was started: their filters, as it understood them. */
  filters(): Promise<string[]>;
  /** The DNs that somebody has bound with since it was started. */
  binds(): Promise<string[]>;
  /** All that it was asked for since it was started, connections that asked for nothing left out. */
  requests(): Promise<string[]>;
  stop(): Promise<void>;
  start(): Promise<void>;
}

/** A person below `ou=people`, and who is a member of what below `ou=groups`. */
export function people(
  users: Readonly<Record<string, string>>,
  groups: Readonly<Record<string, readonly string[]>>,
): string {
  const entries = [
    `dn: ou=people,${BASE}\nobjectClass: organizationalUnit\nou: people`,
    `dn: ou=groups,${BASE}\nobjectClass: organizationalUnit\nou: groups`,
    ...Object.entries(users).map(
      ([uid, password]) =>
        `dn: uid=${uid},ou=people,${BASE}\nobjectClass: inetOrgPerson\nuid: ${uid}\ncn: ${uid}\nsn: ${uid}\nuserPassword: ${password}`,
    ),
    ...Object.entries(groups).map(
      ([cn, members]) =>
        `dn: cn=${cn},ou=groups,${BASE}\nobjectClass: groupOfNames\ncn: ${cn}\n${members.map((uid) => `member: uid=${uid},ou=people,${BASE}`).join('\n')}`,
    ),
  ];
  return entries.join('\n\n');
}

export async function startSlapd({ tls, entries }: SlapdOptions): Promise<Slapd> {
  const folder = await temporaryFolder('slapd');
  const at = (name: string) => path.join(folder.path, name);
  const [port, tlsPort] = (await freePorts(2)) as [number, number];
  await mkdir(at('data'));
  if (tls !== undefined) {
    const { cert, key } = tls.issue('slapd');
    await writeFile(at('ca.pem'), tls.cert);
    await writeFile(at('cert.pem'), cert);
    await writeFile(at('key.pem'), key, { mode: 0o600 });
  }
  await writeFile(at('slapd.conf'), configuration(at, tls !== undefined));
  const base = `dn: ${BASE}\nobjectClass: dcObject\nobjectClass: organization\no: Example\ndc: example`;
  const reader = `dn: ${READER.dn}\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\ncn: gantry\nuserPassword: ${READER.password}`;
  await writeFile(at('entries.ldif'), `${[base, reader, entries].join('\n\n')}\n`);
  await chmod(at('entries.ldif'), 0o600);
  await run(SLAPADD, ['-f', at('slapd.conf'), '-l', at('entries.ldif')]);

  const url = `ldap://127.0.0.1:${port}`;
  const tlsUrl = `ldaps://127.0.0.1:${tlsPort}`;
  let server: ServerProcess | undefined;
  const start = async () => {
    server = await startProcess({
      name: 'slapd',
      command: SLAPD,
      // `stats` tells each operation; a debug level keeps it in the foreground.
      args: ['-f', at('slapd.conf'), '-h', tls === undefined ? url : `${url} ${tlsUrl}`, '-d', 'stats'],
      ready: () => isListening(port),
    });
  };
  const stop = async () => {
    await server?.stop();
  };
  const log = () => server?.log() ?? '';
  const told = async (pattern: RegExp) => {
    await readToItsEnd(port, log);
    return [...log().matchAll(pattern)].map(([, what = '']) => what);
  };
  await start();
  return {
    name: 'slapd',
    log,
    url,
    tlsUrl,
    pid: () => {
      if (server === undefined) throw new Error('it was never started');
      return server.pid;
    },
    filters: () => told(/ SRCH base=.* filter="(.*)"$/gm),
    binds: () => told(/ BIND dn="(.*)" method=128$/gm),
    requests: () => told(/ ((?:BIND dn|SRCH base|EXT oid|CMP dn)=.*)$/gm),
    stop,
    start,
    async [Symbol.asyncDispose]() {
      await stop();
      await folder[Symbol.asyncDispose]();
    },
  };
}

function configuration(at: (name: string) => string, tls: boolean): string {
  const lines = [
    ...['core', 'cosine', 'inetorgperson'].map((name) => `include /etc/ldap/schema/${name}.schema`),
    `pidfile ${at('slapd.pid')}`,
    'modulepath /usr/lib/ldap',
    'moduleload back_mdb',
    // As careless servers do: whoever binds with a DN and no password is let in, as nobody.
    'allow bind_anon_cred bind_anon_dn',
    ...(tls
      ? [
          `TLSCACertificateFile ${at('ca.pem')}`,
          `TLSCertificateFile ${at('cert.pem')}`,
          `TLSCertificateKeyFile ${at('key.pem')}`,
        ]
      : []),
    'database mdb',
    `suffix "${BASE}"`,
    `directory ${at('data')}`,
    'access to attrs=userPassword by anonymous auth by * none',
    `access to * by dn.exact="${READER.dn}" read by * none`,
  ];
  return `${lines.join('\n')}\n`;
}

/** What it logged comes by a pipe, some time after its answers: a new connection is a mark in it. */
async function readToItsEnd(port: number, log: () => string): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    await until('slapd to log a connection', () => log().includes(` IP=127.0.0.1:${socket.localPort} (`));
  } finally {
    socket.destroy();
  }
}

async function isListening(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } finally {
    socket.destroy();
  }
}

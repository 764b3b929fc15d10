import { mkdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import path from 'node:path';
import type { Certificate } from './certificates.ts';
import { freePort } from './free-port.ts';
import { type ServerProcess, startProcess } from './process.ts';
import { temporaryFolder } from './temporary-folder.ts';

/** Open Policy Agent with a policy of its own. */
export interface Opa extends ServerProcess {
  /** `http://127.0.0.1:PORT/v1/data`, or `https:`: a rule's path comes behind it. */
  readonly data: string;
}

export interface OpaOptions {
  /** What who asks must send; absent: nothing. */
  readonly token?: string;
  /** Absent: no TLS. */
  readonly certificate?: Certificate;
}

/** Starts Open Policy Agent (Go, Apache-2.0). @param rego the policy */
export async function startOpa(rego: string, { token, certificate }: OpaOptions = {}): Promise<Opa> {
  const folder = await temporaryFolder('opa');
  const port = await freePort();
  const policies = path.join(folder.path, 'policies');
  const [cert, key] = ['cert.pem', 'key.pem'].map((name) => path.join(folder.path, name)) as [string, string];
  await mkdir(policies);
  await writeFile(path.join(policies, 'policy.rego'), rego);
  if (token !== undefined) await writeFile(path.join(policies, 'authz.rego'), authz(token));
  if (certificate !== undefined) {
    await writeFile(cert, certificate.cert);
    await writeFile(key, certificate.key);
  }
  const server = await startProcess({
    name: 'opa',
    command: 'opa',
    args: [
      'run',
      '--server',
      '--disable-telemetry',
      '--addr',
      `127.0.0.1:${port}`,
      ...(token === undefined ? [] : ['--authentication=token', '--authorization=basic']),
      ...(certificate === undefined ? [] : ['--tls-cert-file', cert, '--tls-private-key-file', key]),
      policies,
    ],
    ready: async (log) => log.includes('Initializing server') && (await takesConnections(port)),
  });
  return {
    ...server,
    data: `${certificate === undefined ? 'http' : 'https'}://127.0.0.1:${port}/v1/data`,
    async [Symbol.asyncDispose]() {
      await server.stop();
      await folder[Symbol.asyncDispose]();
    },
  };
}

function takesConnections(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

/** Who may ask, as Open Policy Agent itself decides it. */
function authz(token: string): string {
  return `package system.authz

default allow := false

allow if input.identity == ${JSON.stringify(token)}
`;
}

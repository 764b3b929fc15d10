import { readFile } from 'node:fs/promises';
import { createServer, type Server, type ServerOptions } from 'node:https';
import type { RequestListener } from 'node:http';
import { createSecureContext } from 'node:tls';
import { Fault } from '@gantry/oci';
import type { TlsFiles } from '../configuration/configuration.ts';
import { SERVER_LIMITS } from './listen.ts';

/** Who has not agreed upon TLS by then is cut off: as long as a request's head may take. */
const HANDSHAKE_MS = SERVER_LIMITS.headersTimeout;

/** A server that speaks HTTPS, not listening yet. */
export interface TlsServer {
  readonly server: Server;
  /**
   * Takes certificate and key from their files anew, for connections from now on. What is wrong with them leaves those
   * that are in use. @throws Fault CONFIGURATION_INVALID
   */
  reload(): Promise<void>;
}

/**
 * @param keyName the key of the configuration that the files come from: `api.tls`
 * @throws Fault CONFIGURATION_INVALID for files that can't be read, are no PEM, or do not belong together
 */
export async function createTlsServer(
  options: ServerOptions,
  files: TlsFiles,
  keyName: string,
  listener: RequestListener,
): Promise<TlsServer> {
  const limits = { handshakeTimeout: HANDSHAKE_MS, ...options };
  const server = createServer({ ...limits, ...(await readPair(files, keyName)) }, listener);
  return {
    server,
    reload: async () => server.setSecureContext(await readPair(files, keyName)),
  };
}

async function readPair(
  { certFile, keyFile }: TlsFiles,
  keyName: string,
): Promise<{ cert: string; key: string }> {
  const [cert, key] = await Promise.all([
    readPem(certFile, `${keyName}.certFile`),
    readPem(keyFile, `${keyName}.keyFile`),
  ]);
  try {
    createSecureContext({ cert, key });
  } catch (cause) {
    // OpenSSL's own words name neither file, and hold nothing of the key.
    const why = cause instanceof Error ? cause.message.replace(/^error:\w+:/, '') : 'unknown error';
    throw new Fault(
      'CONFIGURATION_INVALID',
      `${keyName}: ${certFile} and ${keyFile} are not a certificate and its key in PEM: ${why}`,
      { key: keyName },
      { cause },
    );
  }
  return { cert, key };
}

/**
 * A certificate or key that the configuration names.
 * @param key where it stands there
 * @throws Fault CONFIGURATION_INVALID
 */
export async function readPem(file: string, key: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code ?? 'unknown error';
    throw new Fault(
      'CONFIGURATION_INVALID',
      `${key}: ${file} can not be read: ${why}`,
      { key, file },
      { cause },
    );
  }
}

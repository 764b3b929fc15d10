import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import { Fault } from '@gantry/oci';

/** PEM files of a connection with TLS. */
export interface TlsFiles {
  /** Authorities that are trusted, in place of the machine's own. */
  readonly caFile?: string;
  /** Our certificate and its key, where the broker asks for one. */
  readonly certFile?: string;
  readonly keyFile?: string;
}

/** What node:tls takes. */
export interface TlsMaterial {
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
}

/** @throws Fault CONFIGURATION_INVALID */
export async function readTlsFiles({ caFile, certFile, keyFile }: TlsFiles): Promise<TlsMaterial> {
  if ((certFile === undefined) !== (keyFile === undefined)) {
    throw wrong('certFile', 'and keyFile belong together: name both, or neither');
  }
  const material = {
    ...(caFile === undefined ? {} : { ca: await read('caFile', caFile) }),
    ...(certFile === undefined ? {} : { cert: await read('certFile', certFile) }),
    ...(keyFile === undefined ? {} : { key: await read('keyFile', keyFile) }),
  };
  try {
    createSecureContext(material);
  } catch (error) {
    const files = [caFile, certFile, keyFile].filter((file) => file !== undefined).join(', ');
    throw wrong('', `${files}: not PEM, or the key is not the certificate's (${said(error)})`, error);
  }
  return material;
}

async function read(name: string, file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (error) {
    throw wrong(name, `${file} can not be read (${said(error)})`, error);
  }
}

function wrong(name: string, what: string, cause?: unknown): Fault {
  const key = name === '' ? 'messages.amqp.tls' : `messages.amqp.tls.${name}`;
  return new Fault('CONFIGURATION_INVALID', `${key}: ${what}`, { key }, { cause });
}

function said(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from './free-port.ts';
import { type ServerProcess, startProcess } from './process.ts';
import { temporaryFolder } from './temporary-folder.ts';

/** The rules that the project ships for admins of mirrors. */
const SHIPPED_RULES = fileURLToPath(new URL('../../scripts/mirror/apache.conf', import.meta.url));
const MODULES = '/usr/lib/apache2/modules';

/** Sends files that a server behind Apache names. */
export const XSENDFILE = `${MODULES}/mod_xsendfile.so`;

/** Apache httpd that serves a folder by the shipped rules. */
export interface Apache extends ServerProcess {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
}

/**
 * @param root the folder to serve; the tree is there or below
 * @param rules the file of others than those for mirrors
 * @param more modules that those need
 */
export async function startApache(
  root: string,
  rules = SHIPPED_RULES,
  more: readonly string[] = [],
): Promise<Apache> {
  const folder = await temporaryFolder('apache');
  const port = await freePort();
  const file = path.join(folder.path, 'apache.conf');
  await writeFile(file, configuration(root, rules, port, folder.path, more));
  const url = `http://127.0.0.1:${port}`;
  const server = await startProcess({
    name: 'Apache httpd with the shipped rules',
    command: 'apache2',
    args: ['-f', file, '-DFOREGROUND'],
    ready: async () => (await fetch(`${url}/`, { method: 'HEAD' })).status > 0,
  });
  return {
    ...server,
    url,
    [Symbol.asyncDispose]: async () => {
      await server.stop();
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** As Debian has it, with what a tree must not get: compression, negotiation, listings, types guessed by content. */
function configuration(
  root: string,
  rules: string,
  port: number,
  folder: string,
  more: readonly string[],
): string {
  const debian =
    'mpm_event authz_core mime mime_magic dir autoindex negotiation env alias headers deflate filter rewrite';
  const modules = [...debian.split(' '), ...more];
  return `
${modules.map((name) => `LoadModule ${name}_module ${MODULES}/mod_${name}.so`).join('\n')}
ServerName 127.0.0.1
Listen 127.0.0.1:${port}
ServerRoot ${folder}
PidFile ${folder}/apache.pid
DefaultRuntimeDir ${folder}
Mutex file:${folder} default
ErrorLog "|/bin/cat"
LogLevel warn
TypesConfig /etc/mime.types
MIMEMagicFile /etc/apache2/magic
SetOutputFilter DEFLATE
DocumentRoot ${root}
<Directory />
  Options Indexes FollowSymLinks MultiViews
  Require all denied
</Directory>
Define GANTRY_TREE ${root}
Define GANTRY_LAYOUT ${root}
Include ${rules}
`;
}

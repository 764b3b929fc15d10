import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from './free-port.ts';
import { type ServerProcess, startProcess } from './process.ts';
import { temporaryFolder } from './temporary-folder.ts';

/** The rules that the project ships for admins of mirrors. */
const SHIPPED_RULES = fileURLToPath(new URL('../../scripts/mirror/Caddyfile', import.meta.url));

/** Caddy that serves a folder by the shipped rules. */
export interface Caddy extends ServerProcess {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
}

/**
 * @param root the folder to serve; the tree is there or below
 * @param rules others than those for mirrors: their file, and their name in it
 */
export async function startCaddy(
  root: string,
  rules = { file: SHIPPED_RULES, name: 'gantry_mirror' },
): Promise<Caddy> {
  const folder = await temporaryFolder('caddy');
  const port = await freePort();
  const file = path.join(folder.path, 'Caddyfile');
  const site = `http://127.0.0.1:${port} {\n\tbind 127.0.0.1\n\tencode gzip\n\timport ${rules.name} ${root}\n}\n`;
  await writeFile(file, `{\n\tadmin off\n\tauto_https off\n}\nimport ${rules.file}\n${site}`);
  const url = `http://127.0.0.1:${port}`;
  const server = await startProcess({
    name: 'Caddy with the shipped rules',
    command: 'caddy',
    args: ['run', '--config', file, '--adapter', 'caddyfile'],
    env: { ...process.env, HOME: folder.path, XDG_DATA_HOME: folder.path, XDG_CONFIG_HOME: folder.path },
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

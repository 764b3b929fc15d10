import { mkdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import path from 'node:path';
import { freePort } from './free-port.ts';
import { type ServerProcess, startProcess } from './process.ts';
import { run } from './run.ts';
import { temporaryFolder } from './temporary-folder.ts';

/** An SSH server that lets one key in, as whoever runs the tests, to do one thing. */
export interface Sshd extends ServerProcess {
  readonly host: string;
  readonly port: number;
  /** The command to call it with: `ssh` with the key, and with nothing of the caller's own settings. */
  readonly ssh: string;
}

/** @param forced what the key does, whatever it is asked for */
export async function startSshd(forced: string): Promise<Sshd> {
  const folder = await temporaryFolder('sshd');
  const at = (name: string) => path.join(folder.path, name);
  const port = await freePort();
  for (const name of ['host-key', 'key']) {
    await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', at(name)]);
  }
  const key = await run('cat', [at('key.pub')]);
  await writeFile(at('authorized_keys'), `restrict,command="${forced}" ${key}`, { mode: 0o600 });
  await writeFile(
    at('sshd_config'),
    `ListenAddress 127.0.0.1:${port}
HostKey ${at('host-key')}
AuthorizedKeysFile ${at('authorized_keys')}
PidFile none
StrictModes no
PermitRootLogin forced-commands-only
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
`,
  );
  // Where it shuts itself in before anybody is known; Debian's unit makes it.
  if (process.getuid?.() === 0) await mkdir('/run/sshd', { recursive: true, mode: 0o755 });
  const server = await startProcess({
    name: 'sshd',
    command: '/usr/sbin/sshd', // it wants its absolute path
    args: ['-D', '-e', '-f', at('sshd_config')],
    ready: () => greets(port),
  });
  return {
    ...server,
    host: '127.0.0.1',
    port,
    ssh: `ssh -F none -i ${at('key')} -o IdentitiesOnly=yes -o StrictHostKeyChecking=accept-new -o UserKnownHostsFile=${at('known_hosts')}`,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

function greets(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect(port, '127.0.0.1');
  socket.once('data', () => resolve(true));
  socket.once('error', () => resolve(false));
  socket.once('close', () => resolve(false));
  return promise.finally(() => socket.destroy());
}

import { fileURLToPath } from 'node:url';
import path from 'node:path';
import { layTree } from '@gantry/tree';
import { embeddedConfiguration, type Gantry, startGantry, writeConfiguration } from '../servers/gantry.ts';
import { needs } from '../servers/parts.ts';
import { type ServerProcess, startProcess } from '../servers/process.ts';
import { temporaryFolder } from '../servers/temporary-folder.ts';
import { until } from '../servers/until.ts';

/** What a service says to systemd, and to whoever else listens at NOTIFY_SOCKET. */

const RECEIVER = fileURLToPath(new URL('../servers/notice-receiver.py', import.meta.url));

let receiver: ServerProcess | undefined;
let crane: Gantry | undefined;
const withSystemd = needs('systemd-notify', 'python3').showing(() =>
  [receiver, crane].filter((server) => server !== undefined),
);
const heard = () =>
  (receiver?.log() ?? '').split('\n').filter((word) => /^[A-Z]+=1$/.test(word) && word !== 'BARRIER=1');

/** @param env is the receiver's socket, and what else the environment says */
async function startCrane(folder: string, env: NodeJS.ProcessEnv, workers = 1): Promise<Gantry> {
  const { crane: configuration } = await embeddedConfiguration({
    crane: { tree: './tree', mirrors: [], workers },
  });
  return startGantry({ folder, configuration: { crane: configuration }, service: 'crane', env });
}

for (const workers of [1, 2]) {
  withSystemd.test(
    `a crane of ${workers} workers says once that it is ready, that it takes a new configuration, and that it ends`,
    async () => {
      await using folder = await temporaryFolder('notices');
      await layTree(path.join(folder.path, 'tree'), { repositories: [] });
      const socket = path.join(folder.path, 'notify');
      await using listening = await startProcess({
        name: 'the receiver of notices',
        command: 'python3',
        args: [RECEIVER, socket],
        ready: async (log) => log.includes('listening'),
      });
      receiver = listening;
      await using running = await startCrane(folder.path, { NOTIFY_SOCKET: socket }, workers);
      crane = running;
      const { pid } = running;
      await until('the notice of being ready', () => heard().length >= 1);
      expect(heard()).toEqual(['READY=1']);
      process.kill(pid, 'SIGHUP');
      await until('the notices of a reload', () => heard().length >= 3);
      expect(heard()).toEqual(['READY=1', 'RELOADING=1', 'READY=1']);
      // One that can't be used: the former goes on, and is ready.
      await writeConfiguration(folder.path, { craine: {} });
      process.kill(pid, 'SIGHUP');
      await until('the notices of a refused reload', () => heard().length >= 5);
      expect(heard().slice(3)).toEqual(['RELOADING=1', 'READY=1']);
      expect(await running.stop()).toEqual({ code: 0, signal: null });
      await until('the notice of the end', () => heard().length >= 6);
      expect(heard().slice(5)).toEqual(['STOPPING=1']);
    },
    60_000,
  );
}

test('a notice that can not be sent is told, and the crane goes on', async () => {
  await using folder = await temporaryFolder('notices');
  await using running = await startCrane(folder.path, { NOTIFY_SOCKET: path.join(folder.path, 'nobody') });
  await until('the warning', () => running.log().includes('notice.not_sent'));
  expect((await fetch(`http://${running.crane}/v2/`)).status).toBe(200);
}, 60_000);

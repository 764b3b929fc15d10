import { Agent, get } from 'node:http';
import path from 'node:path';
import { layTree } from '@gantry/tree';
import { embeddedConfiguration, startGantry } from '../servers/gantry.ts';
import { temporaryFolder } from '../servers/temporary-folder.ts';
import { until } from '../servers/until.ts';

/** SIGTERM amid requests on connections that are kept: whatever a crane has read of, it answers. */

interface Outcome {
  readonly status?: number;
  readonly connection?: string | undefined;
  readonly error?: string;
  /** Whether the connection had served a request before. */
  readonly reused: boolean;
}

const CONNECTIONS = 16;

test.each([1, 2])(
  'a crane of %i workers that is told to end answers what it has accepted, and says that the connection ends',
  async (workers) => {
    await using folder = await temporaryFolder('drain');
    await layTree(path.join(folder.path, 'tree'), { repositories: [] });
    const { crane } = await embeddedConfiguration({ crane: { tree: './tree', mirrors: [], workers } });
    await using running = await startGantry({
      folder: folder.path,
      configuration: { crane },
      service: 'crane',
    });
    const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
    const outcomes: Outcome[] = [];
    const ask = () =>
      new Promise<Outcome>((resolve) => {
        const request = get(`http://${running.crane}/v2/`, { agent }, (response) => {
          const answered = { status: response.statusCode ?? 0, connection: response.headers.connection };
          response.resume();
          response.once('close', () =>
            resolve({
              ...answered,
              reused: request.reusedSocket,
              ...(!response.complete && { error: 'cut off' }),
            }),
          );
        });
        request.once('error', (error: NodeJS.ErrnoException) =>
          resolve({ error: error.code ?? error.message, reused: request.reusedSocket }),
        );
      });
    const loop = async () => {
      for (;;) {
        const outcome = await ask();
        outcomes.push(outcome);
        if (outcome.error !== undefined) return;
      }
    };
    const loops = Array.from({ length: CONNECTIONS }, loop);
    await until('requests to be under way', () => outcomes.length > 500);
    const exit = await running.stop();
    await Promise.all(loops);
    agent.destroy();
    expect(exit).toEqual({ code: 0, signal: null });
    const answered = outcomes.filter(({ status }) => status !== undefined);
    expect(new Set(answered.map(({ status, error }) => `${status} ${error ?? 'whole'}`))).toEqual(
      new Set(['200 whole']),
    );
    expect(answered.some(({ connection }) => connection === 'close')).toBe(true);
    // A new connection may be refused. One that was kept is never closed with a request on its way.
    expect(outcomes.filter(({ error, reused }) => error !== undefined && reused)).toEqual([]);
  },
  60_000,
);

import path from 'node:path';
import { layTree } from '@gantry/tree';
import { embeddedConfiguration, type Gantry, startGantry } from '../../servers/gantry.ts';
import { type Nginx, startNginx } from '../../servers/nginx.ts';
import { needs, type TestsWithParts } from '../../servers/parts.ts';
import { temporaryFolder } from '../../servers/temporary-folder.ts';
import { PUBLISHED } from './content.ts';

/** How a crane gives what it is asked for: all of it by itself, or whatever it can by a redirect to a mirror. */
export type Mode = 'serve' | 'redirect';

/** A crane as a client sees it. */
export interface Asked {
  /** Where a redirect leads counts, as for any client; `redirect: 'manual'` shows the crane's own answer. */
  readonly ask: (target: string, init?: RequestInit) => Promise<Response>;
  /** `http://127.0.0.1:PORT` */
  readonly url: () => string;
  /** The same of the mirror that it redirects to; undefined if there is none. */
  readonly mirror: () => string | undefined;
}

/**
 * Defines the same tests for a crane that serves and for one that redirects, both as processes of their own on one published
 * tree: whatever the specification asks for holds of what a client gets in the end.
 */
export function onEachCrane(
  define: (crane: Asked, real: Pick<TestsWithParts, 'test'>, mode: Mode) => void,
): void {
  for (const mode of ['serve', 'redirect'] as const) {
    describe(`a crane that ${mode}s`, () => {
      const running = new AsyncDisposableStack();
      let crane: Gantry | undefined;
      let mirror: Nginx | undefined;
      const real = needs('nginx').showing(() => [crane, mirror].filter((server) => server !== undefined));
      real.beforeAll(async () => {
        const folder = running.use(await temporaryFolder('specification')).path;
        const root = path.join(folder, 'data/tree');
        await layTree(root, { repositories: PUBLISHED });
        if (mode === 'redirect') mirror = running.use(await startNginx({ root, rules: true }));
        const mirrors = mirror === undefined ? [] : [{ name: 'origin', url: mirror.url, trusted: true }];
        const configuration = await embeddedConfiguration({
          crane: { manifests: mode, mirrors, catalog: true },
        });
        crane = running.use(await startGantry({ folder, configuration, service: 'crane' }));
      });
      real.afterAll(() => running.disposeAsync());
      const url = () => `http://${crane?.crane}`;
      define(
        { url, mirror: () => mirror?.url, ask: (target, init) => fetch(url() + target, init) },
        real,
        mode,
      );
    });
  }
}

/** What an error answer says (distribution-spec, "Error Codes"). */
export async function errorOf(response: Response): Promise<{ status: number; code: string }> {
  expect(response.headers.get('content-type')).toBe('application/json');
  const { errors } = (await response.json()) as { errors: { code: string; message: string }[] };
  const [error] = errors;
  expect(error?.message).toEqual(expect.any(String));
  return { status: response.status, code: error?.code ?? '' };
}

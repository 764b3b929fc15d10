import { freePorts } from './free-port.ts';
import { type ServerProcess, startProcess } from './process.ts';

/** What toxiproxy does to what comes back from the server: https://github.com/Shopify/toxiproxy, "Toxics". */
export type Toxic =
  /** Closes the connection after so many bytes. */
  | { readonly type: 'limit_data'; readonly attributes: { readonly bytes: number } }
  /** Lets nothing through, and closes the connection after so many milliseconds. */
  | { readonly type: 'timeout'; readonly attributes: { readonly timeout: number } }
  /** Cuts data into small pieces; `delay` is in microseconds. */
  | {
      readonly type: 'slicer';
      readonly attributes: {
        readonly average_size: number;
        readonly size_variation: number;
        readonly delay: number;
      };
    }
  /** Resets the connection (TCP RST) after so many milliseconds. */
  | { readonly type: 'reset_peer'; readonly attributes: { readonly timeout: number } };

/** A TCP proxy before one server, that can be made to misbehave. */
export interface Toxiproxy extends ServerProcess {
  /** `http://127.0.0.1:PORT` of the proxied server. */
  readonly url: string;
  /** Makes connections that are opened from now on bad; each of them with this probability. */
  add(name: string, toxic: Toxic, probability?: number): Promise<void>;
  /** Ends what was added under that name. */
  remove(name: string): Promise<void>;
  /** Ends all connections, and takes none until it is opened again. */
  cut(): Promise<void>;
  open(): Promise<void>;
}

/** @param upstream `127.0.0.1:PORT` */
export async function startToxiproxy(upstream: string, seed: number): Promise<Toxiproxy> {
  const [control, port] = await freePorts(2);
  const api = `http://127.0.0.1:${control}`;
  const server = await startProcess({
    name: 'toxiproxy',
    command: 'toxiproxy-server',
    args: ['-host', '127.0.0.1', '-port', String(control), '-seed', String(seed)],
    env: { PATH: process.env['PATH'], LOG_LEVEL: 'error' },
    ready: async () => (await fetch(`${api}/version`)).ok,
  });
  const call = async (method: string, place: string, body?: object) => {
    const answer = await fetch(`${api}${place}`, {
      method,
      // It takes requests of browsers for an attack.
      headers: { 'User-Agent': 'gantry-test', 'Content-Type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const said = await answer.text();
    if (!answer.ok) throw new Error(`toxiproxy answered ${answer.status} to ${method} ${place}: ${said}`);
  };
  try {
    await call('POST', '/proxies', {
      name: 'registry',
      listen: `127.0.0.1:${port}`,
      upstream,
      enabled: true,
    });
  } catch (error) {
    await server.stop();
    throw error;
  }
  return {
    ...server,
    url: `http://127.0.0.1:${port}`,
    add: (name, toxic, probability = 1) =>
      call('POST', '/proxies/registry/toxics', {
        name,
        ...toxic,
        stream: 'downstream',
        toxicity: probability,
      }),
    remove: (name) => call('DELETE', `/proxies/registry/toxics/${name}`),
    cut: () => call('POST', '/proxies/registry', { enabled: false }),
    open: () => call('POST', '/proxies/registry', { enabled: true }),
  };
}

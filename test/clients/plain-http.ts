import { Agent, type IncomingHttpHeaders, request } from 'node:http';

/** An answer, its body whole. */
export interface PlainAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** Asks over connections that are kept, without following redirects. */
export interface PlainHttp extends Disposable {
  ask(url: string, method?: 'GET' | 'HEAD'): Promise<PlainAnswer>;
}

export function openPlainHttp(connections: number): PlainHttp {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  return {
    ask: (url, method = 'GET') =>
      new Promise((resolve, reject) => {
        const asked = request(url, { agent, method }, (answer) => {
          const chunks: Buffer[] = [];
          answer.on('data', (chunk: Buffer) => void chunks.push(chunk));
          answer.on('error', reject);
          answer.on('end', () => {
            const { statusCode: status = 0, headers } = answer;
            resolve({ status, headers, body: Buffer.concat(chunks) });
          });
        });
        asked.on('error', reject).end();
      }),
    [Symbol.dispose]: () => agent.destroy(),
  };
}

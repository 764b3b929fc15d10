import { connect } from 'node:net';

/** Sends bytes as they are, and gives all that comes back until the connection ends: ask for that with `Connection: close`. */
export async function sendRaw(url: string, bytes: string | Buffer): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const chunks: Buffer[] = [];
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.on('error', reject);
  socket.on('close', () => resolve(Buffer.concat(chunks).toString('latin1')));
  socket.write(bytes);
  return promise;
}

/** The headers and the body of an answer, as they came. */
export function readAnswer(text: string): { status: number; headers: readonly string[]; body: string } {
  const end = text.indexOf('\r\n\r\n');
  const [first = '', ...headers] = text.slice(0, end).split('\r\n');
  return { status: Number(first.split(' ')[1]), headers, body: text.slice(end + 4) };
}

import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** A command on its way to the server: `insert` into `promotions`. */
export interface Command {
  readonly name: string;
  readonly collection: string;
}

/** `lose`: the server carries it out, but its answer never comes back, and the connection breaks. */
export type Verdict = 'pass' | 'lose';

/** Stands before one server of MongoDB's wire protocol, and sees each command. Disposing of it ends its connections. */
export interface MongoProxy extends AsyncDisposable {
  /** The address of one database, by way of the proxy. */
  url(database: string): string;
  /** Says what becomes of each command; a promise holds it back until it is settled. Absent: all pass. */
  rule: ((command: Command) => Verdict | Promise<Verdict>) | undefined;
}

/** @param upstream `127.0.0.1:PORT` */
export async function startMongoProxy(upstream: string): Promise<MongoProxy> {
  const [host = '', port = ''] = upstream.split(':');
  const open = new Set<Socket>();
  const proxy = { rule: undefined } as { rule: MongoProxy['rule'] };
  const server = createServer((client) => {
    const behind = connect(Number(port), host);
    const lost = { next: false };
    const end = () => {
      client.destroy();
      behind.destroy();
    };
    for (const socket of [client, behind]) {
      open.add(socket);
      socket.setNoDelay(true);
      socket.on('error', end).on('close', () => {
        open.delete(socket);
        end();
      });
    }
    forward(client, async (message) => {
      const command = commandIn(message);
      const verdict = command === undefined ? 'pass' : await (proxy.rule?.(command) ?? 'pass');
      lost.next = verdict === 'lose';
      behind.write(message);
    }).catch(end);
    forward(behind, async (message) => {
      if (lost.next) end();
      else client.write(message);
    }).catch(end);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address() as { port: number };
  return Object.assign(proxy, {
    url: (database: string) => `mongodb://127.0.0.1:${address.port}/${database}`,
    [Symbol.asyncDispose]: async () => {
      for (const socket of open) socket.destroy();
      await server[Symbol.asyncDispose]();
    },
  });
}

/** Hands over each message of a connection, one after the other. It begins with its own length. */
async function forward(from: Socket, take: (message: Buffer) => Promise<void>): Promise<void> {
  let kept = Buffer.alloc(0);
  for await (const bytes of from as AsyncIterable<Buffer>) {
    kept = Buffer.concat([kept, bytes]);
    while (kept.length >= 4 && kept.length >= kept.readInt32LE(0)) {
      const length = kept.readInt32LE(0);
      await take(kept.subarray(0, length));
      kept = kept.subarray(length);
    }
  }
}

/** https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/#op_msg: 16 bytes header, flags, a section's kind, BSON. */
const OP_MSG = 2013;
const DOCUMENT_AT = 16 + 4 + 1;

/** The first element's name is the command's; its value, if it is a text, the collection's. */
function commandIn(message: Buffer): Command | undefined {
  if (message.readInt32LE(12) !== OP_MSG) return undefined;
  const nameAt = DOCUMENT_AT + 4 + 1;
  const nameEnd = message.indexOf(0, nameAt);
  const isText = message[nameAt - 1] === 2;
  const valueAt = nameEnd + 1 + 4;
  const valueEnd = valueAt + (isText ? message.readInt32LE(nameEnd + 1) - 1 : 0);
  return {
    name: message.toString('utf8', nameAt, nameEnd),
    collection: message.toString('utf8', valueAt, valueEnd),
  };
}

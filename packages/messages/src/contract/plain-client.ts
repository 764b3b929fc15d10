import { type ConfirmChannel, connect, type ChannelModel } from 'amqplib';

/** A client of the broker that knows nothing of Gantry. */
export interface PlainClient extends AsyncDisposable {
  readonly model: ChannelModel;
  readonly channel: ConfirmChannel;
  /** Resolves when the broker has it. */
  publish(exchange: string, routingKey: string, body: string | Buffer, options?: object): Promise<void>;
}

/** @param url `amqp://USER:PASSWORD@HOST:PORT/VHOST` */
export async function plainClient(url: string): Promise<PlainClient> {
  const { hostname, port, username, password, pathname } = new URL(url);
  const model = await connect({
    hostname,
    port: Number(port),
    username: decodeURIComponent(username),
    password: decodeURIComponent(password),
    vhost: pathname.slice(1),
  });
  model.on('error', () => undefined);
  const channel = await model.createConfirmChannel();
  channel.on('error', () => undefined);
  return {
    model,
    channel,
    publish: (exchange, routingKey, body, options = {}) =>
      new Promise((resolve, reject) => {
        channel.publish(exchange, routingKey, Buffer.from(body), options, (error: unknown) => {
          if (error === null) resolve();
          else reject(error);
        });
      }),
    [Symbol.asyncDispose]: () => model.close(),
  };
}

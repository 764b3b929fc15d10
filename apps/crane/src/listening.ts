import { IncomingMessage, type RequestListener } from 'node:http';
import { createHealth, listen } from '@gantry/service';
import { TimedRequest } from './access-log/access-log.ts';
import { listenAdmin } from './admin.ts';
import type { Counters } from './counters.ts';
import { linger } from './linger.ts';
import type { CraneSight } from './monitoring.ts';
import type { CraneOptions } from './options.ts';
import { publicServer } from './public-server.ts';

/** A crane's ports. Disposing of them lets requests under way end, then closes them. */
export interface Listening extends AsyncDisposable {
  readonly url: string;
  readonly adminUrl?: string;
  /** Takes the certificate from its files anew. @throws Fault CONFIGURATION_INVALID for one that can not be used: the former one stays */
  readonly reloadCertificate: () => Promise<void>;
}

/** @throws Fault CONFIGURATION_INVALID for an address or a certificate that can't be used */
export async function openListening(
  options: CraneOptions,
  respond: RequestListener,
  counters: Counters,
  sight: CraneSight,
): Promise<Listening> {
  await using stack = new AsyncDisposableStack();
  const health = createHealth();
  const admin =
    options.adminListen && stack.use(await listenAdmin(options.adminListen, health, counters, sight));

  let draining = false;
  const answer: RequestListener = (request, response) => {
    if (draining) response.shouldKeepAlive = false;
    respond(request, response);
  };
  const Request = options.accessLog === undefined ? IncomingMessage : TimedRequest;
  const { server, reload } = await publicServer(options, answer, Request);
  const running = stack.use(await listen(server, options.listen, 'crane.listen'));
  stack.defer(async () => {
    draining = true;
    health.drain();
    await linger(server);
  });

  const resources = stack.move();
  return {
    url: running.url,
    ...(admin !== undefined && { adminUrl: admin.url }),
    reloadCertificate: reload,
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

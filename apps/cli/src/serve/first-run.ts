import { randomUUID } from 'node:crypto';
import { Fault } from '@gantry/oci';
import { createInProcessRegistry, sampleImages } from '@gantry/registry';
import type { Configuration, SourceConfiguration } from '@gantry/service';
import type { Environment } from '../cli.ts';
import { createApiClient } from '../remote/client.ts';
import { createRemoteOperations } from '../remote/remote-operations.ts';
import { readCertificate } from '../remote/server-address.ts';
import { checkPull } from './check-pull.ts';

/** What the first run promotes, and the channel that it goes to, if that is configured. */
const SHOWN = { repository: 'demo/hello', reference: '1.0' };
const CHANNEL = 'stable';

export interface FirstRun {
  /** The configuration, with the sample registry as its source. */
  readonly configuration: Configuration;
  /**
   * Syncs, promotes and pulls, and tells each step.
   * @param crane its URL
   * @param api the server that is asked for it
   * @returns the published image, as `docker pull` takes it after the crane's address
   */
  run(
    crane: string,
    api: { readonly url: string; readonly token: string | undefined; readonly env: Environment['env'] },
    signal: AbortSignal,
    tell: (line: string) => void,
  ): Promise<string>;
}

/**
 * Makes a first run possible with nothing but this process: a small build registry with sample images as the source.
 * Run again it finds its data: nothing is fetched or published twice.
 */
export async function prepareFirstRun(
  configuration: Configuration,
  resources: AsyncDisposableStack,
): Promise<FirstRun> {
  const upstream = createInProcessRegistry();
  const samples = sampleImages(upstream);
  const { url } = resources.use(await upstream.listen());
  const source: SourceConfiguration = {
    name: 'samples',
    registry: url,
    tls: {},
    repositories: ['**'],
    tags: { exclude: [] },
    referrers: true,
    limits: {},
    allow: { hosts: [], realms: [], foreignLayers: false },
  };
  const channel = configuration.channels.find(({ name }) => name === CHANNEL) ?? configuration.channels[0];
  return {
    configuration: { ...configuration, sources: [source] },
    async run(crane, { token, ...api }, signal, tell) {
      const client = createApiClient({
        ...api,
        ...(token !== undefined && { token }),
        ...(await readCertificate(configuration, api.url)),
      });
      await using operations = createRemoteOperations(client);
      tell(`No source is configured: a build registry with ${samples.length} sample images runs at ${url}`);
      const following = { wait: true, signal };
      const task = await operations.sync({ source: source.name }, following, () => {});
      if (task.state !== 'done')
        throw failed('the sync of the sample images', task.errors[0]?.problem.detail);
      tell(
        `Synced ${task.progress.tags} tags: ${task.progress.blobs} new blobs, ${task.progress.bytes} bytes`,
      );

      const request = { items: [SHOWN], to: channel?.name ?? CHANNEL };
      const plan = await operations.planPromotion(request, signal);
      if (plan.items.every(({ tags }) => tags.length > 0 && tags.every(({ action }) => action === 'noop'))) {
        tell(`${SHOWN.repository}:${SHOWN.reference} is in ${request.to} already`);
      } else {
        const promotion = await operations.promote(
          request,
          { idempotencyKey: randomUUID() },
          following,
          () => {},
        );
        if (promotion.state !== 'done') throw failed('the promotion', promotion.items[0]?.problem?.detail);
        tell(
          `Promoted ${SHOWN.repository}:${SHOWN.reference} to ${request.to}: published as serial ${promotion.serial}`,
        );
      }

      const published = `${channel?.prefix ?? ''}${SHOWN.repository}`;
      const pulled = await checkPull(crane, published, SHOWN.reference);
      tell(`Pulled it through the crane: ${pulled.digest}, ${pulled.bytes} bytes, each checked`);
      return `${published}:${SHOWN.reference}`;
    },
  };
}

function failed(what: string, why = 'see the log'): Fault {
  return new Fault('PROMOTION_FAILED', `the first run did not come through: ${what} failed: ${why}`);
}

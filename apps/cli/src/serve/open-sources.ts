import type { ScheduledSource } from '@gantry/app-sync';
import { createSource } from '@gantry/pipeline';
import { openRegistry, type RegistryOptions, type RequestReport } from '@gantry/registry';
import { type Metrics, readPem, type SourceConfiguration } from '@gantry/service';

/** Opens the registries of the sources; `resources` closes them. Passwords and certificates are read from their files now. */
export async function openSources(
  configured: readonly SourceConfiguration[],
  resources: AsyncDisposableStack,
  metrics?: Metrics,
): Promise<ScheduledSource[]> {
  const onRequest = countRequests(metrics);
  return Promise.all(
    configured.map(async (source) => {
      const options = await registryOptions(source);
      const registry = resources.use(
        openRegistry({ ...options, onRequest: (request) => onRequest(source.name, request) }),
      );
      const rules = {
        name: source.name,
        repositories: source.repositories,
        referrers: source.referrers,
        tags: source.tags,
        foreignLayers: source.allow.foreignLayers,
        ...(source.platforms === undefined ? {} : { platforms: source.platforms }),
        ...(source.rename === undefined ? {} : { rename: source.rename }),
      };
      return {
        source: createSource(rules, registry),
        ...(source.everyMs === undefined ? {} : { everyMs: source.everyMs }),
      };
    }),
  );
}

/** Counts requests by the host that was asked: a redirect may lead elsewhere. */
function countRequests(metrics?: Metrics): (source: string, request: RequestReport) => void {
  const labels = ['source', 'host', 'kind', 'status'];
  const requests = metrics?.counter(
    'gantry_source_requests_total',
    'Requests to source registries, and to where they lead.',
    labels,
  );
  const retries = metrics?.counter(
    'gantry_source_retries_total',
    'Those of them that repeat one which came to nothing.',
    ['source', 'host'],
  );
  return (source, { host, kind, status, attempt }) => {
    requests?.add(1, { source, host, kind, status: status === undefined ? 'none' : String(status) });
    if (attempt > 1) retries?.add(1, { source, host });
  };
}

async function registryOptions(source: SourceConfiguration): Promise<RegistryOptions> {
  const { credentials, tls } = source;
  const { connections, requestsPerSecond, burst } = source.limits;
  const pem = async (name: keyof typeof tls) => {
    const file = tls[name];
    return file === undefined ? undefined : readPem(file, `source ${source.name}: tls.${name}`);
  };
  const [ca, cert, key] = await Promise.all([pem('caFile'), pem('certFile'), pem('keyFile')]);
  return {
    name: source.name,
    url: source.registry,
    allow: source.allow,
    ...(connections === undefined ? {} : { concurrency: connections }),
    ...(requestsPerSecond === undefined
      ? {}
      : { rate: { requestsPerSecond, ...(burst === undefined ? {} : { burst }) } }),
    tls: {
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
    },
    ...(credentials === undefined
      ? {}
      : {
          credentials:
            'token' in credentials
              ? { token: await credentials.token.read() }
              : { username: credentials.username, password: await credentials.password.read() },
        }),
  };
}

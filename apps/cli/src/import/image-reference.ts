import { isRepositoryName } from '@gantry/oci';

/** A reference as Docker writes it: `busybox`, `host:5000/a/b:tag`, `host/a@sha256:…`. */
export interface ImageReference {
  /** Where the registry answers: Docker Hub's own host for `docker.io`. */
  readonly registry: string;
  readonly repository: string;
  readonly tag?: string;
  readonly digest?: string;
}

const HUB = 'docker.io';
const HUB_HOST = 'registry-1.docker.io';

/** undefined: it is none. */
export function parseImageReference(text: string): ImageReference | undefined {
  const [, name = '', tag, digest] =
    /^([^@]+?)(?::([\w][\w.-]{0,127}))?(?:@(sha(?:256|512):[0-9a-f]+))?$/.exec(text) ?? [];
  const [first = '', ...rest] = name.split('/');
  const hasHost = rest.length > 0 && /[.:]|^localhost$/.test(first);
  const path = hasHost ? rest.join('/') : name;
  const host = hasHost ? first : HUB;
  const repository = isHub(host) && !path.includes('/') ? `library/${path}` : path;
  if (!isRepositoryName(repository)) return undefined;
  return {
    registry: registryHost(host),
    repository,
    ...(tag !== undefined && { tag }),
    ...(digest !== undefined && { digest }),
  };
}

/** The host that answers for a registry's usual name. */
export function registryHost(name: string): string {
  return isHub(name) ? HUB_HOST : name;
}

/** Where Docker Hub gives tokens, and has its blobs. */
export const HUB_ALLOWANCES = {
  hosts: ['production.cloudflare.docker.com'],
  realms: ['auth.docker.io'],
} as const;

export function isHubHost(registry: string): boolean {
  return registry === HUB_HOST;
}

function isHub(host: string): boolean {
  return (
    host === HUB || host === 'index.docker.io' || host === HUB_HOST || host === 'registry.hub.docker.com'
  );
}
